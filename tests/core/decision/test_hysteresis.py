from dataclasses import replace

import pytest

from controller.core.decision.model import Reason
from controller.core.decision.policy import CooldownPolicy, PerContainer, StartWithin
from controller.core.decision.state import ScalerState
from tests.core.decision.builders import (
    NO_COOLDOWN,
    NOW,
    fleet,
    hysteresis,
    levels,
    policy,
    polls,
    queue,
    settled,
    steps,
)
from tests.core.decision.deciding import decide

FROM_TEN = steps((10, 10))


@pytest.mark.parametrize(
    ("rise_after", "backlogs", "expected"),
    [
        pytest.param(1, [5, 8], [5, 8], id="at-once"),
        pytest.param(2, [5, 8, 8], [0, 5, 8], id="to-the-lower-of-two"),
        pytest.param(3, [5, 9, 7, 7], [0, 0, 5, 7], id="to-the-lowest-of-three"),
        pytest.param(2, [5, 0, 5, 6], [0, 0, 0, 5], id="a-poll-that-asks-for-less-starts-over"),
        pytest.param(1, [50], [10], id="never-above-max"),
    ],
)
def test_the_level_rises_to_the_lowest_of_the_polls_that_ask_for_more(rise_after, backlogs, expected) -> None:
    """``rise_after`` polls in a row must ask for more than the level."""
    assert expected == levels(policy(hysteresis=hysteresis(rise_after=rise_after)), backlogs)


@pytest.mark.parametrize(
    ("fall_after", "backlogs", "expected"),
    [
        pytest.param(1, [10, 4, 0], [10, 4, 0], id="at-once"),
        pytest.param(3, [10, 4, 3, 2, 2], [10, 10, 10, 4, 3], id="to-the-highest-of-three"),
        pytest.param(3, [10, 4, 10, 4, 3, 2], [10, 10, 10, 10, 10, 4], id="a-poll-that-asks-for-as-much-starts-over"),
        pytest.param(2, [6, 0, 0], [6, 6, 0], id="to-nothing"),
        pytest.param(2, [2, 6, 2, 2], [2, 6, 6, 2], id="polls-from-before-the-rise-do-not-count"),
    ],
)
def test_the_level_falls_to_the_highest_of_the_polls_that_ask_for_less(fall_after, backlogs, expected) -> None:
    """``fall_after`` polls in a row must ask for less than the level."""
    rules = policy(hysteresis=hysteresis(fall_after=fall_after), cooldown=NO_COOLDOWN)
    assert expected == levels(rules, backlogs)


def test_a_level_without_a_history_waits_for_its_polls() -> None:
    """A level that polls have not asked for yet falls after ``fall_after`` of them as any other."""
    rules = policy(hysteresis=hysteresis(fall_after=3), cooldown=NO_COOLDOWN)
    assert levels(rules, [2, 2, 2], state=settled(5)) == [5, 5, 2]


def test_rising_and_falling_count_their_own_polls() -> None:
    """A slow rise with a quick fall, and back: each looks at no more polls than it needs."""
    rules = policy(hysteresis=hysteresis(rise_after=3, fall_after=1), cooldown=NO_COOLDOWN)
    assert levels(rules, [9, 9, 9, 2, 9, 9, 9]) == [0, 0, 9, 2, 2, 2, 9]


@pytest.mark.parametrize(
    ("demand", "backlogs", "expected"),
    [
        pytest.param(policy().demand, [12, 10, 10], [12, 12, 12], id="10-x-1.2-is-not-less-than-12"),
        pytest.param(policy().demand, [12, 9, 12], [12, 11, 12], id="9-x-1.2-is-less-than-12"),
        pytest.param(policy().demand, [12, 0], [12, 0], id="nothing-is-always-less"),
        pytest.param(steps((1, 1), (10, 10)), [10, 9], [10, 10], id="9-x-1.2-reaches-the-step-of-10"),
        pytest.param(steps((1, 1), (10, 10)), [10, 8], [10, 1], id="8-x-1.2-does-not"),
    ],
)
def test_less_is_measured_with_the_dead_band(demand, backlogs, expected) -> None:
    """The level only falls to what the backlog stretched by ``dead_band`` asks for; a rise is not stretched."""
    stretched = hysteresis(fall_after=1, dead_band=0.2)
    rules = policy(demand=demand, max_containers=90, hysteresis=stretched, cooldown=NO_COOLDOWN)
    assert expected == levels(rules, backlogs)


@pytest.mark.parametrize(
    ("fall", "backlogs", "expected"),
    [
        pytest.param(30.0, [10, 4, 4, 4, 2], [10, 10, 10, 4, 2], id="30s-from-the-rise-and-not-from-the-fall"),
        pytest.param(30.0, [5, 10, 4, 4, 4], [5, 10, 10, 10, 4], id="from-the-last-rise"),
        pytest.param(35.0, [10, 4, 4, 4, 4], [10, 10, 10, 10, 4], id="no-sooner"),
        pytest.param(30.0, [10, 4, 4, 12, 4, 4], [10, 10, 10, 10, 4, 4], id="a-poll-at-the-level-is-no-rise"),
    ],
)
def test_the_level_does_not_fall_inside_the_fall_cooldown(fall, backlogs, expected) -> None:
    """Polls are 10 s apart; the cooldown runs from the last rise of the level to its next fall."""
    rules = policy(hysteresis=hysteresis(fall_after=1), cooldown=CooldownPolicy(launch=0.0, fall=fall))
    assert expected == levels(rules, backlogs)


@pytest.mark.parametrize(
    ("backlogs", "expected"),
    [
        pytest.param([9, 9, 9], [0, 0, 0], id="a-smaller-backlog-lets-it-sleep"),
        pytest.param([10], [10], id="activate_at-wakes-it"),
        pytest.param([10, 3], [10, 3], id="once-awake-any-backlog-counts"),
        pytest.param([10, 0, 0, 9], [10, 0, 0, 0], id="asleep-again-after-it-was-idle"),
    ],
)
def test_an_idle_scaler_wakes_at_activate_at(backlogs, expected) -> None:
    """Below ``activate_at`` messages an idle scaler asks for nothing."""
    rules = policy(hysteresis=hysteresis(activate_at=10, fall_after=1), cooldown=NO_COOLDOWN)
    assert expected == levels(rules, backlogs)


@pytest.mark.parametrize(
    ("demand", "backlogs", "expected"),
    [
        pytest.param(FROM_TEN, [3, 3, 3, 3], [0, 0, 0, 1], id="served-after-30s"),
        pytest.param(FROM_TEN, [3, 9, 1, 3], [0, 0, 0, 1], id="whatever-its-size"),
        pytest.param(FROM_TEN, [3, 3, 0, 3, 3, 3, 3], [0, 0, 0, 0, 0, 0, 1], id="an-empty-queue-starts-the-wait-anew"),
        pytest.param(FROM_TEN, [3] * 4 + [1] * 9 + [0], [0] * 3 + [1] * 10 + [0], id="until-the-backlog-is-0"),
        pytest.param(FROM_TEN, [3] * 4 + [0, 0] + [3] * 4, [0] * 3 + [1] + [0] * 5 + [1], id="then-the-next-one-waits"),
        pytest.param(FROM_TEN, [3] * 4 + [10], [0, 0, 0, 1, 10], id="a-tail-that-grows-asks-for-its-step"),
        pytest.param(FROM_TEN, [3] * 4 + [10, 3, 3], [0, 0, 0, 1, 10, 1, 1], id="and-is-still-a-tail-after-that"),
        pytest.param(FROM_TEN, [10, 3, 3, 3, 3], [10, 0, 0, 0, 1], id="what-a-burst-leaves-below-the-first-step"),
        pytest.param(policy().demand, [1, 1, 1, 1], [0, 0, 0, 1], id="one-below-activate_at"),
    ],
)
def test_a_late_tail_is_served_after_activate_within(demand, backlogs, expected) -> None:
    """Any backlog that has asked for nothing for 30 s asks for at least 1 container until the backlog is 0."""
    rules = policy(
        demand=demand,
        hysteresis=hysteresis(activate_at=10, activate_within=30.0, fall_after=1),
        cooldown=NO_COOLDOWN,
    )
    assert expected == levels(rules, backlogs)


def test_the_decision_says_since_when_a_backlog_waits() -> None:
    """``waiting_since`` is the poll that first saw the backlog, and gone when the queue is empty."""
    rules = policy(hysteresis=hysteresis(activate_at=10))
    since = [decision.numbers.waiting_since for decision in polls(rules, [0, 3, 3, 0], settled())]
    assert since == [None, NOW + 10, NOW + 10, None]


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([0.0, 4.9, 10.0], [0, 0, 5], id="a-look-after-4.9s-is-none"),
        pytest.param([0.0, 5.0, 10.0], [0, 5, 5], id="a-poll-5s-early-is-one"),
        pytest.param([0.0, -3600.0, -3590.0], [0, 5, 5], id="the-clock-stepping-back-does-not-stop-the-count"),
    ],
)
def test_a_look_between_two_polls_is_no_poll(offsets, expected) -> None:
    """Rises and falls are counted in polls: what comes within half an interval of one does not count."""
    times = [NOW + offset for offset in offsets]
    assert expected == levels(policy(hysteresis=hysteresis(rise_after=2)), [5] * 3, times=times)


@pytest.mark.parametrize(
    ("live", "backlog", "level"),
    [
        pytest.param(0, 4, 0, id="nothing-lives"),
        pytest.param(3, 8, 3, id="less-lives-than-is-asked-for"),
        pytest.param(9, 4, 4, id="more-lives-than-is-asked-for"),
        pytest.param(9, 0, 0, id="nothing-is-asked-for"),
        pytest.param(20, 30, 10, id="more-lives-than-max"),
    ],
)
def test_after_a_restart_the_level_is_what_lives_within_the_demand(live: int, backlog: int, level: int) -> None:
    """The smaller of live and demand, whatever the polls before the restart have asked for; it was no rise."""
    rules = policy(hysteresis=hysteresis(rise_after=2))
    decision, _ = decide(rules, queue(backlog), fleet(running=live), ScalerState(), NOW)
    assert (level, None) == (decision.numbers.level, decision.numbers.fall_cooldown_until)


def test_after_a_restart_rises_are_counted_anew() -> None:
    """Polls that were seen before the restart are forgotten; ``rise_after`` new ones are needed."""
    rules = policy(hysteresis=hysteresis(rise_after=2))
    assert levels(rules, [5, 5], state=ScalerState()) == [0, 5]


def test_a_max_lowered_by_a_reload_keeps_the_level_but_not_what_is_desired() -> None:
    """The level survives a reload; what is desired of it and what is asked from now on obey the new max."""
    rose, state = decide(policy(max_containers=90), queue(40), fleet(), settled(), NOW)
    lowered, _ = decide(policy(max_containers=5), queue(40), fleet(running=40), state, NOW + 10)
    assert rose.numbers.desired == 40
    assert (lowered.numbers.demand, lowered.numbers.desired, lowered.numbers.shortfall) == (5, 5, -35)
    assert (lowered.launch, lowered.reason) == (0, Reason.AT_MAX)


@pytest.mark.parametrize(
    ("rules", "backlogs", "times", "expected"),
    [
        pytest.param(
            policy(hysteresis=hysteresis(activate_at=10, activate_within=30.0)),
            [9] * 5,
            None,
            [0, 0, 0, 9, 9],
            id="a-backlog-that-waited-wakes-the-scaler-and-is-served-whole",
        ),
        pytest.param(
            policy(demand=FROM_TEN, hysteresis=hysteresis(rise_after=2, activate_within=30.0)),
            [9, 10, 9, 10, 9, 10],
            None,
            [0, 0, 0, 0, 1, 1],
            id="a-demand-that-never-rises-the-level-does-not-end-the-wait",
        ),
        pytest.param(
            policy(demand=FROM_TEN, hysteresis=hysteresis(activate_within=30.0)),
            [3] * 4,
            [NOW, NOW - 3600, NOW - 3570, NOW - 3560],
            [0, 0, 1, 1],
            id="a-clock-that-steps-back-does-not-prolong-the-wait-by-its-step",
        ),
        pytest.param(
            policy(hysteresis=hysteresis(activate_at=10, fall_after=1), cooldown=NO_COOLDOWN),
            [10, 0, 1],
            None,
            [10, 0, 0],
            id="asleep-at-the-poll-after-it-fell-idle",
        ),
    ],
)
def test_waking_and_sleeping_go_by_what_was_served(rules, backlogs, times, expected) -> None:
    """A backlog waits while the level is 0, whatever it asks for in between; idle is no backlog and no level."""
    assert expected == levels(rules, backlogs, times=times)


def test_what_the_minimum_keeps_alive_does_not_wake_a_restarted_scaler() -> None:
    """With 2 containers kept up by min_containers, a backlog below activate_at is no more than they are for."""
    rules = policy(min_containers=2, hysteresis=hysteresis(activate_at=10))
    decision, _ = decide(rules, queue(5), fleet(running=2), ScalerState(), NOW)
    assert (Reason.SATISFIED, 0) == (decision.reason, decision.numbers.level)


def test_a_level_that_start_within_left_behind_counts_as_awake() -> None:
    """A reload from start_within to another strategy goes on with what was asked for."""
    draining = policy(demand=StartWithin(60.0, 60.0), hysteresis=hysteresis(activate_at=10))
    _, state = decide(draining, queue(8), fleet(), ScalerState(), NOW)
    per_message = replace(draining, demand=PerContainer(1))
    decision, _ = decide(per_message, queue(8), fleet(listed_at=NOW + 10), state, NOW + 10)
    assert 8 == decision.numbers.demand
