from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from controller.daemon.alive import AliveLine
from tests.support.clock import ManualClock

NOW = 1_000_000.0
"""When the controller began."""
NEVER = 0.0


@pytest.mark.parametrize(
    ("last_success", "interval", "after", "stuck"),
    [
        (NEVER, 10.0, 300.0, 0),
        (NEVER, 10.0, 301.0, 1),
        (NOW + 100.0, 10.0, 400.0, 0),
        (NOW + 100.0, 10.0, 401.0, 1),
        (NOW, 3600.0, 10_800.0, 0),
        (NOW, 3600.0, 10_801.0, 1),
    ],
    ids=["new", "never", "lately", "no more", "polled seldom", "polled seldom and no more"],
)
def test_the_line_counts_who_does_not_get_through(
    last_success: float, interval: float, after: float, stuck: int
) -> None:
    """A scaler counts after 5 minutes, or three of its polls, without a success since the controller began."""
    clock = ManualClock(NOW)
    line = AliveLine(clock.handed_in())
    clock.now += after
    with capture_logs() as logged:
        line.say([(last_success, interval), (clock.now, 10.0)])
    assert [{"event": "alive", "log_level": "info", "scalers": 2, "not_reconciling": stuck}] == logged
