"""Time, as a thing that is handed in: the daemon takes the machine's, a simulation its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

STEP = 1.0
"""Seconds by which the wall clock has to move against the other to have stepped."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, and the way to let it pass."""

    now: Callable[[], float]
    """Seconds since the epoch: what slots, cooldowns and the ledger go by. It may step."""
    elapsed: Callable[[], float]
    """Seconds since some moment; never steps."""
    pause: Callable[[float], bool]
    """Wait so many seconds; True at once when the process is to stop."""

    def is_stopping(self) -> bool:
        """Say whether the process is to stop."""
        return self.pause(0)


class StepWatch:
    """Notices steps of the wall clock, by the clock that never steps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.now() - clock.elapsed()

    def look(self) -> float | None:
        """Return by how many seconds the wall clock has stepped since the last look; None: it has not, or not by much.

        A look in which the two clocks could not be read at once, as on a busy machine, leaves it to the next one.
        """
        before, now, after = self._clock.elapsed(), self._clock.now(), self._clock.elapsed()
        if after - before > STEP / 4:
            return None
        step, self._ahead = now - after - self._ahead, now - after
        return step if abs(step) >= STEP else None


def machine_clock(stopping: Event) -> Clock:
    """Return the machine's clock, whose pauses end when ``stopping`` is set."""
    return Clock(now=time.time, elapsed=time.monotonic, pause=stopping.wait)
