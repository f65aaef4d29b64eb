"""Direct control over the embedded ECS, for the sandbox and for tests: see tasks, end containers, cause failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.capacity import CANNOT_PULL, NO_CAPACITY, Refusal, StartFailure
from controller.sandbox.aws.lifecycle import Exit
from controller.sandbox.aws.metadata import build_container_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.ecs import Ecs
    from controller.sandbox.aws.lifecycle import ContainerState
    from controller.sandbox.aws.task import EmbeddedTask
    from controller.sandbox.aws.timing import Delay, Timing
    from controller.sandbox.aws.wire import Json


@dataclass(frozen=True, slots=True)
class ContainerView:
    """The state of one container of a task at one moment."""

    name: str
    essential: bool
    status: str
    """PENDING, RUNNING or STOPPED."""
    exit_code: int | None
    started_at: float | None
    """Seconds since the epoch; None before its start."""
    stopped_at: float | None
    """Seconds since the epoch; None before its end."""
    environment: dict[str, str]
    """The definition's variables, and over them those of the RunTask call."""
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    """The definition's, unless the RunTask call overrides it."""
    depends_on: tuple[tuple[str, str], ...]
    """Pairs of (container name, condition)."""
    metadata_uri: str
    """The value of ``METADATA_VARIABLE``, which ECS adds to the environment."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """The state of one task at one moment, without any lag. Times are seconds since the epoch."""

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
    """The client token of the RunTask call; empty if it had none."""
    containers: tuple[ContainerView, ...]

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


class EcsControl:
    """Reads and changes the embedded ECS without going over HTTP. Safe to use from every thread."""

    def __init__(self, ecs: Ecs, timing: Timing, url: str) -> None:
        self._ecs = ecs
        self._timing = timing
        self._url = url
        self._ended: dict[str, TaskView] = {}

    @property
    def listing_lag(self) -> Delay:
        """How old the state shown by ListTasks is, in seconds, for all tasks or by ARN."""
        return self._timing.listing_lag

    @listing_lag.setter
    def listing_lag(self, lag: Delay) -> None:
        self._timing.listing_lag = lag

    @property
    def timing(self) -> Timing:
        """Every delay of the ECS side. A change applies at once."""
        return self._timing

    def tasks(self, cluster: str | None = None) -> list[TaskView]:
        """Return every task that ECS still knows, oldest first; of one cluster, or of all."""
        with self._ecs.lock:
            now = self._ecs.clock()
            tasks = self._ecs.tasks.list_all()
            views = [self._view_task(task, now) for task in tasks if cluster in (None, task.cluster)]
            self._ended = {arn: self._ended[arn] for task in tasks if (arn := task.arn) in self._ended}
        return views

    def task(self, arn: str) -> TaskView:
        """Return one task. Raises ``KeyError`` if ECS does not know it."""
        with self._ecs.lock:
            return self._view_task(self._ecs.tasks.get(arn), self._ecs.clock())

    def _view_task(self, task: EmbeddedTask, now: float) -> TaskView:
        # A stopped task never changes again, and the sandbox looks at all tasks many times a second.
        if (ended := self._ended.get(task.arn)) is not None:
            return ended
        view = _build_view(task, now, self._url)
        if view.last_status == "STOPPED":
            self._ended[task.arn] = view
        return view

    def exit_container(self, arn: str, name: str, code: int) -> bool:
        """End a container's process with an exit code, as if it had exited by itself.

        If the container is essential, its whole task stops, as on ECS: the others are killed with 137.
        Returns False, and changes nothing, if the container is not running, for example because it was killed first.
        Raises ``KeyError`` for an unknown task or container.
        """
        with self._ecs.lock:
            now = self._ecs.clock()
            task = self._ecs.tasks.get(arn)
            if task.life.containers(now)[name].status != "RUNNING":
                return False
            task.life.exits[name] = Exit(now, code)
            if any(part.essential for part in task.life.parts if part.name == name):
                self._ecs.tasks.stop(task, "EssentialContainerExited", f"Essential container in task exited: {name}")
            return True

    def interrupt(
        self, arn: str, code: str = "SpotInterruption", reason: str = "Your Spot Task was interrupted."
    ) -> None:
        """Take a task's capacity away: it stops with ``stopCode`` ``code``, and its containers are killed."""
        with self._ecs.lock:
            self._ecs.tasks.stop(self._ecs.tasks.get(arn), code, reason)

    def fail_starts(
        self,
        times: int | None = 1,
        *,
        when: Callable[[str, str], bool] | None = None,
        reason: str = CANNOT_PULL,
        placed: bool = True,
    ) -> None:
        """Let the next ``times`` tasks stop with TaskFailedToStart at the end of their start delay.

        Without being ``placed`` they stop at the end of PROVISIONING, as for want of capacity.
        ``times`` None means every task until ``let_starts_succeed``. ``when`` is called with (cluster name, family),
        and only tasks for which it is true count.
        """
        failure = StartFailure(when or (lambda _cluster, _family: True), reason, placed)
        with self._ecs.lock:
            self._ecs.launches.capacity.start_failures.append((failure, times))

    def let_starts_succeed(self) -> None:
        """Take every ``fail_starts`` back. Tasks that were launched before still fail."""
        with self._ecs.lock:
            self._ecs.launches.capacity.start_failures.clear()

    def fail_run_task(
        self, count: int = 1, *, reason: str = NO_CAPACITY, lies: bool = False, cluster: str | None = None
    ) -> None:
        """Let RunTask answer the next ``count`` tasks in ``failures`` instead of ``tasks``, over one or more calls.

        With ``lies`` these tasks start all the same.
        """
        with self._ecs.lock:
            self._ecs.launches.capacity.refusals.extend([Refusal(reason, lies, cluster)] * count)

    def let_run_task_succeed(self) -> None:
        """Take every ``fail_run_task`` back. Answers that were given before stay as they are."""
        with self._ecs.lock:
            self._ecs.launches.capacity.refusals.clear()

    def forget(self, arn: str) -> None:
        """Make ECS forget a task, as it does an hour after the task has stopped: DescribeTasks says MISSING."""
        with self._ecs.lock:
            self._ecs.tasks.forget(arn)

    def distort(self, arn: str, change: Callable[[Json], Json]) -> None:
        """Let DescribeTasks answer for one task what ``change`` makes of its true description, as odd as it may be."""
        with self._ecs.lock:
            self._ecs.tasks.distort(arn, change)

    def hide(self, arn: str, seconds: float) -> None:
        """Keep one task out of every listing for so many seconds from now."""
        with self._ecs.lock:
            self._ecs.tasks.hide(arn, self._ecs.clock() + seconds)


def _build_view(task: EmbeddedTask, now: float, url: str) -> TaskView:
    life = task.life
    stop = life.find_stop(now)
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
            _build_container_view(
                container,
                overrides.get(container["name"], {}),
                states[container["name"]],
                metadata_uri=url + build_container_path(task, container["name"]),
            )
            for container in task.definition.document["containerDefinitions"]
        ),
    )


def _build_container_view(
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
