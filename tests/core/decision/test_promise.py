from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.lessons import NOTHING_LEARNED, Lessons
from controller.core.decision.model import Fleet, QueueCounts, Reason
from controller.core.decision.need import Pace, Source
from controller.core.decision.pace import tell_pace
from controller.core.decision.policy import StartWithin
from controller.core.decision.promise import count_asked, find_time, measure_need
from controller.core.decision.standstill import Standstill
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

GOAL = StartWithin(start_within=300.0, seconds_per_message=60.0)
PACE = Pace(60.0, Source.GIVEN, takes_one=False)
MANY = 1e9
"""So many looks that no chance is left in them."""


def ask(counts: QueueCounts, alive: Fleet, goal: StartWithin = GOAL, pace: Pace = PACE) -> int:
    """Return the containers that a promise asks for, with all of its time."""
    return count_asked(measure_need(goal.start_within, pace, counts, alive, NOW), counts, alive)


@pytest.mark.parametrize(
    ("counts", "alive", "containers"),
    [
        pytest.param(queue(), fleet(), 0, id="nothing-waits"),
        pytest.param(queue(in_flight=9), fleet(), 0, id="others-hold-what-is-in-flight"),
        pytest.param(queue(1), fleet(), 1, id="one-message"),
        pytest.param(queue(4), fleet(), 1, id="240s-of-work-in-the-240s-left-after-a-start"),
        pytest.param(queue(5), fleet(), 2, id="300s-of-work-in-240s"),
        pytest.param(queue(40), fleet(), 10, id="forty-messages"),
        pytest.param(queue(), fleet(running=3), 3, id="what-lives-stays-asked-for"),
        pytest.param(queue(5), fleet(running=1), 1, id="a-free-container-takes-300s"),
        pytest.param(queue(4, 1), fleet(running=1), 1, id="a-busy-one-takes-four-after-its-own"),
        pytest.param(queue(5, 1), fleet(running=1), 2, id="and-not-five"),
        pytest.param(queue(8, 9), fleet(running=2), 2, id="messages-in-flight-elsewhere-are-not-ours"),
        pytest.param(queue(8), fleet(starting=2), 2, id="two-starting-take-240s-each"),
        pytest.param(queue(9), fleet(starting=2), 3, id="one-more-than-two-starting-take"),
        pytest.param(queue(9), fleet(starting=2, start_delay=30.0), 2, id="a-measured-delay-of-30s-leaves-270s"),
        pytest.param(queue(5), fleet(start_delay=120.0), 2, id="180s-left-two"),
        pytest.param(queue(7), fleet(start_delay=120.0), 3, id="180s-left-three"),
        pytest.param(queue(29), fleet(start_delay=290.0), 6, id="a-start-near-the-promise-shares-over-the-start"),
        pytest.param(queue(30), fleet(start_delay=900.0), 2, id="a-promise-that-no-start-can-keep"),
    ],
)
def test_workers_that_drain_share_the_work(counts, alive, containers: int) -> None:
    """T = 300 s, S = 60 s, D = 60 s until measured: live + need / max(T - D, D, S), rounded up."""
    assert containers == ask(counts, alive)


@pytest.mark.parametrize(
    ("age", "visible", "containers"),
    [(0.0, 8, 2), (0.0, 9, 3), (30.0, 9, 2), (30.0, 10, 3), (60.0, 10, 2), (600.0, 10, 2), (600.0, 11, 3)],
)
def test_a_start_that_has_begun_leaves_more_of_the_promise(age: float, visible: int, containers: int) -> None:
    """Of two containers created ``age`` seconds ago each takes T - what is left of D; an overdue one T whole."""
    assert containers == ask(queue(visible), fleet(starting=2, listed_at=NOW - age))


@pytest.mark.parametrize("pace", [Pace(60.0, Source.LEARNED, 99, takes_one=True), Pace()], ids=["takes-one", "unknown"])
@pytest.mark.parametrize(
    ("counts", "alive", "containers"),
    [
        (queue(1000), fleet(), 1000),
        (queue(10, 4), fleet(running=4), 14),
        (queue(10, 2), fleet(running=4, starting=3), 12),
        (queue(3), fleet(running=4), 4),
    ],
    ids=["a-burst", "all-busy", "two-idle-three-starting", "enough-idle"],
)
def test_each_message_gets_a_container(pace: Pace, counts, alive, containers: int) -> None:
    """Where each worker takes one and exits, or nobody knows how long one takes: live + unclaimed messages."""
    assert containers == ask(counts, alive, pace=pace)


@pytest.mark.parametrize(
    ("seconds", "visible", "containers"), [(7200.0, 10, 10), (1.0, 1000, 5)], ids=["2h-messages", "1s-messages"]
)
def test_what_was_launched_is_enough_at_the_next_look(seconds: float, visible: int, containers: int) -> None:
    """Those that start are worth what they were launched for, however long a message takes."""
    pace = Pace(seconds, Source.GIVEN, takes_one=False)
    assert containers == ask(queue(visible), fleet(), pace=pace)
    assert containers == ask(queue(visible), fleet(starting=containers, listed_at=NOW - 30), pace=pace)


@pytest.mark.parametrize("delay", [100.0, 115.0, 120.0, 130.0, 300.0])
def test_a_start_delay_near_the_promise_multiplies_nothing(delay: float) -> None:
    """1,000 messages of 1 s and a promise of 2 min need some ten containers, and not a thousand."""
    asked = ask(queue(1000), fleet(start_delay=delay), StartWithin(120.0, 1.0), Pace(1.0, Source.GIVEN))
    assert 4 <= asked <= 10


@pytest.mark.parametrize(
    ("promise", "seconds"),
    [(300.0, 275.0), (3600.0, 3575.0), (50.0, 25.0), (10.0, 5.0)],
    ids=["5m", "1h", "50s", "10s"],
)
def test_nobody_decides_for_a_poll_and_half_a_slot(promise: float, seconds: float) -> None:
    """That time is not counted on; of a short promise half is left."""
    assert seconds == find_time(policy(), StartWithin(promise))


@pytest.mark.parametrize(("seconds", "containers"), [(190.0, 5), (210.0, 6)], ids=["more", "hardly-more"])
def test_who_would_hardly_take_a_second_message_is_asked_for_one(seconds: float, containers: int) -> None:
    """Until it is known whether a container goes on: 6 messages, and 240 s from its start on."""
    assert containers == ask(queue(6), fleet(), pace=Pace(seconds, Source.GIVEN))
    assert containers > 5 or containers == ask(queue(6), fleet(), pace=Pace(seconds, Source.GIVEN, takes_one=False))


def test_what_was_learned_counts_before_what_is_assumed() -> None:
    """By Little's law first, then by the runs of workers that take one message."""
    goal, messages, runs = (
        StartWithin(300.0, None, 5.0),
        Lessons(work=600.0, deleted=20.0, looks=MANY),
        Lessons(ends=3.0, runs=60.0),
    )
    chance = 1 - 30.0 / (messages.seconds or 0)
    assert replace(tell_pace(goal, messages), error=None) == Pace(messages.seconds, Source.LEARNED, 20.0)
    assert chance == pytest.approx(tell_pace(goal, messages).error)
    assert Pace(20.0, Source.RUNS, 3.0, takes_one=True) == tell_pace(goal, runs)


def test_a_start_from_the_future_is_a_start_of_now() -> None:
    """The clock may have stepped back since a task was created."""
    alive = replace(fleet(), starting=(NOW + 3600,) * 2)
    assert (2, 3) == (ask(queue(8), alive), ask(queue(9), alive))


@pytest.mark.parametrize(
    ("goal", "pace"),
    [
        (StartWithin(300.0, 60.0, 5.0), Pace(60.0, Source.GIVEN)),
        (StartWithin(300.0, None, 5.0), Pace(5.0, Source.AT_FIRST)),
        (StartWithin(300.0), Pace()),
    ],
    ids=["given", "at-first", "unknown"],
)
def test_a_pace_that_is_given_is_believed(goal: StartWithin, pace: Pace) -> None:
    """What is written counts before what is assumed at first; without either it is unknown, and never 0."""
    assert pace == tell_pace(goal, NOTHING_LEARNED)


PACES = st.builds(
    Pace,
    st.none() | st.floats(1e-3, 1e6),
    st.just(Source.LEARNED),
    st.floats(0, 1e6),
    st.sampled_from([None, False, True]),
)
SEEN = st.builds(QueueCounts, st.integers(0, 10**6), st.integers(0, 10**6), st.just(0))
FLEETS = st.builds(
    lambda running, ages, delay: Fleet(
        NOW, running=running, starting=tuple(NOW - age for age in ages), start_delay=delay
    ),
    st.integers(0, 500),
    st.lists(st.floats(-100, 1000), max_size=20),
    st.none() | st.floats(0, 2000),
)
PROMISES = st.floats(1, 604_800)


@given(pace=PACES, counts=SEEN, alive=FLEETS, promise=PROMISES, more=st.integers(0, 1000), busier=st.integers(0, 100))
def test_more_messages_never_ask_for_fewer(pace, counts, alive, promise, more, busier) -> None:
    """Whether they wait or are in flight."""
    goal = StartWithin(promise)
    grown = QueueCounts(counts.visible + more, counts.in_flight + busier, 0)
    assert ask(counts, alive, goal, pace) <= ask(grown, alive, goal, pace)


@given(pace=PACES, counts=SEEN, alive=FLEETS, promise=PROMISES, longer=PROMISES)
def test_a_longer_promise_never_asks_for_more(pace, counts, alive, promise, longer) -> None:
    """Who may wait for longer needs fewer."""
    short, long = StartWithin(promise), StartWithin(promise + longer)
    assert ask(counts, alive, long, pace) <= ask(counts, alive, short, pace)


@given(pace=PACES, counts=SEEN, alive=FLEETS, promise=PROMISES)
def test_what_is_asked_for_is_a_number_and_not_less_than_what_lives(pace, counts, alive, promise) -> None:
    """For every input, and at least 1 while something waits."""
    need = measure_need(promise, pace, counts, alive, NOW)
    assert 0 < need.share < inf
    assert max(alive.live, min(1, counts.visible)) <= count_asked(need, counts, alive)


@pytest.mark.parametrize(
    ("since", "launched_at", "launch"),
    [(NOW - 107, None, 0), (NOW - 108, None, 1), (NOW - 500, NOW - 107, 0), (NOW - 500, NOW - 108, 1)],
    ids=["not-yet", "half-of-215s", "launched-since", "launched-long-ago"],
)
def test_where_nothing_moves_one_more_is_launched(since: float, launched_at: float | None, launch: int) -> None:
    """Messages wait, they do not get fewer, and nothing was launched for half of T - D: the rule must be wrong."""
    rules = policy(demand=GOAL)
    state = settled(standstill=Standstill(since, 3), launched_at=launched_at)
    decision, _ = decide(rules, queue(3, 1), fleet(running=1), state, NOW)
    assert launch == decision.launch


def test_messages_that_get_fewer_are_no_standstill() -> None:
    """A fall begins the time anew, and an empty queue ends it."""
    rules, state = policy(demand=GOAL), settled(standstill=Standstill(NOW - 500, 3))
    decision, after = decide(rules, queue(2, 1), fleet(running=1), state, NOW)
    _, emptied = decide(rules, queue(0, 1), fleet(running=1), after, NOW + 10)
    assert (Reason.SATISFIED, Standstill(NOW, 2), None) == (decision.reason, after.standstill, emptied.standstill)


@pytest.mark.parametrize("goal", [StartWithin(300.0, 20.0), StartWithin(300.0, None, 20.0)], ids=["given", "at-first"])
@pytest.mark.parametrize(
    ("work", "deleted", "source"),
    [(185.0, 5.0, Source.LEARNED), (180.0, 5.0, None), (400.0, 4.0, None), (0.0, 9.0, None)],
    ids=["37s-of-five", "36s-of-five", "100s-of-four", "work-that-was-not-seen"],
)
def test_few_messages_are_enough_where_they_take_much_longer(
    goal: StartWithin, work: float, deleted: float, source: Source | None
) -> None:
    """Of five the standard error is 45 % of their mean."""
    assumed = Source.GIVEN if goal.seconds_per_message else Source.AT_FIRST
    assert (source or assumed) is tell_pace(goal, Lessons(work=work, deleted=deleted, looks=MANY)).source


@pytest.mark.parametrize(
    ("given", "source"),
    [(60.0, Source.GIVEN), (28.0, Source.GIVEN), (20.0, Source.LEARNED)],
    ids=["longer", "shorter-by-chance", "shorter"],
)
def test_what_is_given_is_believed_unless_messages_take_longer(given: float, source: Source) -> None:
    """A hundred of 30 s on the average: the standard error is a tenth of it."""
    pace = tell_pace(StartWithin(300.0, given), Lessons(work=3000.0, deleted=100.0, looks=MANY))
    assert source is pace.source
    assert (pace.seconds, pace.given) == ((given, None) if source is Source.GIVEN else (pytest.approx(33.0), given))
