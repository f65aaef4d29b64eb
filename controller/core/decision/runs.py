"""Runs: for how long a scaler's workers have worked lately, from when the first of a task began until all had ended.

For a worker that takes one message and exits that is how long a message takes. For one that drains the queue it is not,
and nothing here says which of the two it is.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.frozen import frozen

RUNS_REMEMBERED: Final = 20
"""Runs of a scaler that its findings go by."""
_WORKED = frozenset({StopOutcome.SUCCEEDED, StopOutcome.FAILED})


@frozen
class Runs:
    """The last runs of one scaler's tasks, seconds, the newest last."""

    took: tuple[float, ...] = ()

    def add(self, seconds: float) -> Runs:
        """Return the runs with one more."""
        return Runs((*self.took, seconds)[-RUNS_REMEMBERED:])

    @property
    def median(self) -> float | None:
        """Their median, seconds; None: none was measured."""
        return median(self.took) if self.took else None


NONE_SEEN: Final = Runs()


def measure_run(task: StoppedTask) -> float | None:
    """Return for how many seconds the workers of a task surely worked; None: they did not, or nobody can tell.

    Other containers may go on after the workers, so that the task's end is not theirs: then the last look counts.
    """
    began, ended = task.start.at, task.ran_until if task.company else task.stopped_at
    if task.outcome not in _WORKED or began is None or ended is None:
        return None
    return max(0.0, ended - began)
