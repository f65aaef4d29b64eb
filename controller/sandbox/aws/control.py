"""The sandbox's own hand on the ECS side: it runs the containers, and it breaks things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.capacity import CANNOT_PULL, NO_CAPACITY, Refusal, StartFailure
from controller.sandbox.aws.lifecycle import Exit
from controller.sandbox.aws.metadata import container_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.ecs import Ecs
    from controller.sandbox.aws.lifecycle import ContainerState
    from controller.sandbox.aws.task import Task
    from controller.sandbox.aws.timing import Delay, Timing


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container of a task at a moment."""

    name: str
    essential: bool
    status: str
    """PENDING, RUNNING or STOPPED."""
    exit_code: int | None
    started_at: float | None
    """Seconds since the epoch; None if it has not started."""
    stopped_at: float | None
    """Seconds since the epoch; None while it runs or may yet run."""
    environment: dict[str, str]
    """The definition's, with the call's overrides on top."""
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    """The definition's, or the call's override."""
    depends_on: tuple[tuple[str, str], ...]
    """Pairs of (container name, condition)."""
    metadata_uri: str
    """What ECS adds to the environment as ``METADATA_VARIABLE``."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task at a moment, without any lag. Times are seconds since the epoch."""

    arn: str
    cluster: str
    """The cluster's name."""
    family: str
    group: str
    started_by: str
    created_at: float
    started_at: float | None
    stopped_at: float | None
    stop_code: str | None
    last_status: str
    desired_status: str
    definition_arn: str
    client_token: str
    """The RunTask call's token; empty if it carried none."""
    containers: tuple[ContainerView, ...]

    @property
    def id(self) -> str:
        """What its ARN ends with."""
        return self.arn.rpartition("/")[2]


class EcsControl:
    """What happens inside tasks, told from within the process. Safe to use from every thread."""

    def __init__(self, ecs: Ecs, timing: Timing, url: str) -> None:
        self._ecs = ecs
        self._timing = timing
        self._url = url
        self._ended: dict[str, TaskView] = {}

    @property
    def listing_lag(self) -> Delay:
        """How old what ListTasks shows is, in seconds, for all tasks or by ARN."""
        return self._timing.listing_lag

    @listing_lag.setter
    def listing_lag(self, lag: Delay) -> None:
        self._timing.listing_lag = lag

    @property
    def timing(self) -> Timing:
        """Every delay of the ECS side; what is set here holds from now on."""
        return self._timing

    def tasks(self, cluster: str | None = None) -> list[TaskView]:
        """Every task that ECS still knows, oldest first; of one cluster, or of all."""
        with self._ecs.lock:
            now = self._ecs.clock()
            tasks = self._ecs.tasks.all()
            views = [self._view(task, now) for task in tasks if cluster in (None, task.cluster)]
            self._ended = {arn: self._ended[arn] for task in tasks if (arn := task.arn) in self._ended}
        return views

    def task(self, arn: str) -> TaskView:
        """One task. Raises ``KeyError`` if ECS does not know it."""
        with self._ecs.lock:
            return self._view(self._ecs.tasks.known(arn), self._ecs.clock())

    def _view(self, task: Task, now: float) -> TaskView:
        # A stopped task never changes again, and a sandbox looks at all of them many times a second.
        if (ended := self._ended.get(task.arn)) is not None:
            return ended
        view = _view(task, now, self._url)
        if view.last_status == "STOPPED":
            self._ended[task.arn] = view
        return view

    def exit_container(self, arn: str, name: str, code: int) -> bool:
        """Let a container's process end by itself.

        An essential container takes its whole task along, as ECS has it: the others are killed with 137.
        Returns False, and changes nothing, if the container does not run (any more): it was killed first.
        Raises ``KeyError`` for a task or a container that is not there.
        """
        with self._ecs.lock:
            now = self._ecs.clock()
            task = self._ecs.tasks.known(arn)
            if task.life.containers(now)[name].status != "RUNNING":
                return False
            task.life.exits[name] = Exit(now, code)
            if any(part.essential for part in task.life.parts if part.name == name):
                self._ecs.tasks.stop(task, "EssentialContainerExited", f"Essential container in task exited: {name}")
            return True

    def interrupt(
        self, arn: str, code: str = "SpotInterruption", reason: str = "Your Spot Task was interrupted."
    ) -> None:
        """Take a task's capacity away: it stops with that ``stopCode``, its containers are killed."""
        with self._ecs.lock:
            self._ecs.tasks.stop(self._ecs.tasks.known(arn), code, reason)

    def fail_starts(
        self,
        times: int | None = 1,
        *,
        when: Callable[[str, str], bool] | None = None,
        reason: str = CANNOT_PULL,
    ) -> None:
        """Let the next tasks stop with TaskFailedToStart at the end of their start delay.

        ``times`` None is for every task until ``let_starts_succeed``; ``when`` gets (cluster name, family).
        """
        failure = StartFailure(when or (lambda _cluster, _family: True), reason)
        with self._ecs.lock:
            self._ecs.launches.capacity.start_failures.append((failure, times))

    def let_starts_succeed(self) -> None:
        """Take every ``fail_starts`` back; tasks already started keep their fate."""
        with self._ecs.lock:
            self._ecs.launches.capacity.start_failures.clear()

    def run_task_failures(
        self, count: int = 1, *, reason: str = NO_CAPACITY, lies: bool = False, cluster: str | None = None
    ) -> None:
        """Let the next ``count`` tasks asked for end in RunTask's ``failures`` instead of ``tasks``.

        With ``lies`` they start all the same. They may be spread over several calls.
        """
        with self._ecs.lock:
            self._ecs.launches.capacity.refusals.extend([Refusal(reason, lies, cluster)] * count)

    def clear_run_task_failures(self) -> None:
        """Take back the failures that no call has met yet."""
        with self._ecs.lock:
            self._ecs.launches.capacity.refusals.clear()

    def forget(self, arn: str) -> None:
        """Let ECS not know a task any more, as an hour after its stop: DescribeTasks says MISSING."""
        with self._ecs.lock:
            self._ecs.tasks.forget(arn)

    def hide(self, arn: str, seconds: float) -> None:
        """Keep one task out of every listing for that long from now on."""
        with self._ecs.lock:
            self._ecs.tasks.hide(arn, self._ecs.clock() + seconds)


def _view(task: Task, now: float, url: str) -> TaskView:
    life = task.life
    stop = life.stop_at(now)
    states = life.containers(now)
    overrides = {o["name"]: o for o in task.overrides.get("containerOverrides", ())}
    return TaskView(
        arn=task.arn,
        cluster=task.cluster,
        family=task.definition.family,
        group=task.group,
        started_by=task.started_by,
        created_at=life.created_at,
        started_at=life.started_at(now),
        stopped_at=life.stopped_at(now),
        stop_code=stop.code if stop else None,
        last_status=life.last_status(now),
        desired_status=life.desired_status(now),
        definition_arn=task.definition.arn,
        client_token=task.client_token,
        containers=tuple(
            _container_view(
                container,
                overrides.get(container["name"], {}),
                states[container["name"]],
                metadata_uri=url + container_path(task, container["name"]),
            )
            for container in task.definition.document["containerDefinitions"]
        ),
    )


def _container_view(
    container: dict[str, Any], override: dict[str, Any], state: ContainerState, *, metadata_uri: str
) -> ContainerView:
    environment = [*container["environment"], *override.get("environment", ())]
    return ContainerView(
        name=container["name"],
        essential=container["essential"],
        status=state.status,
        exit_code=state.exit_code,
        started_at=state.started_at,
        stopped_at=state.stopped_at,
        environment={item["name"]: item["value"] for item in environment},
        entry_point=tuple(container.get("entryPoint", ())),
        command=tuple(override.get("command") or container.get("command", ())),
        depends_on=tuple((d["containerName"], d["condition"]) for d in container.get("dependsOn", ())),
        metadata_uri=metadata_uri,
    )
