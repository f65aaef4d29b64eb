"""The condition of a scaler, in a word: what a table of many shows first."""

from __future__ import annotations

from enum import StrEnum

from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.verdict import is_all_there_may_be
from controller.core.record import Reconciled


class Condition(StrEnum):
    """How a scaler is, a closed set, the worst first."""

    FAILED = "failed"
    """Its last launch started nothing, or nobody knows whether it did; or such launches leave no room for another."""
    UNKNOWN = "unknown"
    """Its queue or its cluster cannot be read, or the reconcile broke."""
    FAILING = "failing"
    """Its tasks keep failing."""
    SHORT = "short"
    """Messages wait, and a limit or a lack keeps more containers from being launched."""
    WAITING = "waiting"
    """Messages wait and nothing lives yet."""
    WORKING = "working"
    """Containers live, as many as there should, or more are about to come."""
    PAUSED = "paused"
    """The configuration says so, always or at this time."""
    IDLE = "idle"
    """Nothing waits and nothing lives."""


TROUBLE = (Condition.FAILED, Condition.UNKNOWN, Condition.FAILING)
"""The conditions that somebody has to look at."""

_FAILED = frozenset({Outcome.FAILED, Outcome.IN_DOUBT})
_PAUSED = frozenset({Reason.PAUSED, Reason.PAUSED_BY_SCHEDULE})
_IN_THE_FLOW = frozenset(
    {Reason.LAUNCH, Reason.SATISFIED, Reason.IDLE, Reason.RISING, Reason.COOLDOWN, Reason.SLOT, Reason.NOTHING_WAITING}
)
"""Reasons that pass by themselves while a scaler does its work; each other hold is a limit or a lack."""


def judge(done: Reconciled) -> Condition:
    """Return the condition of a scaler by its last reconcile."""
    decision, launch = done.decision, done.launch
    queue, fleet, numbers = decision.queue, decision.fleet, decision.numbers
    if (launch is not None and launch.outcome in _FAILED) or _is_full_of_doubts(decision):
        return Condition.FAILED
    if done.problem is not None or queue is None or fleet is None or numbers is None:
        return Condition.UNKNOWN
    if decision.reason in _PAUSED:
        return Condition.PAUSED
    if numbers.breaker.open_until is not None:
        return Condition.FAILING
    is_cut = launch is not None and launch.outcome is Outcome.PARTLY_LAUNCHED
    if is_cut or decision.reason not in _IN_THE_FLOW or is_all_there_may_be(decision):
        return Condition.SHORT
    if fleet.live or decision.launch:
        return Condition.WORKING
    return Condition.WAITING if decision.backlog else Condition.IDLE


def _is_full_of_doubts(decision: Decision) -> bool:
    """Say whether launches of which nobody knows what they started take all the room, and nothing lives."""
    fleet, numbers = decision.fleet, decision.numbers
    if fleet is None or numbers is None or decision.reason is not Reason.AT_MAX:
        return False
    return numbers.in_doubt > 0 and not fleet.live
