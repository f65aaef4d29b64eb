"""Pauses that double: after failing tasks, after a throttle, after a launch that somebody has to mend."""

from __future__ import annotations

_MAX_DOUBLINGS = 10
"""Beyond a thousandfold every pause here is at its longest, and the power would only grow."""


def doubling_pause(first: float, longest: float, doublings: int) -> float:
    """Return the pause after so many doublings, seconds: ``first``, twice that, and so on up to ``longest``."""
    return min(longest, first * 2.0 ** min(doublings, _MAX_DOUBLINGS))
