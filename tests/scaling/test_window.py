"""A cluster that takes longer to list than a launch window is open."""

from __future__ import annotations

import pytest

from controller.aws.descriptions import FindOutline
from controller.aws.errors import Fault
from controller.aws.tasks import Round
from controller.core.decision.ledger import Ledger
from controller.core.decision.model import Decision, Reason
from controller.core.decision.task import LiveTask, StoppedTask
from controller.scaling.fleet import Cluster
from controller.scaling.window import find_slow_listing
from tests.support.clock import ManualClock
from tests.support.controller import SCALER, scaler_spec

SPEC = scaler_spec("jobs", "worker")
"""Its windows are open for 19.5 s."""


class Many:
    """A cluster of 40,000 tasks."""

    def observe(self, _known: Ledger, _find: FindOutline, _is_needed: object) -> Round:
        return Round(tuple(LiveTask(f"task-{number}", SCALER, 1, 0, 0.0) for number in range(40_000)), ())

    def list_stopping(self, _family: str, _find: FindOutline) -> tuple[LiveTask | StoppedTask, ...]:
        return ()


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """Give the cluster, listed once."""
    listed = Cluster(Many(), ManualClock(1e6).handed_in())
    listed.list_anew(1e6)
    return listed


@pytest.mark.parametrize(
    ("reason", "took", "is_told"),
    [(Reason.SLOT, 19.0, False), (Reason.SLOT, 21.0, True), (Reason.IDLE, 21.0, False)],
    ids=["in time", "too long", "nothing waits"],
)
def test_a_scaler_that_waits_for_its_slot_in_vain_is_told(
    cluster: Cluster, reason: Reason, took: float, *, is_told: bool
) -> None:
    """By the tasks that there are, how long the listing takes, and the keys to raise."""
    cluster.listing_took = took
    problem = find_slow_listing(SPEC, cluster, Decision(at=0.0, reason=reason))
    assert is_told == (problem is not None)
    if problem is not None:
        assert Fault.WINDOW_CLOSED is problem.fault
        assert str(problem).startswith(
            'cluster "jobs": a listing of its 40000 tasks takes 21s, and a launch window is open for 19s500ms, so that '
            "no launch can stand on one: raise aws.listing_rate if "
        )
