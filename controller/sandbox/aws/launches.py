"""RunTask: at most once for each client token, as the ECS API reference ("Ensuring idempotency") says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from controller.sandbox.aws import run_task_rules as rules
from controller.sandbox.aws.capacity import Capacity, place
from controller.sandbox.aws.lifecycle import Life
from controller.sandbox.aws.task import EmbeddedTask, read_parts

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.clusters import EmbeddedCluster, EmbeddedClusters
    from controller.sandbox.aws.definitions import Definition, EmbeddedDefinitions
    from controller.sandbox.aws.tasks import EmbeddedTasks
    from controller.sandbox.aws.timing import Timing
    from controller.sandbox.aws.wire import Json

TOKEN_LIFE = 24 * 3600.0
TOKEN_OUTLIVES_TASKS = 3600.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A RunTask call and what it started."""

    at: float
    parameters: str
    """The call's parameters as text, the same for equal parameters."""
    answer: Json
    """The answer, which every repetition of the call gets again."""
    tasks: tuple[EmbeddedTask, ...]

    def is_expired(self, now: float) -> bool:
        """Return whether its token is free again: after 24 hours, or an hour after its last task has stopped."""
        if now >= self.at + TOKEN_LIFE:
            return True
        stops = [task.life.stopped_at(now) for task in self.tasks]
        last = max((at for at in stops if at is not None), default=self.at)
        return None not in stops and now >= last + TOKEN_OUTLIVES_TASKS


@dataclass(frozen=True, slots=True)
class Launches:
    """Starts tasks, and remembers the launch of each token. The caller must hold the lock of the ECS side."""

    arns: Arns
    clusters: EmbeddedClusters
    definitions: EmbeddedDefinitions
    tasks: EmbeddedTasks
    timing: Timing
    clock: Callable[[], float]
    random: random.Random
    capacity: Capacity = field(default_factory=Capacity)
    _by_token: dict[tuple[str, str], Launch] = field(default_factory=dict)

    def run_task(self, parameters: Json) -> Json:
        """Start 1 to 10 tasks, or repeat the answer of the earlier call with the same token.

        Raises the ``ApiError`` with which AWS refuses the call.
        """
        rules.check_parameters(parameters)
        cluster = self.clusters.find(parameters.get("cluster"))
        token = parameters.get("clientToken")
        if token is None:
            return self._start(parameters, cluster).answer
        launch = self._by_token.get((cluster.name, token))
        if launch is None or launch.is_expired(self.clock()):
            launch = self._by_token[cluster.name, token] = self._start(parameters, cluster)
        elif launch.parameters != _serialize(parameters, cluster):
            raise rules.conflict([task.arn for task in launch.tasks])
        return launch.answer

    def start_of_service(self, service: str, cluster: str, definition: str) -> EmbeddedTask:
        """Start a task as the scheduler of a service does, whose group ECS keeps to itself."""
        parameters = {
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "group": f"service:{service}",
            "startedBy": f"ecs-svc/{self.random.getrandbits(63)}",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-of-the-service"]}},
        }
        (task,) = self._start(parameters, self.clusters.find(cluster)).tasks
        return task

    def _start(self, parameters: Json, cluster: EmbeddedCluster) -> Launch:
        definition = rules.require_active(self.definitions.find(parameters["taskDefinition"]))
        strategy = rules.choose_strategy(parameters, cluster)
        placed = place(parameters.get("launchType", "EC2"), strategy, parameters.get("count", 1))
        rules.check_launch(parameters, definition, frozenset(launch_type for launch_type, _ in placed))
        now = self.clock()
        started, shown, failures = [], [], []
        for placement in placed:
            task = self._make_task(parameters, cluster, definition, placement)
            refusal = self.capacity.take_refusal(cluster.name)
            if refusal is None:
                shown.append(task.describe(now, with_tags=True))
            else:
                failures.append(refusal.describe(task.arn))
            if refusal is None or refusal.lies:
                started.append(task)
                self.tasks.add(task)
        answer: Json = {"tasks": shown, "failures": failures}
        return Launch(now, _serialize(parameters, cluster), answer, tuple(started))

    def _make_task(
        self, parameters: Json, cluster: EmbeddedCluster, definition: Definition, placement: tuple[str, str | None]
    ) -> EmbeddedTask:
        task_id = self._draw_id()
        containers = [container["name"] for container in definition.document["containerDefinitions"]]
        network = parameters.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        launch_type, provider = placement
        arn = self.arns.task(cluster.name, task_id)
        return EmbeddedTask(
            arn=arn,
            cluster=cluster.name,
            cluster_arn=cluster.arn,
            definition=definition,
            group=parameters.get("group") or f"family:{definition.family}",
            started_by=parameters.get("startedBy", ""),
            launch_type=launch_type,
            capacity_provider=provider,
            overrides=parameters.get("overrides", {}),
            tags=_collect_tags(parameters, cluster, definition),
            subnet=next(iter(network.get("subnets", ())), None),
            client_token=parameters.get("clientToken", ""),
            container_arns={name: self.arns.container(cluster.name, task_id, self._draw_id()) for name in containers},
            life=self._make_life(arn, cluster, definition),
        )

    def _make_life(self, arn: str, cluster: EmbeddedCluster, definition: Definition) -> Life:
        now = self.clock()
        pending_at, ready_at = self.timing.plan_start(arn, now)
        failure = self.capacity.take_start_failure(cluster.name, definition.family)
        return Life(
            parts=read_parts(definition),
            created_at=now,
            pending_at=pending_at,
            ready_at=ready_at,
            dependency_delay=self.timing.dependency_delay,
            stop_delay=self.timing.stop_delay,
            start_failure=failure.reason if failure else None,
            placed=failure.placed if failure else True,
        )

    def _draw_id(self) -> str:
        return UUID(int=self.random.getrandbits(128), version=4).hex


def _serialize(parameters: Json, cluster: EmbeddedCluster) -> str:
    return json.dumps({"count": 1, **parameters, "cluster": cluster.name}, sort_keys=True)


def _collect_tags(parameters: Json, cluster: EmbeddedCluster, definition: Definition) -> tuple[Json, ...]:
    tags = {tag["key"]: tag for tag in parameters.get("tags", ())}
    if parameters.get("propagateTags") == "TASK_DEFINITION":
        tags = {tag["key"]: tag for tag in definition.tags} | tags
    if parameters.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = {"key": "aws:ecs:clusterName", "value": cluster.name}
    return tuple(tags.values())
