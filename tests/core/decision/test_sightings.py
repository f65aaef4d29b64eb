from __future__ import annotations

import pytest

from controller.core.decision.decide import heed_left
from controller.core.decision.lessons import Left
from controller.core.decision.sightings import (
    NOTHING_SEEN,
    OLD_REMEMBERED,
    Sightings,
    count_busy,
    count_left_since,
    note_age,
    note_left,
    note_running,
)
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide


def seen(*looks: tuple[float, int, int]):
    """Return sightings: seconds ago, how many ran, and how many had left since the look before."""
    sightings = NOTHING_SEEN
    for ago, running, left in looks:
        sightings = note_running(note_left(sightings, left), running, NOW - ago)
    return sightings


@pytest.mark.parametrize(
    ("looks", "in_flight", "left"),
    [
        pytest.param([(50, 10, 0), (0, 10, 10)], 10, 0, id="fresh-counts-of-a-steady-fleet"),
        pytest.param([(50, 8, 0), (0, 3, 5)], 8, 5, id="as-of-50s-ago"),
        pytest.param([(50, 8, 0), (0, 3, 5)], 3, 0, id="as-of-now"),
        pytest.param([(50, 10, 0), (0, 3, 7)], 8, 5, id="between-two-looks-of-a-falling-fleet"),
        pytest.param([(50, 2, 0), (20, 30, 0), (0, 10, 20)], 2, 20, id="counted-before-they-took-one"),
        pytest.param([(50, 3, 0), (0, 3, 3)], 9, 0, id="somebody-else-has-them"),
        pytest.param([(70, 8, 0), (0, 3, 5)], 8, 0, id="longer-ago-than-counts-are-old"),
        pytest.param([(20, 8, 0), (0, 0, 8)], 0, 0, id="all-have-left-and-the-counts-know"),
        pytest.param([(20, 8, 0), (0, 0, 8)], 8, 8, id="all-have-left-and-the-counts-do-not"),
        pytest.param([], 5, 0, id="nothing-ran"),
    ],
)
def test_the_age_of_the_counts_is_told_from_in_flight(looks, in_flight: int, left: int) -> None:
    """Whoever has left since the fleet ran as many containers as messages are in flight."""
    assert left == count_left_since(seen(*looks), in_flight)


RISEN_AND_FALLEN = [(60, 10, 0), (50, 30, 0), (40, 30, 5), (30, 20, 15), (0, 0, 20)]


def test_of_several_moments_that_fit_the_first_counts_where_counts_were_old() -> None:
    """Twenty ran on the way up, when none had left, and on the way down, when twenty had of the forty by now."""
    looks = seen(*RISEN_AND_FALLEN)
    assert 20 == count_left_since(looks, 20)
    assert 40 == count_left_since(note_age(looks, 10, NOW, waits=False), 20)


@pytest.mark.parametrize(
    ("looks", "in_flight", "waits", "is_old"),
    [
        pytest.param([(50, 8, 0), (0, 3, 5)], 8, False, True, id="more-in-flight-than-run"),
        pytest.param([(50, 3, 0), (0, 8, 0)], 3, True, True, id="fewer-and-yet-a-message-waits"),
        pytest.param([(50, 3, 0), (0, 8, 0)], 3, False, False, id="some-are-idle"),
        pytest.param([(50, 8, 0), (0, 3, 5)], 3, True, False, id="as-many"),
        pytest.param([(50, 8, 0), (0, 3, 5)], 9, True, False, id="somebody-else-has-them"),
        pytest.param([(9, 8, 0), (0, 3, 5)], 8, True, False, id="since-the-last-look"),
        pytest.param([], 3, True, False, id="nothing-ran"),
    ],
)
def test_whether_counts_are_surely_old(looks, in_flight: int, waits: bool, is_old: bool) -> None:  # noqa: FBT001
    """Only where they fit an earlier look, and not this one."""
    assert (NOW if is_old else None) == note_age(seen(*looks), in_flight, NOW, waits=waits).old_at


def test_that_counts_were_old_is_remembered_for_an_hour() -> None:
    """Whatever ran meanwhile; then it is forgotten."""
    old = Sightings(old_at=NOW)
    assert old == note_running(old, 0, NOW + OLD_REMEMBERED)
    assert NOTHING_SEEN == note_running(old, 0, NOW + OLD_REMEMBERED + 1)


def test_the_work_of_those_that_have_left_is_seen() -> None:
    """Thirty have run within the last minute, and none does any more: twenty in flight were twenty at work."""
    assert (20, 30, 0) == tuple(
        count_busy(looks, count)
        for looks, count in ((seen(*RISEN_AND_FALLEN), 20), (seen(*RISEN_AND_FALLEN), 99), (NOTHING_SEEN, 9))
    )


def test_what_lies_back_is_forgotten() -> None:
    """A minute after the last container ran nothing is left of it, so that an idle scaler rests."""
    assert NOTHING_SEEN == note_running(seen((0, 5, 0)), 0, NOW + 61)


def test_whoever_has_left_still_counts_as_taking_a_message() -> None:
    """Ten messages counted a minute ago, when ten others ran, are in the hands of the ten that run now."""
    rules, state = policy(max_containers=90), settled()
    _, state = decide(rules, queue(10, 10), fleet(running=10, listed_at=NOW - 50), state, NOW - 50)
    state = heed_left(state, [Left(NOW - 5, 10, 45.0)])
    fresh, _ = decide(rules, queue(10, 4), fleet(running=4, starting=6), state, NOW)
    stale, _ = decide(rules, queue(10, 10), fleet(running=4, starting=6), state, NOW)
    assert ((0, 4), (10, 0)) == (
        (fresh.numbers.left, fresh.numbers.unclaimed),
        (stale.numbers.left, stale.numbers.unclaimed),
    )
