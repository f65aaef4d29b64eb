from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.breaker import CLOSED, Breaker, heed
from controller.core.decision.model import Reason
from controller.core.decision.probe import CLOCK_MARGIN
from controller.core.decision.scarcity import (
    FORGOTTEN_AFTER,
    HOLD,
    PLENTY,
    CapacitySign,
    Scarcity,
    count_allowed,
    forget_old,
    is_trying,
    note_capacity,
)
from controller.core.decision.state import Doubt
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import Start
from tests.core.decision.builders import BREAKER, NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

TURNED_AWAY_AFTER = 15.0
"""Seconds that ECS takes in these tests to find out that it has no place for a task."""
CAUSE = "Capacity is unavailable at this time"


def turned_away(at: float, born_at: float | None = None) -> CapacitySign:
    """Return the sign of a task that found no place."""
    return CapacitySign(found=False, at=at, born_at=at - TURNED_AWAY_AFTER if born_at is None else born_at, cause=CAUSE)


def found(at: float, born_at: float) -> CapacitySign:
    """Return the sign of a task of which a worker ran."""
    return CapacitySign(found=True, at=at, born_at=born_at)


def scarce(at: float = NOW, tasks: int = 3) -> Scarcity:
    """Return what is known once a launch of some tasks has found no place."""
    return note_capacity(PLENTY, [turned_away(at)] * tasks)


def may(scarcity: Scarcity, now: float, newest_task_at: float | None = None, in_doubt: int = 0) -> int | None:
    """Return what may be launched."""
    return count_allowed(scarcity, newest_task_at, in_doubt, now)


def test_nothing_is_held_back_while_tasks_find_their_places() -> None:
    """Any number may be launched."""
    known = note_capacity(PLENTY, [found(NOW, NOW - 20)])
    assert (PLENTY, None) == (known, may(known, NOW))


def test_one_task_without_a_place_holds_for_a_minute_and_then_one_is_tried() -> None:
    """From its end on; the cause is kept."""
    known = scarce(tasks=1)
    assert Scarcity(turned_away=1, until=NOW + HOLD, cause=CAUSE, holds=1) == known
    assert [0, 0, 1, 1] == [may(known, now) for now in (NOW, NOW + HOLD - 1, NOW + HOLD, NOW + 5 * HOLD)]


def test_each_trial_that_finds_no_place_holds_for_another_minute() -> None:
    """And for no longer: a shortage may end at any moment, and a trial costs little."""
    known, holds = scarce(), []
    for _ in range(5):
        born_at = known.until or 0.0
        known = note_capacity(known, [turned_away(born_at + TURNED_AWAY_AFTER, born_at)])
        holds.append((known.until or 0.0) - born_at - TURNED_AWAY_AFTER)
    assert ([HOLD] * 5, 8) == (holds, known.turned_away)


def test_a_trial_that_runs_ends_it() -> None:
    """The rest follows."""
    born_at = NOW + HOLD
    known = note_capacity(scarce(), [found(born_at + 40, born_at)])
    assert (Scarcity(ran_born_at=born_at), None) == (known, may(known, born_at + 40))


@pytest.mark.parametrize("age", [1.0, HOLD, HOLD + TURNED_AWAY_AFTER], ids=["just before", "in the hold", "at first"])
@pytest.mark.parametrize("again", [False, True], ids=["plenty since", "scarce again"])
def test_what_is_turned_away_once_a_younger_trial_has_run_holds_nothing(age: float, *, again: bool) -> None:
    """ECS may take minutes to give up a task of the first launch, and the trial has told something newer."""
    born_at = NOW + HOLD
    known = note_capacity(scarce(), [found(born_at + 40, born_at)])
    if again:
        known = note_capacity(known, [turned_away(born_at + 80, born_at + 50)])
    assert known == note_capacity(known, [turned_away(born_at + 90, born_at - age)])


def test_what_is_turned_away_of_the_launch_after_a_trial_opens_a_new_hold() -> None:
    """It was born after the trial, so it tells something newer still."""
    born_at = NOW + HOLD
    known = note_capacity(scarce(), [found(born_at + 40, born_at), turned_away(born_at + 80, born_at + 50)])
    assert (1, born_at + 80 + HOLD) == (known.turned_away, known.until)


def test_what_was_launched_before_the_hold_says_nothing() -> None:
    """Some of a launch ran, others found no place: the next would not find one either."""
    known = note_capacity(scarce(), [found(NOW + 30, NOW - TURNED_AWAY_AFTER), found(NOW + 90, NOW - 3600)])
    assert scarce() == known


@pytest.mark.parametrize(
    ("at", "until"),
    [(NOW + 20, NOW + 20 + HOLD), (NOW + HOLD + 20, NOW + HOLD)],
    ids=["while it holds", "once one may be tried"],
)
def test_the_last_of_a_launch_prolong_the_hold_only_while_it_lasts(at: float, until: float) -> None:
    """Afterwards only a trial tells something new."""
    known = note_capacity(scarce(), [turned_away(at, NOW - 10)])
    assert (until, 4) == (known.until, known.turned_away)


@pytest.mark.parametrize(
    ("newest_task_at", "in_doubt", "allowed"),
    [
        (None, 0, 1),
        (NOW - 600, 0, 1),
        (NOW + HOLD + 1, 0, 0),
        (NOW + HOLD - CLOCK_MARGIN, 0, 0),
        (None, 1, 0),
    ],
    ids=["nothing lives", "older tasks live", "a trial lives", "a trial lives, dated early", "one may yet start"],
)
def test_there_is_one_trial_at_a_time(newest_task_at: float | None, in_doubt: int, allowed: int) -> None:
    """Whoever launched it, and whether its answer came or not."""
    assert allowed == may(scarce(), NOW + HOLD + 30, newest_task_at, in_doubt)


@pytest.mark.parametrize(
    ("now", "newest_task_at", "kept"),
    [
        (NOW + HOLD + FORGOTTEN_AFTER - 1, None, True),
        (NOW + HOLD + FORGOTTEN_AFTER, None, False),
        (NOW + HOLD + FORGOTTEN_AFTER, NOW - 30, False),
        (NOW + 10 * FORGOTTEN_AFTER, NOW + HOLD + 5, True),
    ],
    ids=["not yet", "long ago", "older tasks live", "a trial still waits for its place"],
)
def test_an_old_shortage_is_forgotten(now: float, newest_task_at: float | None, *, kept: bool) -> None:
    """The queue was empty meanwhile, say; but not while the trial of it is still on its way."""
    assert (scarce() if kept else PLENTY) == forget_old(scarce(), newest_task_at, now)


def test_a_restart_comes_to_the_same() -> None:
    """The ends that ECS still lists tell of each trial by its time."""
    known, signs = scarce(), [turned_away(NOW)] * 3
    for _ in range(4):
        born_at = known.until or 0.0
        signs.append(turned_away(born_at + TURNED_AWAY_AFTER, born_at))
        known = note_capacity(known, signs[-1:])
    assert known == note_capacity(PLENTY, signs)


SIGNS = st.lists(st.tuples(st.floats(0, 200), st.floats(0, 400), st.sampled_from([False, False, True])), max_size=40)


def signs_of(drawn: list[tuple[float, float, bool]]) -> list[CapacitySign]:
    """Return signs in the order of their times."""
    signs, at = [], NOW
    for wait, age, is_found in drawn:
        at += wait
        signs.append(found(at, at - age) if is_found else turned_away(at, at - age))
    return signs


@given(SIGNS, st.integers(0, 40))
def test_signs_may_come_in_any_number_at_once(drawn: list[tuple[float, float, bool]], cut: int) -> None:
    """A poll that comes late sees more of them, and comes to the same."""
    signs = signs_of(drawn)
    assert note_capacity(PLENTY, signs) == note_capacity(note_capacity(PLENTY, signs[:cut]), signs[cut:])


@given(SIGNS, st.floats(0, 5000), st.none() | st.floats(-500, 5000), st.integers(0, 3))
def test_it_never_holds_for_longer_than_its_minute_nor_lets_more_than_one_pass(
    drawn: list[tuple[float, float, bool]], later: float, newest: float | None, in_doubt: int
) -> None:
    """Whatever happened before."""
    signs = signs_of(drawn)
    known = note_capacity(PLENTY, signs)
    last = max((sign.at for sign in signs if not sign.found), default=NOW)
    assert known.until is None or known.until <= last + HOLD
    allowed = may(known, NOW + later, None if newest is None else NOW + newest, in_doubt)
    assert allowed in ({None} if known.until is None else {0, 1})


@pytest.mark.parametrize(
    ("outcome", "started", "sign"),
    [
        (StopOutcome.NO_CAPACITY, None, turned_away(NOW + 5, NOW)),
        (StopOutcome.START_FAILED, None, None),
        (StopOutcome.SUCCEEDED, NOW + 3, found(NOW + 3, NOW)),
        (StopOutcome.FAILED, None, found(NOW + 5, NOW)),
        (StopOutcome.DEADLINE, None, found(NOW + 5, NOW)),
        (StopOutcome.INTERRUPTED, NOW + 3, found(NOW + 3, NOW)),
        (StopOutcome.INTERRUPTED, None, None),
        (StopOutcome.UNKNOWN, None, None),
    ],
    ids=str,
)
def test_what_an_end_tells_of_capacity(outcome: StopOutcome, started: float | None, sign: CapacitySign | None) -> None:
    """Whoever ran had a place; who failed to start for another reason may have had one or not."""
    end = StoppedTask("a", "ingest", outcome, NOW, Start(started), NOW + 5, CAUSE)
    assert sign == end.capacity_sign


# In a decision


@pytest.mark.parametrize(
    ("until", "in_doubt", "reason", "wanted"),
    [
        pytest.param(None, 0, Reason.LAUNCH, 7, id="plenty"),
        pytest.param(NOW + 45, 0, Reason.BACKING_OFF, 0, id="scarce"),
        pytest.param(NOW, 0, Reason.LAUNCH, 1, id="one-may-be-tried"),
        pytest.param(NOW, 2, Reason.BACKING_OFF, 0, id="what-is-in-doubt-may-be-the-trial"),
    ],
)
def test_a_scaler_holds_and_then_tries_a_single_container(
    until: float | None, in_doubt: int, reason: Reason, wanted: int
) -> None:
    """However many are wanted, for a minimum as well."""
    state = settled(scarcity=Scarcity(3, until, CAUSE), doubts=(Doubt(in_doubt, NOW),) if in_doubt else ())
    rules = policy(cooldown=NO_COOLDOWN, min_containers=7)
    decision, _ = decide(rules, queue(7), fleet(), state, NOW)
    assert (reason, wanted, wanted) == (decision.reason, decision.numbers.wanted, decision.launch)


@pytest.mark.parametrize(
    ("open_until", "until", "allowed"),
    [(NOW - 1, NOW + 5, 0), (NOW + 5, NOW - 1, 0), (NOW - 1, NOW - 1, 1), (None, NOW - 1, 1)],
)
def test_failing_tasks_and_a_lack_of_capacity_both_hold(open_until: float | None, until: float, allowed: int) -> None:
    """The stricter of the two decides."""
    breaker = CLOSED if open_until is None else Breaker(bad_ends=5, trips=1, open_until=open_until)
    state = settled(breaker=breaker, scarcity=Scarcity(1, until, CAUSE))
    decision, _ = decide(policy(cooldown=NO_COOLDOWN), queue(7), fleet(), state, NOW)
    assert allowed == decision.numbers.allowed


def test_a_task_that_found_no_place_is_no_bad_end() -> None:
    """However many: the breaker stays closed."""
    end = StoppedTask("a", "ingest", StopOutcome.NO_CAPACITY, NOW, stopped_at=NOW + 15, cause=CAUSE)
    signs = [sign for sign in [end.sign(BREAKER.within)] * BREAKER.after if sign]
    assert CLOSED == heed(CLOSED, signs, BREAKER.after)


def test_an_old_shortage_does_not_turn_a_launch_into_a_trial() -> None:
    """Nor is what it launched taken for one."""
    rules, now = policy(cooldown=NO_COOLDOWN), NOW + 2 * FORGOTTEN_AFTER
    decision, state = decide(rules, queue(7), fleet(listed_at=now), settled(scarcity=scarce()), now)
    assert (7, PLENTY) == (decision.launch, state.scarcity)


def test_a_shortage_of_an_hour_costs_one_task_a_minute() -> None:
    """One whole launch, then single tasks, a minute and what a trial takes apart; then everything."""
    rules, state = policy(cooldown=NO_COOLDOWN), settled()
    launches: list[tuple[float, int]] = []
    for now in (NOW + 10 * poll for poll in range(361)):
        born_at = launches[-1][0] if launches else None
        ends = [turned_away(now, born_at)] * launches[-1][1] if born_at and born_at + 20 == now else []
        lives = born_at is not None and born_at + 20 > now
        seen = fleet(starting=launches[-1][1], listed_at=now, newest_task_at=born_at) if lives else fleet(listed_at=now)
        state = replace(state, scarcity=note_capacity(state.scarcity, ends))
        decision, state = decide(rules, queue(50), seen, state, now)
        if decision.launch:
            launches.append((now, decision.launch))
            assert not is_trying(state.scarcity, seen.newest_task_at)
    sizes = [size for _, size in launches]
    assert ([10] + [1] * (len(launches) - 1), True) == (sizes, 30 <= len(launches) <= 46)
    assert all(later - earlier >= HOLD for (earlier, _), (later, _) in pairwise(launches))
