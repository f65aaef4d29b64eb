from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.aws import create_queue, eventually, send_messages, send_to_groups

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.aws import CreatedQueue
    from tests.support.clock import ManualClock

NAMES = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


def counts(aws: EmbeddedAws, url: str, names: list[str] = NAMES) -> list[int]:
    """Return (visible, in flight, delayed)."""
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(found[name]) for name in NAMES]


@pytest.mark.parametrize("names", [NAMES, ["All"]], ids=["three", "all"])
def test_counts_follow_the_messages(aws: EmbeddedAws, queue: CreatedQueue, names: list[str]) -> None:
    """Visible, in-flight and delayed messages are counted after every call that changes them."""
    sqs = aws.client("sqs")
    send_messages(aws, queue.url, 5)
    sqs.send_message(QueueUrl=queue.url, MessageBody="later", DelaySeconds=60)
    seen = [counts(aws, queue.url, names)]
    received = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=2)["Messages"]
    seen.append(counts(aws, queue.url, names))
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=received[0]["ReceiptHandle"])
    seen.append(counts(aws, queue.url, names))
    sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=received[1]["ReceiptHandle"], VisibilityTimeout=0)
    seen.append(eventually(lambda: (found := counts(aws, queue.url, names))[1] == 0 and found))
    assert seen == [[5, 0, 1], [3, 2, 1], [3, 1, 1], [4, 0, 1]]


def test_receivers_at_the_same_time_get_different_messages(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Eight threads drain 80 messages and none is received twice."""
    send_messages(aws, queue.url, 80)
    sqs = aws.client("sqs")

    def drain(_: int) -> list[str]:
        bodies = []
        while messages := sqs.receive_message(QueueUrl=queue.url).get("Messages"):
            bodies.append(messages[0]["Body"])
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])
        return bodies

    with ThreadPoolExecutor(8) as pool:
        received = Counter(body for bodies in pool.map(drain, range(8)) for body in bodies)
    assert received == Counter(f"work {number}" for number in range(80))


def test_a_long_poll_blocks_no_other_call_and_ends_with_a_message(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """While one receiver waits, other calls are answered; the next message ends the wait."""
    impatient = aws.client("sqs", config=Config(read_timeout=5, retries={"total_max_attempts": 1}))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(aws.client("sqs").receive_message, QueueUrl=queue.url, WaitTimeSeconds=20)
        eventually(lambda: aws.sqs.waiting == 1)
        impatient.send_message(QueueUrl=queue.url, MessageBody="at last")
        assert [message["Body"] for message in waiting.result(5)["Messages"]] == ["at last"]


def test_a_long_poll_ends_when_the_server_stops(timed_aws: EmbeddedAws) -> None:
    """A waiting receiver does not keep the server from stopping."""
    queue = create_queue(timed_aws)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(timed_aws.client("sqs").receive_message, QueueUrl=queue.url, WaitTimeSeconds=20)
        eventually(lambda: timed_aws.sqs.waiting == 1)
        timed_aws.stop()
        assert timed_aws.sqs.waiting == 0


def test_a_message_comes_back_after_its_visibility_timeout(aws: EmbeddedAws) -> None:
    """A message that was received but not deleted is received again."""
    queue = create_queue(aws, VisibilityTimeout="1")
    send_messages(aws, queue.url, 1)
    sqs = aws.client("sqs")
    received = [
        sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=wait, AttributeNames=["ApproximateReceiveCount"])
        for wait in (0, 5)
    ]
    attributes = [answer["Messages"][0]["Attributes"] for answer in received]
    assert [a["ApproximateReceiveCount"] for a in attributes] == ["1", "2"]


def test_counts_can_be_late(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """With a lag of a minute, counts show the messages of a minute ago."""
    timed_aws.sqs.counts_lag = 60.0
    url = create_queue(timed_aws).url
    send_messages(timed_aws, url, 3)
    seen = [counts(timed_aws, url)]
    clock.now += 60
    seen.append(counts(timed_aws, url))
    timed_aws.client("sqs").purge_queue(QueueUrl=url)
    clock.now += 59
    seen.append(counts(timed_aws, url))
    clock.now += 1
    seen.append(counts(timed_aws, url))
    assert seen == [[0, 0, 0], [3, 0, 0], [3, 0, 0], [0, 0, 0]]


def test_a_missing_queue_is_an_error(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """It is QueueDoesNotExist, by URL and by name, also for a queue that was deleted."""
    sqs = aws.client("sqs")
    sqs.delete_queue(QueueUrl=queue.url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        counts(aws, queue.url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName=queue.name)


def test_a_reset_leaves_nothing(aws: EmbeddedAws, cluster: str, queue: CreatedQueue, template: str) -> None:
    """Queues, clusters and definitions are gone, and delays are what they were at the start."""
    aws.ecs.listing_lag, aws.sqs.counts_lag = 5.0, 60.0
    aws.reset()
    ecs, sqs = aws.client("ecs"), aws.client("sqs")
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert ecs.list_clusters()["clusterArns"] == []
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert (aws.ecs.listing_lag, aws.sqs.counts_lag) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["FifoQueue", "ContentBasedDeduplication"])
def test_a_standard_queue_has_no_attribute_of_fifo(aws: EmbeddedAws, queue: CreatedQueue, name: str) -> None:
    """AWS refuses the whole call, though a count beside it is known; of a FIFO queue it answers."""
    sqs = aws.client("sqs")
    with pytest.raises(ClientError, match=f"Unknown Attribute {name}"):
        sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=[NAMES[0], name])
    fifo = create_queue(aws, "orders.fifo", FifoQueue="true").url
    assert "true" == sqs.get_queue_attributes(QueueUrl=fifo, AttributeNames=["FifoQueue"])["Attributes"]["FifoQueue"]


def test_a_group_is_handed_out_once_at_a_time(aws: EmbeddedAws) -> None:
    """In its order; what is blocked by a message in flight counts as visible, and another group is not blocked."""
    sqs, url = aws.client("sqs"), create_queue(aws, "orders.fifo", FifoQueue="true").url
    send_to_groups(aws, url, 4, groups=2)

    def receive() -> dict[str, str]:
        return {each["Body"]: each["ReceiptHandle"] for each in sqs.receive_message(QueueUrl=url).get("Messages", ())}

    first, second, third = receive(), receive(), receive()
    assert ([["work 0"], ["work 1"], []], [2, 2, 0]) == ([[*first], [*second], [*third]], counts(aws, url))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["work 0"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["work 1"], VisibilityTimeout=0)
    assert [["work 2"], ["work 1"]] == sorted(([*receive()], [*receive()]), reverse=True)
    assert [1, 2, 0] == counts(aws, url)
