"""CloudWatch's metrics of queues, and GetMetricData for them: moto keeps metrics, and makes none of SQS.

They are made of the requests that pass: messages sent and deleted, and as samples of those in flight what polls are
told. As on AWS a minute appears some time after it has ended, and one without a message is a point of 0 while the queue
is in use. What does not fit into an answer follows in the next, and a series may be told in part, or not at all.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from statistics import fmean
from threading import Lock
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, Request, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60
SENT = "NumberOfMessagesSent"
DELETED = "NumberOfMessagesDeleted"
IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
OLDEST = "ApproximateAgeOfOldestMessage"
MOST_QUERIES = 500
MOST_POINTS = 100_800
"""Datapoints of an answer, of all its series together."""
KEPT = 24 * 60
"""Minutes."""


@dataclass(slots=True)
class _Queue:
    """What passed of one queue; minutes are counted from the epoch."""

    since: int
    """The minute in which it was first used."""
    waiting: dict[str, float] = field(default_factory=dict)
    """When each message was sent that was not deleted yet, the oldest first."""
    handles: dict[str, str] = field(default_factory=dict)
    """The message of each receipt handle."""
    sent: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By minute, as with the rest."""
    deleted: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    in_flight: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """What polls were told."""
    oldest: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    """The greatest age of a message, seconds."""

    def read(self, metric: str, minute: int) -> float | None:
        """Return the value of a minute; None: there is none."""
        if metric in {SENT, DELETED}:
            return (self.sent if metric == SENT else self.deleted).get(minute, 0)
        if metric == IN_FLIGHT:
            return fmean(self.in_flight.get(minute, (0,)))
        return self.oldest.get(minute, 0.0) if metric == OLDEST else None


class QueueMetrics:
    """The metrics of every queue, by the minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Minutes go by ``clock``, seconds since the epoch."""
        self.delay = 120.0
        """Seconds from the end of a minute until it can be read."""
        self.most_points = MOST_POINTS
        """Datapoints of an answer; the rest is told in the next ones."""
        self.statuses = deque[str]()
        """What the next answers say of all their series, one after the other, such as ``InternalError``."""
        self._clock = clock
        self._lock = Lock()
        self._queues: dict[str, _Queue] = {}

    def note(self, request: Request, answer: HttpAnswer) -> None:
        """Take down what a request to SQS has done; any request shows that its queue is in use."""
        name = str(request.parameters.get("QueueUrl", "")).rpartition("/")[2]
        if not name or answer.error_code is not None:
            return
        now = self._clock()
        minute = int(now // MINUTE)
        with self._lock:
            queue = self._queues.setdefault(name, _Queue(minute))
            _take_down(queue, request, json.loads(answer.body or b"{}"), now)
            first = next(iter(queue.waiting.values()), now)
            queue.oldest[minute] = max(queue.oldest[minute], now - first)

    def answer(self, request: Request) -> HttpAnswer:
        """Answer GetMetricData; every other operation and metric is unknown here."""
        queries = request.parameters.get("MetricDataQueries", ())
        if request.operation != "GetMetricData" or not 0 < len(queries) <= MOST_QUERIES:
            return ApiError("ValidationError", f"{request.operation} is not answered so").to_answer()
        since, until = (int(request.parameters[name] // MINUTE) for name in ("StartTime", "EndTime"))
        with self._lock:
            results = [self._read(query, since, until) for query in queries]
            status = self.statuses.popleft() if self.statuses else None
        if status is not None:
            return make_json_answer({"MetricDataResults": [_spoil(result, status) for result in results]})
        return make_json_answer(_turn_to(results, int(request.parameters.get("NextToken", 0)), self.most_points))

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._queues.clear()
            self.statuses.clear()
            self.most_points = MOST_POINTS

    def _read(self, query: Json, since: int, until: int) -> Json:
        metric = query["MetricStat"]["Metric"]
        name = next((each["Value"] for each in metric["Dimensions"] if each["Name"] == "QueueName"), "")
        queue = self._queues.get(name) if metric["Namespace"] == "AWS/SQS" else None
        points: dict[int, float] = {}
        if queue is not None:
            readable = int((self._clock() - self.delay) // MINUTE)
            for minute in range(max(since, queue.since, readable - KEPT), min(until, readable)):
                if (value := queue.read(metric["MetricName"], minute)) is not None:
                    points[minute * MINUTE] = value
        return {
            "Id": query["Id"],
            "Label": f"{name} {metric['MetricName']}",
            "Timestamps": list(points),
            "Values": list(points.values()),
            "StatusCode": "Complete",
        }


def _spoil(result: Json, status: str) -> Json:
    """Return a series as AWS tells it when something goes wrong: a part of it, or nothing."""
    told = len(result["Values"]) // 2 if status == "PartialData" else 0
    return result | {"StatusCode": status, "Timestamps": result["Timestamps"][:told], "Values": result["Values"][:told]}


def _turn_to(results: list[Json], first: int, most: int) -> Json:
    """Return the answer that begins with a point of all, and the token of the next if that is not the last."""
    shown, before = [], 0
    for result in results:
        points = len(result["Values"])
        window = slice(max(0, first - before), max(0, first + most - before))
        values = result["Values"][window]
        if values or (not points and not first):
            status = "Complete" if window.stop >= points else "PartialData"
            shown.append(result | {"StatusCode": status, "Timestamps": result["Timestamps"][window], "Values": values})
        before += points
    following = {"NextToken": str(first + most)} if before > first + most else {}
    return {"MetricDataResults": shown, "Messages": [], **following}


def _take_down(queue: _Queue, request: Request, told: Any, now: float) -> None:
    """Take down what was sent, received, deleted or counted."""
    minute = int(now // MINUTE)
    match request.operation:
        case "SendMessage":
            queue.waiting[told["MessageId"]] = now
            queue.sent[minute] += 1
        case "SendMessageBatch":
            sent = {each["MessageId"]: now for each in told.get("Successful", ())}
            queue.waiting |= sent
            queue.sent[minute] += len(sent)
        case "ReceiveMessage":
            queue.handles |= {each["ReceiptHandle"]: each["MessageId"] for each in told.get("Messages", ())}
        case "DeleteMessage":
            _delete(queue, request.parameters["ReceiptHandle"], minute)
        case "DeleteMessageBatch":
            done = {each["Id"] for each in told.get("Successful", ())}
            for each in request.parameters["Entries"]:
                if each["Id"] in done:
                    _delete(queue, each["ReceiptHandle"], minute)
        case "GetQueueAttributes" if counted := told.get("Attributes", {}).get("ApproximateNumberOfMessagesNotVisible"):
            queue.in_flight[minute].append(int(counted))
        case "PurgeQueue":
            queue.waiting.clear()


def _delete(queue: _Queue, handle: str, minute: int) -> None:
    queue.deleted[minute] += 1
    queue.waiting.pop(queue.handles.pop(handle, ""), None)
