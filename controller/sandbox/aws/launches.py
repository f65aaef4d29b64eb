"""RunTask: at most once for each client token, as the ECS API reference ("Ensuring idempotency") says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from controller.sandbox.aws import run_task_rules as rules
from controller.sandbox.aws.capacity import Capacity, place
from controller.sandbox.aws.lifecycle import Life
from controller.sandbox.aws.task import Task, parts_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.clusters import Cluster, Clusters
    from controller.sandbox.aws.definitions import Definition, Definitions
    from controller.sandbox.aws.tasks import Tasks
    from controller.sandbox.aws.timing import Timing
    from controller.sandbox.aws.wire import Json

TOKEN_LIFE = 24 * 3600.0
TOKEN_OUTLIVES_TASKS = 3600.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A RunTask call that carried a client token."""

    at: float
    parameters: str
    """The call's parameters in one canonical spelling."""
    answer: Json
    """What it was answered, replayed to every repetition."""
    tasks: tuple[Task, ...]

    def expired(self, now: float) -> bool:
        """Tell whether the token has died: after 24 hours, or an hour after its last task stopped."""
        if now >= self.at + TOKEN_LIFE:
            return True
        stops = [task.life.stopped_at(now) for task in self.tasks]
        last = max((at for at in stops if at is not None), default=self.at)
        return None not in stops and now >= last + TOKEN_OUTLIVES_TASKS


@dataclass(frozen=True, slots=True)
class Launches:
    """Starts tasks and remembers what each token started. Its caller holds the lock of the ECS side."""

    arns: Arns
    clusters: Clusters
    definitions: Definitions
    tasks: Tasks
    timing: Timing
    clock: Callable[[], float]
    random: random.Random
    capacity: Capacity = field(default_factory=Capacity)
    _by_token: dict[tuple[str, str], Launch] = field(default_factory=dict)

    def run_task(self, parameters: Json) -> Json:
        """Start 1 to 10 tasks, or repeat the answer to the earlier call with the same token."""
        rules.check_parameters(parameters)
        cluster = self.clusters.named(parameters.get("cluster"))
        token = parameters.get("clientToken")
        if token is None:
            return self._start(parameters, cluster).answer
        launch = self._by_token.get((cluster.name, token))
        if launch is None or launch.expired(self.clock()):
            launch = self._by_token[cluster.name, token] = self._start(parameters, cluster)
        elif launch.parameters != _canonical(parameters, cluster):
            raise rules.conflict([task.arn for task in launch.tasks])
        return launch.answer

    def _start(self, parameters: Json, cluster: Cluster) -> Launch:
        definition = rules.runnable(self.definitions.find(parameters["taskDefinition"]))
        strategy = rules.strategy_of(parameters, cluster)
        placed = place(parameters.get("launchType", "EC2"), strategy, parameters.get("count", 1))
        rules.check_launch(parameters, definition, frozenset(launch_type for launch_type, _ in placed))
        now = self.clock()
        started, shown, failures = [], [], []
        for placement in placed:
            task = self._task(parameters, cluster, definition, placement)
            refusal = self.capacity.refusal(cluster.name)
            if refusal is None:
                shown.append(task.document(now, with_tags=True))
            else:
                failures.append(refusal.entry(task.arn))
            if refusal is None or refusal.lies:
                started.append(task)
                self.tasks.add(task)
        answer: Json = {"tasks": shown, "failures": failures}
        return Launch(now, _canonical(parameters, cluster), answer, tuple(started))

    def _task(
        self, parameters: Json, cluster: Cluster, definition: Definition, placement: tuple[str, str | None]
    ) -> Task:
        task_id = self._id()
        containers = [container["name"] for container in definition.document["containerDefinitions"]]
        network = parameters.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        launch_type, provider = placement
        arn = self.arns.task(cluster.name, task_id)
        return Task(
            arn=arn,
            cluster=cluster.name,
            cluster_arn=cluster.arn,
            definition=definition,
            group=parameters.get("group") or f"family:{definition.family}",
            started_by=parameters.get("startedBy", ""),
            launch_type=launch_type,
            capacity_provider=provider,
            overrides=parameters.get("overrides", {}),
            tags=_tags(parameters, cluster, definition),
            subnet=next(iter(network.get("subnets", ())), None),
            client_token=parameters.get("clientToken", ""),
            container_arns={name: self.arns.container(cluster.name, task_id, self._id()) for name in containers},
            life=self._life(arn, cluster, definition),
        )

    def _life(self, arn: str, cluster: Cluster, definition: Definition) -> Life:
        now = self.clock()
        pending_at, ready_at = self.timing.starts(arn, now)
        return Life(
            parts=parts_of(definition),
            created_at=now,
            pending_at=pending_at,
            ready_at=ready_at,
            dependency_delay=self.timing.dependency_delay,
            stop_delay=self.timing.stop_delay,
            start_failure=self.capacity.start_failure(cluster.name, definition.family),
        )

    def _id(self) -> str:
        return UUID(int=self.random.getrandbits(128), version=4).hex


def _canonical(parameters: Json, cluster: Cluster) -> str:
    return json.dumps({"count": 1, **parameters, "cluster": cluster.name}, sort_keys=True)


def _tags(parameters: Json, cluster: Cluster, definition: Definition) -> tuple[Json, ...]:
    tags = {tag["key"]: tag for tag in parameters.get("tags", ())}
    if parameters.get("propagateTags") == "TASK_DEFINITION":
        tags = {tag["key"]: tag for tag in definition.tags} | tags
    if parameters.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = {"key": "aws:ecs:clusterName", "value": cluster.name}
    return tuple(tags.values())
