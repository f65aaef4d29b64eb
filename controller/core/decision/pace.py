"""The pace: how long a message occupies a container, and from where that is known."""

from __future__ import annotations

from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import StartWithin


def tell_pace(goal: StartWithin) -> Pace:
    """Return the pace that counts now: the given one before any other."""
    if goal.seconds_per_message is not None:
        return Pace(goal.seconds_per_message, Source.GIVEN)
    if goal.at_first is not None:
        return Pace(goal.at_first, Source.AT_FIRST)
    return Pace()
