"""The stand-in for ECS's agents: runs what the containers of the embedded ECS's tasks would run.

    RUNNING in ECS --> a worker's thread --> it returns --> its exit is told to ECS
                                |
    STOPPED in ECS without that: killed, in the middle of its work

The embedded ECS says which containers run, by ECS's own rules (states over time, ``dependsOn``, the end of every
sibling when an essential one exits); here is only what happens inside them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.core.copies import KEEPER
from controller.sandbox.workers import (
    BEHAVIOUR_VARIABLE,
    BEHAVIOURS,
    QUEUE_URL_VARIABLE,
    QUEUE_VARIABLE,
    GaveUpError,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.aws import ContainerView, EcsControl, TaskView
    from controller.sandbox.messages import MessageRecords, Mishap

POLL = 0.05
"""Seconds between two looks at the tasks."""
LOOK_SHARE = 5
"""The pause after a look is at least so many times what the look took: an hour leaves thousands of stopped tasks."""
STOP_TIMEOUT = 2.0
"""How long a stopped worker may take to end its call in flight, seconds."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that ECS ended before it exited by itself."""

    task: str
    """The task's ARN."""
    container: str
    queue: str
    stop_code: str | None
    """Why its task stopped, in ECS's words."""
    message: str | None
    """The id of the message that it was working on."""


@dataclass(frozen=True, slots=True)
class Misfortune:
    """A worker that its message did not let live."""

    task: str
    """The task's ARN."""
    container: str
    mishap: Mishap


class _Container:
    """A worker container from its start until ECS has it as STOPPED."""

    def __init__(self, task: str, name: str, worker: Worker) -> None:
        self.task = task
        self.name = name
        self.worker = worker
        self.exited = False
        self.thread: threading.Thread | None = None


class ContainerRunner:
    """Runs the containers of ``ecs``'s tasks until stopped."""

    def __init__(self, ecs: EcsControl, *, sqs: SQSClient, records: MessageRecords) -> None:
        self._ecs = ecs
        self._sqs = sqs
        self._records = records
        self._containers: dict[tuple[str, str], _Container] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-runner", daemon=True)
        self.kills: list[Kill] = []
        """Workers that were ended from outside, oldest first."""
        self.failures: list[str] = []
        """Workers that ended with an error of their own, oldest first: container and error."""
        self.misfortunes: list[Misfortune] = []
        """Workers that ended with an error as their message has it, oldest first."""
        self.error: Exception | None = None
        """Why nothing runs any more, if the runner itself failed."""

    def start(self) -> None:
        """Begin to run containers."""
        self._thread.start()

    def stop(self) -> None:
        """End every container that still runs, as a machine that is switched off would; none counts as killed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        at_work = self._at_work()
        for container in at_work:
            container.worker.kill()
        for container in at_work:
            if container.thread is not None:
                container.thread.join(STOP_TIMEOUT)

    @property
    def running(self) -> int:
        """Worker containers that run."""
        return len(self._at_work())

    def _at_work(self) -> list[_Container]:
        return [each for each in list(self._containers.values()) if not (each.exited or each.worker.killed)]

    def _run(self) -> None:
        try:
            pause = POLL
            while not self._stopping.wait(pause):
                began = time.monotonic()
                self._look()
                pause = max(POLL, LOOK_SHARE * (time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - it ends the run with a message of its own
            self.error = error

    def _look(self) -> None:
        for task in self._ecs.tasks():
            for view in task.containers:
                if view.status == "RUNNING":
                    self._run_container(task, view)
                elif view.status == "STOPPED":
                    self._bury(task, view)

    def _run_container(self, task: TaskView, view: ContainerView) -> None:
        if view.name == KEEPER:
            self._keep(task, view)
        elif BEHAVIOUR_VARIABLE in view.environment and (task.arn, view.name) not in self._containers:
            worker = Worker(
                sqs=self._sqs,
                queue=view.environment[QUEUE_VARIABLE],
                queue_url=view.environment[QUEUE_URL_VARIABLE],
                records=self._records,
            )
            container = _Container(task.arn, view.name, worker)
            behaviour = BEHAVIOURS[view.environment[BEHAVIOUR_VARIABLE]]
            container.thread = threading.Thread(target=self._live, args=(container, behaviour), daemon=True)
            self._containers[task.arn, view.name] = container
            container.thread.start()

    def _live(self, container: _Container, behaviour: Callable[[Worker], None]) -> None:
        code = 0
        try:
            behaviour(container.worker)
        except GaveUpError as error:
            code = 1
            self.misfortunes.append(Misfortune(container.task, container.name, error.mishap))
        except Exception as error:  # noqa: BLE001 - a worker that crashes exits with 1 and harms nobody else
            code = 1
            if not container.worker.killed:
                self.failures.append(f"{container.name}: {error}")
        if not container.worker.killed:
            container.exited = True
            self._ecs.exit_container(container.task, container.name, code)

    def _keep(self, task: TaskView, view: ContainerView) -> None:
        """Play the keeper's script: exit 0 once every container that its command names has stopped."""
        _script, _name, *watched = view.command
        statuses = {each.name: each.status for each in task.containers}
        if all(statuses.get(name) == "STOPPED" for name in watched):
            self._ecs.exit_container(task.arn, view.name, 0)

    def _bury(self, task: TaskView, view: ContainerView) -> None:
        container = self._containers.pop((task.arn, view.name), None)
        if container is not None and not container.exited:
            container.worker.kill()
            message = container.worker.holding
            self.kills.append(
                Kill(
                    task=task.arn,
                    container=view.name,
                    queue=container.worker.queue,
                    stop_code=task.stop_code,
                    message=message.id if message else None,
                )
            )
