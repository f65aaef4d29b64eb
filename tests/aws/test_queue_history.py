from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from controller.aws.cloudwatch import AGAIN_AFTER, COARSE, MINUTE, read_history
from controller.aws.errors import AwsError, Fault
from tests.support.aws import create_queue, send_messages
from tests.support.clock import ManualClock
from tests.support.controller import UNREACHABLE_AWS, aws_spec

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

NOW = 1_700_000_400.0
"""A whole minute."""
CLOCK = ManualClock(NOW).handed_in()
HERE = replace(UNREACHABLE_AWS, endpoint_url=None)


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a queue have been sent messages in two of ten minutes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    with mock_aws():
        client = boto3.client("cloudwatch", region_name="us-east-1")
        for metric, minute, value in (
            ("NumberOfMessagesSent", 1, 20), ("NumberOfMessagesSent", 4, 5), ("NumberOfMessagesDeleted", 4, 10),
            ("ApproximateNumberOfMessagesNotVisible", 4, 3),
        ):  # fmt: skip
            client.put_metric_data(Namespace="AWS/SQS", MetricData=[{
                "MetricName": metric, "Dimensions": [{"Name": "QueueName", "Value": "work.fifo"}], "Value": value,
                "Timestamp": datetime.fromtimestamp(NOW - 600 + minute * 60, UTC),
            }])  # fmt: skip
        yield


@pytest.mark.parametrize(
    "queue", ["work.fifo", "arn:aws:sqs:us-east-1:123456789012:work.fifo", "https://sqs.example/123456789012/work.fifo"]
)
def test_the_metrics_of_a_queue_are_read(metrics: None, queue: str) -> None:
    """By the minute, whichever way it is named; where nothing happened there is nothing."""
    history = read_history(HERE, [queue], NOW - 600, NOW, CLOCK)
    sent, deleted, in_flight = history.values.values()
    assert MINUTE == history.period
    assert ({NOW - 540: 20.0, NOW - 360: 5.0}, {NOW - 360: 10.0}, {NOW - 360: 3.0}) == (sent, deleted, in_flight)


def test_the_metrics_of_several_queues_are_added_up(metrics: None) -> None:
    """Minute by minute; one that CloudWatch does not know had nothing."""
    arn = "arn:aws:sqs:us-east-1:123456789012:work.fifo"
    history = read_history(HERE, ["work.fifo", "unknown", arn], NOW - 600, NOW, CLOCK)
    sent, deleted, in_flight = history.values.values()
    assert ({NOW - 540: 40.0, NOW - 360: 10.0}, {NOW - 360: 20.0}, {NOW - 360: 6.0}) == (sent, deleted, in_flight)


def test_what_is_older_is_read_by_five_minutes(metrics: None) -> None:
    """CloudWatch keeps minutes for fifteen days."""
    history = read_history(HERE, ["work.fifo"], NOW - 20 * 86_400, NOW, CLOCK)
    assert COARSE == history.period
    assert 25 == sum(history.values["NumberOfMessagesSent"].values())


def test_what_goes_wrong_names_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what AWS, or the way to it, has said."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    with pytest.raises(AwsError, match='CloudWatch, for queue "work"'):
        read_history(UNREACHABLE_AWS, ["work"], NOW - 600, NOW, CLOCK)


@pytest.fixture
def sent(clock: ManualClock, timed_aws: EmbeddedAws) -> EmbeddedAws:
    """Let a queue, ``work``, have been sent a message in each of ten minutes; the clock is three minutes later."""
    queue = create_queue(timed_aws, "work")
    clock.now = NOW - 600
    while clock.now < NOW:
        send_messages(timed_aws, queue.url, 1)
        clock.now += MINUTE
    clock.now += 180
    timed_aws.journal.clear()
    return timed_aws


def count_sent(aws: EmbeddedAws, clock: ManualClock) -> float:
    """Return the messages that were sent in the ten minutes, as they are read."""
    return sum(
        read_history(aws_spec(aws), ["work"], NOW - 600, NOW, clock.handed_in()).values["NumberOfMessagesSent"].values()
    )


def test_what_does_not_fit_into_an_answer_is_read_from_the_next(sent: EmbeddedAws, clock: ManualClock) -> None:
    """Of a series that goes on there the first says PartialData, which is no reason to ask for it again."""
    sent.queue_metrics.most_points = 4
    assert 10 == count_sent(sent, clock)
    assert 8 == len(sent.journal.calls(service="monitoring"))


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_a_series_that_was_not_told_whole_is_asked_for_again(
    sent: EmbeddedAws, clock: ManualClock, status: str
) -> None:
    """What it lacks would look like minutes without a message."""
    sent.queue_metrics.statuses.extend([status] * len(AGAIN_AFTER))
    assert 10 == count_sent(sent, clock)


@pytest.mark.parametrize(
    ("status", "fault", "said", "calls"),
    [
        ("PartialData", Fault.SERVER_ERROR, "has not told all of NumberOfMessagesSent, nor of 2 other metrics", 4),
        ("InternalError", Fault.SERVER_ERROR, r"\(InternalError\), however often it was asked", 4),
        ("Forbidden", Fault.ACCESS_DENIED, r"read NumberOfMessagesSent \(Forbidden\): allow cloudwatch:GetMetric", 1),
    ],
)
def test_what_is_not_told_is_an_error_and_no_gap(
    sent: EmbeddedAws, clock: ManualClock, status: str, fault: Fault, said: str, calls: int
) -> None:
    """It names the queue; what is forbidden is not asked for again."""
    sent.queue_metrics.statuses.extend([status] * 9)
    with pytest.raises(AwsError, match=f'queue "work": CloudWatch .*{said}') as raised:
        count_sent(sent, clock)
    assert (fault, calls) == (raised.value.fault, len(sent.journal.calls(service="monitoring")))
