from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision import breaker as rules_of_the_breaker
from controller.core.decision.breaker import (
    CLOSED,
    FIRST_PAUSE,
    MAX_PAUSE,
    Breaker,
    Sign,
    count_allowed,
    is_probing,
)
from controller.core.decision.ledger import enter_descriptions
from controller.core.decision.model import Reason
from controller.core.decision.probe import CLOCK_MARGIN
from controller.core.decision.state import Doubt
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Start
from tests.core.decision.builders import BREAKER, BREAKER_OFF, NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

START_TAKES = 20.0
"""Seconds that a task of these tests takes to fail to start."""


def heed(before: Breaker, signs: Iterable[Sign], after: int = BREAKER.after) -> Breaker:
    """Return the breaker after more signs, by default of a scaler that says nothing of its breaker."""
    return rules_of_the_breaker.heed(before, signs, after)


def bad(at: float, born_at: float | None = None, cause: str = "CannotPullContainerError") -> Sign:
    """Return a bad end, of a task that failed to start unless ``born_at`` says otherwise."""
    return Sign(good=False, at=at, born_at=at - START_TAKES if born_at is None else born_at, cause=cause)


def good(at: float, born_at: float) -> Sign:
    """Return a good sign."""
    return Sign(good=True, at=at, born_at=born_at)


def tripped(at: float = NOW) -> Breaker:
    """Return a breaker that has just opened."""
    return heed(CLOSED, [bad(at)] * BREAKER.after)


def after_failed_probes(probes: int) -> tuple[Breaker, list[float]]:
    """Return a breaker after so many failed probes, each launched when it might be, and the pauses it made."""
    breaker, pauses = tripped(), [FIRST_PAUSE]
    for _ in range(probes):
        born_at = breaker.open_until or 0.0
        breaker = heed(breaker, [bad(born_at + START_TAKES, born_at)])
        pauses.append((breaker.open_until or 0.0) - born_at - START_TAKES)
    return breaker, pauses


def may(breaker: Breaker, now: float, newest_task_at: float | None = None, in_doubt: int = 0) -> int | None:
    """Return what may be launched."""
    return count_allowed(breaker, newest_task_at, in_doubt, now)


# Closed


def test_bad_ends_in_a_row_open_it() -> None:
    """So many, and not one fewer."""
    assert None is may(heed(CLOSED, [bad(NOW)] * (BREAKER.after - 1)), NOW)
    assert (0, NOW + FIRST_PAUSE) == (may(tripped(), NOW), tripped().open_until)


@pytest.mark.parametrize("after", [1, 2, 12])
def test_a_scaler_says_how_many_bad_ends_open_it(after: int) -> None:
    """So many, and not one fewer; a probe that fails doubles the pause all the same."""
    assert None is may(heed(CLOSED, [bad(NOW)] * (after - 1), after), NOW)
    opened = heed(CLOSED, [bad(NOW)] * after, after)
    probe_at = NOW + FIRST_PAUSE
    again = heed(opened, [bad(probe_at, probe_at)], after)
    assert (probe_at, probe_at + 2 * FIRST_PAUSE) == (opened.open_until, again.open_until)


def test_a_number_that_is_lowered_meets_the_row_as_it_is() -> None:
    """The next bad end opens it, however long the row was by then; the row is not forgotten."""
    row = heed(CLOSED, [bad(NOW)] * (BREAKER.after - 1))
    assert (0, BREAKER.after) == (may(heed(row, [bad(NOW)], 2), NOW), heed(row, [bad(NOW)], 2).bad_ends)


def test_it_names_the_last_cause() -> None:
    """In ECS's words."""
    assert "no such secret" == heed(CLOSED, [bad(NOW), bad(NOW, cause="no such secret")]).cause


def test_a_good_sign_ends_the_row() -> None:
    """Of a task as young as those that failed."""
    row = [bad(NOW)] * (BREAKER.after - 1)
    assert CLOSED == heed(CLOSED, [*row, good(NOW, NOW - START_TAKES)])


def test_what_ran_before_the_row_says_nothing() -> None:
    """Workers of the last image that finish their work one by one do not vouch for the new one."""
    signs = [sign for end in range(BREAKER.after) for sign in (bad(NOW + end), good(NOW + end, NOW - 3600))]
    breaker = heed(CLOSED, signs)
    assert (BREAKER.after, 0) == (breaker.bad_ends, may(breaker, NOW + BREAKER.after))


# Open


def test_it_holds_everything_back_until_its_pause_is_over() -> None:
    """Then a single container may be launched."""
    moments = [NOW, NOW + FIRST_PAUSE - 1, NOW + FIRST_PAUSE, NOW + 10 * FIRST_PAUSE]
    assert [0, 0, 1, 1] == [may(tripped(), now) for now in moments]


def test_more_ends_of_the_same_launch_do_not_prolong_the_pause() -> None:
    """Only a probe tells something new."""
    later = heed(tripped(), [bad(NOW + second, NOW - START_TAKES) for second in range(50)])
    assert (tripped().open_until, 1) == (later.open_until, later.trips)


def test_a_probe_that_fails_doubles_the_pause_up_to_its_limit() -> None:
    """From a minute to half an hour."""
    _, pauses = after_failed_probes(8)
    assert [60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0, 1800.0, 1800.0] == pauses


def test_a_probe_that_lives_closes_it() -> None:
    """And the next row begins with the shortest pause again."""
    breaker, _ = after_failed_probes(4)
    probe_at = breaker.open_until or 0.0
    closed = heed(breaker, [good(probe_at + 90, probe_at)])
    assert CLOSED == closed
    assert FIRST_PAUSE == (heed(closed, [bad(NOW)] * BREAKER.after).open_until or 0.0) - NOW


@pytest.mark.parametrize(
    ("newest_task_at", "in_doubt", "allowed"),
    [
        (None, 0, 1),
        (NOW - 600, 0, 1),
        (NOW + FIRST_PAUSE + 1, 0, 0),
        (NOW + FIRST_PAUSE - CLOCK_MARGIN, 0, 0),
        (None, 1, 0),
    ],
    ids=["nothing lives", "older tasks live", "a probe lives", "a probe lives, dated early", "a probe may yet start"],
)
def test_there_is_one_probe_at_a_time(newest_task_at: float | None, in_doubt: int, allowed: int) -> None:
    """Whoever launched it, and whether its answer came or not: ECS dates it, and so tells it from others."""
    assert allowed == may(tripped(), NOW + FIRST_PAUSE + 30, newest_task_at, in_doubt)


def test_a_probe_that_is_gone_without_a_sign_is_worth_another() -> None:
    """An interruption is neutral: the pause neither ends nor grows."""
    breaker = tripped()
    assert (True, 0) == (is_probing(breaker, NOW + 70), may(breaker, NOW + 80, newest_task_at=NOW + 70))
    assert (tripped(), 1) == (breaker, may(breaker, NOW + 90))


def test_a_restart_comes_to_the_same_pause() -> None:
    """The ends that ECS still lists tell of each probe by its time."""
    breaker, ends = tripped(), [bad(NOW)] * BREAKER.after
    for _ in range(4):
        born_at = breaker.open_until or 0.0
        ends.append(bad(born_at + START_TAKES, born_at))
        breaker = heed(breaker, ends[-1:])
    assert breaker == heed(CLOSED, ends)


# Whatever happens

SIGNS = st.lists(
    st.builds(
        lambda wait, age, is_good: (wait, age, is_good),
        st.floats(0, 4000),
        st.floats(0, 5000),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=60,
)


def signs_of(drawn: list[tuple[float, float, bool]]) -> list[Sign]:
    """Return signs in the order of their times."""
    signs, at = [], NOW
    for wait, age, is_good in drawn:
        at += wait
        signs.append(Sign(good=is_good, at=at, born_at=at - age))
    return signs


@given(SIGNS)
def test_its_pauses_stay_within_their_limits(drawn: list[tuple[float, float, bool]]) -> None:
    """It opens only after a row, never for longer than the limit, and doubles at most."""
    breaker = CLOSED
    for sign in signs_of(drawn):
        before, breaker = breaker, heed(breaker, [sign])
        assert (breaker.open_until is not None) == (breaker.trips > 0)
        assert breaker.bad_ends >= BREAKER.after or breaker.open_until is None
        if breaker.open_until is not None and breaker.trips > before.trips:
            assert 1 == breaker.trips - before.trips
            assert min(MAX_PAUSE, FIRST_PAUSE * 2 ** min(before.trips, 10)) == pytest.approx(
                breaker.open_until - sign.at
            )


@given(SIGNS, st.integers(0, 60))
def test_signs_may_come_in_any_number_at_once(drawn: list[tuple[float, float, bool]], cut: int) -> None:
    """A poll that comes late sees more of them, and comes to the same."""
    signs = signs_of(drawn)
    assert heed(CLOSED, signs) == heed(heed(CLOSED, signs[:cut]), signs[cut:])


@given(SIGNS)
def test_a_good_sign_of_a_task_younger_than_all_closes_it(drawn: list[tuple[float, float, bool]]) -> None:
    """However bad it was before: it recovers by itself."""
    signs = signs_of(drawn)
    youngest = max((sign.born_at for sign in signs), default=NOW)
    assert CLOSED == heed(heed(CLOSED, signs), [good(youngest + 3600, youngest)])


# What a task tells


@pytest.mark.parametrize(
    ("outcome", "ran_for", "is_good"),
    [
        (StopOutcome.START_FAILED, None, False),
        (StopOutcome.FAILED, None, False),
        (StopOutcome.FAILED, BREAKER.within - 1, False),
        (StopOutcome.FAILED, BREAKER.within, True),
        (StopOutcome.SUCCEEDED, 1.0, True),
        (StopOutcome.INTERRUPTED, 1.0, None),
        (StopOutcome.INTERRUPTED, None, None),
        (StopOutcome.NO_CAPACITY, None, None),
        (StopOutcome.DEADLINE, 3600.0, None),
        (StopOutcome.UNKNOWN, None, None),
    ],
    ids=str,
)
def test_what_an_end_tells(outcome: StopOutcome, ran_for: float | None, *, is_good: bool | None) -> None:
    """A worker that fails late tells of its message; an interruption and an end that nobody saw tell nothing."""
    start = Start(None if ran_for is None else NOW + 5)
    end = StoppedTask("a", "ingest", outcome, NOW, start, NOW + 5 + (ran_for or 0.0), "why")
    expected = None if is_good is None else Sign(is_good, end.stopped_at, NOW, "why")
    assert expected == end.sign(BREAKER.within)


@pytest.mark.parametrize("outcome", StopOutcome)
@pytest.mark.parametrize("ran_for", [None, 0.0, 1.0, BREAKER.within, 3600.0])
@pytest.mark.parametrize("company", [False, True], ids=["alone", "beside others"])
def test_with_off_no_exit_of_a_worker_is_bad(outcome: StopOutcome, ran_for: float | None, *, company: bool) -> None:
    """A worker that exits with an error was started, and no more is asked; a task that failed to start stays bad."""
    start = Start(None if ran_for is None else NOW + 5)
    end = StoppedTask("a", "ingest", outcome, NOW, start, NOW + 5 + (ran_for or 0.0), "why", company=company)
    expected = {StopOutcome.SUCCEEDED: True, StopOutcome.FAILED: True, StopOutcome.START_FAILED: False}
    sign = end.sign(BREAKER_OFF.within)
    assert expected.get(outcome) == (sign and sign.good)


@pytest.mark.parametrize("within", [1.0, 10.0, 600.0])
def test_a_scaler_says_how_soon_an_exit_tells_of_the_task(within: float) -> None:
    """Before that an error is a bad end, from then on a good sign; a task that runs is one at the same moment."""
    told = []
    for ran_for in (within - 0.5, within):
        end = StoppedTask("a", "ingest", StopOutcome.FAILED, NOW, Start(NOW), NOW + ran_for, "why")
        runs = LiveTask("a", "ingest", 1, 0, NOW, start=Start(NOW), ran_until=NOW + ran_for)
        told.append((end.sign(within), runs.sign(within)))
    fails_soon = Sign(good=False, at=NOW + within - 0.5, born_at=NOW, cause="why")
    runs_on = Sign(good=True, at=NOW + within, born_at=NOW)
    assert [(fails_soon, None), (replace(runs_on, cause="why"), runs_on)] == told


def test_with_off_a_task_is_a_good_sign_as_soon_as_a_worker_of_it_runs() -> None:
    """Not before: one that is still being pulled has shown nothing."""
    waits = LiveTask("a", "ingest", 0, 1, NOW)
    runs = LiveTask("a", "ingest", 1, 0, NOW, start=Start(NOW + 20))
    before, _ = enter_descriptions({}, [waits], [], NOW + 10)
    after, _ = enter_descriptions(before, [runs], [], NOW + 25)
    expected = [None, Sign(good=True, at=NOW + 20, born_at=NOW)]
    assert expected == [ledger["a"].sign(BREAKER_OFF.within) for ledger in (before, after)]


@pytest.mark.parametrize(
    ("running", "ran_for", "proven"),
    [(1, BREAKER.within, True), (1, BREAKER.within - 1, False), (0, 10 * BREAKER.within, False)],
    ids=["long enough", "not yet", "its workers have crashed, and ECS cleans up"],
)
def test_a_task_is_proven_while_its_worker_runs(running: int, ran_for: float, *, proven: bool) -> None:
    """And stays so once it was."""
    task = LiveTask("a", "ingest", running, 0, NOW - ran_for, start=Start(NOW - ran_for))
    ledger, _ = enter_descriptions({}, [task], [], NOW)
    later, _ = enter_descriptions(ledger, [replace(task, running=0)], [], NOW + 1)
    sign = Sign(good=True, at=NOW - ran_for + BREAKER.within, born_at=NOW - ran_for) if proven else None
    assert [sign, sign] == [each["a"].sign(BREAKER.within) for each in (ledger, later)]


# In a decision


def test_while_it_is_open_a_scaler_backs_off() -> None:
    """With everything else in favour of a launch."""
    rules = policy(cooldown=NO_COOLDOWN)
    decision, _ = decide(rules, queue(5), fleet(), settled(breaker=tripped()), NOW)
    assert (Reason.BACKING_OFF, 0) == (decision.reason, decision.launch)


@pytest.mark.parametrize(
    ("open_until", "in_doubt", "allowed", "wanted"),
    [
        pytest.param(None, 0, None, 7, id="closed"),
        pytest.param(NOW + 45, 0, 0, 0, id="open"),
        pytest.param(NOW, 0, 1, 1, id="a-probe-is-due"),
        pytest.param(NOW, 2, 0, 0, id="a-probe-waits-for-what-is-in-doubt"),
    ],
)
def test_what_it_allows_limits_what_is_wanted(
    open_until: float | None, in_doubt: int, allowed: int | None, wanted: int
) -> None:
    """Nothing allowed is nothing wanted: whoever reads the numbers finds no launch that could not come."""
    state = settled(
        breaker=Breaker(bad_ends=5, trips=1, open_until=open_until), doubts=(Doubt(in_doubt, NOW),) if in_doubt else ()
    )
    numbers = decide(policy(cooldown=NO_COOLDOWN), queue(7), fleet(), state, NOW)[0].numbers
    assert (allowed, wanted) == (numbers.allowed, numbers.wanted)


def test_a_probe_is_a_single_container() -> None:
    """However many are wanted, for a minimum as well."""
    rules = policy(cooldown=NO_COOLDOWN, min_containers=5)
    decision, _ = decide(rules, queue(50), fleet(), settled(breaker=tripped(NOW - 2 * FIRST_PAUSE)), NOW)
    assert (Reason.LAUNCH, 1) == (decision.reason, decision.launch)


def test_all_night_it_probes_at_ever_longer_intervals() -> None:
    """An image that cannot be pulled costs 15 tasks in six hours: one every half hour in the end."""
    rules, state = policy(cooldown=NO_COOLDOWN), settled(breaker=tripped(NOW))
    probes: list[float] = []
    for now in (NOW + 10 * poll for poll in range(6 * 360)):
        ends = [bad(now, probes[-1])] if probes and probes[-1] + START_TAKES == now else []
        lives = probes and probes[-1] + START_TAKES > now
        seen = fleet(starting=1, listed_at=now, newest_task_at=probes[-1]) if lives else fleet(listed_at=now)
        state = replace(state, breaker=heed(state.breaker, ends))
        decision, state = decide(rules, queue(50), seen, state, now)
        if decision.launch:
            probes.append(now)
            assert 1 == decision.launch
    pauses = [later - earlier for earlier, later in pairwise(probes)]
    growing, longest = pauses[:5], pauses[5:]
    assert (growing, 15) == (sorted(growing), len(probes))
    assert all(MAX_PAUSE <= pause <= MAX_PAUSE + 60 for pause in longest)
