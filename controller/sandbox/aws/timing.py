"""The delays of the embedded ECS. All of them can be changed while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

PENDING_SHARE = 0.3
"""The share of a task's start delay that is PROVISIONING if there is no ``pending_delay``."""

Delay = float | Callable[[str], float]
"""Seconds, or a function from a task's ARN to seconds, which always returns the same for the same ARN."""


@dataclass(slots=True)
class Timing:
    """Delays in seconds."""

    start_delay: Delay = 0.0
    """Time from RunTask to RUNNING."""
    pending_delay: float | None = None
    """Time from RunTask to the end of PROVISIONING; None for three tenths of the start delay."""
    dependency_delay: float = 0.0
    """Time from when a dependency is met to the start of the dependent container."""
    stop_delay: float = 0.0
    """Time from the order to stop to STOPPED."""
    listing_lag: Delay = 0.0
    """How late ListTasks shows that a task has started or stopped."""
    describing_lag: Delay = 0.0
    """How long after RunTask a task is MISSING in DescribeTasks."""

    def set(self, other: Timing) -> None:
        """Copy every delay of another timing."""
        for delay in fields(self):
            setattr(self, delay.name, getattr(other, delay.name))

    def plan_start(self, arn: str, created_at: float) -> tuple[float, float]:
        """Return when the task's PROVISIONING ends, and when it is ready to run, seconds since the epoch."""
        delay = resolve_delay(self.start_delay, arn)
        pending = PENDING_SHARE * delay if self.pending_delay is None else min(self.pending_delay, delay)
        return created_at + pending, created_at + delay


def resolve_delay(delay: Delay, arn: str) -> float:
    """Return the delay of one task, seconds."""
    return delay(arn) if callable(delay) else delay
