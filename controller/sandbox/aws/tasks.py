"""The account's tasks: ListTasks, DescribeTasks and StopTask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import page
from controller.sandbox.aws.lifecycle import Stop
from controller.sandbox.aws.timing import seconds
from controller.sandbox.aws.wire import Json, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws.arns import Arns
    from controller.sandbox.aws.clusters import Cluster
    from controller.sandbox.aws.task import Task
    from controller.sandbox.aws.timing import Timing

MAX_DESCRIBED = 100
STOPPED_KEPT = 3600.0
"""Seconds for which a stopped task is listed and described."""
_DESIRED = ("RUNNING", "PENDING", "STOPPED")
_FILTERS = ("containerInstance", "family", "serviceName", "launchType", "daemonName")


@dataclass(slots=True)
class Tasks:
    """Every task that RunTask started, by ARN. Its caller holds the lock of the ECS side."""

    arns: Arns
    timing: Timing
    clock: Callable[[], float]
    _tasks: dict[str, Task] = field(default_factory=dict)
    _hidden_until: dict[str, float] = field(default_factory=dict)

    def add(self, task: Task) -> None:
        """Take in a task that was just started."""
        self._tasks[task.arn] = task

    def all(self) -> list[Task]:
        """Every task that ECS still knows, oldest first; an hour after its stop a task is forgotten."""
        now = self.clock()
        for task in list(self._tasks.values()):
            stopped_at = task.life.stopped_at(now)
            if stopped_at is not None and now >= stopped_at + STOPPED_KEPT:
                self.forget(task.arn)
        return list(self._tasks.values())

    def known(self, arn: str) -> Task:
        """Find the task of that ARN. Raises ``KeyError``."""
        return self._tasks[arn]

    def of_id(self, task_id: str) -> Task | None:
        """Find a task by what its ARN ends with."""
        return next((task for task in self._tasks.values() if task.id == task_id), None)

    def forget(self, arn: str) -> None:
        """Drop a task, as ECS does an hour after it stopped."""
        self._tasks.pop(arn, None)
        self._hidden_until.pop(arn, None)

    def hide(self, arn: str, until: float) -> None:
        """Keep a task out of every listing until then."""
        self._hidden_until[arn] = until

    def counts(self, cluster: str) -> tuple[int, int]:
        """How many tasks of a cluster are RUNNING, and how many are on their way there."""
        now = self.clock()
        states = [
            task.life.last_status(now)
            for task in self._tasks.values()
            if task.cluster == cluster and task.life.desired_status(now) == "RUNNING"
        ]
        running = states.count("RUNNING")
        return running, len(states) - running

    def list_tasks(self, parameters: Json, cluster: Cluster) -> Json:
        """ARNs of a cluster's tasks, 100 a page; those that are meant to run unless STOPPED is asked for."""
        given = [name for name in _FILTERS if parameters.get(name)]
        if "startedBy" in parameters and given:
            raise invalid_parameter(f"startedBy must be the only filter, it cannot be used with {', '.join(given)}.")
        desired = parameters.get("desiredStatus", "RUNNING")
        if desired not in _DESIRED:
            raise invalid_parameter(f"desiredStatus must be one of {', '.join(_DESIRED)}.")
        arns, token = page(self._listed(parameters, cluster.name, desired), parameters)
        return {"taskArns": arns} | ({"nextToken": token} if token else {})

    def _listed(self, parameters: Json, cluster: str, desired: str) -> Iterator[str]:
        now = self.clock()
        for task in self.all():
            seen_at = now - seconds(self.timing.listing_lag, task.arn)
            if (
                task.cluster == cluster
                and task.life.created_at <= seen_at
                and self._hidden_until.get(task.arn, now) <= now
                and task.life.desired_status(seen_at) == desired
                and _passes(task, parameters)
            ):
                yield task.arn

    def describe_tasks(self, parameters: Json, cluster: Cluster) -> Json:
        """Up to 100 tasks of one cluster by ARN or id; what is not there is in ``failures`` as MISSING."""
        names = parameters.get("tasks") or []
        if not names:
            raise invalid_parameter("Tasks cannot be empty.")
        if len(names) > MAX_DESCRIBED:
            raise invalid_parameter(f"Tasks cannot be longer than {MAX_DESCRIBED}.")
        now = self.clock()
        with_tags = "TAGS" in parameters.get("include", ())
        tasks, failures = [], []
        for arn in dict.fromkeys(self._arn(name, cluster) for name in names):
            task = self._tasks.get(arn)
            if task is None or task.cluster != cluster.name or not self._describable(task, now):
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                tasks.append(task.document(now, with_tags=with_tags))
        return {"tasks": tasks, "failures": failures}

    def _describable(self, task: Task, now: float) -> bool:
        if now < task.life.created_at + seconds(self.timing.describing_lag, task.arn):
            return False
        stopped_at = task.life.stopped_at(now)
        return stopped_at is None or now < stopped_at + STOPPED_KEPT

    def stop_task(self, parameters: Json, cluster: Cluster) -> Json:
        """Tell a task to stop; its containers are killed."""
        task = self._tasks.get(self._arn(parameters.get("task", ""), cluster))
        if task is None or task.cluster != cluster.name:
            raise invalid_parameter("The referenced task was not found.")
        self.stop(task, "UserInitiated", parameters.get("reason", "Task stopped by user"))
        return {"task": task.document(self.clock(), with_tags=True)}

    def stop(self, task: Task, code: str, reason: str) -> None:
        """Order a task to stop; a task that was told before keeps the first order."""
        now = self.clock()
        if task.life.stop_at(now) is None:
            task.life.stop = Stop(now, code, reason)

    def _arn(self, name: str, cluster: Cluster) -> str:
        return name if name.startswith("arn:") else self.arns.task(cluster.name, name)


def _passes(task: Task, parameters: Json) -> bool:
    """Whether a task passes the filters. No container instance, service or daemon owns a task here."""
    if any(parameters.get(name) for name in ("containerInstance", "serviceName", "daemonName")):
        return False
    return (
        parameters.get("family") in (None, task.definition.family)
        and parameters.get("launchType") in (None, task.launch_type)
        and parameters.get("startedBy") in (None, task.started_by)
    )
