"""A scaler that changes hands: the one controller lets it go, the other begins as after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.config import OWN
from controller.core.decision.limits import SIGNATURE_LIFETIME
from controller.core.decision.model import Outcome, QueueCounts, Reason
from controller.core.decision.rate import Rate
from controller.sandbox.aws import Disturbance
from controller.scaling.line import Pause, Place
from controller.scaling.look import Look
from controller.scaling.reconcile import Reconciler
from tests.support.aws import run_tasks
from tests.support.controller import CONTROLLER
from tests.support.scene import NEXT, POLL, Scene, build, last

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.reconcile import Steps
    from tests.support.clock import ManualClock


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene with messages."""
    made = build(own, dry_run=False)
    made.send(5)
    return made


def test_one_with_nothing_in_doubt_is_let_go_at_once(scene: Scene) -> None:
    """It decides nothing any more."""
    scaler = scene.scaler()
    scaler.reconcile()
    assert (True, True) == (scaler.let_go(), scaler.waits)
    assert scaler.reconcile() is None
    assert 1 == len(scaler.decisions)


def test_one_with_containers_in_doubt_is_kept_until_that_is_settled(scene: Scene) -> None:
    """Nobody else would count them; meanwhile it goes on."""

    def late(_: object) -> bool:
        scene.clock.now += 20
        return True

    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request", times=None, where=late))
    scaler = scene.scaler()
    scaler.reconcile()
    done = last(scaler).launch
    assert done is not None
    assert (Outcome.IN_DOUBT, False, False) == (done.outcome, scaler.let_go(), scaler.waits)
    scene.aws.disturbances.clear()
    scene.clock.now = NEXT.start + 10 + SIGNATURE_LIFETIME
    assert scaler.let_go()


def test_what_of_a_launch_has_not_left_is_dropped(scene: Scene) -> None:
    """It waits for the rate; what has left counts, and once the reconcile is over the scaler is let go."""
    scene.send(15)
    scene.services.lines.configure(Rate(1.0, 10))
    scaler = Reconciler(scene.spec(max_containers=20, max_containers_per_task=1), scene.services)
    steps = scaler.reconcile(QueueCounts(20, 0, 0))
    waited = next(step for step in take_looks(steps) if isinstance(step, Pause))
    assert not scaler.let_go()
    scene.clock.now += waited.seconds
    assert [] == list(steps)
    done = last(scaler).launch
    assert done is not None
    assert (10, True) == (len(done.arns), "the rest of the plan is dropped" in (done.error or ""))
    assert 10 == len(scene.aws.ecs.tasks(scene.cluster))
    assert scaler.let_go()
    # It has taken nothing of the rate, which others wait for.
    assert 0 == scene.services.lines.of(OWN).ask(Place(0, 10))


def take_looks(steps: Steps) -> Iterator[Pause | Look]:
    """Yield what a reconcile waits for, and take the looks that it wants."""
    for step in steps:
        if isinstance(step, Look):
            step.take()
        yield step


def test_whoever_takes_a_scaler_over_reads_back_how_its_tasks_ended(scene: Scene) -> None:
    """Though it has read the history of that family for another scaler of its own before."""
    scene.aws.ecs.fail_starts(10)
    for name in ("beside", "taken-over"):
        run_tasks(scene.aws, scene.cluster, scene.template, 5, startedBy=CONTROLLER, group=name)
    scene.clock.now += POLL
    beside = scene.scaler(name="beside")
    beside.reconcile()
    taken = scene.scaler(name="taken-over")
    taken.reconcile()
    beside.reconcile()
    assert [5, 5] == [scaler.state.breaker.bad_ends for scaler in (beside, taken)]
    assert Reason.BACKING_OFF is last(taken).decision.reason
