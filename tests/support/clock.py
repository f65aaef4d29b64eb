"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from controller.clock import Clock, machine_clock

MACHINE_CLOCK = machine_clock(Event())
"""The machine's own clock; nothing ever asks it to stop."""


@dataclass(slots=True)
class ManualClock:
    """Calling it gives ``now``, in seconds since the epoch; the test moves it."""

    now: float

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    def handed_in(self, stopping: Event | None = None) -> Clock:
        """Return it as the controller takes it: nobody waits by it, and ``stopping`` says whether to stop."""
        return Clock(now=self, elapsed=self, pause=lambda _: stopping is not None and stopping.is_set())
