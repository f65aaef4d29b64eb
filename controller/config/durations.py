"""Durations as people write them: ``10s``, ``5m``, ``1h30m``, ``500ms``, or whole seconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

PATTERN = r"^(?=[0-9])([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
"""Hours, minutes, seconds and milliseconds, in this order, each at most once (also for the JSON Schema)."""
MAX_DURATION = 366 * 86_400.0
"""A year: longer ones are a slip of the pen."""
FORMS = "write it as 10s, 5m, 1h30m, 500ms, or as whole seconds"

_DURATION = re.compile(PATTERN)
_FRACTION = re.compile(r"([0-9]{0,9})[.,]([0-9]{1,9})(h|m|s|ms)?")
_UNITS = (3_600_000, 60_000, 1_000, 1)
_NAMES = ("h", "m", "s", "ms")


def parse_duration(value: object) -> float:
    """Return the seconds that ``value`` says; ValueError says what is wrong with it and how to write it."""
    if isinstance(value, float):
        raise ValueError(_what_is_wrong(str(value)))  # noqa: TRY004  pydantic collects ValueErrors only
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a duration: {FORMS}")  # noqa: TRY004  as above
    return _within_a_year(value if isinstance(value, int) else _parse_text(value))


def parse_argument(text: str) -> float:
    """Return the seconds that a command line's word says: there a bare whole number is always text, and is seconds."""
    return _within_a_year(int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else parse_duration(text)


def parse_seconds(value: object) -> float:
    """Return a positive number of seconds, fractions allowed, or the seconds that a duration says."""
    seconds = value if isinstance(value, float) else parse_duration(value)
    if not 0 < seconds <= MAX_DURATION:
        raise ValueError("must be more than 0 seconds and at most one year")
    return seconds


def between(least: str, most: str) -> Callable[[float], float]:
    """Return a check that passes seconds on if they are within two durations, both included."""
    lowest, highest = parse_duration(least), parse_duration(most)

    def check(seconds: float) -> float:
        if not lowest <= seconds <= highest:
            raise ValueError(f"must be between {least} and {most}, not {format_duration(seconds)}")
        return seconds

    return check


def _within_a_year(seconds: float) -> float:
    if not 0 <= seconds <= MAX_DURATION:
        raise ValueError("must be between 0 and one year")
    return float(seconds)


def _parse_text(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(_what_is_wrong(text))
    amounts = (int(part.rstrip("hms")) if part else 0 for part in match.groups())
    return sum(amount * unit for amount, unit in zip(amounts, _UNITS, strict=True)) / 1000


def _what_is_wrong(text: str) -> str:
    if re.fullmatch(r"[0-9]+(:[0-9]+)+", text):
        return f"a colon is no unit: hours and minutes, or minutes and seconds, cannot be told apart: {FORMS}"
    if re.match(r"[0-9]*[.,][0-9]", text):
        return f"fractions are not taken: {_without_fraction(text) or FORMS}"
    if re.fullmatch(r"[0-9]+", text):
        return f"has no unit: {FORMS}"
    if re.match(r"[0-9]", text):
        return f"has a unit or an order that is not known: {FORMS}"
    return f"is not a duration: {FORMS}"


def _without_fraction(text: str) -> str | None:
    """Say how to write one fraction (of seconds, if it has no unit); None if it is no whole milliseconds."""
    match = _FRACTION.fullmatch(text)
    if match is None:
        return None
    whole, decimals, unit = match.groups()
    scaled = int(whole + decimals) * _UNITS[_NAMES.index(unit or "s")]
    milliseconds, rest = divmod(scaled, 10 ** len(decimals))
    return None if rest else f"write it as {format_duration(milliseconds / 1000)}"
