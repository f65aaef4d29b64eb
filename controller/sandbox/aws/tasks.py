"""The account's tasks: ListTasks, DescribeTasks and StopTask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import list_page
from controller.sandbox.aws.lifecycle import Stop
from controller.sandbox.aws.timing import resolve_delay
from controller.sandbox.aws.wire import Json, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.clusters import EmbeddedCluster
    from controller.sandbox.aws.task import EmbeddedTask
    from controller.sandbox.aws.timing import Timing

MAX_DESCRIBED = 100
STOPPED_KEPT = 3600.0
"""How long a stopped task is listed and described, seconds."""
_DESIRED = ("RUNNING", "PENDING", "STOPPED")
_FILTERS = ("containerInstance", "family", "serviceName", "launchType", "daemonName")


@dataclass(slots=True)
class EmbeddedTasks:
    """The tasks that RunTask or a service started, by ARN. The caller must hold the lock of the ECS side."""

    arns: Arns
    timing: Timing
    clock: Callable[[], float]
    _tasks: dict[str, EmbeddedTask] = field(default_factory=dict)
    _hidden_until: dict[str, float] = field(default_factory=dict)
    _distortions: dict[str, Callable[[Json], Json]] = field(default_factory=dict)

    def add(self, task: EmbeddedTask) -> None:
        """Add a task that was just started."""
        self._tasks[task.arn] = task

    def list_all(self) -> list[EmbeddedTask]:
        """Return every task that ECS still knows, oldest first; an hour after its stop a task is forgotten."""
        now = self.clock()
        for task in list(self._tasks.values()):
            stopped_at = task.life.stopped_at(now)
            if stopped_at is not None and now >= stopped_at + STOPPED_KEPT:
                self.forget(task.arn)
        return list(self._tasks.values())

    def get(self, arn: str) -> EmbeddedTask:
        """Return the task of that ARN. Raises ``KeyError`` if there is none."""
        return self._tasks[arn]

    def find_by_id(self, task_id: str) -> EmbeddedTask | None:
        """Return the task whose ARN ends with that id; None if there is none."""
        return next((task for task in self._tasks.values() if task.id == task_id), None)

    def forget(self, arn: str) -> None:
        """Forget a task, as ECS does an hour after its stop."""
        self._tasks.pop(arn, None)
        self._hidden_until.pop(arn, None)
        self._distortions.pop(arn, None)

    def distort(self, arn: str, change: Callable[[Json], Json]) -> None:
        """Describe a task from now on as ``change`` makes it of the true description."""
        self._distortions[arn] = change

    def hide(self, arn: str, until: float) -> None:
        """Keep a task out of every listing until then, seconds since the epoch."""
        self._hidden_until[arn] = until

    def count(self, cluster: str) -> tuple[int, int]:
        """Return how many tasks of a cluster are RUNNING, and how many will be."""
        now = self.clock()
        states = [
            task.life.last_status(now)
            for task in self._tasks.values()
            if task.cluster == cluster and task.life.desired_status(now) == "RUNNING"
        ]
        running = states.count("RUNNING")
        return running, len(states) - running

    def list_tasks(self, parameters: Json, cluster: EmbeddedCluster) -> Json:
        """List the ARNs of a cluster's tasks in pages; only those that should run unless STOPPED is asked for."""
        given = [name for name in _FILTERS if parameters.get(name)]
        if "startedBy" in parameters and given:
            raise invalid_parameter(f"startedBy must be the only filter, it cannot be used with {', '.join(given)}.")
        desired = parameters.get("desiredStatus", "RUNNING")
        if desired not in _DESIRED:
            raise invalid_parameter(f"desiredStatus must be one of {', '.join(_DESIRED)}.")
        return list_page("taskArns", self._find_listed(parameters, cluster.name, desired), parameters)

    def _find_listed(self, parameters: Json, cluster: str, desired: str) -> Iterator[str]:
        now = self.clock()
        for task in self.list_all():
            seen_at = now - resolve_delay(self.timing.listing_lag, task.arn)
            if (
                task.cluster == cluster
                and task.life.created_at <= seen_at
                and self._hidden_until.get(task.arn, now) <= now
                and task.life.desired_status(seen_at) == desired
                and _passes(task, parameters)
            ):
                yield task.arn

    def describe_tasks(self, parameters: Json, cluster: EmbeddedCluster) -> Json:
        """Describe up to 100 tasks of one cluster by ARN or id; unknown ones are in ``failures`` as MISSING."""
        names = parameters.get("tasks") or []
        if not names:
            raise invalid_parameter("Tasks cannot be empty.")
        if len(names) > MAX_DESCRIBED:
            raise invalid_parameter(f"Tasks cannot be longer than {MAX_DESCRIBED}.")
        now = self.clock()
        with_tags = "TAGS" in parameters.get("include", ())
        tasks, failures = [], []
        for arn in dict.fromkeys(self._build_arn(name, cluster) for name in names):
            task = self._tasks.get(arn)
            if task is None or task.cluster != cluster.name or not self._is_describable(task, now):
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                described = task.describe(now, with_tags=with_tags)
                tasks.append(self._distortions.get(arn, dict)(described))
        return {"tasks": tasks, "failures": failures}

    def _is_describable(self, task: EmbeddedTask, now: float) -> bool:
        if now < task.life.created_at + resolve_delay(self.timing.describing_lag, task.arn):
            return False
        stopped_at = task.life.stopped_at(now)
        return stopped_at is None or now < stopped_at + STOPPED_KEPT

    def stop_task(self, parameters: Json, cluster: EmbeddedCluster) -> Json:
        """Tell a task to stop. Its containers are killed."""
        task = self._tasks.get(self._build_arn(parameters.get("task", ""), cluster))
        if task is None or task.cluster != cluster.name:
            raise invalid_parameter("The referenced task was not found.")
        self.stop(task, "UserInitiated", parameters.get("reason", "Task stopped by user"))
        return {"task": task.describe(self.clock(), with_tags=True)}

    def stop(self, task: EmbeddedTask, code: str, reason: str) -> None:
        """Order a task to stop. A task that was told before keeps the first order."""
        now = self.clock()
        if task.life.find_stop(now) is None:
            task.life.stop = Stop(now, code, reason)

    def _build_arn(self, name: str, cluster: EmbeddedCluster) -> str:
        return name if name.startswith("arn:") else self.arns.task(cluster.name, name)


def _passes(task: EmbeddedTask, parameters: Json) -> bool:
    """Return whether a task passes the filters. No container instance and no daemon owns a task here."""
    if any(parameters.get(name) for name in ("containerInstance", "daemonName")):
        return False
    if (service := parameters.get("serviceName")) and task.group != f"service:{service.rpartition('/')[2]}":
        return False
    return (
        parameters.get("family") in (None, task.definition.family)
        and parameters.get("launchType") in (None, task.launch_type)
        and parameters.get("startedBy") in (None, task.started_by)
    )
