"""The line of a decision about its scaler's schedule: which window is in force, until when, and which comes next."""

from __future__ import annotations

from typing import Any

from controller.core.decision.timetable import Changes, TimeWindow, find_next_window, find_stretch
from controller.core.words import DAY, format_clock, format_date, format_duration

_TIMES = frozenset({"start_within", "poll_interval"})


def explain_schedule(schedule: tuple[TimeWindow, ...], now: float) -> str:
    """Say which window is in force, its end, what it sets, and the next window."""
    stretch, following = find_stretch(schedule, now), find_next_window(schedule, now)
    then = None
    if following is not None:
        entry, at = following
        then = f"{_name(schedule, entry)} from {_say_time(at, now)}"
    if stretch.entry is None:
        return f"no window is in force; next {then}" if then else "no window is in force, and none comes any more"
    until = "" if stretch.until is None else f" until {_say_time(stretch.until, now)}"
    sets = _say_changes(schedule[stretch.entry].changes)
    return f"{_name(schedule, stretch.entry)}{until}: {sets}{f'; next {then}' if then else ''}"


def tell_schedule(schedule: tuple[TimeWindow, ...], now: float) -> dict[str, Any] | None:
    """Return the same as plain values, for programs; None: the scaler has no schedule. None in it: none, or no end."""
    if not schedule:
        return None
    stretch, following = find_stretch(schedule, now), find_next_window(schedule, now)
    entry, at = (None, None) if following is None else following
    return {
        "entry": stretch.entry,
        "until": stretch.until,
        "sets": {} if stretch.entry is None else dict(schedule[stretch.entry].changes.list_set()),
        "next_entry": entry,
        "next_at": at,
        "text": explain_schedule(schedule, now),
    }


def _name(schedule: tuple[TimeWindow, ...], entry: int) -> str:
    return f"schedule[{entry}] ({schedule[entry].starts})"


def _say_time(at: float, now: float) -> str:
    """Return a time, with its date unless that is today's: the next window often is tomorrow's."""
    return format_clock(at) if at // DAY == now // DAY else format_date(at)


def _say_changes(changes: Changes) -> str:
    return ", ".join(_say_change(key, value) for key, value in changes.list_set())


def _say_change(key: str, value: float) -> str:
    if isinstance(value, bool):
        return key if value else f"not {key}"
    return f"{key} {format_duration(value) if key in _TIMES else value}"
