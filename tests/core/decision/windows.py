"""Time windows for tests: their starts are listed, or come at a beat."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Any

from controller.core.decision.timetable import Changes, TimeWindow


@dataclass(frozen=True)
class At:
    """Starts that are listed, in their order."""

    moments: tuple[float, ...]

    def next_after(self, moment: float) -> float | None:
        """Return the first that is later."""
        return next((at for at in self.moments if at > moment), None)


@dataclass(frozen=True)
class Every:
    """Starts at a beat, for ever."""

    seconds: float
    offset: float = 0.0

    def next_after(self, moment: float) -> float | None:
        """Return the first that is later."""
        return (floor((moment - self.offset) / self.seconds) + 1) * self.seconds + self.offset


def window(*starts: float, lasts: float = 10.0, until: float | None = None, **changes: Any) -> TimeWindow:
    """Return a window that begins at these moments; it pauses unless it changes something else."""
    return TimeWindow(At(starts), lasts, Changes(**(changes or {"paused": True})), until)
