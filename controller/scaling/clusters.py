"""The clusters that scalers work in, by their names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Lock

from controller.scaling.fleet import Cluster


class Clusters:
    """Every cluster that a scaler works in, one snapshot each."""

    def __init__(self, make: Callable[[str], Cluster]) -> None:
        """``make`` makes the cluster of a name or ARN."""
        self._make = make
        self._clusters: dict[str, Cluster] = {}
        self._lock = Lock()

    def of(self, cluster: str) -> Cluster:
        """Return the cluster of that name or ARN."""
        with self._lock:
            if cluster not in self._clusters:
                self._clusters[cluster] = self._make(cluster)
            return self._clusters[cluster]

    def count_beside(self, scalers: Collection[str]) -> int:
        """Return the workers of all known tasks, in every cluster that is listed, but those of these scalers."""
        with self._lock:
            clusters = list(self._clusters.values())
        return sum(cluster.count_beside(scalers) for cluster in clusters)

    def keep(self, used: Collection[str]) -> None:
        """Forget every cluster but those that are used.

        One that is used again is listed before anything is launched there, as after a restart.
        """
        with self._lock:
            self._clusters = {name: cluster for name, cluster in self._clusters.items() if name in used}
