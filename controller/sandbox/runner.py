"""Stands in for the agents of ECS: runs the programs in the containers of the embedded ECS's tasks.

    RUNNING in ECS --> the program runs on a thread --> it ends --> ECS gets its exit code
                                |                                |
    STOPPED in ECS before that: the program is killed            if it was STOPPED already, this was a kill too

The embedded ECS decides which containers run, by the rules of ECS (states over time, ``dependsOn``, the end of every
sibling when an essential one exits). This module only runs what is inside them: for a worker a stand-in, for a keeper
the real keeper.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from controller.core.copies.copies import KEEPER
from controller.sandbox.assignments import is_worker, name_behaviour, name_queue
from controller.sandbox.keepers import KeeperError
from controller.sandbox.workers import GaveUpError, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from controller.clock import Clock
    from controller.sandbox.aws import ContainerView, EcsControl, TaskView
    from controller.sandbox.keepers import Keepers
    from controller.sandbox.messages import Message, MessageRecords, Mishap

MIN_LOOK_INTERVAL = 0.05
"""The shortest pause between two looks at the tasks, seconds."""
PAUSE_FACTOR = 5
"""The pause after a look is at least that many times as long as the look: in an hour thousands of tasks accumulate."""
STOP_TIMEOUT = 4.0
"""How long ``stop`` waits for programs: a worker ends its call in flight, a keeper has its time after SIGTERM."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that ECS ended before it exited by itself."""

    task: str
    """The task's ARN."""
    container: str
    queue: str
    stop_code: str | None
    """The ``stopCode`` of its task."""
    message: str | None
    """The id of the message on which it was working; None if there was none."""


@dataclass(frozen=True, slots=True)
class Misfortune:
    """A worker that exited because of the mishap of its message."""

    task: str
    """The task's ARN."""
    container: str
    mishap: Mishap


class Program(Protocol):
    """A program that runs in a container."""

    def run(self) -> int:
        """Run to the end, and return the exit code. Raises the error with which it fails."""

    def kill(self) -> None:
        """End it from outside, without waiting for its end."""

    @property
    def killed(self) -> bool:
        """Whether it was ended from outside."""

    @property
    def queue(self) -> str | None:
        """The queue of its messages; None if it is no worker, and so may be stopped at any time."""

    @property
    def holding(self) -> Message | None:
        """The message on which it is working; None if there is none."""


class _Container:
    """A container, from its start until it is STOPPED in ECS and its program has ended."""

    def __init__(self, task: TaskView, name: str, program: Program, run: Callable[[_Container], None]) -> None:
        self.task = task
        self.name = name
        self.program = program
        self.switched_off = False
        """Whether it was ended by the sandbox and not by ECS."""
        self.thread = threading.Thread(target=run, args=(self,), name=f"container-{name}", daemon=True)
        self.thread.start()


class ContainerRunner:
    """Runs the containers of the tasks in ``ecs`` until it is stopped."""

    def __init__(
        self, ecs: EcsControl, *, sqs: SQSClient, records: MessageRecords, keepers: Keepers, clock: Clock
    ) -> None:
        self._ecs = ecs
        self._keepers = keepers
        self._sqs = sqs
        self._records = records
        self._clock = clock
        self._containers: dict[tuple[str, str], _Container] = {}
        self._urls: dict[str, str] = {}
        """Of the queues that workers have been started for, by name."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-runner", daemon=True)
        self.kills: list[Kill] = []
        """Workers that ECS stopped before they had ended, oldest first."""
        self.failures: list[str] = []
        """A line about each container that ended with an error of its own, oldest first."""
        self.misfortunes: list[Misfortune] = []
        """Workers that ended with an error because of a mishap, oldest first."""
        self.error: Exception | None = None
        """Why the runner itself has failed; None if it has not."""

    def start(self) -> None:
        """Begin to run containers."""
        self._thread.start()

    def stop(self) -> None:
        """End every container that still runs, as if the machine were switched off. None of them counts as killed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
            # Containers that ECS has stopped since the last look must count as stopped by ECS, not by us.
            self.look()
        at_work = self._find_at_work()
        for container in at_work:
            container.switched_off = not container.program.killed
            container.program.kill()
        deadline = self._clock.elapsed() + STOP_TIMEOUT
        for container in at_work:
            container.thread.join(max(0.0, deadline - self._clock.elapsed()))

    @property
    def running(self) -> int:
        """How many programs have not ended, those of workers and keepers."""
        return len(self._find_at_work())

    def _find_at_work(self) -> list[_Container]:
        return [each for each in list(self._containers.values()) if each.thread.is_alive()]

    def _run(self) -> None:
        try:
            pause = MIN_LOOK_INTERVAL
            while not self._stopping.wait(pause):
                began = self._clock.elapsed()
                self.look()
                pause = max(MIN_LOOK_INTERVAL, PAUSE_FACTOR * (self._clock.elapsed() - began))
        except Exception as error:  # noqa: BLE001 - the run ends with it as its message
            self.error = error

    def look(self) -> None:
        """Start the containers that now run in ECS, and kill those that ECS has stopped."""
        for task in self._ecs.tasks():
            for view in task.containers:
                if view.status == "RUNNING":
                    self._start_container(task, view)
                elif view.status == "STOPPED":
                    self._end_container(task, view)

    def _start_container(self, task: TaskView, view: ContainerView) -> None:
        if (task.arn, view.name) in self._containers:
            return
        program = self._make_program(task, view)
        if program is not None:
            self._containers[task.arn, view.name] = _Container(task, view.name, program, self._run_program)

    def _make_program(self, task: TaskView, view: ContainerView) -> Program | None:
        """Return the program of a container; None for a sidecar, which runs until its task stops."""
        if view.name == KEEPER:
            return self._keepers.make_keeper(task, view)
        queue = name_queue(task, view)
        url = None if queue is None else self._find_url(queue)
        if queue is None or (url is None and not is_worker(view)):
            return None
        return Worker(
            behaviour=name_behaviour(view),
            sqs=self._sqs,
            queue=queue,
            queue_url=url,
            records=self._records,
            now=self._clock.now,
        )

    def _find_url(self, queue: str) -> str | None:
        """Return the URL of a queue by its name; None if there is none."""
        if queue not in self._urls:
            try:
                self._urls[queue] = self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            except ClientError:
                return None
        return self._urls[queue]

    def _run_program(self, container: _Container) -> None:
        code = self._await_exit(container)
        if container.switched_off:
            return
        if not self._ecs.exit_container(container.task.arn, container.name, code):
            self._note_kill(container)

    def _await_exit(self, container: _Container) -> int:
        """Run the program to its end and return its exit code; note an error of its own."""
        try:
            return container.program.run()
        except GaveUpError as error:
            self.misfortunes.append(Misfortune(container.task.arn, container.name, error.mishap))
        except KeeperError as error:
            self._note_failure(container, error)
            return error.code
        except Exception as error:  # noqa: BLE001 - a failure ends only this container
            self._note_failure(container, error)
        return 1

    def _note_failure(self, container: _Container, error: Exception) -> None:
        if not container.program.killed:
            self.failures.append(f"{container.name} of task {container.task.id}: {error}")

    def _note_kill(self, container: _Container) -> None:
        """Note that ECS stopped a worker before its end, even if it has ended by itself in the meantime."""
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

    def _end_container(self, task: TaskView, view: ContainerView) -> None:
        container = self._containers.get((task.arn, view.name))
        if container is None:
            return
        container.program.kill()
        if not container.thread.is_alive():
            del self._containers[task.arn, view.name]
