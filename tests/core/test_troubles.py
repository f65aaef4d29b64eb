from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.aws.errors import FOR_A_PERSON, Fault
from controller.core.decision.model import Decision, Outcome, QueueCounts, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.core.repeats import PASSING, is_same_again, repeat

QUEUE = QueueCounts(visible=3, in_flight=0, delayed=0)
UNKNOWN = Reconciled("orders", Decision(10.0, Reason.UNKNOWN_FLEET, QUEUE), problem="x", fault="throttled")


def failed(fault: str, error: str) -> Reconciled:
    """Return a launch that failed."""
    result = LaunchResult(Outcome.FAILED, None, fault=fault, error=error)
    return Reconciled("orders", Decision(10.0, Reason.LAUNCH, launch=1), result)


@pytest.mark.parametrize(
    ("fault", "first", "second", "same"),
    [
        ("throttled", "ListTasks: ThrottlingException", "ListTasks: rests until it may be asked again", True),
        ("unreachable", "Connect timeout", "Read timeout", True),
        ("server_error", "500: id 1", "a broken answer", True),
        ("access_denied", "expired: 20261127T093000Z is earlier", "expired: 20261127T094000Z is earlier", True),
        (
            "invalid",
            "no; Request ID: 1b671a64-40d5-491e-99b0-da01ff1f3341",
            "no; Request ID: 2c671a64-40d5-491e-99b0-da01ff1f3342",
            True,
        ),
        ("missing", 'no queue "orders-1"', 'no queue "orders-2"', False),
        (None, "a fault of the controller itself, KeyError()", "a fault of the controller itself, OSError()", False),
    ],
    ids=["throttle", "network", "server", "moments", "request-ids", "another-cause", "another-fault-of-ours"],
)
def test_a_trouble_that_lasts_is_the_same_in_whatever_words(
    fault: str | None, first: str, second: str, *, same: bool
) -> None:
    """As a problem of observing and as a failed launch; what a person has to mend is told when it becomes another."""
    before, after = (replace(UNKNOWN, problem=said, fault=fault) for said in (first, second))
    assert same is is_same_again(before, after)
    if fault is not None:
        assert same is is_same_again(failed(fault, first), failed(fault, second))


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": replace(UNKNOWN.decision, reason=Reason.UNKNOWN_BACKLOG, queue=None)},
        {"decision": replace(UNKNOWN.decision, reason=Reason.IDLE), "problem": None, "fault": None},
        {"fault": "unreachable"},
    ],
    ids=["another-reason", "over", "another-kind"],
)
def test_a_trouble_that_changes_is_told(changes: dict[str, Any]) -> None:
    """What cannot be seen, whether there is trouble, and of what kind it is."""
    assert not is_same_again(UNKNOWN, replace(UNKNOWN, **changes))


def test_a_trouble_is_the_same_while_the_queue_goes_on() -> None:
    """Its messages come and go meanwhile; the newest counts and words are those that are shown."""
    grown = QueueCounts(visible=9, in_flight=0, delayed=0)
    later = replace(UNKNOWN, decision=Decision(20.0, Reason.UNKNOWN_FLEET, grown), problem="y")
    assert is_same_again(UNKNOWN, later)
    assert replace(later, repeated=1, since=10.0) == repeat(UNKNOWN, later)


def test_what_passes_by_itself_needs_no_person() -> None:
    """The kinds are those of AWS's errors, and none is among those for a person to mend."""
    assert {fault.value for fault in Fault} >= PASSING
    assert set() == PASSING & {fault.value for fault in FOR_A_PERSON}
