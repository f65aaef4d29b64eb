"""Moments as people write them: seconds since the epoch, or ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST, LATEST = 0.0, 253_402_300_799.0
"""The moments that anybody may mean, seconds since the epoch; the last is the end of the year 9999. Who writes
milliseconds is far beyond."""


def parse_moment(text: str) -> float:
    """Return seconds since the epoch; a time without a zone is one of UTC. Raises ValueError for what is neither."""
    try:
        at = float(text)
    except ValueError:
        at = _parse_iso(text)
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"{text!r} is no moment between the years 1970 and 9999")
    return at


def _parse_iso(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from error
