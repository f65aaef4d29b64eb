"""CloudWatch's metric of deleted messages, and GetMetricData for it: moto keeps metrics, and makes none of SQS.

As on AWS a minute appears some time after it has ended, and one without a message is a point of 0 while the queue is in
use.
"""

from __future__ import annotations

import json
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, Request, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60
DELETED = "NumberOfMessagesDeleted"
MOST_QUERIES = 500
KEPT = 24 * 60
"""Minutes."""
_DELETING = frozenset({"DeleteMessage", "DeleteMessageBatch"})


class QueueMetrics:
    """The deleted messages of every queue, by the minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Minutes go by ``clock``, seconds since the epoch."""
        self.delay = 120.0
        """Seconds from the end of a minute until it can be read."""
        self._clock = clock
        self._lock = Lock()
        self._deleted: Counter[tuple[str, int]] = Counter()
        self._since: dict[str, int] = {}
        """By queue: the minute in which it was first used."""

    def note(self, request: Request, answer: HttpAnswer) -> None:
        """Count what a request to SQS has deleted; any request shows that its queue is in use."""
        queue = str(request.parameters.get("QueueUrl", "")).rpartition("/")[2]
        if not queue or answer.error_code is not None:
            return
        minute = int(self._clock() // MINUTE)
        with self._lock:
            self._since.setdefault(queue, minute)
            if request.operation in _DELETING:
                self._deleted[queue, minute] += _count(request, answer)

    def answer(self, request: Request) -> HttpAnswer:
        """Answer GetMetricData; every other operation and metric is unknown here."""
        queries = request.parameters.get("MetricDataQueries", ())
        if request.operation != "GetMetricData" or not 0 < len(queries) <= MOST_QUERIES:
            return ApiError("ValidationError", f"{request.operation} is not answered so").to_answer()
        since, until = (int(request.parameters[name] // MINUTE) for name in ("StartTime", "EndTime"))
        with self._lock:
            results = [self._read(query, since, until) for query in queries]
        return make_json_answer({"MetricDataResults": results, "Messages": []})

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._deleted.clear()
            self._since.clear()

    def _read(self, query: Json, since: int, until: int) -> Json:
        metric = query["MetricStat"]["Metric"]
        queue = next((each["Value"] for each in metric["Dimensions"] if each["Name"] == "QueueName"), "")
        minutes: range | tuple[int, ...] = ()
        if metric["Namespace"] == "AWS/SQS" and metric["MetricName"] == DELETED and queue in self._since:
            readable = int((self._clock() - self.delay) // MINUTE)
            first = max(since, self._since[queue], readable - KEPT)
            minutes = range(first, min(until, readable))
        return {
            "Id": query["Id"],
            "Label": f"{queue} {metric['MetricName']}",
            "Timestamps": [minute * MINUTE for minute in minutes],
            "Values": [self._deleted[queue, minute] for minute in minutes],
            "StatusCode": "Complete",
        }


def _count(request: Request, answer: HttpAnswer) -> int:
    return 1 if request.operation == "DeleteMessage" else len(json.loads(answer.body).get("Successful", ()))
