"""What was kept of the past, read back: the points of a scaler, and what they add up to over spans of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from struct import Struct
from typing import NamedTuple

from controller.telemetry.history import (
    DAY_KEPT,
    MINUTE,
    PER_MINUTE,
    POLL,
    POLLS_KEPT,
    REASONS,
    UNKNOWN,
    UNKNOWN_BACKLOG,
    History,
    Track,
)
from controller.telemetry.marks import Happening, Mark

COUNTS = ("backlog", "desired", "running", "starting")


class Count(NamedTuple):
    """A count over a minute, or at a poll, where all three are the same; None is unknown."""

    least: int | None
    most: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Point:
    """A poll, or a minute, that told something new; it stands until the next one."""

    at: float
    """When it was or began, seconds since the epoch."""
    seconds: int
    """How long it lasted: 0 for a poll, 60 for a minute."""
    backlog: Count
    desired: Count
    running: Count
    starting: Count
    live: int | None
    """The most containers that ran or started at a time."""
    reason: str
    marks: Mark


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of a scaler since a moment; times are seconds since the epoch."""

    points: list[Point]
    """The oldest first: minutes as long as polls are not kept, then polls."""
    polls_from: float
    """From when on every poll is there."""
    minutes_from: float
    """From when on minutes are there."""
    began: float
    """When the process began, and its history with it."""
    cut: bool
    """Whether it reaches less far back than it would, because there are many scalers."""
    events: list[tuple[float, Happening]]


def read_past(history: History, track: Track, since: float, now: float) -> Past:
    """Return what is kept of a scaler from ``since`` on; ``now`` is seconds since the epoch."""
    epoch = track.epoch
    polls_from = max(track.began, epoch + track.polls_from / 10, now - POLLS_KEPT)
    minutes_from = min(polls_from, max(track.began, epoch + track.minutes_from * MINUTE / 10, now - DAY_KEPT))
    polls = list(_list_polls(epoch, track, max(since, polls_from)))
    first = max(since, minutes_from)
    minutes = list(_list_minutes(epoch, track, first, polls_from)) if first < polls_from else []
    return Past(
        points=[*minutes, *polls],
        polls_from=polls_from,
        minutes_from=minutes_from,
        began=history.began,
        cut=track.polls_from > 0 or track.minutes_from > 0,
        events=[(at, event) for at, event in list(history.events) if at >= since],
    )


def list_since(records: bytearray, kind: Struct, since: int) -> Iterator[tuple[int, ...]]:
    """Yield the records from the one on that stood at ``since``, in the unit of their times. Copies them at once."""
    copied = bytes(records)
    after = bisect_right(range(len(copied) // kind.size), since, key=lambda place: _read_time(copied, kind, place))
    return kind.iter_unpack(memoryview(copied)[max(0, after - 1) * kind.size :])


def _read_time(records: bytes, kind: Struct, place: int) -> int:
    return int(kind.unpack_from(records, place * kind.size)[0])


def _list_polls(epoch: float, track: Track, since: float) -> Iterator[Point]:
    """Yield the polls since a moment; the one that stood then begins with it."""
    for at, *rest in list_since(track.polls, POLL, floor((since - epoch) * 10)):
        yield _make_poll(max(since, epoch + at / 10), rest)


def _list_minutes(epoch: float, track: Track, since: float, until: float) -> Iterator[Point]:
    """Yield the minutes from a moment until another; what one before it has left to stand begins with it."""
    for minute, *rest in list_since(track.minutes, PER_MINUTE, floor((since - epoch) * 10) // MINUTE):
        at = epoch + minute * MINUTE / 10
        if at >= until:
            break
        *counts, _live, reason, _ = rest
        if at + MINUTE / 10 <= since:
            yield _make_poll(since, [*counts[2::3], reason, 0])
        else:
            yield _make_minute(max(at, since), rest)


def _make_poll(at: float, rest: list[int]) -> Point:
    backlog, desired, running, starting, reason, marks = rest
    live = None if UNKNOWN in {running, starting} else running + starting
    return Point(
        at=at,
        seconds=0,
        backlog=_same(None if backlog == UNKNOWN_BACKLOG else backlog),
        desired=_same(_read(desired)),
        running=_same(_read(running)),
        starting=_same(_read(starting)),
        live=live,
        reason=REASONS[reason].value,
        marks=Mark(marks),
    )


def _make_minute(at: float, rest: list[int]) -> Point:
    *counts, live, reason, marks = rest
    return Point(
        at=at,
        seconds=60,
        backlog=Count(*(None if count == UNKNOWN_BACKLOG else count for count in counts[:3])),
        desired=Count(*map(_read, counts[3:6])),
        running=Count(*map(_read, counts[6:9])),
        starting=Count(*map(_read, counts[9:12])),
        live=_read(live),
        reason=REASONS[reason].value,
        marks=Mark(marks),
    )


def _same(count: int | None) -> Count:
    return Count(count, count, count)


def _read(count: int) -> int | None:
    return None if count == UNKNOWN else count
