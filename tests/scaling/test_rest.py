"""A scaler at rest: a poll that finds its queue as empty as before is recorded, and nothing else is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import QueueCounts, Reason
from tests.support.scene import APP, POLL, Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock
    from tests.support.steps import Whole

EMPTY = QueueCounts(0, 0, 0)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene."""
    return build(own, dry_run=False)


@pytest.fixture
def settled(scene: Scene) -> Whole:
    """Give a scaler whose queue has been empty for many polls."""
    scaler = scene.scaler()
    scene.let_pass(20 * POLL, scaler)
    assert Reason.IDLE is last(scaler).decision.reason
    return scaler


def test_a_poll_at_rest_is_recorded_and_asks_nothing(scene: Scene, settled: Whole) -> None:
    """It counts as any other, is the last decision, and shows that the way to a launch works."""
    before, series = last(settled), settled.series
    counted, held = before.repeated, series.reconciles["held"]
    scene.aws.journal.clear()
    scene.clock.now += POLL
    assert settled.rest(EMPTY)
    after = last(settled)
    assert (counted + 1, scene.clock.now, held + 1) == (after.repeated, after.decision.at, series.reconciles["held"])
    assert scene.clock.now == series.last_success
    assert [] == scene.aws.journal.calls(client=APP)


def test_a_message_is_decided_on(scene: Scene, settled: Whole) -> None:
    """What was read before the reconcile is what it decides on, without another request to the queue."""
    scene.send(2)
    scene.clock.now += POLL
    counts = QueueCounts(2, 0, 0)
    assert not settled.rest(counts)
    scene.aws.journal.clear()
    settled.reconcile(counts)
    assert (counts, 0) == (
        last(settled).decision.queue,
        scene.aws.journal.count("sqs", "GetQueueAttributes", client=APP),
    )


def test_a_queue_that_could_not_be_read_is_told(scene: Scene, settled: Whole) -> None:
    """What went wrong before the reconcile is its problem."""
    settled.reconcile(ValueError("nonsense"))
    assert Reason.BROKEN is last(settled).decision.reason
    assert not settled.rest(EMPTY)


def test_a_changed_configuration_is_decided_on(scene: Scene, settled: Whole) -> None:
    """Though the queue is as empty as before: the next poll may come to another hold."""
    settled.configure(scene.spec(paused=True))
    assert not settled.rest(EMPTY)
    settled.reconcile(EMPTY)
    assert Reason.PAUSED is last(settled).decision.reason


def test_a_task_that_lives_is_looked_at(scene: Scene, settled: Whole) -> None:
    """Another scaler's listing may have seen it: its end is to be counted."""
    scene.run(1)
    scene.services.cluster_of(settled.spec).list_anew(scene.clock.now)
    assert not settled.rest(EMPTY)
