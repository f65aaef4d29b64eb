"""What is wrong with AWS, in the words of the head."""

from __future__ import annotations

import pytest

from controller.aws.faults import Fault
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.daemon.pages.trouble import list_troubles, name_trouble


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.UNKNOWN_BACKLOG, "queue does not exist"),
        (Reason.UNKNOWN_FLEET, "cluster does not exist"),
        (Reason.LAUNCH, "task definition, container or cluster does not exist"),
    ],
)
def test_what_is_missing_is_named(reason: Reason, expected: str) -> None:
    """Whoever reads that something is missing is told what."""
    failed = LaunchResult(Outcome.FAILED, None, fault="missing") if reason is Reason.LAUNCH else None
    assert expected == name_trouble(Reconciled("one", Decision(0.0, reason), failed, fault="missing"))


@pytest.mark.parametrize("fault", Fault)
def test_every_kind_of_failure_has_words(fault: Fault) -> None:
    """None is told by the name that metrics have for it."""
    for launch in (None, LaunchResult(Outcome.FAILED, None, fault=fault)):
        words = name_trouble(Reconciled("one", Decision(0.0, Reason.UNKNOWN_FLEET), launch, fault=fault))
        assert words is not None
        assert fault.value not in words


def test_how_many_have_it() -> None:
    """What most scalers have stands first; one that was not observed yet, or has no trouble, has none."""
    decision = Decision(0.0, Reason.UNKNOWN_BACKLOG)
    broken, denied, well = (Reconciled("one", decision, fault=fault) for fault in ("missing", "access_denied", None))
    assert ["permission denied (2 scalers)", "queue does not exist (1 scaler)"] == list_troubles(
        [broken, denied, denied, well, None]
    )
