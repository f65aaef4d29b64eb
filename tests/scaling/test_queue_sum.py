"""A scaler of several queues: one request each, and all of them or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from controller.core.decision.model import Reason
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance
from controller.scaling.preview import preview
from tests.support.aws import CreatedQueue, create_queue, send_messages
from tests.support.controller import SCALER, controller_spec
from tests.support.scene import Scene, build, last
from tests.support.steps import Whole

if TYPE_CHECKING:
    from controller.config import ScalerSpec
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene at a moment within a slot's window."""
    return build(own, dry_run=False)


@pytest.fixture
def other(scene: Scene) -> CreatedQueue:
    """Give a second queue."""
    return create_queue(scene.aws)


def both(scene: Scene, other: CreatedQueue) -> ScalerSpec:
    """Return a scaler of two queues."""
    return replace(scene.spec(), queues=(scene.queue.name, other.name), queue_key="queues")


def test_the_messages_of_all_queues_count_together(scene: Scene, other: CreatedQueue) -> None:
    """Each is counted by a request of its own, and is shown by its name."""
    send_messages(scene.aws, scene.queue.url, 2)
    send_messages(scene.aws, other.url, 3)
    scaler = Whole(both(scene, other), scene.services)
    scaler.reconcile()
    assert (Reason.LAUNCH, 5) == (last(scaler).decision.reason, last(scaler).decision.launch)
    assert 2 == scene.asked().count("GetQueueAttributes")
    told = describe_scaler(scaler)
    assert f"{scene.queue.name}, {other.name}" == told["queue"]
    assert [(scene.queue.name, 2), (other.name, 3)] == [(each["name"], each["visible"]) for each in told["queues"]]


@pytest.mark.parametrize("missing", [1, 2])
def test_one_that_cannot_be_read_makes_the_sum_unknown(scene: Scene, other: CreatedQueue, missing: int) -> None:
    """Never the messages of the others alone; the first that fails is named, and the key to check."""
    send_messages(scene.aws, scene.queue.url, 2)
    gone = ("gone", "lost")[:missing]
    scaler = Whole(replace(both(scene, other), queues=(scene.queue.name, other.name, *gone)), scene.services)
    scaler.reconcile()
    more = ", and 1 more of them" if missing == 2 else ""
    expected = (
        f'scaler {SCALER}: queue "gone" does not exist in eu-west-1 (of {2 + missing} queues this one cannot be '
        f"read{more}); check scalers[0].queues"
    )
    assert (Reason.UNKNOWN_BACKLOG, expected) == (last(scaler).decision.reason, last(scaler).problem)
    assert last(scaler).decision.queue is None


def test_a_sum_comes_back_with_the_last_of_its_queues(scene: Scene, other: CreatedQueue) -> None:
    """What failed is asked for again at the next poll, and the launch follows."""
    send_messages(scene.aws, scene.queue.url, 2)
    broken = Disturbance("sqs", "GetQueueAttributes", "error", status=500, code="InternalError", times=None)
    scene.aws.disturbances.add(replace(broken, where=lambda asked: asked["QueueUrl"] == other.url))
    scaler = Whole(both(scene, other), scene.services)
    scaler.reconcile()
    assert Reason.UNKNOWN_BACKLOG == last(scaler).decision.reason
    scene.aws.disturbances.clear()
    scaler.retries.ask()
    scaler.reconcile()
    assert (Reason.LAUNCH, 2) == (last(scaler).decision.reason, last(scaler).decision.launch)


def test_a_preview_examines_each_queue(scene: Scene, other: CreatedQueue) -> None:
    """What is to be mended in one begins with its name."""
    spec = both(scene, other)
    (shown,) = preview(replace(controller_spec(scene.aws), scalers=(spec,)), [spec], scene.services, {})
    found = [finding.text.partition(":")[0] for checkup in shown.checkups for finding in checkup.findings]
    assert [f"{name} has no dead-letter queue" for name in (scene.queue.name, other.name)] == found
