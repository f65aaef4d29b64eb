"""The level of a scaler from poll to poll; ``hysteresis.py`` and ``level.py`` have its rules."""

from __future__ import annotations

from controller.core.frozen import frozen


@frozen
class LevelState:
    """The memory of hysteresis from poll to poll."""

    level: int = 0
    """Demand after hysteresis, containers."""
    awake: bool = False
    """Woken by its backlog, and not idle since."""
    tail: bool = False
    """A late tail is being served: at least one container until the backlog is 0."""
    waiting_since: float | None = None
    """Since when a backlog has waited with the level at 0."""
    polled_at: float | None = None
    """The last poll that counted; a look between two polls does not."""
    asked: tuple[int, ...] = ()
    """The demands of the last polls, newest last."""
    asked_padded: tuple[int, ...] = ()
    """The same with the dead band's allowance."""
    rose_at: float | None = None
    """When the level last rose."""
