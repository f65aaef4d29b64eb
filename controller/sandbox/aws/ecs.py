"""The ECS side of the embedded AWS: one lock, one clock, and the operations by name."""

from __future__ import annotations

import random
from threading import RLock
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import Arns
from controller.sandbox.aws.clusters import Clusters
from controller.sandbox.aws.definitions import Definitions
from controller.sandbox.aws.launches import Launches
from controller.sandbox.aws.metadata import task_answer
from controller.sandbox.aws.shapes import check_shape
from controller.sandbox.aws.tags import Tags
from controller.sandbox.aws.tasks import Tasks
from controller.sandbox.aws.wire import Answer, AwsError, Json, Request, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.timing import Timing


class Ecs:
    """Clusters, task definitions and tasks of one account and region."""

    def __init__(self, region: str, timing: Timing, clock: Callable[[], float], seed: int | None) -> None:
        self.lock = RLock()
        self.clock = clock
        self._arns = Arns(region)
        self._timing = timing
        self._random = random.Random(seed)  # noqa: S311 - names of tasks, nothing secret
        self.reset()

    def reset(self) -> None:
        """Forget every cluster, definition, task and token."""
        with self.lock:
            self.tasks = Tasks(self._arns, self._timing, self.clock)
            self.clusters = Clusters(self._arns, self.tasks.counts)
            self.definitions = Definitions(self._arns, self.clock)
            self.launches = Launches(
                arns=self._arns,
                clusters=self.clusters,
                definitions=self.definitions,
                tasks=self.tasks,
                timing=self._timing,
                clock=self.clock,
                random=self._random,
            )
            self._operations = self._named_operations()

    def _named_operations(self) -> dict[str, Callable[[Json], Json]]:
        clusters, definitions, tasks = self.clusters, self.definitions, self.tasks
        tags = Tags(definitions)
        return {
            "CreateCluster": clusters.create_cluster,
            "DeleteCluster": clusters.delete_cluster,
            "DescribeClusters": clusters.describe_clusters,
            "ListClusters": clusters.list_clusters,
            "DeregisterTaskDefinition": definitions.deregister_task_definition,
            "DescribeTaskDefinition": definitions.describe_task_definition,
            "ListTaskDefinitionFamilies": definitions.list_task_definition_families,
            "ListTaskDefinitions": definitions.list_task_definitions,
            "RegisterTaskDefinition": definitions.register_task_definition,
            "ListTagsForResource": tags.list_tags_for_resource,
            "TagResource": tags.tag_resource,
            "UntagResource": tags.untag_resource,
            "RunTask": self.launches.run_task,
            "DescribeTasks": lambda p: tasks.describe_tasks(p, clusters.named(p.get("cluster"))),
            "ListTasks": lambda p: tasks.list_tasks(p, clusters.named(p.get("cluster"))),
            "StopTask": lambda p: tasks.stop_task(p, clusters.named(p.get("cluster"))),
        }

    def answer(self, request: Request) -> Answer:
        """Do what an ECS request asks for."""
        operation = self._operations.get(request.operation)
        if operation is None:
            return AwsError(
                "UnsupportedFeatureException", f"The embedded ECS has no operation {request.operation}."
            ).answer()
        try:
            check_shape("ecs", request.operation, request.parameters)
            with self.lock:
                document = operation(request.parameters)
        except AwsError as error:
            return error.answer()
        return json_answer(document)

    def metadata(self, path: str) -> Answer:
        """Answer a container that asks about its task."""
        with self.lock:
            return task_answer(self.tasks, path)
