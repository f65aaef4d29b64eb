"""The past of a scaler as it is read back: by the minute, then by the poll, with nothing missing and nothing twice."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.decision.model import Outcome
from controller.core.record import LaunchResult
from controller.telemetry.history import OVERHEAD, History, Track
from controller.telemetry.marks import Mark
from controller.telemetry.past import Past, Point, read_past
from tests.telemetry.test_history import BEGAN, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCHED = LaunchResult(Outcome.LAUNCHED, None)
GAPS = (0.5, 1, 10, 29.5, 59.5, 60, 60.5, 300, 3000, 7200)
"""Seconds between two polls; a float has each of their sums whole."""


class Poll(NamedTuple):
    """What a scaler saw at a moment, seconds from the beginning of the process on."""

    at: float
    backlog: int | None
    launches: bool


def note(polls: Sequence[Poll], limit: int, began: float = BEGAN) -> tuple[History, Track]:
    """Return a history of one scaler, of so many bytes, that has noted some polls."""
    history = History(began, limit)
    track = history.follow()
    for poll in polls:
        done = seen(began - BEGAN + poll.at, poll.backlog, launch=LAUNCHED if poll.launches else None)
        track.note(done)
    return history, track


@st.composite
def polled(draw: st.DrawFn) -> list[Poll]:
    """Draw polls in the order of their times."""
    at, polls = 0.0, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from(GAPS))
        backlog = draw(st.none() | st.integers(0, 3))
        polls.append(Poll(at, backlog, backlog is not None and draw(st.booleans())))
    return polls


def find_changes(polls: Sequence[Poll]) -> list[Poll]:
    """Return the polls that told something new."""
    return [
        poll
        for before, poll in pairwise([None, *polls])
        if poll is not None and (before is None or poll.launches or poll.backlog != before.backlog)
    ]


def tells(point: Point, at: float, backlog: int | None, *, by_minute: bool) -> bool:
    """Say whether a point tells of such a backlog at such a moment; of a minute only what was known in it is told."""
    least, most, last = point.backlog
    if by_minute and backlog is None:
        return True
    if not by_minute or at // 60 != point.at // 60:
        return backlog == last
    return least is not None and most is not None and least <= (backlog or 0) <= most


def list_of(found: Past, *, polls: bool) -> list[Point]:
    """Return the points that are polls, or those that are minutes: the first may also be what stood then."""
    return [point for point in found.points if (point.at >= found.polls_from) == polls]


@settings(max_examples=60, deadline=None)
@given(
    polls=polled(),
    limit=st.sampled_from([OVERHEAD, OVERHEAD + 200, OVERHEAD + 600, 24_000_000]),
    began=st.sampled_from([0.0, 10.0, 59.5]),
    asked=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    later=st.sampled_from([0.0, 30.5, 8000.0]),
)
def test_every_moment_is_told_once(polls: list[Poll], limit: int, began: float, asked: float, later: float) -> None:
    """Wherever minutes give way to polls, and from wherever on it is asked for."""
    began += BEGAN
    history, track = note(polls, limit, began)
    now = began + polls[-1].at + later
    since = began + asked * (now - began)
    found = read_past(history, track, since, now)
    for one, other in pairwise(found.points):
        assert one.at + one.seconds <= other.at
        assert one.at < other.at
        assert other.marks or other.backlog != (one.backlog.last,) * 3
    told = [(point.at, point.backlog.last, bool(point.marks)) for point in list_of(found, polls=True)]
    reach = max(since, found.polls_from)
    changes = [(began + at, backlog, launches) for at, backlog, launches in find_changes(polls) if began + at >= reach]
    assert changes == [each for each in told if each in changes]
    assert [] == [each for each in told[1:] if each not in changes]
    for poll in polls:
        at = began + poll.at
        if max(since, found.minutes_from) <= at <= now:
            point = [point for point in found.points if point.at <= at][-1]
            assert tells(point, at, poll.backlog, by_minute=point.at < found.polls_from)
            assert not poll.launches or point.marks


@pytest.mark.parametrize("since", [7000.0, 7230.0, 7260.0, 7290.0])
def test_a_launch_is_told_when_it_was(since: float) -> None:
    """What stood when a span begins is told from then on, and its launch is not one of that moment."""
    history, track = note([Poll(7230.5, 3, launches=True), Poll(20_000, 0, launches=False)], 24_000_000)
    found = read_past(history, track, BEGAN + since, BEGAN + 20_000)
    marks = [(point.at - BEGAN, point.marks) for point in found.points]
    launches = [at for at, mark in marks if Mark.LAUNCHED in mark]
    assert ([max(7200.0, since)] if since < 7260 else []) == launches
    assert marks[-1][0] == 20_000


def test_who_asks_on_from_the_last_point_gets_it_once() -> None:
    """A time that was read out as a number is found again, to the digit."""
    polls = [Poll(number * 0.7, number, launches=True) for number in range(1, 200)]
    history, track = note(polls, 24_000_000)
    every = read_past(history, track, BEGAN, BEGAN + 200).points
    for number, point in enumerate(every):
        assert every[number:] == read_past(history, track, point.at, BEGAN + 200).points
