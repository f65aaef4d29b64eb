"""The ECS side of the embedded AWS: one lock, one clock, and the operations by name."""

from __future__ import annotations

import random
from threading import RLock
from typing import TYPE_CHECKING

from controller.sandbox.aws.clusters import EmbeddedClusters
from controller.sandbox.aws.definitions import EmbeddedDefinitions
from controller.sandbox.aws.launches import Launches
from controller.sandbox.aws.metadata import answer_metadata
from controller.sandbox.aws.shapes import check_shape
from controller.sandbox.aws.tags import Tags
from controller.sandbox.aws.tasks import EmbeddedTasks
from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, Request, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.definitions import Definition
    from controller.sandbox.aws.timing import Timing


class Ecs:
    """Clusters, task definitions and tasks of one account and region."""

    def __init__(self, arns: Arns, timing: Timing, clock: Callable[[], float], seed: int | None) -> None:
        self.lock = RLock()
        self.clock = clock
        self._arns = arns
        self._timing = timing
        self._random = random.Random(seed)  # noqa: S311 - names of tasks, nothing secret
        self.reset()

    def reset(self) -> None:
        """Forget every cluster, definition, task and token."""
        with self.lock:
            self.tasks = EmbeddedTasks(self._arns, self._timing, self.clock)
            self.clusters = EmbeddedClusters(self._arns, self.tasks.count)
            self.definitions = EmbeddedDefinitions(self._arns, self.clock)
            self.launches = Launches(
                arns=self._arns,
                clusters=self.clusters,
                definitions=self.definitions,
                tasks=self.tasks,
                timing=self._timing,
                clock=self.clock,
                random=self._random,
            )
            self._operations = self._list_operations()

    def _list_operations(self) -> dict[str, Callable[[Json], Json]]:
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
            "DescribeTasks": lambda p: tasks.describe_tasks(p, clusters.find(p.get("cluster"))),
            "ListTasks": lambda p: tasks.list_tasks(p, clusters.find(p.get("cluster"))),
            "StopTask": lambda p: tasks.stop_task(p, clusters.find(p.get("cluster"))),
        }

    def find_definition(self, name_or_arn: str) -> Definition | None:
        """Return a revision by ARN, ``family:revision`` or family; None if there is none."""
        with self.lock:
            return self.definitions.find(name_or_arn)

    def answer(self, request: Request) -> HttpAnswer:
        """Carry out an ECS request and return its answer, which may be an error."""
        operation = self._operations.get(request.operation)
        if operation is None:
            return ApiError(
                "UnsupportedFeatureException", f"The embedded ECS has no operation {request.operation}."
            ).to_answer()
        try:
            check_shape("ecs", request.operation, request.parameters)
            with self.lock:
                document = operation(request.parameters)
        except ApiError as error:
            return error.to_answer()
        return make_json_answer(document)

    def answer_metadata(self, path: str) -> HttpAnswer:
        """Answer a container's question to its task metadata endpoint."""
        with self.lock:
            return answer_metadata(self.tasks, path)
