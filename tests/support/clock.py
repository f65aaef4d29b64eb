"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ManualClock:
    """Calling it gives ``now``, in seconds since the epoch; the test moves it."""

    now: float

    def __call__(self) -> float:
        """Give the time."""
        return self.now
