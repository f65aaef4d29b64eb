"""Standstill: messages wait, and do not get fewer. Then one container more is asked for, whatever the rule says.

The rule of the promise stands on how long a message takes, which may be wrong, and on workers that take messages at
all. So it has a guard that knows neither: the promise is half over, nothing was launched meanwhile, and nothing moved.
"""

from __future__ import annotations

from controller.core.frozen import frozen


@frozen
class Standstill:
    """Since when the visible messages have not got fewer."""

    since: float
    visible: int
    """How many there were then."""


def watch_visible(before: Standstill | None, visible: int, now: float) -> Standstill | None:
    """Return the standstill after a look at ``now``; None: nothing is visible."""
    if not visible:
        return None
    if before is None or visible < before.visible or now < before.since:
        return Standstill(now, visible)
    return before


def find_overdue(standstill: Standstill | None, launched_at: float | None, patience: float, now: float) -> float | None:
    """Return since when nothing has moved and nothing was launched; None: that is not ``patience`` seconds ago yet."""
    if standstill is None:
        return None
    since = standstill.since if launched_at is None else max(standstill.since, launched_at)
    return since if now - since >= patience else None
