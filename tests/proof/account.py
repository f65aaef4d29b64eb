"""The model of AWS: tasks that take their time to be listed, tokens, definitions and one queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from controller.aws.run_task import ConflictError, RunTaskAnswer
from controller.aws.tasks import Round
from controller.core.copies.copies import split_revision
from controller.core.copies.template import Template
from controller.core.decision.model import QueueCounts
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Start

ALMOST = 1e-6
"""Seconds by which "at most L" stays below L: the times of slots are rounded."""
SIDECARS = 6
"""With the keeper they leave room for three workers a task."""


class Starts(Enum):
    """What ECS does with a call whose token is new."""

    ALL = "every task starts"
    SOME = "half of the tasks start, and the answer names the others as failures"
    NONE = "no task starts, and the answer names all as failures"
    LIES = "every task starts, but the answer names half of them as failures"


@dataclass(slots=True, eq=False)
class AccountTask:
    """One task, as it truly is."""

    arn: str
    number: int
    workers: int
    """Worker containers that it started with."""
    live: int
    """Worker containers that have not ended."""
    created_at: float
    running_since: float | None = None
    stopped_at: float | None = None
    messages: int = 0
    """Taken by its workers and not done."""
    definition: str = "task-definition/family:1"
    """The ARN of what it runs."""
    provider: str | None = None
    """The capacity provider that the call has named."""
    outcome: StopOutcome = StopOutcome.SUCCEEDED
    """How it ends. A worker that ends by itself ends well: the breaker, which only holds back, stays closed."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a token stands for."""

    parameters: Mapping[str, Any]
    answer: RunTaskAnswer


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived revision."""

    fingerprint: str
    workers: int
    revision: int
    """The template's that it is made from."""


@dataclass(slots=True)
class Queue:
    """One queue."""

    visible: int = 0
    in_flight: int = 0
    claims: int | None = None
    """What it says instead of the visible messages; None: the truth."""

    def counts(self) -> QueueCounts:
        """Answer GetQueueAttributes."""
        return QueueCounts(self.visible if self.claims is None else self.claims, self.in_flight, 0)


@dataclass(slots=True)
class Account:
    """ECS and SQS, for one controller's name, cluster and scaler."""

    lag: float
    """L: by when at the latest a change shows in listings and descriptions, seconds."""
    hides: int = -1
    """Of the changes younger than that, bit n (modulo 16) hides those of task n."""
    denies: bool = False
    """Whether a hidden task that is asked for by its ARN is MISSING."""
    binds_nothing: bool = True
    """Whether a token is bound by a call that started nothing. AWS does not say: it must not matter."""
    deletes_first: bool = False
    """Whether a worker deletes its message as it takes it, so that nothing is in flight while it works."""
    tasks: list[AccountTask] = field(default_factory=list)
    queue: Queue = field(default_factory=Queue)
    tokens: dict[str, _Bound] = field(default_factory=dict)
    revision: int = 1
    """The newest of the template; all before it are ACTIVE, too."""
    derived: dict[str, Derived] = field(default_factory=dict)
    """By ARN of a derived revision."""

    def run_task(
        self, parameters: Mapping[str, Any], starts: Starts, now: float
    ) -> tuple[RunTaskAnswer, list[AccountTask]]:
        """Carry a call out as ECS does; returns the answer and the tasks that are new. Raises ConflictError."""
        token = parameters["clientToken"]
        bound = self.tokens.get(token)
        if bound is not None and bound.parameters != parameters:
            raise ConflictError(bound.answer.arns)
        if bound is not None:
            return bound.answer, []
        count = parameters["count"]
        named = count if starts is Starts.ALL else 0 if starts is Starts.NONE else count // 2
        started = named if starts in {Starts.SOME, Starts.NONE} else count
        new = [self._start(parameters, now) for _ in range(started)]
        answer = RunTaskAnswer(tuple(task.arn for task in new[:named]), ("RESOURCE:MEMORY",) * (count - named))
        if new or self.binds_nothing:
            self.tokens[token] = _Bound(dict(parameters), answer)
        return answer, new

    def _start(self, parameters: Mapping[str, Any], now: float) -> AccountTask:
        number, definition = len(self.tasks), parameters["taskDefinition"]
        (provider,) = [each["capacityProvider"] for each in parameters.get("capacityProviderStrategy", ())] or [None]
        workers = self.derived[definition].workers if definition in self.derived else 1
        task = AccountTask(f"task/{number}", number, workers, workers, now, definition=definition, provider=provider)
        self.tasks.append(task)
        return task

    def revision_of(self, definition: str) -> int:
        """Return the template's revision of what a task runs, a revision's ARN."""
        name = definition.rpartition("/")[2]
        return self.derived[definition].revision if definition in self.derived else int(name.rpartition(":")[2])

    def has_proven(self, revision: int, prove: float, now: float) -> bool:
        """Say whether a task of a revision has truly done well."""
        return any(
            (
                task.running_since is not None
                and (now if task.stopped_at is None else task.stopped_at) - task.running_since >= prove
            )
            or (task.stopped_at is not None and task.outcome is StopOutcome.SUCCEEDED)
            for task in self.tasks
            if self.revision_of(task.definition) == revision
        )

    @property
    def live(self) -> int:
        """Worker containers that truly live."""
        return sum(task.live for task in self.tasks)

    @property
    def unfinished(self) -> int:
        """Messages that wait, or that a worker works on."""
        return self.queue.visible + sum(task.messages for task in self.tasks)

    def listed(self, now: float) -> list[AccountTask]:
        """Answer ListTasks: whatever is settled, and of the rest what does not hide."""
        return [task for task in self.tasks if self._seems_live(task, now)]

    def described(self, tasks: Iterable[AccountTask], known: Iterable[str], scaler: str, now: float) -> Round:
        """Answer DescribeTasks for the listed tasks and those known by their ARN."""
        listed = {task.number: task for task in tasks}
        asked = listed | {task.number: task for task in (self._task(arn) for arn in known)}
        missing = [
            task for task in asked.values() if self.denies and task.number not in listed and self._unborn(task, now)
        ]
        return Round(
            tasks=tuple(self._description(task, scaler, now) for task in asked.values() if task not in missing),
            missing=tuple(task.arn for task in missing),
        )

    def _task(self, arn: str) -> AccountTask:
        return self.tasks[int(arn.removeprefix("task/"))]

    def _hidden(self, task: AccountTask, since: float, now: float) -> bool:
        return bool(self.hides >> task.number % 16 & 1) and now < since + self.lag - ALMOST

    def _unborn(self, task: AccountTask, now: float) -> bool:
        return self._hidden(task, task.created_at, now)

    def _seems_live(self, task: AccountTask, now: float) -> bool:
        stopped = task.stopped_at is not None and not self._hidden(task, task.stopped_at, now)
        return not stopped and not self._unborn(task, now)

    def _description(self, task: AccountTask, scaler: str, now: float) -> LiveTask | StoppedTask:
        start, (family, revision) = Start(task.running_since), split_revision(task.definition)
        if task.stopped_at is not None and not self._hidden(task, task.stopped_at, now):
            ended = StoppedTask(task.arn, scaler, task.outcome, task.created_at, start, task.stopped_at)
            return replace(ended, family=family, revision=revision, provider=task.provider)
        live = task.live or task.workers
        running = live if task.running_since is not None else 0
        lives = LiveTask(task.arn, scaler, running, live - running, task.created_at, start=start)
        return replace(lives, family=family, revision=revision, provider=task.provider)

    def work(self, now: float) -> None:
        """Let every task run, and every free worker take a message."""
        for task in self.tasks:
            if task.stopped_at is None:
                task.running_since = now if task.running_since is None else task.running_since
                taken = min(task.live - task.messages, self.queue.visible)
                task.messages += taken
                self.queue.visible -= taken
                self.queue.in_flight += 0 if self.deletes_first else taken

    def cut_off(self, task: AccountTask, outcome: StopOutcome, now: float) -> None:
        """End a task with all its workers; what they have taken is visible again."""
        self.queue.visible += task.messages
        self.queue.in_flight -= 0 if self.deletes_first else task.messages
        task.live = task.messages = 0
        task.stopped_at, task.outcome = now, outcome

    def end(self, task: AccountTask, now: float) -> None:
        """Let one worker of a task end, its message done."""
        task.live -= 1
        if task.messages > task.live:
            task.messages -= 1
            self.queue.in_flight -= 0 if self.deletes_first else 1
        if task.live == 0:
            task.stopped_at = now

    def template(self, definition: str) -> Template:
        """Answer DescribeTaskDefinition for a family, or one of its revisions."""
        family, colon, number = definition.partition(":")
        revision = int(number) if colon else self.revision
        containers = [{"name": "worker", "image": "worker", "cpu": 256, "memory": 512}]
        containers += [{"name": f"sidecar-{n}", "image": "sidecar", "memory": 64} for n in range(SIDECARS)]
        return Template(
            f"task-definition/{family}:{revision}",
            family,
            revision,
            {"family": family, "revision": revision, "containerDefinitions": containers},
        )

    def find(self, fingerprint: str) -> str | None:
        """Return the newest derived revision with the fingerprint."""
        return next((arn for arn, each in reversed(self.derived.items()) if each.fingerprint == fingerprint), None)

    def register(self, family: str, workers: int, fingerprint: str, template: str) -> str:
        """Answer RegisterTaskDefinition; ``template`` is the ARN of the revision that it is made from."""
        arn = f"task-definition/{family}:{len(self.derived) + 1}"
        self.derived[arn] = Derived(fingerprint, workers, int(template.rpartition(":")[2]))
        return arn
