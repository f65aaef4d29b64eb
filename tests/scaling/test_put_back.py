"""A reconcile that is put back, for a thread or for a look at its cluster: what has come meanwhile counts."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import QueueCounts
from controller.scaling.fleet import Look
from controller.scaling.observe import READING_SERVES
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.support.controller import controller_spec
from tests.support.scene import NOW, Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

SOME = QueueCounts(5, 0, 0)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene in whose cluster nobody has looked yet."""
    return build(own, dry_run=False)


def test_a_stop_in_the_middle_of_a_listing_is_no_problem(scene: Scene) -> None:
    """The listing breaks off since the process is to stop; nobody decides on that, or tells of it."""
    stopping = Event()
    services = connect(controller_spec(scene.aws), scene.clock.handed_in(stopping), dry_run=False)
    scaler = Reconciler(scene.spec(), services)
    steps = scaler.reconcile(SOME)
    look = next(steps)
    assert isinstance(look, Look)
    stopping.set()
    look.take()
    assert [] == list(steps)
    assert scaler.last is None


def test_a_clock_that_is_set_back_meanwhile_holds_nobody(scene: Scene) -> None:
    """No listing that is taken now begins as late as what was wanted before; one that is recent by now serves."""
    scaler = Reconciler(scene.spec(paused=True), scene.services)
    steps = scaler.reconcile(SOME)
    for number, look in enumerate(steps, 1):
        assert isinstance(look, Look)
        assert number <= 2
        scene.clock.now = NOW - 3600
        look.take()
    assert NOW - 3600 == last(scaler).decision.at


@pytest.mark.parametrize(
    ("waited", "asked"),
    [(READING_SERVES / 2, []), (READING_SERVES * 2, ["GetQueueUrl", "GetQueueAttributes"])],
    ids=["a moment", "longer"],
)
def test_a_reading_ages_while_its_scaler_waits_for_a_thread(scene: Scene, waited: float, asked: list[str]) -> None:
    """One that has waited for long is read anew, since its messages may have been taken by now."""
    scaler = Reconciler(scene.spec(), scene.services)
    steps = scaler.reconcile(SOME)
    scene.clock.now += waited
    assert isinstance(next(steps), Look)
    assert asked == scene.asked()
