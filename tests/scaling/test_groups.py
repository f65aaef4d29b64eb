"""A FIFO queue hands a group out once at a time, over real HTTP: more workers than groups find nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support.aws import CreatedQueue, create_queue, send_to_groups
from tests.support.scene import POLL, Scene, build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

MESSAGES = 60
"""Each takes a poll."""


@dataclass
class Workers:
    """Those of a scene: each takes a message, is done with it after a poll, and exits if it finds none."""

    scene: Scene
    queue: CreatedQueue
    done: list[str] = field(default_factory=list)
    hands: dict[str, MessageTypeDef] = field(default_factory=dict)
    """The message that each has in hand, by its task."""

    def work(self) -> None:
        """Let each that runs finish its message and take the next, or exit."""
        sqs, ecs = self.scene.aws.client("sqs"), self.scene.aws.ecs
        running = [task.arn for task in ecs.tasks(self.scene.cluster) if task.last_status == "RUNNING"]
        for arn in running:
            if message := self.hands.pop(arn, None):
                sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"])
                self.done.append(message["Body"])
            if found := sqs.receive_message(QueueUrl=self.queue.url).get("Messages"):
                self.hands[arn] = found[0]
            else:
                ecs.exit_container(arn, "worker", 0)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Iterator[Scene]:
    """Give a scene whose workers start at once, until the test says otherwise."""
    yield build(own, dry_run=False)
    own[0].ecs.timing.start_delay = 0.0


@pytest.mark.parametrize("start", [0.0, 40.0], ids=["start-at-once", "start-in-40s"])
@pytest.mark.parametrize(("groups", "least", "most"), [(1, 2, 6), (30, 7, 60)], ids=["one-group", "thirty-groups"])
def test_as_many_workers_are_launched_as_find_a_group(
    scene: Scene, start: float, groups: int, least: int, most: int
) -> None:
    """Sixty messages of one group launch a handful, one after the other; those of thirty groups twice as many each."""
    queue = create_queue(scene.aws, "orders.fifo", FifoQueue="true", VisibilityTimeout="3600")
    scaler = scene.scaler(queue=queue.name, is_fifo=True, max_containers=90)
    send_to_groups(scene.aws, queue.url, MESSAGES, groups)
    scene.aws.ecs.timing.start_delay = start
    workers = Workers(scene, queue)
    while len(workers.done) < MESSAGES:
        scene.let_pass(POLL, scaler)
        workers.work()
    assert least <= len(scene.aws.ecs.tasks()) <= most
