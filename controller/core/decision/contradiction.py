"""A contradiction between a queue's counts and the workers that run; the rule about it is in ``busy``."""

from __future__ import annotations

from controller.core.frozen import frozen


@frozen
class Contradiction:
    """Counts that cannot all be true of workers that keep a message in flight while they work on it."""

    since: float
    """The first look that saw it."""
    seen_at: float
    """The last one."""
    looks: int
    """How many, all in a row."""
    visible: int
    """Visible messages at the first."""
