"""CloudWatch: how many messages of queues were deleted, by the minute; one call for up to 500 queues.

Metrics are billed by the series that is asked for, so there is one question for each queue, and none that is not
needed. A minute without a point is one without a message, unless the queue has no point at all: then CloudWatch does
not know it, as it does not know those of other accounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.aws.session import Clients

MOST_QUERIES = 500
"""Series that one GetMetricData call may ask for (CloudWatch API reference)."""
MINUTE = 60


class DeletedMessages:
    """Asks how many messages of queues were deleted."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def ask(self, queues: Sequence[str], since: float, until: float) -> dict[str, dict[float, float]]:
        """Return the deleted messages of queues, given as names, URLs or ARNs, by the beginning of each minute.

        ``since`` and ``until`` are seconds since the epoch, whole minutes, the latter not included. A queue that
        CloudWatch knows nothing of is left out. Raises AwsError.
        """
        found: dict[str, dict[float, float]] = {}
        for begin in range(0, len(queues), MOST_QUERIES):
            part = queues[begin : begin + MOST_QUERIES]
            with self._clients.asking("the deleted messages in CloudWatch", None):
                for index, points in self._read(part, since, until):
                    if points:
                        empty = dict.fromkeys(map(float, range(int(since), int(until), MINUTE)), 0.0)
                        found[part[index]] = found.get(part[index], empty) | points
        return found

    def _read(self, queues: Sequence[str], since: float, until: float) -> Iterator[tuple[int, dict[float, float]]]:
        """Yield the points of each series, page by page, with the index of its queue."""
        request: dict[str, Any] = {
            "MetricDataQueries": [_build_query(index, queue) for index, queue in enumerate(queues)],
            "StartTime": datetime.fromtimestamp(since, UTC),
            "EndTime": datetime.fromtimestamp(until, UTC),
        }
        while True:
            answer = self._clients.cloudwatch().get_metric_data(**request)
            for series in answer["MetricDataResults"]:
                times = [moment.timestamp() for moment in series["Timestamps"]]
                yield int(series["Id"][1:]), dict(zip(times, map(float, series["Values"]), strict=True))
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]


def _build_query(index: int, queue: str) -> dict[str, Any]:
    dimensions = [{"Name": "QueueName", "Value": re.split("[:/]", queue)[-1]}]
    metric = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesDeleted", "Dimensions": dimensions}
    return {"Id": f"q{index}", "MetricStat": {"Metric": metric, "Period": MINUTE, "Stat": "Sum"}}
