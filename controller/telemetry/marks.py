"""What can happen to a scaler at a poll, and to the whole controller, as it is kept of the past."""

from __future__ import annotations

from enum import Enum, IntFlag

from controller.core.decision.model import Outcome


class Mark(IntFlag):
    """What happened at a poll; a minute has the marks of all its polls."""

    LAUNCHED = 1
    FAILED = 2
    """A launch failed, in whole or in part, or nobody knows what came of it."""
    DRY_RUN = 4
    """A launch was suppressed."""


MARKS = {
    Outcome.LAUNCHED: Mark.LAUNCHED,
    Outcome.PARTLY_LAUNCHED: Mark.LAUNCHED | Mark.FAILED,
    Outcome.FAILED: Mark.FAILED,
    Outcome.IN_DOUBT: Mark.FAILED,
    Outcome.DRY_RUN: Mark.DRY_RUN,
}
"""What comes of a launch leaves these."""


class Happening(Enum):
    """What happened to the whole controller."""

    START = "start"
    """The process began, and its history with it."""
    RELOAD = "reload"
    REFUSED = "reload refused"
