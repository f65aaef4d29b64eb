from dataclasses import replace

import pytest

from controller.core.decision.breaker import CLOSED
from controller.core.decision.decide import remember_launch
from controller.core.decision.explain import explain
from controller.core.decision.following import Following
from controller.core.decision.model import Decision, Fleet, Numbers, QueueCounts, Reason
from controller.core.decision.policy import MessageState, StartWithin
from controller.core.decision.scarcity import PLENTY
from controller.core.decision.state import Doubt, ScalerState
from tests.core.decision.builders import NOW, SLOT, START, fleet, hysteresis, policy, queue, settled, steps
from tests.core.decision.deciding import decide

ASLEEP = policy(hysteresis=hysteresis(activate_at=10))
RISING = policy(hysteresis=hysteresis(rise_after=2))
WITH_DELAYED = policy(counted=frozenset(MessageState))
LISTED_BEFORE = fleet(listed_at=START + 5)


def test_the_reasons_are_a_closed_set() -> None:
    """They are label values and words of the documentation."""
    words = (
        "launch satisfied idle rising cooldown slot at_max nothing_waiting backing_off found_nothing proving budget "
        "paused paused_by_schedule unknown_backlog unknown_fleet unknown_template broken"
    )
    assert [reason.value for reason in Reason] == words.split()


@pytest.mark.parametrize(
    ("reason", "rules", "counts", "alive", "state"),
    [
        pytest.param("launch", policy(), queue(5), fleet(), settled(), id="launch"),
        pytest.param("launch", policy(), queue(5), fleet(), ScalerState(), id="launch-from-a-cold-start"),
        pytest.param("launch", policy(min_containers=1), queue(), fleet(), settled(), id="launch-to-reach-min"),
        pytest.param("satisfied", policy(), queue(0, 3), fleet(running=3), settled(3), id="satisfied"),
        pytest.param("satisfied", policy(), queue(3), fleet(starting=3), settled(3), id="satisfied-by-what-starts"),
        pytest.param("satisfied", policy(), queue(), fleet(running=3), settled(), id="satisfied-while-the-last-drain"),
        pytest.param(
            "satisfied", policy(), queue(0, 10), fleet(running=10), settled(10), id="satisfied-exactly-at-max"
        ),
        pytest.param(
            "satisfied", policy(), queue(0, 3), fleet(running=20), settled(3), id="satisfied-with-max-lowered"
        ),
        pytest.param("satisfied", RISING, queue(3, 2), fleet(running=5), settled(2), id="satisfied-above-the-level"),
        pytest.param("idle", policy(), queue(), fleet(), settled(), id="idle"),
        pytest.param("idle", ASLEEP, queue(9), fleet(), settled(), id="idle-while-it-sleeps"),
        pytest.param("idle", policy(), queue(delayed=9), fleet(), settled(), id="idle-when-delayed-does-not-count"),
        pytest.param("rising", RISING, queue(5), fleet(), settled(), id="rising"),
        pytest.param("rising", RISING, queue(5, 2), fleet(running=2), settled(2), id="rising-above-a-level"),
        pytest.param(
            "rising", replace(RISING, min_containers=2), queue(5), fleet(running=2), settled(), id="rising-above-min"
        ),
        pytest.param("cooldown", policy(), queue(5), fleet(), settled(launched_at=NOW - 10), id="cooldown"),
        pytest.param("slot", policy(), queue(5), LISTED_BEFORE, settled(), id="slot-not-open-when-listed"),
        pytest.param("slot", policy(), queue(5), fleet(), settled(last_slot=SLOT), id="slot-used"),
        pytest.param("slot", policy(), queue(5), fleet(), settled(last_slot=SLOT + 9), id="slot-of-the-past"),
        pytest.param("at_max", policy(), queue(9, 10), fleet(running=10), settled(10), id="at_max"),
        pytest.param("at_max", policy(), queue(9, 20), fleet(running=20), settled(10), id="at_max-lowered-by-a-reload"),
        pytest.param("at_max", policy(), queue(9), fleet(), settled(doubts=(Doubt(10, NOW),)), id="at_max-by-doubts"),
        pytest.param("nothing_waiting", policy(), queue(2, 3), fleet(starting=2), settled(5), id="nothing_waiting"),
        pytest.param("nothing_waiting", policy(), queue(0, 5), fleet(), settled(), id="nothing_waiting-all-in-flight"),
        pytest.param(
            "nothing_waiting", WITH_DELAYED, queue(delayed=5), fleet(), settled(), id="nothing_waiting-all-delayed"
        ),
        pytest.param("paused", policy(paused=True), queue(5), fleet(), settled(), id="paused"),
        pytest.param("unknown_backlog", policy(), None, fleet(), settled(), id="unknown_backlog"),
        pytest.param("unknown_backlog", policy(), None, None, ScalerState(), id="unknown_backlog-and-fleet"),
        pytest.param("unknown_fleet", policy(), queue(5), None, settled(), id="unknown_fleet"),
        pytest.param("unknown_fleet", policy(min_containers=1), queue(), None, settled(), id="unknown_fleet-below-min"),
    ],
)
def test_every_decision_has_its_reason(reason: str, rules, counts, alive, state) -> None:
    """One reason each, and containers to launch for the reason ``launch`` only."""
    decision, _ = decide(rules, counts, alive, state, NOW)
    assert (reason, reason == "launch") == (decision.reason, decision.launch > 0)
    assert (SLOT if reason == "launch" else None) == decision.slot
    assert (reason == "slot") == (decision.look_again_at is not None)


def test_a_decision_carries_every_number_it_went_through() -> None:
    """From the queue's counts to the slot."""
    rules = policy(demand=steps((1, 1), (10, 8)), max_containers=6, min_containers=1)
    counts, alive = queue(12, 1, 4), fleet(running=1, starting=1)
    state = settled(2, launched_at=NOW - 100, doubts=(Doubt(1, NOW - 100),))
    decision, _ = decide(rules, counts, alive, state, NOW)
    assert decision == Decision(
        at=NOW,
        reason=Reason.LAUNCH,
        queue=counts,
        fleet=alive,
        backlog=13,
        numbers=Numbers(
            asked=8,
            demand=6,
            level=6,
            desired=6,
            most=6,
            rising_polls=0,
            falling_polls=0,
            shortfall=4,
            in_doubt=1,
            room=3,
            left=0,
            unclaimed=11,
            useful=11,
            allowed=None,
            followed=None,
            following=Following(visible=12, still_since=NOW, full_at=NOW, width=1),
            returned=None,
            ended_empty=0,
            wanted=3,
            waiting_since=None,
            launch_cooldown_until=NOW - 70,
            fall_cooldown_until=NOW + 300,
            breaker=CLOSED,
            scarcity=PLENTY,
            contradicted_since=None,
            need=None,
            overdue_since=None,
            granted=3,
        ),
        launch=3,
        slot=SLOT,
        look_again_at=None,
    )


@pytest.mark.parametrize(
    ("counted", "backlog"),
    [
        pytest.param({MessageState.VISIBLE}, 1, id="visible"),
        pytest.param({MessageState.VISIBLE, MessageState.IN_FLIGHT}, 3, id="with-in-flight"),
        pytest.param(set(MessageState), 7, id="all"),
    ],
)
def test_the_backlog_is_what_counts_as_work(counted, backlog: int) -> None:
    """Of visible, in flight and delayed those that are configured."""
    decision, _ = decide(policy(counted=frozenset(counted)), QueueCounts(1, 2, 4), fleet(), settled(), NOW)
    assert (backlog, backlog) == (decision.backlog, decision.numbers.asked)


@pytest.mark.parametrize(
    ("counts", "alive"), [(None, fleet(running=3)), (queue(9), None), (None, None)], ids=["queue", "fleet", "both"]
)
def test_what_is_unknown_holds_and_is_not_taken_for_zero(counts, alive) -> None:
    """The decision keeps what is known, has no numbers, and the state is as before; a cold start stays one."""
    for state in (ScalerState(), settled(5, launched_at=NOW - 50, doubts=(Doubt(1, NOW - 999),))):
        decision, after = decide(policy(), counts, alive, state, NOW)
        assert (counts, alive, None) == (decision.queue, decision.fleet, decision.numbers)
        assert state == after


@pytest.mark.parametrize(
    ("offset", "again"),
    [pytest.param(2.0, 5.5, id="before-the-window"), pytest.param(26.0, 35.5, id="after-the-window")],
)
def test_a_launch_outside_the_window_looks_again_when_it_opens(offset: float, again: float) -> None:
    """It does not wait for its poll, and the look launches."""
    now = START + offset
    held, state = decide(policy(), queue(5), fleet(listed_at=now), settled(), now)
    assert (held.reason, held.launch) == (Reason.SLOT, 0)
    assert START + again == pytest.approx(held.look_again_at, abs=1e-5)
    looked, _ = decide(policy(), queue(5), fleet(listed_at=held.look_again_at), state, held.look_again_at)
    assert (looked.reason, looked.launch) == (Reason.LAUNCH, 5)


def test_a_decision_to_launch_uses_its_slot_up() -> None:
    """Even if nothing was started: a shortfall is never retried inside the slot."""
    first, state = decide(policy(), queue(5), fleet(), settled(), NOW)
    again, _ = decide(policy(), queue(5), fleet(listed_at=NOW + 10), state, NOW + 10)
    assert (first.reason, again.reason) == (Reason.LAUNCH, Reason.SLOT)
    assert pytest.approx(START + 35.5, abs=1e-5) == again.look_again_at


def test_a_hold_uses_no_slot_up() -> None:
    """A launch may follow in the same slot."""
    _, state = decide(policy(paused=True), queue(5), fleet(), settled(), NOW)
    resumed, _ = decide(policy(), queue(5), fleet(listed_at=NOW + 10), state, NOW + 10)
    assert (resumed.reason, resumed.slot) == (Reason.LAUNCH, SLOT)


def test_the_clock_stepping_back_does_not_bring_a_slot_back() -> None:
    """Nothing is launched until the clock is past the last slot used."""
    first, state = decide(policy(), queue(5), fleet(), settled(), NOW)
    back, state = decide(policy(), queue(9), fleet(listed_at=NOW - 3600), state, NOW - 3600)
    later, _ = decide(policy(), queue(9), fleet(listed_at=NOW + 30), state, NOW + 30)
    assert (first.reason, back.reason, later.reason) == (Reason.LAUNCH, Reason.SLOT, Reason.LAUNCH)


def test_a_launch_of_a_clock_that_was_ahead_is_named() -> None:
    """Once the clock is put right nothing is launched until it has caught up, and the line says why and what to do."""
    ahead, state = decide(policy(), queue(5), fleet(listed_at=NOW + 86_400), settled(), NOW + 86_400)
    launched = remember_launch(state, ahead, started=True, doubt=None)
    held, _ = decide(policy(), queue(9), fleet(listed_at=NOW), launched, NOW)
    failed, _ = decide(policy(), queue(9), fleet(listed_at=NOW), state, NOW)
    assert (Reason.COOLDOWN, Reason.SLOT) == (held.reason, failed.reason)
    for about, decision in (("cooldown", held), ("slot", failed)):
        assert "the clock has stepped back since; a restart ends the wait" in dict(explain(policy(), decision))[about]


def test_only_what_started_is_remembered_as_launched() -> None:
    """The cooldown counts from the decision."""
    decision, state = decide(policy(), queue(5), fleet(), settled(), NOW)
    assert (state.launched_at, remember_launch(state, decision, started=True, doubt=None).launched_at) == (None, NOW)


def test_a_busy_fleet_does_not_starve_new_messages() -> None:
    """What is in flight counts on both sides: five busy containers and three new messages make three launches."""
    decision, _ = decide(policy(), queue(3, 5), fleet(running=5), settled(5), NOW)
    assert (decision.reason, decision.launch) == (Reason.LAUNCH, 3)


def test_what_starts_is_not_launched_again_at_every_poll() -> None:
    """Messages stay visible until a container has started and taken them."""
    state = settled()
    launches = []
    starting = 0
    for poll in range(12):
        now = NOW + 10 * poll
        decision, state = decide(policy(), queue(7), fleet(starting=starting, listed_at=now), state, now)
        launches.append(decision.launch)
        starting += decision.launch
        state = remember_launch(state, decision, started=True, doubt=None) if decision.launch else state
    assert launches == [7] + [0] * 11


@pytest.mark.parametrize(
    ("counts", "alive", "expected"),
    [
        pytest.param(queue(40), fleet(), 10, id="a-burst"),
        pytest.param(queue(40), fleet(starting=10), 0, id="enough-starts-just-now"),
        pytest.param(queue(50, 10), fleet(running=10), 3, id="what-running-containers-cannot-take-in-time"),
        pytest.param(queue(), fleet(running=4), 0, id="nothing-waits"),
    ],
)
def test_start_within_launches_what_the_goal_needs(counts, alive, expected: int) -> None:
    """T = 325 s less 25 s in which nobody decides, S = 60 s, D = 60 s: 240 s of work for each new container."""
    rules = policy(demand=StartWithin(start_within=325.0, seconds_per_message=60.0), max_containers=90)
    decision, _ = decide(rules, counts, alive, settled(), NOW)
    assert expected == decision.launch


def test_start_within_is_no_level_to_hold() -> None:
    """Hysteresis is skipped: no activation, no slow rise, no slow fall, no level from before a restart."""
    rules = policy(
        demand=StartWithin(start_within=325.0, seconds_per_message=60.0),
        hysteresis=hysteresis(activate_at=100, rise_after=9, fall_after=9),
    )
    burst, state = decide(rules, queue(8), fleet(), ScalerState(), NOW)
    quiet, _ = decide(rules, queue(), Fleet(listed_at=NOW + 10), state, NOW + 10)
    assert (burst.launch, burst.reason) == (2, Reason.LAUNCH)
    assert (quiet.numbers.level, quiet.reason) == (0, Reason.IDLE)
    assert quiet.numbers.fall_cooldown_until is None


def test_start_within_obeys_min_max_and_cooldown() -> None:
    """The limits are the same for every strategy."""
    rules = policy(demand=StartWithin(300.0, 60.0), min_containers=2, max_containers=3)
    at_max, _ = decide(rules, queue(400), fleet(running=3), settled(), NOW)
    cooling, _ = decide(rules, queue(400), fleet(), settled(launched_at=NOW - 20), NOW)
    to_min, _ = decide(rules, queue(), fleet(), settled(), NOW)
    assert (at_max.reason, cooling.reason, to_min.launch) == (Reason.AT_MAX, Reason.COOLDOWN, 2)
    assert (at_max.numbers.demand, at_max.numbers.level) == (3, 3)
