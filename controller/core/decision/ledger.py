"""The ledger: which tasks live, by the listing, the descriptions and our own answers.

A task that was seen once, in a listing or in the answer to a launch, is live until it is described as stopped or has
been MISSING for five minutes, whatever the listing says: ECS is eventually consistent, and a task just started has
been seen as MISSING.

When a task's workers began to run, ECS does not say. It dates a task's start (``startedAt``) once every container has
started, and a container that waits for the worker's end (``dependsOn`` COMPLETE) starts hours later; containers have no
dates. So a start is known as well as the looks at the task allow: ``started_at`` is when a worker had surely begun, and
``started_after``, where ECS's date is not the workers', until when none had. The same goes for their end:
``stopped_at`` is when they had surely ended, ``ran_until`` until when one surely ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.core.decision.breaker import SOON, Sign
from controller.core.decision.model import Fleet

MISSING_FOR_GOOD = 300.0
"""Seconds after which a task that ECS does not know is given up."""
MAX_START_TIME = 300.0
"""Seconds from the last look that saw no worker run to ECS's date beyond which that is not taken for the workers'."""
CLOSE = 60.0
"""Seconds between two looks, at most, between which a start is dated well enough to measure how long it took."""


class StopOutcome(StrEnum):
    """How a task ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    START_FAILED = "start_failed"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LiveTask:
    """A task that has not stopped."""

    arn: str
    scaler: str
    running: int
    """Worker containers that run."""
    starting: int
    """Worker containers that do not run yet."""
    created_at: float
    exited: int = 0
    """Worker containers that ran and have ended."""
    started_at: float | None = None
    """When a worker had begun to run; None: none has. As described: ECS's date of the task."""
    started_after: float | None = None
    """The last look that saw no worker run; None: there was none, or ``started_at`` is the very moment."""
    ran_until: float | None = None
    """The last look that saw a worker run."""
    timed: bool = False
    """Whether ``started_at`` is close enough to measure how long the start took."""
    ended_at: float | None = None
    """The first look that saw all its workers ended, while others of its containers went on."""
    missing_since: float | None = None
    """Since when ECS says that it does not know the task."""

    company: bool = False
    """Whether it has containers beside workers and keeper: they may start later and end later than the workers."""
    proven: bool = False
    """It has run for long enough to be a good sign."""

    @property
    def start_took(self) -> float | None:
        """Seconds from RunTask until a worker ran; None: none has, or nobody looked closely enough to tell."""
        return _start_took(self)


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """A task that has ended."""

    arn: str
    scaler: str
    outcome: StopOutcome
    created_at: float = 0.0
    started_at: float | None = None
    """As of a live task; None: it never ran, or ECS never dated its start."""
    stopped_at: float = 0.0
    """When its workers had stopped, as far as known; ECS takes longer to call the task stopped."""
    cause: str | None = None
    """Why it stopped, in ECS's words."""
    company: bool = False
    """As of a live task; so are the three that follow."""
    started_after: float | None = None
    ran_until: float | None = None
    timed: bool = False

    @property
    def sign(self) -> Sign | None:
        """What this end tells of tasks to come; None: nothing."""
        if self.outcome in {StopOutcome.INTERRUPTED, StopOutcome.UNKNOWN}:
            return None
        good: bool | None = self.outcome is StopOutcome.SUCCEEDED
        if self.outcome is StopOutcome.FAILED:
            good = self._ran_long
        return None if good is None else Sign(good, self.stopped_at, self.created_at, self.cause)

    @property
    def start_took(self) -> float | None:
        """As of a live task."""
        return _start_took(self)

    @property
    def _ran_long(self) -> bool | None:
        """Whether its workers ended no sooner than SOON after their start; None: that cannot be told."""
        ran_until = self.ran_until if self.company else self.stopped_at
        if self.started_at is not None and ran_until is not None and ran_until - self.started_at >= SOON:
            return True
        earliest = self.started_at if self.started_after is None else self.started_after
        soon = self.stopped_at - (self.created_at if earliest is None else earliest) < SOON
        return False if soon else None


Ledger = Mapping[str, LiveTask]
"""The live tasks by ARN."""


def answered(ledger: Ledger, tasks: Iterable[LiveTask]) -> Ledger:
    """Return the ledger with the tasks of an answer; what is known of a task already is kept."""
    return {task.arn: task for task in tasks} | dict(ledger)


def described(
    ledger: Ledger, tasks: Iterable[LiveTask | StoppedTask], missing: Iterable[str], now: float
) -> tuple[Ledger, tuple[StoppedTask, ...]]:
    """Return the ledger after a round of descriptions, and the tasks that ended since the last.

    ``missing`` are the ARNs of the ledger that ECS says it does not know.
    """
    known = dict(ledger)
    stopped = []
    for task in tasks:
        if isinstance(task, StoppedTask):
            # A listing that lags shows a task again after its end: it ends once.
            if (before := known.pop(task.arn, None)) is not None:
                stopped.append(ended(task, before))
        else:
            known[task.arn] = _seen(task, known.get(task.arn), now)
    for arn in missing:
        task = known[arn]
        since = now if task.missing_since is None else task.missing_since
        if now - since < MISSING_FOR_GOOD:
            known[arn] = replace(task, missing_since=since)
        else:
            del known[arn]
            stopped.append(StoppedTask(arn=arn, scaler=task.scaler, outcome=StopOutcome.UNKNOWN))
    return known, tuple(stopped)


def ended(task: StoppedTask, before: LiveTask | None = None) -> StoppedTask:
    """Return a task that has stopped, dated by its workers as far as known; ``before`` is how it was seen last."""
    if before is not None and before.ended_at is not None:
        task = replace(task, stopped_at=min(task.stopped_at, before.ended_at))
    if before is not None and before.started_at is not None:
        return replace(
            task,
            started_at=before.started_at,
            started_after=before.started_after,
            ran_until=before.ran_until,
            timed=before.timed,
        )
    after = _none_ran_until(task, before)
    task = replace(task, timed=_is_timed(task, task.started_at, after))
    return task if _is_workers(task.started_at, after) else replace(task, started_after=after)


def _seen(task: LiveTask, before: LiveTask | None, now: float) -> LiveTask:
    """Return a live task as described at ``now``, with what is known of it beyond that."""
    if before is not None and before.started_at is not None:
        task = replace(task, started_at=before.started_at, started_after=before.started_after, timed=before.timed)
    elif task.started_at is None and not task.running and not task.exited:
        task = replace(task, started_after=now)
    else:
        after = _none_ran_until(task, before)
        # While a worker runs, whoever waits for its end has not started, and cannot have put the date off.
        dated = _is_workers(task.started_at, after) or (task.running > 0 and task.started_at is not None)
        known_by = now if task.started_at is None else task.started_at
        timed = _is_timed(task, known_by, after)
        task = replace(task, started_at=known_by, started_after=None if dated else after, timed=timed)
    ran_until = now if task.running else (before.ran_until if before else None)
    return replace(task, ran_until=ran_until, proven=_proven(before, task, now), ended_at=_ended_at(before, task, now))


def _ended_at(before: LiveTask | None, task: LiveTask, now: float) -> float | None:
    if not task.exited or task.running or task.starting:
        return None
    return now if before is None or before.ended_at is None else before.ended_at


def _none_ran_until(task: LiveTask | StoppedTask, before: LiveTask | None) -> float:
    """Return until when no worker of a task had run, by the looks before."""
    return task.created_at if before is None or before.started_after is None else before.started_after


def _is_workers(started_at: float | None, after: float) -> bool:
    """Say whether ECS's date of a task's start may be taken for that of its workers."""
    return started_at is not None and started_at - after <= MAX_START_TIME


def _is_timed(task: LiveTask | StoppedTask, started_at: float | None, after: float) -> bool:
    """Say whether the start of a described task's workers is known closely: ECS dates nothing else, or looks tell.

    A clock that was set back between two looks makes nonsense of them.
    """
    if started_at is None or started_at < task.created_at:
        return False
    dated_by_ecs = task.started_at is not None and not task.company
    return dated_by_ecs or started_at - after <= CLOSE


def _start_took(task: LiveTask | StoppedTask) -> float | None:
    return None if task.started_at is None or not task.timed else task.started_at - task.created_at


def _proven(before: LiveTask | None, task: LiveTask, now: float) -> bool:
    """Say whether a task has ever run for long enough: one whose workers have crashed lingers while ECS cleans up."""
    runs_long = task.running > 0 and task.started_at is not None and now - task.started_at >= SOON
    return runs_long or (before is not None and before.proven)


def fleet_of(tasks: Iterable[LiveTask], listed_at: float, start_delay: float | None) -> Fleet:
    """Return one scaler's fleet from its live tasks."""
    tasks = tuple(tasks)
    started = sum(task.started_at is not None for task in tasks)
    return Fleet(
        listed_at=listed_at,
        running=sum(task.running for task in tasks),
        starting=tuple(task.created_at for task in tasks for _ in range(task.starting)),
        running_tasks=started,
        starting_tasks=len(tasks) - started,
        newest_task_at=max((task.created_at for task in tasks), default=None),
        oldest_task_at=min((task.created_at for task in tasks), default=None),
        start_delay=start_delay,
    )
