from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.explain_schedule import explain_schedule, tell_schedule
from controller.core.decision.model import Reason
from controller.core.decision.policy import StartWithin
from controller.core.decision.timetable import (
    EDGES_LOOKED_AT,
    Changes,
    Stretch,
    TimeWindow,
    apply_changes,
    find_entry,
    find_next_window,
    find_stretch,
    policy_at,
)
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide
from tests.core.decision.windows import Every, window

FIRST = window(100, 200, lasts=20)
SECOND = window(90, 300, lasts=40)
BOTH = (FIRST, SECOND)


@pytest.mark.parametrize(
    ("now", "stretch", "following"),
    [
        (0, Stretch(None, 90), (1, 90)),
        (89.9, Stretch(None, 90), (1, 90)),
        (90, Stretch(1, 100), (0, 100)),
        (100, Stretch(0, 120), (1, 120)),
        (119.9, Stretch(0, 120), (1, 120)),
        (120, Stretch(1, 130), (0, 200)),
        (130, Stretch(None, 200), (0, 200)),
        (200, Stretch(0, 220), (1, 300)),
        (339, Stretch(1, 340), None),
        (340, Stretch(None, None), None),
    ],
)
def test_the_first_in_force_counts(now: float, stretch: Stretch, following: tuple[int, float] | None) -> None:
    """It takes another's place, and gives it back if that still lasts; each is in force from its start to its end."""
    assert (stretch, following) == (find_stretch(BOTH, now), find_next_window(BOTH, now))


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        ((), 0, Stretch(None, None)),
        ((window(100, 110, 120, lasts=15),), 100, Stretch(0, 135)),
        ((window(100, 110, lasts=10),), 100, Stretch(0, 120)),
        ((window(100, lasts=10, until=105),), 100, Stretch(0, 105)),
        ((window(100, 200, lasts=10, until=200),), 111, Stretch(None, None)),
        ((window(100, lasts=10, until=90),), 0, Stretch(None, None)),
        ((TimeWindow(Every(10), 10, Changes(paused=True)),), 5, Stretch(0, None)),
    ],
    ids=["none", "begins again", "goes on", "expires", "expired at its start", "expires before", "for ever"],
)
def test_when_it_ends(windows: tuple[TimeWindow, ...], now: float, expected: Stretch) -> None:
    """With the last start that still lasts, or when it expires; one that never ends has no end, and takes no time."""
    assert expected == find_stretch(windows, now)


def changes() -> st.SearchStrategy[TimeWindow]:
    """Give windows that begin at a beat, some of which expire."""
    return st.builds(
        TimeWindow,
        st.builds(Every, st.integers(5, 60).map(float), st.integers(0, 30).map(float)),
        st.integers(1, 50).map(float),
        st.just(Changes(paused=True)),
        st.none() | st.integers(0, 300).map(float),
    )


@given(schedule=st.lists(changes(), min_size=1, max_size=4).map(tuple), now=st.integers(0, 250))
def test_the_next_change_is_the_next_change(schedule: tuple[TimeWindow, ...], now: int) -> None:
    """At every moment before it the same entry is in force, and at it another one, or none."""
    stretch = find_stretch(schedule, now)
    in_force = [each for each, window in enumerate(schedule) if window.is_in_force(now)]
    assert (in_force[0] if in_force else None) == stretch.entry
    end = now + 500 if stretch.until is None else int(stretch.until)
    assert {stretch.entry} == {find_entry(schedule, at) for at in range(now, end)}
    if stretch.until is not None:
        assert stretch.entry != find_entry(schedule, stretch.until)


class Counted:
    """Starts at a beat, which count how often they are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def next_after(self, moment: float) -> float | None:
        """Return the first that is later."""
        self.asked += 1
        return Every(10.0).next_after(moment)


def test_an_end_that_never_comes_is_looked_for_once() -> None:
    """Of an entry that begins again as it ends: pages ask for every scaler, each time."""
    starts = Counted()
    schedule = (TimeWindow(starts, 10.0, Changes(paused=True)),)
    assert Stretch(0, None) == find_stretch(schedule, 1.0)
    before = starts.asked
    assert before > EDGES_LOOKED_AT
    assert Stretch(0, None) == find_stretch(schedule, 2.0)
    assert starts.asked - before < 10


@given(schedule=st.lists(changes(), min_size=1, max_size=3).map(tuple), now=st.integers(0, 250))
def test_the_next_window_is_the_next_window(schedule: tuple[TimeWindow, ...], now: int) -> None:
    """Until then only what is in force now is, and nothing after it."""
    found = find_next_window(schedule, now)
    entry = find_entry(schedule, now)
    end = now + EDGES_LOOKED_AT if found is None else int(found[1])
    seen = [find_entry(schedule, at) for at in range(now, end)]
    assert {entry, None} >= set(seen)
    if found is not None:
        assert found[0] == find_entry(schedule, found[1])
        assert found[0] != entry or None in seen


@pytest.mark.parametrize(
    ("set_to", "expected"),
    [
        ({"max_containers": 80, "min_containers": 2}, {"max_containers": 80, "min_containers": 2}),
        ({"poll_interval": 60.0}, {"poll_interval": 60.0}),
        ({"paused": True}, {"paused": True, "paused_by_schedule": True}),
        ({"paused": False}, {}),
        ({"start_within": 60.0}, {}),
    ],
    ids=["limits", "rhythm", "a pause", "no pause", "a promise that is none"],
)
def test_what_a_window_changes(set_to: dict[str, Any], expected: dict[str, Any]) -> None:
    """What it sets, and nothing else."""
    assert policy(**expected) == apply_changes(policy(), Changes(**set_to))


def test_a_promise_in_a_window() -> None:
    """Its time is another; how long a message takes is what it was."""
    promise = StartWithin(300.0, seconds_per_message=5.0)
    changed = apply_changes(policy(demand=promise), Changes(start_within=60.0))
    assert StartWithin(60.0, seconds_per_message=5.0) == changed.demand


def test_the_policy_goes_by_the_time() -> None:
    """And by nothing else: it is the scaler's own whenever no window is in force."""
    schedule, own = (window(100, max_containers=80),), policy()
    assert [10, 80, 80, 10] == [policy_at(own, schedule, at).max_containers for at in (99.9, 100, 109.9, 110)]
    assert own == policy_at(own, schedule, 110)


def test_a_window_that_pauses_has_its_reason() -> None:
    """Whether or not the scaler's own key would pause it as well."""
    for own in (policy(), policy(paused=True)):
        rules = apply_changes(own, Changes(paused=True))
        decision, _ = decide(rules, queue(5), fleet(), settled(), NOW)
        assert Reason.PAUSED_BY_SCHEDULE is decision.reason
    rules = apply_changes(policy(paused=True), Changes(paused=False))
    decision, _ = decide(rules, queue(5), fleet(), settled(), NOW)
    assert Reason.LAUNCH is decision.reason


def test_the_state_goes_on_over_an_edge() -> None:
    """A cooldown that began before a window opened ends when it would have, and its slot stays used."""
    own = policy(max_containers=3)
    schedule = (window(NOW + 1, lasts=1000, max_containers=9),)
    decision, state = decide(policy_at(own, schedule, NOW), queue(9), fleet(), settled(), NOW)
    assert 3 == decision.launch
    after = NOW + 2
    decision, state = decide(
        policy_at(own, schedule, after), queue(9), fleet(starting=3, listed_at=after), state, after
    )
    assert (Reason.SLOT, 9, 0) == (
        decision.reason,
        decision.numbers.desired if decision.numbers else None,
        decision.launch,
    )


def named(name: str, start: float, lasts: float, **changes: Any) -> TimeWindow:
    """Return a window whose starts are written as a word."""

    class Starts:
        def next_after(self, moment: float) -> float | None:
            return start if start > moment else None

        def __str__(self) -> str:
            return name

    return TimeWindow(Starts(), lasts, Changes(**changes))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (0, "no window is in force; next schedule[1] (B) from 00:01:30Z"),
        (
            90,
            "schedule[1] (B) until 00:01:40Z: max_containers 9, poll_interval 1m; next schedule[0] (A) from 00:01:40Z",
        ),
        (100, "schedule[0] (A) until 00:02:00Z: paused; next schedule[1] (B) from 00:02:00Z"),
        (125, "schedule[1] (B) until 00:02:10Z: max_containers 9, poll_interval 1m"),
        (200, "no window is in force, and none comes any more"),
    ],
)
def test_the_line(now: float, expected: str) -> None:
    """It says which window is in force, until when, what it sets, and which comes next."""
    schedule = (named("A", 100, 20, paused=True), named("B", 90, 40, max_containers=9, poll_interval=60.0))
    assert expected == explain_schedule(schedule, now)


def test_the_same_for_programs() -> None:
    """Without a schedule there is nothing to tell."""
    schedule = (named("A", 100, 20, paused=False),)
    told = tell_schedule(schedule, 100) or {}
    assert told.pop("text") == "schedule[0] (A) until 00:02:00Z: not paused"
    assert {"entry": 0, "until": 120, "sets": {"paused": False}, "next_entry": None, "next_at": None} == told
    assert None is tell_schedule((), 100)
