"""A cluster that takes longer to list than a launch window is open."""

from __future__ import annotations

import pytest

from controller.aws.descriptions import FindOutline
from controller.aws.errors import Fault
from controller.aws.tasks import Round
from controller.core.decision.ledger import Ledger
from controller.core.decision.model import Decision, Reason
from controller.core.decision.slots import slot_at
from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import LiveTask
from controller.scaling.fleet import Cluster
from controller.scaling.look import Look
from controller.scaling.window import date_look, find_slow_listing
from tests.support.clock import ManualClock
from tests.support.controller import SCALER, scaler_spec

SPEC = scaler_spec("jobs", "worker")
"""Its windows are open for 19.5 s."""


class Many:
    """A cluster of 40,000 tasks."""

    def observe(self, _known: Ledger, _find: FindOutline, _is_needed: object) -> Round:
        return Round(tuple(LiveTask(f"task-{number}", SCALER, 1, 0, 0.0) for number in range(40_000)), ())

    def list_stopping(self, _family: str, _find: FindOutline, _note: object) -> tuple[LiveTask | StoppedTask, ...]:
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


@pytest.mark.parametrize(("later", "is_dated"), [(0.0, True), (0.5, False)], ids=["as it opens", "in between"])
def test_a_look_for_a_window_is_of_use_until_that_closes(cluster: Cluster, later: float, *, is_dated: bool) -> None:
    """One that is wanted for any other reason is of use at any time, and so is one at what has ended."""
    slot = slot_at(SPEC.policy.slots, 1e6)
    dated = date_look(Look(cluster, slot.opens + later), SPEC)
    assert (slot.last_send if is_dated else None) == dated.until
    assert None is date_look(Look(cluster, families=("worker",)), SPEC).until
