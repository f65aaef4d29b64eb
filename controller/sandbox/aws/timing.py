"""How long the embedded ECS takes for what it does; all of it can be set while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

PENDING_SHARE = 0.3
"""How much of a task's start delay is PROVISIONING unless ``pending_delay`` says otherwise."""

Delay = float | Callable[[str], float]
"""Seconds, or a function from a task's ARN to seconds, the same for the same ARN (a seeded draw)."""


@dataclass(slots=True)
class Timing:
    """Delays in seconds."""

    start_delay: Delay = 0.0
    """From RunTask to RUNNING."""
    pending_delay: float | None = None
    """From RunTask to the end of PROVISIONING; None for three tenths of the start delay."""
    dependency_delay: float = 0.0
    """From a dependency's being met to the dependent container's start."""
    stop_delay: float = 0.0
    """From the order to stop to STOPPED."""
    listing_lag: Delay = 0.0
    """How old what ListTasks shows of a task is: started and stopped are both seen this much later."""
    describing_lag: Delay = 0.0
    """How long after RunTask DescribeTasks calls a task MISSING."""

    def set(self, other: Timing) -> None:
        """Take over every delay of another timing."""
        for delay in fields(self):
            setattr(self, delay.name, getattr(other, delay.name))

    def starts(self, arn: str, created_at: float) -> tuple[float, float]:
        """When the task's PROVISIONING ends, and when it is ready to run."""
        delay = seconds(self.start_delay, arn)
        pending = PENDING_SHARE * delay if self.pending_delay is None else min(self.pending_delay, delay)
        return created_at + pending, created_at + delay


def seconds(delay: Delay, arn: str) -> float:
    """Give the delay of one task."""
    return delay(arn) if callable(delay) else delay
