from dataclasses import replace

import pytest

from controller.core.decision.demand import drain_demand, level_demand
from controller.core.decision.policy import DrainWithin, PerContainer
from tests.core.decision.builders import NOW, fleet, queue, steps

STAIRCASE = steps((1, 1), (10, 10), (100, 90))
GOAL = DrainWithin(drain_within=300.0, seconds_per_message=60.0)


@pytest.mark.parametrize(
    ("backlog", "containers"),
    [(0, 0), (0.9, 0), (1, 1), (9, 1), (9.99, 1), (10, 10), (99, 10), (100, 90), (1_000_000, 90)],
)
def test_steps_ask_for_the_highest_step_that_the_backlog_reaches(backlog: float, containers: int) -> None:
    """A step counts from its own backlog on; below the first nothing is asked for, above the last no more."""
    assert containers == level_demand(STAIRCASE, backlog)


@pytest.mark.parametrize(
    ("messages", "backlog", "containers"),
    [(5, 0, 0), (5, 1, 1), (5, 5, 1), (5, 6, 2), (5, 10, 2), (5, 10.2, 3), (1, 7, 7), (1, 100_000, 100_000)],
)
def test_messages_per_container_rounds_up(messages: int, backlog: float, containers: int) -> None:
    """A container is asked for from the first message of its share on."""
    assert containers == level_demand(PerContainer(messages), backlog)


@pytest.mark.parametrize(("backlog", "dead_band", "containers"), [(5, 0.2, 6), (100, 0.1, 110), (100, 0.15, 115)])
def test_the_dead_band_adds_no_container_by_floating_point(backlog: int, dead_band: float, containers: int) -> None:
    """100 x 1.1 is 110.00000000000001 to the machine, and still asks for 110 containers."""
    assert containers == level_demand(PerContainer(1), backlog * (1 + dead_band))


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
        pytest.param(queue(5, 0), fleet(running=1), 1, id="a-free-container-takes-300s"),
        pytest.param(queue(5, 1), fleet(running=1), 2, id="a-busy-one-has-half-a-message-to-go"),
        pytest.param(queue(13, 1), fleet(running=2), 3, id="only-what-our-own-hold-counts-as-half-done"),
        pytest.param(queue(8, 9), fleet(running=2), 2, id="messages-in-flight-elsewhere-are-not-ours"),
        pytest.param(queue(9, 9), fleet(running=2), 2, id="exactly-what-two-take-with-their-halves"),
        pytest.param(queue(10, 9), fleet(running=2), 3, id="one-more-than-two-take"),
        pytest.param(queue(8), fleet(starting=2), 2, id="two-starting-take-240s-each"),
        pytest.param(queue(9), fleet(starting=2), 3, id="one-more-than-two-starting-take"),
        pytest.param(queue(9), fleet(starting=2, start_delay=30.0), 2, id="a-measured-delay-of-30s-leaves-270s"),
        pytest.param(queue(5), fleet(start_delay=120.0), 2, id="180s-left-two"),
        pytest.param(queue(7), fleet(start_delay=120.0), 3, id="180s-left-three"),
        pytest.param(queue(3), fleet(start_delay=290.0), 3, id="no-more-than-one-container-a-message"),
        pytest.param(queue(3), fleet(start_delay=900.0), 3, id="a-goal-that-no-start-can-reach"),
    ],
)
def test_drain_within_asks_for_what_starts_everything_in_time(counts, alive, containers: int) -> None:
    """D_w = 300 s, S = 60 s, D = 60 s until measured: live + ceil(need / max(D_w - D, S))."""
    assert containers == drain_demand(GOAL, counts, alive, NOW)


@pytest.mark.parametrize(
    ("age", "visible", "containers"),
    [(0.0, 9, 3), (30.0, 9, 2), (30.0, 10, 3), (60.0, 10, 2), (600.0, 10, 2), (600.0, 11, 3)],
)
def test_a_start_that_has_begun_leaves_more_of_the_goal(age: float, visible: int, containers: int) -> None:
    """Of two containers created ``age`` seconds ago each takes D_w - what is left of D; an overdue one D_w whole."""
    assert containers == drain_demand(GOAL, queue(visible), fleet(starting=2, listed_at=NOW - age), NOW)


def test_a_lone_message_is_worth_a_container_however_short_it_is() -> None:
    """At least 1 is asked for if something waits and nothing lives."""
    goal = DrainWithin(drain_within=604_800.0, seconds_per_message=0.0001)
    assert drain_demand(goal, queue(1), fleet(), NOW) == 1
    assert drain_demand(goal, queue(), fleet(), NOW) == 0


@pytest.mark.parametrize(
    ("goal", "visible", "born", "expected"),
    [
        pytest.param(DrainWithin(300.0, 60.0), 20, NOW + 3600, 10, id="a-start-from-the-future-is-a-start-of-now"),
        pytest.param(DrainWithin(50.0, 5.0), 20, NOW, 40, id="starts-too-late-for-the-goal-add-nothing-to-the-need"),
    ],
)
def test_what_starts_never_adds_to_the_need(goal, visible: int, born: float, expected: int) -> None:
    """With a start delay of 60 s, a starting container takes on between nothing and the whole goal."""
    starting = 10 if goal.drain_within > 60 else 20
    alive = fleet(start_delay=60.0, starting=0)
    alive = replace(alive, starting=(born,) * starting)
    assert expected == drain_demand(goal, queue(visible), alive, NOW)


def test_a_step_is_reached_in_spite_of_floating_point() -> None:
    """100 messages with a dead band of 15 % reach the step at 115."""
    assert 5 == level_demand(steps((115, 5)), 100 * 1.15)
