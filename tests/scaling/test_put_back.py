"""A reconcile that is put back, for a thread, a look at its cluster or its turn: what has come meanwhile counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.config import OWN
from controller.core.decision.model import QueueCounts, Reason
from controller.core.decision.rate import Rate
from controller.core.decision.slots import slot_at
from controller.scaling.line import Pause, Place
from controller.scaling.look import Look
from controller.scaling.observe import READING_SERVES
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.support.controller import controller_spec
from tests.support.scene import NOW, SLOT, Scene, build, last

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.config import ScalerSpec
    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.reconcile import Steps
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


def test_the_higher_priority_launches_first_when_the_rate_is_short(scene: Scene) -> None:
    """Though another one has waited for longer, and without a budget; both have a window for as long."""
    rate = Rate(2.0, 10)
    scene.services.lines.configure(rate)
    assert 0 == scene.services.lines.of(OWN).ask(Place(0, rate.burst))
    equals = open_for(scene, 15.0)
    low, high = next(equals), replace(next(equals), priority=5)
    waiting = {}
    for spec in (low, high):
        steps = Reconciler(spec, scene.services).reconcile(QueueCounts(10, 0, 0))
        waiting[spec.name] = steps, wait_for_turn(steps)
    scene.clock.now += waiting[high.name][1].seconds
    assert isinstance(next(waiting[low.name][0]), Pause)
    assert [] == list(waiting[high.name][0])
    assert {high.name} == {task.group for task in scene.aws.ecs.tasks(scene.cluster)}


def open_for(scene: Scene, seconds: float) -> Iterator[ScalerSpec]:
    """Yield scalers of other names whose launch window is open now, and for so many seconds more."""
    for number in count():
        spec = scene.spec(name=f"scaler-{number}", max_containers_per_task=1)
        slot = slot_at(spec.policy.slots, NOW)
        if slot.opens <= NOW and NOW + seconds <= slot.last_send:
            yield spec


def wait_for_turn(steps: Steps) -> Pause:
    """Take the looks that a reconcile wants until its launch waits for its turn."""
    for step in steps:
        if isinstance(step, Pause):
            return step
        step.take()
    raise AssertionError("it waits for nothing")


def test_a_hold_for_a_slot_that_no_listing_can_reach_is_a_problem(scene: Scene) -> None:
    """It is told as the scaler's, with the keys to raise; without it the scaler would hold with slot for ever."""
    scene.clock.now = SLOT.start + 1
    scaler = scene.scaler()
    scene.send(1)
    scaler.reconcile()
    assert (Reason.SLOT, None) == (last(scaler).decision.reason, last(scaler).problem)
    scene.services.cluster_of(scaler.spec).listing_took = 60.0
    scaler.reconcile()
    problem = last(scaler).problem
    assert problem is not None
    assert "raise aws.listing_rate" in problem
