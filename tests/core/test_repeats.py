"""What a reconcile adds to the one before it, and when the log says again what lasts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.condition import Condition, judge
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.core.repeats import SAY_AGAIN_AFTER, Followed, count_kept, follow, follow_rest, say_lasting
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400.0


def unread(at: float = NOW, problem: str = "no queue") -> Reconciled:
    """Return a reconcile that could not read its queue."""
    return Reconciled("a", Decision(at, Reason.UNKNOWN_BACKLOG), problem=problem)


def failed(at: float = NOW, error: str = "denied") -> Reconciled:
    """Return a reconcile whose launch started nothing."""
    decision = decide(policy(), queue(2), fleet(listed_at=NOW), settled(), NOW)[0]
    launch = LaunchResult(Outcome.FAILED, None, fault="access_denied", error=error)
    return Reconciled("a", at_time(decision, at), launch)


def in_doubt(at: float = NOW, error: str = "reset", arns: tuple[str, ...] = ()) -> Reconciled:
    """Return a reconcile of whose launch nobody knows what it started, but for ``arns``."""
    done = failed(at)
    launch = LaunchResult(Outcome.IN_DOUBT, None, arns, in_doubt=2, fault="in_doubt", error=error)
    return replace(done, launch=launch)


def held(at: float, reason: Reason) -> Reconciled:
    """Return a hold for that reason."""
    seen = {
        Reason.IDLE: (policy(), settled(), queue(), fleet()),
        Reason.SATISFIED: (policy(), settled(2), queue(1, 1), fleet(2)),
        Reason.PAUSED: (policy(paused=True), settled(), queue(2), fleet()),
        Reason.AT_MAX: (policy(), settled(10), queue(20), fleet(10)),
        Reason.SLOT: (policy(), settled(last_slot=10**9), queue(2), fleet()),
    }
    rules, state, counts, alive = seen[reason]
    decision = decide(rules, counts, alive, state, NOW)[0]
    assert reason is decision.reason
    return Reconciled("a", at_time(decision, at))


def at_time(decision: Decision, at: float) -> Decision:
    """Return a decision as it would be at another time."""
    return replace(decision, at=at)


def follow_all(reconciles: list[Reconciled]) -> list[Followed]:
    """Return what becomes of reconciles that follow each other."""
    before, followed = None, []
    for done in reconciles:
        followed.append(follow(before, done))
        before = followed[-1].kept
    return followed


def said(reconciles: list[Reconciled]) -> list[float]:
    """Return the times at which the log says something."""
    pairs = zip(reconciles, follow_all(reconciles), strict=True)
    return [done.decision.at - NOW for done, followed in pairs if followed.is_said]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 60, 240, 299], [0]),
        ([0, 60, 300, 360, 599, 600], [0, 300, 600]),
        ([0, 290, 580, 870], [0, 580]),
        ([0, 3600, 7200], [0, 3600, 7200]),
        ([0, 100, -3600, -3500, -3300], [0, -3600, -3300]),
        ([0, DAY, DAY + 100], [0, DAY]),
    ],
    ids=["soon", "every five minutes", "slow polls", "slower polls", "the clock steps back", "the clock steps forward"],
)
@pytest.mark.parametrize("trouble", [unread, failed])
def test_trouble_that_lasts_is_said_again(
    trouble: Callable[[float], Reconciled], times: list[float], expected: list[float]
) -> None:
    """Five minutes after it was said last, at the poll that comes then."""
    assert expected == said([trouble(NOW + time) for time in times])


@given(st.lists(st.floats(1.0, SAY_AGAIN_AFTER), min_size=2, max_size=60))
def test_the_last_ten_minutes_of_the_log_tell_of_trouble(pauses: list[float]) -> None:
    """However polls come, if they come every five minutes; and it is not said more often than every five."""
    times = [sum(pauses[:count]) for count in range(len(pauses) + 1)]
    gaps = [later - earlier for earlier, later in pairwise([*said([unread(NOW + time) for time in times]), times[-1]])]
    assert all(gap <= 2 * SAY_AGAIN_AFTER + 1e-3 for gap in gaps)
    assert all(gap >= SAY_AGAIN_AFTER - 1e-3 for gap in gaps[:-1])


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.IDLE, [0]),
        (Reason.SATISFIED, [0]),
        (Reason.PAUSED, [0]),
        (Reason.AT_MAX, [0, 300, 600]),
        (Reason.SLOT, [0, 300, 600]),
    ],
)
def test_what_is_in_order_is_said_once(reason: Reason, expected: list[float]) -> None:
    """And a hold that keeps messages waiting is said as often as trouble."""
    assert expected == said([held(NOW + time, reason) for time in range(0, 700, 100)])


def test_a_new_trouble_is_said_at_once() -> None:
    """Whatever was said a moment ago."""
    assert [0, 2, 3] == said([unread(), unread(NOW + 1), unread(NOW + 2, "another"), failed(NOW + 3)])


def test_holds_for_the_slot_are_no_tries() -> None:
    """A failure counts its tries, and keeps the newest hold beside it; it is said again even if a hold is due then."""
    reconciles = [failed(), held(NOW + 100, Reason.SLOT), failed(NOW + 200), held(NOW + 350, Reason.SLOT)]
    followed = follow_all(reconciles)
    kept = followed[-1].kept
    assert ([True, False, False, False], [0, 350]) == ([each.is_new for each in followed], said(reconciles))
    assert (1, NOW, NOW + 200, NOW + 350) == (kept.repeated, kept.since, kept.decision.at, kept.held.at)


def test_launches_that_stay_in_doubt_are_one_trouble() -> None:
    """A launch in doubt stands while its slot is waited out and the next one is in doubt too, in whatever words."""
    kept = follow_all([in_doubt(), held(NOW + 10, Reason.SLOT), in_doubt(NOW + 30, "502"), held(NOW + 40, Reason.SLOT)])
    last = kept[-1].kept
    assert [(True, True)] + [(False, False)] * 3 == [(followed.is_new, followed.is_said) for followed in kept]
    assert ("502", Reason.SLOT, 1, NOW) == (last.trouble, last.held and last.held.reason, last.repeated, last.since)
    assert (Condition.FAILED, NOW) == (judge(last), last.condition_since)


def test_what_a_launch_in_doubt_has_started_is_news() -> None:
    """A launch in doubt of which tasks have started is no failure that repeats: the hold after it stands for itself."""
    kept = follow_all([in_doubt(arns=("a",)), held(NOW + 10, Reason.SLOT)])
    assert [True, True] == [followed.is_new for followed in kept]


def test_a_condition_lasts_from_its_first_reconcile_on() -> None:
    """Through decisions that differ; it does not begin in the future when the clock has stepped back."""
    reconciles = [unread(), unread(NOW + 10, "another"), held(NOW + 20, Reason.IDLE), unread(NOW + 30)]
    assert [NOW, NOW, NOW + 20, NOW + 30] == [each.kept.condition_since for each in follow_all(reconciles)]
    assert NOW - 50 == follow_all([unread(), unread(NOW - 50)])[-1].kept.condition_since
    assert Condition.UNKNOWN is judge(reconciles[0])


@pytest.mark.parametrize(
    ("tried", "expected"),
    [(True, "the same for 2h5m, 17 tries in a row"), (False, "the same for 2h5m, 17 looks in a row")],
)
def test_how_long_and_how_often(*, tried: bool, expected: str) -> None:
    """What fails is tried, what holds is looked at."""
    assert expected == say_lasting(7500.0, 16, tried=tried)


@pytest.mark.parametrize(("scalers", "expected"), [(0, 50), (1, 50), (1000, 50), (2000, 25), (10_000, 5), (10**6, 5)])
def test_how_many_decisions_are_kept(scalers: int, expected: int) -> None:
    """Each scaler keeps fifty; where there are very many, so many that all together take what a thousand take."""
    assert expected == count_kept(scalers)


RESTING = st.sampled_from([Reason.IDLE, Reason.PAUSED, Reason.AT_MAX])


@given(reason=RESTING, pauses=st.lists(st.floats(-400, 400), min_size=1, max_size=5), unseen=st.booleans())
def test_a_rest_is_followed_as_any_hold(reason: Reason, pauses: list[float], *, unseen: bool) -> None:
    """The short way leads where the long one does, wherever the clock goes, and whatever came before."""
    before = unread() if unseen else replace(held(NOW, reason), said_at=None)
    last = follow(follow(None, before).kept, held(NOW, reason)).kept
    for pause in pauses:
        at = last.decision.at + pause
        expected = follow(last, Reconciled("a", at_time(last.decision, at)))
        assert expected == follow_rest(last, at)
        last = expected.kept
