"""Clusters: CreateCluster, DescribeClusters, ListClusters, DeleteCluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import page
from controller.sandbox.aws.wire import AwsError, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns


@dataclass(slots=True)
class Cluster:
    """One cluster as it was created."""

    name: str
    arn: str
    capacity_providers: tuple[str, ...]
    default_strategy: tuple[Json, ...]
    tags: tuple[Json, ...]
    status: str = "ACTIVE"


class Clusters:
    """The account's clusters by name. Its caller holds the lock of the ECS side."""

    def __init__(self, arns: Arns, task_counts: Callable[[str], tuple[int, int]]) -> None:
        """``task_counts`` gives how many tasks of a cluster are (running, pending)."""
        self._arns = arns
        self._task_counts = task_counts
        self._clusters: dict[str, Cluster] = {}

    def named(self, name_or_arn: str | None) -> Cluster:
        """Find the active cluster of that name or ARN (``default`` for None).

        Raises ``ClusterNotFoundException``.
        """
        cluster = self._clusters.get(self._arns.name("cluster", name_or_arn or "default") or "")
        if cluster is None or cluster.status != "ACTIVE":
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def create_cluster(self, parameters: Json) -> Json:
        """Create a cluster; creating an active one again changes nothing."""
        name = parameters.get("clusterName") or "default"
        cluster = self._clusters.get(name)
        if cluster is None or cluster.status != "ACTIVE":
            cluster = Cluster(
                name=name,
                arn=self._arns.cluster(name),
                capacity_providers=tuple(parameters.get("capacityProviders", ())),
                default_strategy=tuple(parameters.get("defaultCapacityProviderStrategy", ())),
                tags=tuple(parameters.get("tags", ())),
            )
            self._clusters[name] = cluster
        return {"cluster": self._document(cluster)}

    def describe_clusters(self, parameters: Json) -> Json:
        """Describe clusters by name or ARN; what is not there is in ``failures`` as MISSING."""
        with_tags = "TAGS" in parameters.get("include", ())
        found, failures = [], []
        for name_or_arn in parameters.get("clusters") or ["default"]:
            name = self._arns.name("cluster", name_or_arn)
            if name in self._clusters:
                found.append(self._document(self._clusters[name], with_tags=with_tags))
            else:
                arn = name_or_arn if name is None else self._arns.cluster(name)
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"clusters": found, "failures": failures}

    def list_clusters(self, parameters: Json) -> Json:
        """ARNs of the active clusters, by pages."""
        arns, token = page((c.arn for c in self._clusters.values() if c.status == "ACTIVE"), parameters)
        return {"clusterArns": arns} | ({"nextToken": token} if token else {})

    def delete_cluster(self, parameters: Json) -> Json:
        """Make a cluster INACTIVE; one with live tasks is refused."""
        cluster = self.named(parameters.get("cluster"))
        if any(self._task_counts(cluster.name)):
            raise AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        cluster.status = "INACTIVE"
        return {"cluster": self._document(cluster)}

    def _document(self, cluster: Cluster, *, with_tags: bool = False) -> Json:
        running, pending = self._task_counts(cluster.name)
        return {
            "clusterArn": cluster.arn,
            "clusterName": cluster.name,
            "status": cluster.status,
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": running,
            "pendingTasksCount": pending,
            "activeServicesCount": 0,
            "statistics": [],
            "tags": list(cluster.tags) if with_tags else [],
            "settings": [{"name": "containerInsights", "value": "disabled"}],
            "capacityProviders": list(cluster.capacity_providers),
            "defaultCapacityProviderStrategy": list(cluster.default_strategy),
        }
