"""The line that says every minute that a controller runs, for alarms that stand on the log."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from controller.clock import Clock
from controller.config.stack.alarms import ALIVE, STUCK
from controller.scaling.reconcile import Reconciler

ALIVE_EVERY = 60.0
"""Seconds between two lines; alarms on the log go by the minute."""
BEHIND_AFTER = 300.0
"""Seconds since the last success after which a scaler does not get through, as for the alert EcsqNotReconciling."""
POLLS = 3
"""As many polls are waited for at least, where they are far apart."""


class AliveLine:
    """Says that the process runs, and how many of its scalers have not got through for a while."""

    def __init__(self, clock: Clock) -> None:
        """Begin now: a scaler that has never got through has not since then."""
        self._clock = clock
        self._began = clock.now()

    def say(self, scalers: Iterable[tuple[float, float]]) -> None:
        """Log the line; of each scaler is given when it last got through, and the seconds between its polls."""
        known = list(scalers)
        stuck = sum(self._is_behind(last_success, interval) for last_success, interval in known)
        structlog.get_logger().info(ALIVE, **{"scalers": len(known), STUCK: stuck})

    def _is_behind(self, last_success: float, interval: float) -> bool:
        return self._clock.now() - max(self._began, last_success) > max(BEHIND_AFTER, POLLS * interval)


def list_successes(reconcilers: Iterable[Reconciler]) -> list[tuple[float, float]]:
    """Return when each scaler last got through, seconds since the epoch, and the seconds between its polls."""
    return [(each.series.last_success, each.policy.poll_interval) for each in reconcilers]
