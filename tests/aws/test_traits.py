from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.errors import AwsError
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import Queue
from controller.aws.traits import ASK_AGAIN, ASK_EVERY, TraitsKnown, read_traits
from controller.core.decision.doctor import QueueTraits
from controller.core.decision.model import QueueCounts
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_queue, send_messages
from tests.support.controller import clients_of

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

REDRIVE = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 3}
TRAITS = QueueTraits(45.0, 86_400.0, 10.0, "arn:aws:sqs:us-east-1:123456789012:dead", 3)


def create(aws: EmbeddedAws) -> str:
    """Create a queue of TRAITS with two messages; gives its name."""
    create_queue(aws, "dead")
    queue = create_queue(
        aws,
        "orders",
        VisibilityTimeout="45",
        MessageRetentionPeriod="86400",
        ReceiveMessageWaitTimeSeconds="10",
        RedrivePolicy=json.dumps(REDRIVE),
    )
    send_messages(aws, queue.url, 2)
    return queue.name


class Reads:
    """Reads a queue in one of the two ways in which the controller does."""

    def __init__(self, aws: EmbeddedAws, clock: ManualClock, way: str) -> None:
        clients = clients_of(aws, clock=clock.handed_in())
        self.traits = TraitsKnown(clients.clock)
        self._clients, self._way = clients, way

    def read(self, queue: str, times: int = 1) -> list[QueueCounts]:
        """Read a queue so often."""
        if self._way == "boto3":
            reader = Queue(self._clients, queue, self.traits)
            return [reader.read_counts() for _ in range(times)]
        return asyncio.run(self._poll(queue, times))

    async def _poll(self, queue: str, times: int) -> list[QueueCounts]:
        polls = QueuePolls(self._clients, self.traits)
        try:
            return [await polls.read_counts(queue) for _ in range(times)]
        finally:
            await polls.close()


each_way = pytest.mark.parametrize("way", ["boto3", "polls"])


def asked(aws: EmbeddedAws) -> list[str]:
    """Return the first attribute that each read of a queue asked for."""
    calls = aws.journal.calls("sqs", "GetQueueAttributes", client="ecsq-ecsq")
    return [call.parameters["AttributeNames"][0] for call in calls]


@each_way
def test_everything_is_asked_for_once_an_hour_in_place_of_the_counts(
    aws: EmbeddedAws, clock: ManualClock, way: str
) -> None:
    """The number of requests does not rise: a poll asks for all or for the counts, and has the counts either way."""
    name, reads = create(aws), Reads(aws, clock, way)
    seen = reads.read(name, 3)
    clock.now += ASK_EVERY - 1
    seen += reads.read(name)
    clock.now += 1
    seen += reads.read(name, 2)
    counts = "ApproximateNumberOfMessages"
    assert ["All", counts, counts, counts, "All", counts] == asked(aws)
    assert [QueueCounts(visible=2, in_flight=0, delayed=0)] * 6 == seen
    assert TRAITS == reads.traits.find(name)


@each_way
def test_an_answer_that_does_not_come_is_asked_for_again_later(aws: EmbeddedAws, clock: ManualClock, way: str) -> None:
    """The polls meanwhile ask for the counts alone, so that what spoils the whole answer spoils one poll."""
    name, reads = create(aws), Reads(aws, clock, way)
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "error", status=403, code="AccessDenied"))
    with pytest.raises(AwsError, match="AccessDenied"):
        reads.read(name)
    reads.read(name)
    clock.now += ASK_AGAIN
    reads.read(name)
    assert ["All", "ApproximateNumberOfMessages", "All"] == asked(aws)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, QueueTraits()),
        ({"VisibilityTimeout": "30"}, QueueTraits(visibility_timeout=30.0, dead_letter_queue="")),
        (
            {"RedrivePolicy": json.dumps(REDRIVE | {"maxReceiveCount": "3"})},
            QueueTraits(dead_letter_queue=TRAITS.dead_letter_queue, max_receives=3),
        ),
        ({"RedrivePolicy": "{"}, QueueTraits()),
        ({"RedrivePolicy": "[]"}, QueueTraits()),
        ({"RedrivePolicy": "[" * 100_000}, QueueTraits()),
        ({"RedrivePolicy": '{"deadLetterTargetArn": 5, "maxReceiveCount": true}'}, QueueTraits()),
        ({"VisibilityTimeout": "-1", "MessageRetentionPeriod": 5, "RedrivePolicy": 7}, QueueTraits()),
        ({"VisibilityTimeout": "9" * 5000}, QueueTraits()),
    ],
    ids=["empty", "no policy", "number in text", "cut", "list", "deep", "odd members", "odd values", "huge"],
)
def test_what_is_odd_is_unknown(attributes: dict[str, Any], expected: QueueTraits) -> None:
    """A setting that nobody can read is none of zero, and that there is no policy is known only of a whole answer."""
    assert expected == read_traits(attributes)
