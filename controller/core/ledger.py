"""The ledger: which tasks live, by the listing, the descriptions and our own answers.

A task that was seen once, in a listing or in the answer to a launch, is live until it is described as stopped or has
been MISSING for five minutes, whatever the listing says: ECS is eventually consistent, and a task just started has
been seen as MISSING.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.core.breaker import SOON, Sign
from controller.core.model import Fleet

MISSING_FOR_GOOD = 300.0
"""Seconds after which a task that ECS does not know is given up."""


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
    started_at: float | None = None
    """When the task became RUNNING."""
    missing_since: float | None = None
    """Since when ECS says that it does not know the task."""

    proven: bool = False
    """It has run for long enough to be a good sign."""


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """A task that has ended."""

    arn: str
    scaler: str
    outcome: StopOutcome
    created_at: float = 0.0
    started_at: float | None = None
    """None: it never ran."""
    stopped_at: float = 0.0
    """When its containers had stopped; ECS takes longer to call it stopped."""
    cause: str | None = None
    """Why it stopped, in ECS's words."""

    @property
    def sign(self) -> Sign | None:
        """What this end tells of tasks to come; None: nothing."""
        if self.outcome in {StopOutcome.INTERRUPTED, StopOutcome.UNKNOWN}:
            return None
        ran_long = self.started_at is not None and self.stopped_at - self.started_at >= SOON
        good = self.outcome is StopOutcome.SUCCEEDED or (self.outcome is StopOutcome.FAILED and ran_long)
        return Sign(good=good, at=self.stopped_at, born_at=self.created_at, cause=self.cause)


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
            if known.pop(task.arn, None) is not None:
                stopped.append(task)
        else:
            known[task.arn] = replace(task, proven=_proven(known.get(task.arn), task, now))
    for arn in missing:
        task = known[arn]
        since = now if task.missing_since is None else task.missing_since
        if now - since < MISSING_FOR_GOOD:
            known[arn] = replace(task, missing_since=since)
        else:
            del known[arn]
            stopped.append(StoppedTask(arn=arn, scaler=task.scaler, outcome=StopOutcome.UNKNOWN))
    return known, tuple(stopped)


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
