"""What the pages look at: the scalers as they are, what runs, and what happened lately."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.clock import Clock
from controller.core.decision.slots import spread
from controller.daemon.due import find_next_poll
from controller.daemon.status import Running
from controller.scaling.reconcile import Reconciler
from controller.telemetry.history import History


@dataclass(frozen=True, slots=True)
class Sight:
    """What the pages of one controller look at."""

    running: Running
    history: History
    clock: Clock
    scalers: Callable[[], Mapping[str, Reconciler]]
    """Returns the scalers that there are now, by name; nobody changes what it returned."""
    shard: Callable[[], Mapping[str, Any] | None]
    """Returns which part of the work this controller has; None: all of it."""

    def describe(self, now: float) -> dict[str, Any]:
        """Return what ``/status`` tells beside the scalers."""
        return self.running.describe(now, self.shard())

    def find_next_poll(self, scaler: Reconciler, now: float) -> float:
        """Return when a scaler is polled next, seconds since the epoch: in its phase, or after a rest."""
        interval, elapsed = scaler.policy.poll_interval, self.clock.elapsed()
        due = now + find_next_poll(interval, spread(scaler.spec.name), elapsed) - elapsed
        return max(due, scaler.retries.retry_at or 0.0)
