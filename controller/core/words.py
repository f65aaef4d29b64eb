"""Numbers, times of day and durations, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

UNITS = ((3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))
"""The units of a duration, the largest first: how many milliseconds each has, and how it is written."""
DAY = 86_400.0
"""Seconds."""
_DATE = "%Y-%m-%d %H:%M:%SZ"
_AGES = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def format_count(number: int, thing: str) -> str:
    """Return ``1 container`` or ``2 containers``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def as_clause(sentence: str) -> str:
    """Return somebody else's sentence without its full stop, so that ours can go on behind it."""
    return sentence if sentence.endswith("..") else sentence.rstrip().removesuffix(".")


def format_clock(at: float, now: float | None = None) -> str:
    """Return the time of day of ``at``, seconds since the epoch, in UTC: ``09:41:07Z``.

    With the date before it, ``2026-11-25 09:41:07Z``, if ``at`` is a day or more from ``now``.
    """
    far = now is not None and abs(now - at) >= DAY
    return datetime.fromtimestamp(at, UTC).strftime(_DATE if far else "%H:%M:%SZ")


def format_date(at: float) -> str:
    """Return a moment, seconds since the epoch, with its date, in UTC: ``2026-11-25 09:41:07Z``."""
    return datetime.fromtimestamp(at, UTC).strftime(_DATE)


def format_duration(seconds: float) -> str:
    """Return a duration to the millisecond, as the configuration takes it: ``45s``, ``1h30m``, ``1s500ms``."""
    rest, text = round(seconds * 1000), ""
    for unit, name in UNITS:
        amount, rest = divmod(rest, unit)
        text += f"{amount}{name}" if amount else ""
    return text or "0s"


def format_span(seconds: float) -> str:
    """Return a duration for reading: in whole seconds from one second on, in milliseconds below."""
    return format_duration(round(seconds) if seconds >= 1 else seconds)


def format_age(seconds: float) -> str:
    """Return how long something has lasted, in its two largest units: ``2d3h``, ``3h20m``, ``45s``, ``0s``."""
    rest = round(max(0.0, seconds))
    for (unit, name), (smaller, smaller_name) in pairwise(_AGES):
        if rest >= unit:
            amount = rest % unit // smaller
            return f"{rest // unit}{name}" + (f"{amount}{smaller_name}" if amount else "")
    return f"{rest}s"
