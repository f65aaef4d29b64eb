"""The stand-in for ECS's agents: runs what the containers of the embedded ECS's tasks would run.

    RUNNING in ECS --> its program, on a thread --> it ends --> its exit code is told to ECS
                                |
    STOPPED in ECS without that: killed, in the middle of its work

The embedded ECS says which containers run, by ECS's own rules (states over time, ``dependsOn``, the end of every
sibling when an essential one exits); here is only what happens inside them. A worker's program is a stand-in, the
keeper's is the keeper itself.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.core.copies import KEEPER
from controller.sandbox.keepers import KeeperError
from controller.sandbox.workers import (
    BEHAVIOUR_VARIABLE,
    QUEUE_URL_VARIABLE,
    QUEUE_VARIABLE,
    GaveUpError,
    Worker,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.aws import ContainerView, EcsControl, TaskView
    from controller.sandbox.keepers import Keepers
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


class Program(Protocol):
    """What runs in a container."""

    def run(self) -> int:
        """Run to the end and return the exit code; whoever calls it waits."""

    def kill(self) -> None:
        """End it from outside."""

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""


class _Container:
    """A container from its start until ECS has it as STOPPED."""

    def __init__(self, task: str, name: str, program: Program) -> None:
        self.task = task
        self.name = name
        self.program = program
        self.exited = False
        self.thread: threading.Thread | None = None


class ContainerRunner:
    """Runs the containers of ``ecs``'s tasks until stopped."""

    def __init__(self, ecs: EcsControl, *, sqs: SQSClient, records: MessageRecords, keepers: Keepers) -> None:
        self._ecs = ecs
        self._keepers = keepers
        self._sqs = sqs
        self._records = records
        self._containers: dict[tuple[str, str], _Container] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-runner", daemon=True)
        self.kills: list[Kill] = []
        """Workers that were ended from outside, oldest first."""
        self.failures: list[str] = []
        """Containers that ended with an error of their own, oldest first: container and error."""
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
            container.program.kill()
        for container in at_work:
            if container.thread is not None:
                container.thread.join(STOP_TIMEOUT)

    @property
    def running(self) -> int:
        """Containers with a program that runs: workers and keepers."""
        return len(self._at_work())

    def _at_work(self) -> list[_Container]:
        return [each for each in list(self._containers.values()) if not (each.exited or each.program.killed)]

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
        if (task.arn, view.name) in self._containers:
            return
        program = self._program(task, view)
        if program is not None:
            container = _Container(task.arn, view.name, program)
            container.thread = threading.Thread(target=self._live, args=(container,), daemon=True)
            self._containers[task.arn, view.name] = container
            container.thread.start()

    def _program(self, task: TaskView, view: ContainerView) -> Program | None:
        """Start what a container runs; None for a sidecar, which runs until its task stops."""
        if view.name == KEEPER:
            return self._keepers.start(task, view)
        if BEHAVIOUR_VARIABLE not in view.environment:
            return None
        return Worker(
            behaviour=view.environment[BEHAVIOUR_VARIABLE],
            sqs=self._sqs,
            queue=view.environment[QUEUE_VARIABLE],
            queue_url=view.environment[QUEUE_URL_VARIABLE],
            records=self._records,
        )

    def _live(self, container: _Container) -> None:
        code = 1
        try:
            code = container.program.run()
        except GaveUpError as error:
            self.misfortunes.append(Misfortune(container.task, container.name, error.mishap))
        except Exception as error:  # noqa: BLE001 - a container that fails harms nobody else
            code = error.code if isinstance(error, KeeperError) else 1
            if not container.program.killed:
                self.failures.append(f"{container.name}: {error}")
        if not container.program.killed:
            container.exited = True
            self._ecs.exit_container(container.task, container.name, code)

    def _bury(self, task: TaskView, view: ContainerView) -> None:
        container = self._containers.pop((task.arn, view.name), None)
        if container is None or container.exited:
            return
        container.program.kill()
        if isinstance(container.program, Worker):
            message = container.program.holding
            self.kills.append(
                Kill(
                    task=task.arn,
                    container=view.name,
                    queue=container.program.queue,
                    stop_code=task.stop_code,
                    message=message.id if message else None,
                )
            )
