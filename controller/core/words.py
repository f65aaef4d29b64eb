"""Numbers, times of day and durations, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(number: int, thing: str) -> str:
    """Return ``1 container`` or ``2 containers``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def clock(at: float) -> str:
    """Return a time of day as people on call write it, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")


def span(seconds: float) -> str:
    """Return a duration as it is written in the configuration: ``45s``, ``5m``, ``1h30m``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
