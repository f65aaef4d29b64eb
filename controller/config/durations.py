"""Durations as people write them: ``10s``, ``5m``, ``1h30m``, ``500ms``, or whole seconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controller.core.words import UNITS, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

PATTERN = r"^(?=[0-9])([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
"""Hours, minutes, seconds and milliseconds, in this order, each at most once (also for the JSON Schema)."""
MAX_DURATION = 366 * 86_400.0
"""A year in seconds: whoever writes more has mistyped."""
FORMS = "write it as 10s, 5m, 1h30m, 500ms, or as whole seconds"

_DURATION = re.compile(PATTERN)
_FRACTION = re.compile(r"([0-9]{0,9})[.,]([0-9]{1,9})(h|m|s|ms)?")
_MILLISECONDS = {name: milliseconds for milliseconds, name in UNITS}


def parse_duration(value: object) -> float:
    """Return a duration in seconds. Raises ValueError, which says what is wrong with it and how to write it."""
    if isinstance(value, float):
        raise ValueError(_explain(str(value)))  # noqa: TRY004  pydantic collects ValueErrors only
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a duration: {FORMS}")  # noqa: TRY004  as above
    return _require_at_most_a_year(value if isinstance(value, int) else _parse_text(value))


def parse_argument(text: str) -> float:
    """Return in seconds the duration that a command line gives, where a whole number of seconds is text, too."""
    return _require_at_most_a_year(int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else parse_duration(text)


def parse_seconds(value: object) -> float:
    """Return the seconds that a positive number, fractions allowed, or a duration stands for."""
    seconds = value if isinstance(value, float) else parse_duration(value)
    if not 0 < seconds <= MAX_DURATION:
        raise ValueError("must be more than 0 seconds and at most one year")
    return seconds


def require_between(least: str, most: str) -> Callable[[float], float]:
    """Return a validator that passes seconds on if they are within two durations, both included."""
    lowest, highest = parse_duration(least), parse_duration(most)

    def check(seconds: float) -> float:
        if not lowest <= seconds <= highest:
            raise ValueError(f"must be between {least} and {most}, not {format_duration(seconds)}")
        return seconds

    return check


def _require_at_most_a_year(seconds: float) -> float:
    if not 0 <= seconds <= MAX_DURATION:
        raise ValueError("must be between 0 and one year")
    return float(seconds)


def _parse_text(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(_explain(text))
    amounts = (int(part.rstrip("hms")) if part else 0 for part in match.groups())
    return sum(amount * milliseconds for amount, (milliseconds, _) in zip(amounts, UNITS, strict=True)) / 1000


def _explain(text: str) -> str:
    """Say why a text is no duration, and how to write it."""
    if re.fullmatch(r"[0-9]+(:[0-9]+)+", text):
        return f"must have units, since colons can be read in two ways: {FORMS}"
    if re.match(r"[0-9]*[.,][0-9]", text):
        seconds = _convert_fraction(text)
        return f"must not have a fraction: {FORMS if seconds is None else f'write it as {format_duration(seconds)}'}"
    if re.fullmatch(r"[0-9]+", text):
        return f"has no unit: {FORMS}"
    if re.match(r"[0-9]", text):
        return f"has an unknown unit, or its units are in the wrong order: {FORMS}"
    return f"is not a duration: {FORMS}"


def _convert_fraction(text: str) -> float | None:
    """Return the seconds that a single fraction stands for; None if they are not whole milliseconds.

    A fraction without a unit is taken as seconds.
    """
    match = _FRACTION.fullmatch(text)
    if match is None:
        return None
    whole, decimals, unit = match.groups()
    scaled = int(whole + decimals) * _MILLISECONDS[unit or "s"]
    milliseconds, rest = divmod(scaled, 10 ** len(decimals))
    return None if rest else milliseconds / 1000
