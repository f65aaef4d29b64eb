from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from controller.aws.cloudwatch import COARSE, MINUTE, read_history
from controller.aws.errors import AwsError
from tests.support.controller import UNREACHABLE_AWS

NOW = 1_700_000_400.0
"""A whole minute."""
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
    history = read_history(HERE, [queue], NOW - 600, NOW, NOW)
    sent, deleted, in_flight = history.values.values()
    assert MINUTE == history.period
    assert ({NOW - 540: 20.0, NOW - 360: 5.0}, {NOW - 360: 10.0}, {NOW - 360: 3.0}) == (sent, deleted, in_flight)


def test_the_metrics_of_several_queues_are_added_up(metrics: None) -> None:
    """Minute by minute; one that CloudWatch does not know had nothing."""
    arn = "arn:aws:sqs:us-east-1:123456789012:work.fifo"
    history = read_history(HERE, ["work.fifo", "unknown", arn], NOW - 600, NOW, NOW)
    sent, deleted, in_flight = history.values.values()
    assert ({NOW - 540: 40.0, NOW - 360: 10.0}, {NOW - 360: 20.0}, {NOW - 360: 6.0}) == (sent, deleted, in_flight)


def test_what_is_older_is_read_by_five_minutes(metrics: None) -> None:
    """CloudWatch keeps minutes for fifteen days."""
    history = read_history(HERE, ["work.fifo"], NOW - 20 * 86_400, NOW, NOW)
    assert COARSE == history.period
    assert 25 == sum(history.values["NumberOfMessagesSent"].values())


def test_what_goes_wrong_names_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what AWS, or the way to it, has said."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    with pytest.raises(AwsError, match='CloudWatch, for queue "work"'):
        read_history(UNREACHABLE_AWS, ["work"], NOW - 600, NOW, NOW)
