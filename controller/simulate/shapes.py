"""Shapes: arrivals for those who have none recorded yet, in words: ``burst 500 every 2h, poisson 3/min``.

::

    burst N [every DURATION] [at DURATION]      N messages at once, the first of them at a time after the beginning
    poisson N/UNIT [between HH:MM..HH:MM]       N messages a second, minute, hour or day, each on its own
    steady N/UNIT [between HH:MM..HH:MM]        as many, evenly

Several are separated by commas and come together. Hours of the day are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from random import Random

from controller.config.durations import MAX_DURATION, parse_argument
from controller.core.words import DAY
from controller.simulate.traces import MAX_MESSAGES
from controller.simulate.world import Arrival

FORMS = 'write it as "burst 500 every 2h", "poisson 3/min" or "steady 10/h between 09:00..17:00", with commas between'

TOO_MANY = f"more messages come than a simulation takes, {MAX_MESSAGES}: say fewer, or --for less time"

_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), DAY),
}
_BURST = re.compile(r"burst (?P<number>\d{1,7})(?: every (?P<every>\w+))?(?: at (?P<at>\w+))?")
_STREAM = re.compile(
    r"(?P<kind>poisson|steady) (?P<number>\d{1,7}(?:\.\d+)?)/(?P<unit>[a-z]+)"
    r"(?: between (?P<from>\d{1,2}:\d{2})\.\.(?P<to>\d{1,2}:\d{2}))?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """The time in which messages arrive, seconds since the epoch."""

    since: float
    until: float


def draw_shapes(text: str, period: Period, seed: int) -> list[Arrival]:
    """Return the arrivals that a text describes, the same for the same seed. Raises ValueError, which says why not."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    streams = [_read(part, period, Random(f"{seed}:{number}:{part}")) for number, part in enumerate(parts)]  # noqa: S311
    arrivals: list[Arrival] = []
    messages = 0
    for arrival in merge(*streams):
        messages += arrival.messages
        if messages > MAX_MESSAGES:
            raise ValueError(TOO_MANY)
        arrivals.append(arrival)
    return arrivals


def parse_period(text: str) -> float:
    """Return the seconds of a period: a duration, or days as in ``7d``. Raises ValueError."""
    seconds = _parse_offset(text)
    if not seconds:
        raise ValueError("must be more than 0 seconds")
    return seconds


def _parse_offset(text: str) -> float:
    """Return a time after the beginning, seconds, written as a period or 0s. Raises ValueError."""
    days = re.fullmatch(r"([0-9]{1,3})d", text)
    seconds = int(days[1]) * DAY if days else parse_argument(text)
    if seconds > MAX_DURATION:
        raise ValueError("must be at most a year")
    return seconds


def _read(part: str, period: Period, source: Random) -> Iterator[Arrival]:
    if (burst := _BURST.fullmatch(part)) is not None and int(burst["number"]):
        try:
            every = parse_period(burst["every"]) if burst["every"] else None
            first = _parse_offset(burst["at"]) if burst["at"] else 0.0
        except ValueError as error:
            raise ValueError(f"{part!r}: {error}") from error
        return _burst(period, int(burst["number"]), every, first)
    stream = _STREAM.fullmatch(part)
    if stream is None or stream["unit"] not in _UNITS or float(stream["number"]) == 0:
        raise ValueError(f"{part!r} does not say what arrives: {FORMS}")
    gap = _UNITS[stream["unit"]] / float(stream["number"])
    if (period.until - period.since) / gap > MAX_MESSAGES:
        raise ValueError(TOO_MANY)
    hours = (_read_hour(stream["from"]), _read_hour(stream["to"])) if stream["from"] else None
    return _stream(period, gap, source if stream["kind"] == "poisson" else None, hours)


def _burst(period: Period, messages: int, every: float | None, first: float) -> Iterator[Arrival]:
    at = period.since + first
    while at < period.until:
        yield Arrival(at, messages)
        if every is None:
            return
        at += every


def _stream(period: Period, gap: float, source: Random | None, hours: tuple[float, float] | None) -> Iterator[Arrival]:
    at = period.since
    while (at := at + (gap if source is None else source.expovariate(1 / gap))) < period.until:
        if hours is None or _is_between(at % DAY, *hours):
            yield Arrival(at)


def _is_between(time: float, begin: float, end: float) -> bool:
    """Say whether a time of day is within hours that may go over midnight."""
    return begin <= time < end if begin <= end else time >= begin or time < end


def _read_hour(text: str) -> float:
    hours, minutes = map(int, text.split(":"))
    if hours * 60 + minutes > DAY / 60 or minutes >= 60:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r} is not a time of day")
    return hours * 3600.0 + minutes * 60.0
