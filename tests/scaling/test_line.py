"""The line for a rate that all scalers share."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.budget import AGING
from controller.core.decision.rate import Rate
from controller.scaling.line import REMEMBERED, ROUNDING, Line, Place
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


def test_windows_that_open_in_the_same_order_starve_nobody() -> None:
    """A scaler that had to leave without its turn goes before those that were served since."""
    line, clock = line_at()
    line.configure(Rate(1.0, 10))
    served = Counter[str]()
    # Ten scalers, of which the rate serves three in a slot of 30 s; windows of 20 s open 3 s apart.
    asks = [(clock.now + 3 * number, f"scaler-{number}", None, 0.0) for number in range(10)]
    until = clock.now + 40 * 30
    while asks[0][0] < until:
        clock.now, scaler, place, closes = heappop(asks)
        if place is None:
            place, closes = line.line_up(scaler, 0, 10), clock.now + 20
        waits = line.ask(place)
        served[scaler] += waits == 0.0
        if 0.0 < waits <= closes - clock.now:
            heappush(asks, (clock.now + waits, scaler, place, closes))
        else:
            line.leave(place)
            heappush(asks, (closes + 10, scaler, None, 0.0))
    assert set(range(11, 14)) >= set(served.values())


def test_to_wait_long_is_worth_a_priority() -> None:
    """As in the line for the budget; what was waited for long ago is not."""
    line, clock = line_at()
    line.ask(Place(0, 100))
    for passed, low_first in ((AGING + 1, True), (AGING - 1, False), (REMEMBERED + 1, False)):
        line.leave(low := line.line_up("low", 0, 10))
        line.ask(low)
        line.leave(low)
        clock.now += passed
        low, high = line.line_up("low", 0, 10), line.line_up("high", 1, 10)
        assert low_first == (low < high)
        clock.now += 10 * REMEMBERED


def test_whoever_is_served_begins_anew() -> None:
    """Its next call goes behind those that wait."""
    line, clock = line_at()
    line.ask(Place(0, 100))
    line.ask(first := line.line_up("first", 0, 10))
    line.leave(first)
    clock.now += 1
    assert 0.0 == line.ask(line.line_up("first", 0, 10))
    clock.now += 1
    second = line.line_up("second", 0, 10)
    clock.now += 1
    assert second < line.line_up("first", 0, 10)


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
