"""CloudWatch: what was sent to a queue, deleted from it and in flight in it, by period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from controller.aws.errors import translate
from controller.aws.stages import Stage
from controller.config import AwsSpec

MINUTE = 60
FINE_FOR = 15 * 86_400.0
"""Seconds for which CloudWatch keeps data of one minute."""
KEPT_FOR = 63 * 86_400.0
"""Seconds for which it keeps those of five; of what is older it has hours alone, and gives none by five minutes."""
COARSE = 300
STATISTICS = {
    "NumberOfMessagesSent": "Sum",
    "NumberOfMessagesDeleted": "Sum",
    "ApproximateNumberOfMessagesNotVisible": "Average",
}
"""The metrics that are read, each with its statistic."""
_ATTEMPTS = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=30)
"""GetMetricData is throttled by account; botocore waits twice as long each time."""


@dataclass(frozen=True, slots=True)
class QueueHistory:
    """What CloudWatch has of a queue."""

    period: int
    """Seconds of each datapoint."""
    values: Mapping[str, Mapping[float, float]]
    """By metric, by the beginning of the period; where nothing happened there may be none."""


def read_history(spec: AwsSpec, queue: str, since: float, until: float, now: float) -> QueueHistory:
    """Return the history of a queue, given as a name, URL or ARN, between two times, seconds since the epoch.

    By the minute for what is at most 15 days old, else by five minutes. All pages are read, and a throttled one again.
    Raises AwsError.
    """
    period = MINUTE if now - since <= FINE_FOR else COARSE
    name = queue.rstrip("/").replace(":", "/").rpartition("/")[2]
    queries = [_ask(f"m{index}", metric, name, period) for index, metric in enumerate(STATISTICS)]
    values: dict[str, dict[float, float]] = {metric: {} for metric in STATISTICS}
    try:
        for metric, at, value in _read_pages(spec, queries, since - since % period, until):
            values[metric][at] = value
    except Exception as error:
        raise translate(error, f'CloudWatch, for queue "{name}"', "queue", Stage.SENT) from error
    return QueueHistory(period, values)


def _read_pages(
    spec: AwsSpec, queries: list[dict[str, Any]], since: float, until: float
) -> Iterator[tuple[str, float, float]]:
    client = boto3.session.Session(region_name=spec.region).client(
        "cloudwatch", endpoint_url=spec.endpoint_url, config=_ATTEMPTS
    )
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(since, UTC),
        EndTime=datetime.fromtimestamp(until, UTC),
        ScanBy="TimestampAscending",
    )
    for page in pages:
        for series in page["MetricDataResults"]:
            for moment, value in zip(series["Timestamps"], series["Values"], strict=True):
                yield series["Label"], moment.timestamp(), value


def _ask(number: str, metric: str, queue: str, period: int) -> dict[str, Any]:
    dimensions = [{"Name": "QueueName", "Value": queue}]
    measured = {"Namespace": "AWS/SQS", "MetricName": metric, "Dimensions": dimensions}
    return {
        "Id": number,
        "Label": metric,
        "MetricStat": {"Metric": measured, "Period": period, "Stat": STATISTICS[metric]},
    }
