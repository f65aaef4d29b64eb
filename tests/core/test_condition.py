"""The condition of a scaler, in a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.condition import Condition, judge
from controller.core.decision.breaker import Breaker
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.policy import Policy
from controller.core.decision.state import Doubt, ScalerState
from controller.core.record import LaunchResult, Reconciled
from tests.core.decision.builders import NOW, fleet, hysteresis, policy, queue, settled, steps
from tests.core.decision.deciding import decide

OPEN = Breaker(bad_ends=5, trips=1, open_until=NOW + 45)


def held(rules: Policy, state: ScalerState, *seen: Any, grant: Any = int) -> Reconciled:
    """Return the reconcile that decided on what was seen, and launched nothing."""
    return Reconciled("a", decide(rules, *seen, state, NOW, grant)[0])


def doubtful(containers: int) -> ScalerState:
    """Return what is remembered after a launch of so many containers of which nobody knows what it started."""
    return settled(10, doubts=(Doubt(containers, NOW),))


def launched(outcome: Outcome) -> Reconciled:
    """Return a reconcile whose launch went so."""
    done = held(policy(), settled(), queue(2), fleet())
    return replace(done, launch=LaunchResult(outcome, None, error="as it went"))


@pytest.mark.parametrize(
    ("expected", "done"),
    [
        pytest.param(Condition.FAILED, launched(Outcome.FAILED), id="failed"),
        pytest.param(Condition.FAILED, launched(Outcome.IN_DOUBT), id="in doubt"),
        pytest.param(Condition.SHORT, launched(Outcome.PARTLY_LAUNCHED), id="partly"),
        pytest.param(Condition.WORKING, launched(Outcome.LAUNCHED), id="launched"),
        pytest.param(
            Condition.UNKNOWN,
            Reconciled("a", Decision(NOW, Reason.UNKNOWN_BACKLOG), problem="gone"),
            id="queue unknown",
        ),
        pytest.param(Condition.UNKNOWN, held(policy(), settled(), queue(2), None), id="fleet unknown"),
        pytest.param(Condition.FAILING, held(policy(), settled(breaker=OPEN), queue(2), fleet()), id="breaker open"),
        pytest.param(Condition.FAILING, held(policy(), settled(breaker=OPEN), queue(), fleet()), id="open and idle"),
        pytest.param(Condition.SHORT, held(policy(), settled(10), queue(20), fleet(10)), id="at max"),
        pytest.param(Condition.FAILED, held(policy(), doubtful(10), queue(20), fleet()), id="all room is in doubt"),
        pytest.param(
            Condition.FAILED, held(policy(), doubtful(8), queue(20), fleet(draining=2)), id="in doubt, and draining"
        ),
        pytest.param(Condition.SHORT, held(policy(), doubtful(4), queue(20), fleet(6)), id="in doubt, and some live"),
        pytest.param(
            Condition.WORKING, held(policy(), doubtful(4), queue(20), fleet()), id="in doubt, and there is room"
        ),
        pytest.param(
            Condition.SHORT, held(policy(), settled(), queue(2), fleet(), grant=lambda _: 0), id="budget used up"
        ),
        pytest.param(
            Condition.SHORT, held(policy(demand=steps((1, 1))), settled(1), queue(9, 1), fleet(1)), id="top step"
        ),
        pytest.param(
            Condition.WAITING,
            held(policy(hysteresis=hysteresis(activate_at=10)), settled(), queue(2), fleet()),
            id="asleep",
        ),
        pytest.param(
            Condition.WAITING, held(policy(), settled(launched_at=NOW - 1), queue(2), fleet()), id="cooldown, none live"
        ),
        pytest.param(
            Condition.WORKING, held(policy(), settled(launched_at=NOW - 1), queue(3), fleet(1)), id="cooldown, one live"
        ),
        pytest.param(Condition.WORKING, held(policy(), settled(2), queue(1, 1), fleet(2)), id="enough live"),
        pytest.param(Condition.PAUSED, held(policy(paused=True), settled(), queue(9), fleet()), id="paused"),
        pytest.param(
            Condition.PAUSED,
            held(policy(paused=True, paused_by_schedule=True), settled(), queue(9), fleet()),
            id="paused by a window",
        ),
        pytest.param(Condition.IDLE, held(policy(), settled(), queue(), fleet()), id="idle"),
        pytest.param(Condition.IDLE, held(policy(), settled(), queue(delayed=3), fleet()), id="only delayed"),
    ],
)
def test_a_reconcile_tells_how_the_scaler_is(expected: Condition, done: Reconciled) -> None:
    """The worst that is true of it."""
    assert expected is judge(done)
