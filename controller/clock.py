"""Time, as a thing that is handed in: the daemon takes the machine's, a simulation its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event


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


def machine_clock(stopping: Event) -> Clock:
    """Return the machine's clock, whose pauses end when ``stopping`` is set."""
    return Clock(now=time.time, elapsed=time.monotonic, pause=stopping.wait)
