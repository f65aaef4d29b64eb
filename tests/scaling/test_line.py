"""The line for a rate that all scalers share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.rate import Rate
from controller.scaling.line import ROUNDING, Line, Place
from tests.support.clock import ManualClock

RATE = Rate(20.0, 100)


def line_at(now: float = 1_000_000.0) -> tuple[Line, ManualClock]:
    """Return a line, and its clock."""
    clock = ManualClock(now)
    return Line(RATE, clock.handed_in()), clock


def test_a_burst_does_not_wait() -> None:
    """What comes after it does, for as long as the rate makes it; nothing is taken meanwhile."""
    line, clock = line_at()
    assert [0.0] * 10 == [line.ask(Place(0, 10)) for _ in range(10)]
    place = Place(0, 10)
    assert [0.5, 0.5] == pytest.approx([line.ask(place), line.ask(place)])
    clock.now += 0.5
    assert 0.0 == line.ask(place)


def test_who_asked_first_goes_first() -> None:
    """Among equals."""
    line, clock = line_at()
    line.ask(Place(0, 100))
    first, second = Place(0, 10), Place(0, 10)
    assert [0.5, 1.0] == pytest.approx([line.ask(first), line.ask(second)])
    clock.now += 0.5
    assert (0.5, 0.0) == pytest.approx((line.ask(second), line.ask(first)))


def test_the_higher_priority_goes_first() -> None:
    """Also before those that have waited for longer, who are told to wait on."""
    line, clock = line_at()
    line.ask(Place(0, 100))
    low, high = Place(0, 10), Place(-5, 10)
    assert [0.5, 0.5, 1.0] == pytest.approx([line.ask(low), line.ask(high), line.ask(low)])
    clock.now += 0.5
    assert (0.5, 0.0) == pytest.approx((line.ask(low), line.ask(high)))
    clock.now += 0.5
    assert 0.0 == line.ask(low)


def test_a_place_that_is_given_up_holds_nobody() -> None:
    """Nor does one that nobody holds any more."""
    line, _ = line_at()
    line.ask(Place(0, 100))
    gone, stays = Place(0, 10), Place(0, 10)
    line.ask(gone)
    line.ask(stays)
    line.leave(gone)
    line.leave(gone)
    assert 0.5 == pytest.approx(line.ask(stays))


def test_the_rate_may_change() -> None:
    """From then on."""
    line, _ = line_at()
    place = Place(0, 10)
    line.ask(Place(0, 100))
    line.configure(Rate(10.0, 100))
    assert 1.0 == pytest.approx(line.ask(place))


@given(st.lists(st.tuples(st.integers(1, 10), st.integers(-2, 2), st.floats(0, 3)), max_size=60))
def test_it_is_never_faster_than_it_may_be(calls: list[tuple[int, int, float]]) -> None:
    """After every call: no more than the burst and what has come in since the start, whoever goes first."""
    line, clock = line_at()
    began, taken, waiting = clock.now, 0, list[Place]()
    for tokens, priority, passed in calls:
        waiting.append(Place(-priority, tokens))
        for place in list(waiting):
            if line.ask(place) == 0.0:
                waiting.remove(place)
                taken += place.tokens
        assert taken <= RATE.burst + RATE.per_second * (clock.now - began + ROUNDING)
        clock.now += passed


@given(st.lists(st.tuples(st.integers(1, 10), st.integers(-2, 2)), min_size=1, max_size=40))
def test_everybody_comes_to_their_turn(wanted: list[tuple[int, int]]) -> None:
    """Who asks again when told to goes within the time that the whole line takes."""
    line, clock = line_at()
    line.ask(Place(0, 100))
    began, waiting = clock.now, [Place(-priority, tokens) for tokens, priority in wanted]
    total = sum(place.tokens for place in waiting)
    while waiting:
        seconds = {place: line.ask(place) for place in list(waiting)}
        waiting = [place for place in waiting if seconds[place]]
        clock.now += min((seconds[place] for place in waiting), default=0.0)
    assert clock.now - began <= total / RATE.per_second + len(wanted) * ROUNDING
