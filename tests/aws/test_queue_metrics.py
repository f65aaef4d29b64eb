"""The metrics of many queues, asked of CloudWatch by the daemon."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

import pytest

from controller.aws.cloudwatch import AGAIN_AFTER, MOST_QUERIES, QueueMetrics
from controller.aws.errors import AwsError, Fault
from controller.sandbox.aws import Disturbance
from tests.support.aws import create_queue, send_messages
from tests.support.clock import ManualClock
from tests.support.controller import clients_of

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def this_minute() -> float:
    """Return the beginning of the present minute."""
    return time() // 60 * 60


def delete(aws: EmbeddedAws, url: str, messages: int) -> None:
    """Send so many messages and delete them."""
    send_messages(aws, url, messages)
    sqs = aws.client("sqs")
    while messages:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            messages -= 1


def test_the_messages_of_each_queue_are_told_by_the_minute(aws: EmbeddedAws) -> None:
    """In one call for all; a queue that CloudWatch does not know is left out, and a minute without a message is 0."""
    first, second = create_queue(aws), create_queue(aws)
    since = this_minute()
    delete(aws, first.url, 3)
    delete(aws, second.url, 1)
    aws.queue_metrics.delay = -120.0
    aws.journal.clear()
    told = QueueMetrics(clients_of(aws)).ask_deleted([first.arn, second.url, "unknown"], since - 60, since + 120)
    aws.queue_metrics.delay = 120.0
    assert {first.arn: 3, second.url: 1} == {queue: sum(minutes.values()) for queue, minutes in told.items()}
    assert {since - 60, since, since + 60} == set(told[first.arn])
    assert 1 == len(aws.journal.calls(service="monitoring"))


def test_what_is_not_told_yet_is_unknown(aws: EmbeddedAws) -> None:
    """SQS reports a minute some minutes later."""
    queue = create_queue(aws)
    since = this_minute()
    delete(aws, queue.url, 1)
    assert {} == QueueMetrics(clients_of(aws)).ask_deleted([queue.name], since, since + 60)


def test_a_denial_is_one_problem(aws: EmbeddedAws) -> None:
    """It names what was asked about, and what to allow."""
    aws.disturbances.add(Disturbance("monitoring", "*", "error", status=403, code="AccessDenied"))
    with pytest.raises(AwsError) as raised:
        QueueMetrics(clients_of(aws)).ask_deleted(["any"], 0, 60)
    assert Fault.ACCESS_DENIED is raised.value.fault
    assert "the deleted messages in CloudWatch" in str(raised.value)


def test_a_queue_that_is_not_told_whole_is_no_queue_without_messages(aws: EmbeddedAws) -> None:
    """It is a problem of this question, and the next may be answered."""
    queue = create_queue(aws)
    since = this_minute()
    delete(aws, queue.url, 2)
    aws.queue_metrics.delay = -120.0
    aws.queue_metrics.statuses.extend(["InternalError"] * (1 + len(AGAIN_AFTER)))
    metrics = QueueMetrics(clients_of(aws, clock=ManualClock(since).handed_in()))
    with pytest.raises(AwsError, match=f'queue "{queue.name}": CloudWatch has not told all of NumberOfMessagesDeleted'):
        metrics.ask_deleted([queue.arn], since, since + 120)
    told = metrics.ask_deleted([queue.arn], since, since + 120)
    aws.queue_metrics.delay = 120.0
    assert 2 == sum(told[queue.arn].values())


def test_many_queues_take_a_call_for_each_five_hundred(aws: EmbeddedAws) -> None:
    """As many series as GetMetricData takes."""
    aws.journal.clear()
    QueueMetrics(clients_of(aws)).ask_deleted([f"queue-{number}" for number in range(MOST_QUERIES + 1)], 0, 60)
    assert 2 == len(aws.journal.calls(service="monitoring"))


def test_the_past_of_a_queue_is_what_was_in_flight_and_deleted(aws: EmbeddedAws) -> None:
    """By the minute, those with neither left out; in flight as polls were told."""
    queue, idle = create_queue(aws), create_queue(aws)
    since = this_minute()
    send_messages(aws, queue.url, 3)
    sqs = aws.client("sqs")
    received = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=2, VisibilityTimeout=60)["Messages"]
    for each in (queue, idle):
        sqs.get_queue_attributes(QueueUrl=each.url, AttributeNames=["All"])
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=received[0]["ReceiptHandle"])
    aws.queue_metrics.delay = -120.0
    told = QueueMetrics(clients_of(aws)).ask_past([queue.arn, idle.name], since - 60, since + 120)
    aws.queue_metrics.delay = 120.0
    assert {} == told[idle.name]
    minutes = told[queue.arn].values()
    assert (1, len(received)) == (sum(each.deleted for each in minutes), max(each.in_flight for each in minutes))


def test_the_oldest_message_of_each_queue(aws: EmbeddedAws) -> None:
    """Of a minute in which nothing was left it is 0, and of a queue that CloudWatch does not know nothing is told."""
    queue = create_queue(aws)
    since = this_minute()
    send_messages(aws, queue.url, 1)
    aws.queue_metrics.delay = -120.0
    told = QueueMetrics(clients_of(aws)).ask_oldest([queue.url, "unknown"], since, since + 120)
    aws.queue_metrics.delay = 120.0
    assert {} == told["unknown"]
    assert all(0 <= age < 60 for age in told[queue.url].values())
    assert since in told[queue.url]
