"""Starts: how long they have taken lately, from RunTask until a worker ran. Their median is the start delay."""

from __future__ import annotations

from statistics import median
from typing import Final

from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import LiveTask
from controller.core.frozen import frozen

STARTS_REMEMBERED: Final = 20
"""Starts of a scaler whose median is its start delay."""


@frozen
class Starts:
    """The last starts of one scaler's tasks."""

    took: tuple[float, ...] = ()
    """Seconds from RunTask until a worker ran, the newest last."""
    delay: float | None = None
    """Their median, seconds; None: none was measured."""

    def add(self, seconds: float) -> Starts:
        """Return the starts with one more, which took so many seconds."""
        took = (*self.took, seconds)[-STARTS_REMEMBERED:]
        return Starts(took, median(took))


NONE_SEEN: Final = Starts()


def measure_start(known: LiveTask | None, task: LiveTask | StoppedTask) -> float | None:
    """Return the seconds that a start took which was not ``known`` before; None: there is none, or nobody can tell."""
    if known is not None and known.start.at is not None:
        return None
    return task.start.took(task.created_at)
