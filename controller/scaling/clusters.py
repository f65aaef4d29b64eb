"""The clusters that scalers work in, by what tells one from the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from operator import is_
from threading import Lock
from typing import Generic, TypeVar

from controller.scaling.fleet import Cluster
from controller.scaling.snapshot import Snapshot

COUNTED_FOR = 300.0
"""Seconds for which a listing tells what others have in a cluster."""


Key = TypeVar("Key", bound=Hashable)
"""What tells a cluster from others: its name or ARN, and how it is reached."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What others have, by what was seen of the clusters."""

    scalers: Collection[str]
    """The very collection that it was counted for."""
    seen: tuple[Snapshot, ...]
    workers: int

    def is_still_so(self, scalers: Collection[str], seen: tuple[Snapshot, ...]) -> bool:
        """Say whether nothing has changed since."""
        same = len(self.seen) == len(seen) and all(map(is_, self.seen, seen))
        return same and self.scalers is scalers


class Clusters(Generic[Key]):
    """Every cluster that a scaler works in, one snapshot each."""

    def __init__(self, make: Callable[[Key], Cluster], now: Callable[[], float]) -> None:
        """``make`` makes the cluster of a key; ``now`` gives seconds since the epoch."""
        self._make = make
        self._now = now
        self._clusters: dict[Key, Cluster] = {}
        self._lock = Lock()
        self._counted: _Counted | None = None
        """What was counted last: each scaler that waits for the budget asks, and few of them see anything new."""

    def of(self, cluster: Key) -> Cluster:
        """Return the cluster of that key."""
        with self._lock:
            if cluster not in self._clusters:
                self._clusters[cluster] = self._make(cluster)
            return self._clusters[cluster]

    def count_beside(self, scalers: Collection[str]) -> int:
        """Return the workers of all known tasks, in every cluster that was listed lately, but those of these scalers.

        Each task once: of two scalers the one may give the name of their cluster and the other its ARN. A cluster in
        which all scalers are idle is not listed any more, and what has ended there since would count for ever.
        """
        since = self._now() - COUNTED_FOR
        with self._lock:
            seen = tuple(cluster.find_seen(since) for cluster in self._clusters.values())
        counted = self._counted
        if counted is None or not counted.is_still_so(scalers, seen):
            counted = self._counted = _Counted(scalers, seen, _count_beside(scalers, seen))
        return counted.workers

    def keep(self, used: Collection[Key]) -> None:
        """Forget every cluster but those that are used.

        One that is used again is listed before anything is launched there, as after a restart.
        """
        with self._lock:
            self._clusters = {key: cluster for key, cluster in self._clusters.items() if key in used}


def _count_beside(scalers: Collection[str], seen: Iterable[Snapshot]) -> int:
    workers = {
        task.arn: task.workers
        for snapshot in seen
        for name, tasks in snapshot.by_scaler.items()
        if name not in scalers
        for task in tasks
    }
    return sum(workers.values())
