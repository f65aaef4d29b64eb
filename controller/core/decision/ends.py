"""Ends: which worker containers have left between two looks at their tasks, and for how long they had run.

A container leaves when it exits, when its task stops, and when its task is told to stop: from then on it takes no
message any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.core.decision.ledger import Ledger
from controller.core.decision.lessons import Left
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Part, TaskState

_AT_WORK = frozenset({TaskState.STARTING, TaskState.RUNNING})
_ENDED = frozenset({StopOutcome.SUCCEEDED, StopOutcome.FAILED})


def find_left(before: Ledger, after: Ledger, stopped: Iterable[StoppedTask], now: float) -> Iterator[tuple[str, Left]]:
    """Yield what has left between two ledgers, each with the name of its scaler."""
    gone = {task.arn: task for task in stopped}
    for arn, task in before.items():
        seen = after.get(arn) or gone.get(arn)
        if Part.CREW in task.guessed:
            continue  # the most that there may be: whoever was never there has not left
        if seen is task or not (containers := _count_at_work(task) - _count_at_work(seen)) > 0:
            continue
        yield task.scaler, Left(now, containers, _measure_run(task, seen, now))


def _count_at_work(task: LiveTask | StoppedTask | None) -> int:
    return task.running + task.starting if isinstance(task, LiveTask) and task.state in _AT_WORK else 0


def _measure_run(before: LiveTask, seen: LiveTask | StoppedTask | None, now: float) -> float | None:
    """Return for how long containers had run that exited by themselves, as closely as looks tell."""
    began = before.start.at if before.start.at is not None else seen.start.at if seen else None
    if seen is None or began is None:
        return None
    if isinstance(seen, StoppedTask):
        return max(0.0, seen.stopped_at - began) if seen.outcome in _ENDED else None
    # One that was told to stop while it ran did not exit by itself.
    return max(0.0, now - began) if seen.exited > before.exited or not seen.draining else None
