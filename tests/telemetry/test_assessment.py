from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.telemetry.assessment import HOLDS, RECONCILE_OUTCOMES, assess
from tests.support.controller import SCALER

if TYPE_CHECKING:
    from collections.abc import Sequence

Step = Reason | Outcome
HELD = [reason for reason in Reason if reason is not Reason.LAUNCH]
NOTHING_CERTAIN = [Outcome.FAILED, Outcome.IN_DOUBT]
STARTED = [Outcome.LAUNCHED, Outcome.PARTLY_LAUNCHED, Outcome.DRY_RUN]
ENOUGH = {Reason.SATISFIED, Reason.IDLE, Reason.PAUSED, Reason.PAUSED_BY_SCHEDULE}
UNKNOWN = {Reason.UNKNOWN_BACKLOG, Reason.UNKNOWN_FLEET, Reason.UNKNOWN_TEMPLATE}
NEVER = {Reason.SLOT, Reason.BROKEN, *UNKNOWN}


def play(steps: Sequence[Step]) -> list[bool]:
    """Judge one reconcile after the other, each a hold for a reason or a launch of an outcome; gives the successes."""
    launches_fail, successes = False, []
    for at, step in enumerate(steps):
        reason, launch = (step, None) if isinstance(step, Reason) else (Reason.LAUNCH, LaunchResult(step, None))
        assessment = assess(Reconciled(SCALER, Decision(at, reason), launch), launches_fail=launches_fail)
        launches_fail = assessment.launches_fail
        successes.append(assessment.successful)
    return successes


def test_every_reason_is_judged() -> None:
    """A reason that is new has to be judged as well."""
    assert set(Reason) == set(HOLDS)


@pytest.mark.parametrize("reason", HELD)
def test_a_hold_while_nothing_speaks_against_it(reason: Reason) -> None:
    """It is a success, but for a launch that is due and not tried, and for what could not be seen."""
    assert [reason not in NEVER] == play([reason])
    assert [True, reason not in NEVER] == play([Outcome.LAUNCHED, reason])


@pytest.mark.parametrize("failure", NOTHING_CERTAIN)
@pytest.mark.parametrize("reason", HELD)
def test_a_hold_after_a_launch_that_failed(reason: Reason, failure: Outcome) -> None:
    """It is a success only if nothing more is wanted: it has tried nothing, so it shows nothing."""
    assert [False, reason in ENOUGH] == play([failure, reason])


@pytest.mark.parametrize("started", STARTED)
@pytest.mark.parametrize("reason", [reason for reason in HELD if reason not in NEVER])
def test_a_launch_that_starts_something_settles_it(reason: Reason, started: Outcome) -> None:
    """From then on holds are successes again."""
    assert [False, True, True] == play([Outcome.FAILED, started, reason])


def test_a_reconcile_that_broke_may_have_been_a_launch() -> None:
    """Holds after it show nothing, until a launch has worked."""
    assert [True, False, False] == play([Reason.COOLDOWN, Reason.BROKEN, Reason.COOLDOWN])
    assert [False, True, True] == play([Reason.BROKEN, Outcome.LAUNCHED, Reason.COOLDOWN])


@pytest.mark.parametrize("fifth", [reason for reason in HELD if reason not in ENOUGH])
def test_launches_that_all_fail(fifth: Reason) -> None:
    """Nothing is a success while every launch fails, whatever holds come between them."""
    assert {False} == set(play([Outcome.FAILED, Outcome.FAILED, Outcome.FAILED, Outcome.FAILED, fifth] * 24))


@pytest.mark.parametrize("step", [*HELD, *Outcome])
def test_every_outcome_has_its_series(step: Step) -> None:
    """What is counted is one of the outcomes that start at 0."""
    reason, launch = (step, None) if isinstance(step, Reason) else (Reason.LAUNCH, LaunchResult(step, None))
    assert assess(Reconciled(SCALER, Decision(0, reason), launch), launches_fail=False).outcome in RECONCILE_OUTCOMES
