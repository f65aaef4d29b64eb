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
_ROUNDING = 1e-4
"""Seconds since the epoch have digits enough for less than that."""


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
    """How long it lasted: 0 for a poll, 60 for a minute; less for one that is asked for from its middle on, or goes on
    yet."""
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
    """The oldest first: minutes as long as polls are not kept, then polls. None begins before the one before it ends,
    and each tells something new, save the first, which may tell what stood."""
    polls_from: float
    """From when on every poll is there: where a minute begins, or the process."""
    minutes_from: float
    """From when on minutes are there."""
    began: float
    """When the process began, and its history with it."""
    cut: bool
    """Whether it reaches less far back than it would, because there are many scalers."""
    events: list[tuple[float, Happening]]


def read_past(history: History, track: Track, since: float, now: float) -> Past:
    """Return what is kept of a scaler from ``since`` on; of what is to come there is nothing.

    ``since`` and ``now`` are seconds since the epoch.
    """
    epoch = track.epoch
    # Where there is no room for a single poll, the minute under way tells of the last one.
    kept_from = track.polls_from if track.polls or track.open is None else track.seen_at + 1
    polls_from = max(track.began, epoch + _find_whole(kept_from), _begin_minute(epoch, now - POLLS_KEPT))
    oldest = max(track.began, epoch + track.minutes_from * MINUTE / 10, _begin_minute(epoch, now - DAY_KEPT))
    minutes_from = min(polls_from, oldest)
    minutes = list(_list_minutes(epoch, track, max(since, minutes_from), polls_from, now))
    polls = list(_list_polls(epoch, track, max(since, polls_from))) if max(since, polls_from) <= now else []
    if minutes and polls and _tells_nothing(minutes[-1], polls[0]):
        # What stood when polls begin, the minutes have told.
        del polls[0]
    return Past(
        points=[*minutes, *polls],
        polls_from=polls_from,
        minutes_from=minutes_from,
        began=history.began,
        cut=track.polls_from > 0 or track.minutes_from > 0,
        events=[(at, event) for at, event in list(history.events) if at >= since],
    )


def _begin_minute(epoch: float, at: float) -> float:
    """Return when the minute of a moment began, seconds since the epoch."""
    return epoch + (at - epoch) // 60 * 60


def _find_whole(first: int) -> float:
    """Return from when on minutes have all their polls if those before ``first``, tenths of a second, are forgotten."""
    return -(-first // MINUTE) * MINUTE / 10


def _count_tenths(epoch: float, at: float) -> int:
    """Return the tenths of a second from ``epoch`` until a moment: as many for one that was read out as it had."""
    return floor((at - epoch) * 10 + _ROUNDING)


def _tells_nothing(before: Point, later: Point) -> bool:
    """Say whether a poll shows no more than what the point before it has left."""
    stands = all(getattr(before, name).last == getattr(later, name).last for name in COUNTS)
    return stands and before.reason == later.reason and not later.marks


def list_since(records: bytearray, kind: Struct, since: int) -> Iterator[tuple[int, ...]]:
    """Yield the records from the one on that stood at ``since``, in the unit of their times. Copies them at once."""
    copied = bytes(records)
    after = bisect_right(range(len(copied) // kind.size), since, key=lambda place: _read_time(copied, kind, place))
    return kind.iter_unpack(memoryview(copied)[max(0, after - 1) * kind.size :])


def _read_time(records: bytes, kind: Struct, place: int) -> int:
    return int(kind.unpack_from(records, place * kind.size)[0])


def _list_polls(epoch: float, track: Track, since: float) -> Iterator[Point]:
    """Yield the polls since a moment; what stood then begins with it, and was no launch of that moment."""
    for at, *values, marks in list_since(track.polls, POLL, _count_tenths(epoch, since)):
        began = epoch + at / 10
        yield _make_poll(max(since, began), [*values, marks if began >= since else 0])


def _list_minutes(epoch: float, track: Track, since: float, until: float, now: float) -> Iterator[Point]:
    """Yield the minutes from a moment until another; what one before it has left to stand begins with it."""
    for minute, *rest in _list_all_minutes(track, _count_tenths(epoch, since) // MINUTE):
        at = epoch + minute * MINUTE / 10
        begins, ends = max(at, since), at + MINUTE / 10
        if begins >= until or begins > now:
            break
        *counts, _live, reason, _ = rest
        if ends <= since:
            yield _make_poll(since, [*counts[2::3], reason, 0])
        else:
            yield _make_minute(begins, floor(min(ends, now) - begins), rest)


def _list_all_minutes(track: Track, since: int) -> list[tuple[int, ...]]:
    """Return the minutes since one, with the one under way: it may have had more polls than there is room for."""
    # First: one that ends meanwhile is among those that are over.
    under_way = track.open
    minutes = list(list_since(track.minutes, PER_MINUTE, since))
    over = minutes[-1] if minutes else (-1,)
    if under_way is not None and under_way[0] > over[0]:
        minute, least, most, left, live, marks = under_way
        counts = [count for each in zip(least[:4], most[:4], left[:4], strict=True) for count in each]
        if marks or not least == most == left or (*over[3:13:3], *over[14:15]) != left:
            minutes.append((minute, *counts, live, left[4], marks))
    # Of those that were over by then only the last one stood.
    return minutes[-1:] if minutes and minutes[-1][0] <= since else minutes


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


def _make_minute(at: float, seconds: int, rest: list[int]) -> Point:
    *counts, live, reason, marks = rest
    return Point(
        at=at,
        seconds=seconds,
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
