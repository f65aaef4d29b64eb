"""The clusters that scalers work in, by their names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Lock

from controller.scaling.fleet import Cluster

COUNTED_FOR = 300.0
"""Seconds for which a listing tells what others have in a cluster."""


class Clusters:
    """Every cluster that a scaler works in, one snapshot each."""

    def __init__(self, make: Callable[[str], Cluster], now: Callable[[], float]) -> None:
        """``make`` makes the cluster of a name or ARN; ``now`` gives seconds since the epoch."""
        self._make = make
        self._now = now
        self._clusters: dict[str, Cluster] = {}
        self._lock = Lock()

    def of(self, cluster: str) -> Cluster:
        """Return the cluster of that name or ARN."""
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
            clusters = list(self._clusters.values())
        workers: dict[str, int] = {}
        for cluster in clusters:
            workers |= cluster.count_beside(scalers, since)
        return sum(workers.values())

    def keep(self, used: Collection[str]) -> None:
        """Forget every cluster but those that are used.

        One that is used again is listed before anything is launched there, as after a restart.
        """
        with self._lock:
            self._clusters = {name: cluster for name, cluster in self._clusters.items() if name in used}
