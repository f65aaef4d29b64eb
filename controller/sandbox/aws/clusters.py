"""Clusters: CreateCluster, DescribeClusters, ListClusters, DeleteCluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import list_page
from controller.sandbox.aws.wire import ApiError, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns


@dataclass(slots=True)
class EmbeddedCluster:
    """One cluster as it was created."""

    name: str
    arn: str
    capacity_providers: tuple[str, ...]
    default_strategy: tuple[Json, ...]
    tags: tuple[Json, ...]
    status: str = "ACTIVE"


class EmbeddedClusters:
    """The account's clusters by name. The caller must hold the lock of the ECS side."""

    def __init__(self, arns: Arns, count_tasks: Callable[[str], tuple[int, int]]) -> None:
        """``count_tasks`` returns how many tasks of a cluster are (running, pending)."""
        self._arns = arns
        self._count_tasks = count_tasks
        self._clusters: dict[str, EmbeddedCluster] = {}

    def find(self, name_or_arn: str | None) -> EmbeddedCluster:
        """Return the active cluster of that name or ARN (``default`` for None).

        Raises ``ClusterNotFoundException``.
        """
        cluster = self._clusters.get(self._arns.parse_name("cluster", name_or_arn or "default") or "")
        if cluster is None or cluster.status != "ACTIVE":
            raise ApiError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def create_cluster(self, parameters: Json) -> Json:
        """Create a cluster; creating an active one again changes nothing."""
        name = parameters.get("clusterName") or "default"
        cluster = self._clusters.get(name)
        if cluster is None or cluster.status != "ACTIVE":
            cluster = EmbeddedCluster(
                name=name,
                arn=self._arns.cluster(name),
                capacity_providers=tuple(parameters.get("capacityProviders", ())),
                default_strategy=tuple(parameters.get("defaultCapacityProviderStrategy", ())),
                tags=tuple(parameters.get("tags", ())),
            )
            self._clusters[name] = cluster
        return {"cluster": self._describe(cluster)}

    def describe_clusters(self, parameters: Json) -> Json:
        """Describe clusters by name or ARN; unknown ones are in ``failures`` as MISSING."""
        with_tags = "TAGS" in parameters.get("include", ())
        found, failures = [], []
        for name_or_arn in parameters.get("clusters") or ["default"]:
            name = self._arns.parse_name("cluster", name_or_arn)
            if name in self._clusters:
                found.append(self._describe(self._clusters[name], with_tags=with_tags))
            else:
                arn = name_or_arn if name is None else self._arns.cluster(name)
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"clusters": found, "failures": failures}

    def list_clusters(self, parameters: Json) -> Json:
        """List the ARNs of the active clusters in pages."""
        arns = (cluster.arn for cluster in self._clusters.values() if cluster.status == "ACTIVE")
        return list_page("clusterArns", arns, parameters)

    def delete_cluster(self, parameters: Json) -> Json:
        """Make a cluster INACTIVE. Raises ``ClusterContainsTasksException`` if it has live tasks."""
        cluster = self.find(parameters.get("cluster"))
        if any(self._count_tasks(cluster.name)):
            raise ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        cluster.status = "INACTIVE"
        return {"cluster": self._describe(cluster)}

    def _describe(self, cluster: EmbeddedCluster, *, with_tags: bool = False) -> Json:
        running, pending = self._count_tasks(cluster.name)
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
