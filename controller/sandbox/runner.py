"""The stand-in for ECS's agents: runs what the containers of the embedded ECS's tasks would run.

    RUNNING in ECS --> its program, on a thread --> it ends --> its exit code is told to ECS
                                |                            |
    STOPPED in ECS without that: killed                      it was STOPPED already: that was a kill, too

The embedded ECS says which containers run, by ECS's own rules (states over time, ``dependsOn``, the end of every
sibling when an essential one exits); here is only what happens inside them. A worker's program is a stand-in, the
keeper's is the keeper itself.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.core.copies.copies import KEEPER
from controller.sandbox.keepers import KeeperError
from controller.sandbox.workers import BEHAVIOUR_VARIABLE, QUEUE_URL_VARIABLE, QUEUE_VARIABLE, GaveUpError, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.aws import ContainerView, EcsControl, TaskView
    from controller.sandbox.keepers import Keepers
    from controller.sandbox.messages import Message, MessageRecords, Mishap

POLL = 0.05
"""Seconds between two looks at the tasks."""
LOOK_SHARE = 5
"""The pause after a look is at least so many times what the look took: an hour leaves thousands of stopped tasks."""
STOP_TIMEOUT = 4.0
"""How long what is stopped may take, seconds: a worker ends its call in flight, a keeper has its time after SIGTERM."""


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
        """Run to the end and return the exit code; whoever calls it waits. Raises what it fails with."""

    def kill(self) -> None:
        """End it from outside; this does not wait for its end."""

    @property
    def killed(self) -> bool:
        """Whether it was told to end from outside."""

    @property
    def queue(self) -> str | None:
        """Whose messages it works on; None: it is no worker, and may be stopped at any time."""

    @property
    def holding(self) -> Message | None:
        """The message that it works on."""


class _Container:
    """A container from its start until ECS has it as STOPPED and its program has ended."""

    def __init__(self, task: TaskView, name: str, program: Program, live: Callable[[_Container], None]) -> None:
        self.task = task
        self.name = name
        self.program = program
        self.switched_off = False
        """Whether the sandbox, and not ECS, told it to end."""
        self.thread = threading.Thread(target=live, args=(self,), name=f"container-{name}", daemon=True)
        self.thread.start()


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
        """Workers that ECS stopped before they had ended, oldest first."""
        self.failures: list[str] = []
        """Containers that ended with an error of their own, oldest first: container, task and error."""
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
            # What ECS has stopped since the last look was stopped by ECS, not by us.
            self.look()
        at_work = self._at_work()
        for container in at_work:
            container.switched_off = not container.program.killed
            container.program.kill()
        deadline = time.monotonic() + STOP_TIMEOUT
        for container in at_work:
            container.thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def running(self) -> int:
        """Containers whose program has not ended: workers and keepers."""
        return len(self._at_work())

    def _at_work(self) -> list[_Container]:
        return [each for each in list(self._containers.values()) if each.thread.is_alive()]

    def _run(self) -> None:
        try:
            pause = POLL
            while not self._stopping.wait(pause):
                began = time.monotonic()
                self.look()
                pause = max(POLL, LOOK_SHARE * (time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - it ends the run with a message of its own
            self.error = error

    def look(self) -> None:
        """Start what runs in ECS by now, and kill what ECS has stopped; the rest is done on each container's thread."""
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
            self._containers[task.arn, view.name] = _Container(task, view.name, program, self._live)

    def _program(self, task: TaskView, view: ContainerView) -> Program | None:
        """Return what a container runs; None for a sidecar, which runs until its task stops."""
        if view.name == KEEPER:
            return self._keepers.keeper(task, view)
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
        code = self._exit_code(container)
        if container.switched_off:
            return
        if not self._ecs.exit_container(container.task.arn, container.name, code):
            self._note_kill(container)

    def _exit_code(self, container: _Container) -> int:
        """Run its program to the end, and note what went wrong with it by itself."""
        try:
            return container.program.run()
        except GaveUpError as error:
            self.misfortunes.append(Misfortune(container.task.arn, container.name, error.mishap))
        except KeeperError as error:
            self._note_failure(container, error)
            return error.code
        except Exception as error:  # noqa: BLE001 - a container that fails harms nobody else
            self._note_failure(container, error)
        return 1

    def _note_failure(self, container: _Container, error: Exception) -> None:
        if not container.program.killed:
            self.failures.append(f"{container.name} of task {container.task.id}: {error}")

    def _note_kill(self, container: _Container) -> None:
        """Note that ECS had stopped a worker before it ended, even if it has ended by itself in the meantime."""
        program = container.program
        if program.queue is not None:
            self.kills.append(
                Kill(
                    task=container.task.arn,
                    container=container.name,
                    queue=program.queue,
                    stop_code=self._ecs.task(container.task.arn).stop_code,
                    message=program.holding.id if program.holding else None,
                )
            )

    def _bury(self, task: TaskView, view: ContainerView) -> None:
        container = self._containers.get((task.arn, view.name))
        if container is None:
            return
        container.program.kill()
        if not container.thread.is_alive():
            del self._containers[task.arn, view.name]
