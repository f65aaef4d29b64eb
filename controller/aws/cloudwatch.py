"""CloudWatch: what it knows of queues, by the minute or by five.

Metrics are billed by the series that is asked for: the daemon asks for none that it does not need, and ``ecsq
simulate --cloudwatch`` once for all that it shows. Where nothing happened in a period there may be no point. So a
series that CloudWatch has not told to its end is asked for again, and then is an error: the points that it lacks would
look like times in which nothing happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from boto3.session import Session
from botocore.config import Config

from controller.aws.errors import AwsError, Fault, shorten, translate
from controller.aws.session import Clients
from controller.aws.stages import Stage
from controller.clock import Clock
from controller.config import AwsSpec
from controller.core.decision.past import PastMinute
from controller.core.queue_names import name_queue
from controller.core.words import format_count

MINUTE = 60
FINE_FOR = 15 * 86_400.0
"""Seconds for which CloudWatch keeps data of one minute."""
KEPT_FOR = 63 * 86_400.0
"""Seconds for which it keeps those of five; of what is older it has hours alone, and gives none by five minutes."""
COARSE = 300
MOST_QUERIES = 500
"""Series that one GetMetricData call may ask for (CloudWatch API reference)."""
AGAIN_AFTER = (0.5, 1.0, 2.0)
"""Seconds to wait before each further question for series that were not told whole."""
_ATTEMPTS = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=30)
"""GetMetricData is throttled by account; botocore waits twice as long each time."""


class Metric(StrEnum):
    """A metric of a queue, by its name in the namespace AWS/SQS."""

    SENT = "NumberOfMessagesSent"
    DELETED = "NumberOfMessagesDeleted"
    IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
    OLDEST = "ApproximateAgeOfOldestMessage"


COMPLETE, FORBIDDEN = "Complete", "Forbidden"
"""What CloudWatch says of a series that it has told to its end, and of one that may not be read; of others PartialData
or InternalError (API reference, MetricDataResult)."""
_STATISTICS = {Metric.SENT: "Sum", Metric.DELETED: "Sum", Metric.IN_FLIGHT: "Average", Metric.OLDEST: "Maximum"}
_OF_HISTORY = (Metric.SENT, Metric.DELETED, Metric.IN_FLIGHT)

Points = Mapping[float, float]
"""Values by the beginning of their period, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class QueueHistory:
    """What CloudWatch has of a queue, or of several together."""

    period: int
    """Seconds of each datapoint."""
    values: Mapping[Metric, Points]
    """Where nothing happened there may be none."""


class QueueMetrics:
    """Asks for the metrics of many queues at once, with the daemon's client."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def ask_deleted(self, queues: Sequence[str], since: float, until: float) -> dict[str, Points]:
        """Return the deleted messages of queues, given as names, URLs or ARNs, by the beginning of each minute.

        ``since`` and ``until`` are seconds since the epoch, whole minutes, the latter not included. A minute without a
        point is one without a message. A queue of which there is no point at all is left out: CloudWatch does not know
        it, as it does not know those of other accounts. Raises AwsError.
        """
        with self._clients.asking("the deleted messages in CloudWatch", None):
            asked = [(queue, Metric.DELETED) for queue in queues]
            told = self._read(asked, since, until)
        empty = dict.fromkeys(map(float, range(int(since), int(until), MINUTE)), 0.0)
        return {queue: empty | points for queue, points in zip(queues, told, strict=True) if points}

    def ask_oldest(self, queues: Sequence[str], since: float, until: float) -> dict[str, Points]:
        """Return the greatest age of a message in queues, seconds, by the beginning of each minute that has a point.

        Queues and times are as above. Raises AwsError.
        """
        with self._clients.asking("the oldest messages in CloudWatch", None):
            asked = [(queue, Metric.OLDEST) for queue in queues]
            told = self._read(asked, since, until)
        return dict(zip(queues, told, strict=True))

    def ask_past(self, queues: Sequence[str], since: float, until: float) -> dict[str, dict[float, PastMinute]]:
        """Return what was in flight in queues and deleted from them, by the beginning of each minute with either.

        Queues and times are as above. Raises AwsError.
        """
        with self._clients.asking("the past of queues in CloudWatch", None):
            asked = [(queue, metric) for queue in queues for metric in (Metric.IN_FLIGHT, Metric.DELETED)]
            told = self._read(asked, since, until)
        pairs = zip(told[::2], told[1::2], strict=True)
        return {queue: _join(*pair) for queue, pair in zip(queues, pairs, strict=True)}

    def _read(self, asked: Sequence[tuple[str, Metric]], since: float, until: float) -> list[dict[float, float]]:
        client, pause = self._clients.other("cloudwatch"), self._clients.clock.pause
        return read_series(client, asked, since, until, MINUTE, pause)


def read_history(
    spec: AwsSpec, queues: Sequence[str], since: float, until: float, clock: Clock, session: Session | None = None
) -> QueueHistory:
    """Return the history of queues, given as names, URLs or ARNs, between two times, seconds since the epoch.

    That of several is added up.

    By the minute for what is at most 15 days old, else by five minutes. All pages are read, and a throttled one again.
    ``session`` is that of another account or region; None: boto3's own chain. Raises AwsError.
    """
    period = MINUTE if clock.now() - since <= FINE_FOR else COARSE
    try:
        client = (session or Session(region_name=spec.region)).client(
            "cloudwatch", endpoint_url=spec.endpoint_url, config=_ATTEMPTS
        )
        asked = [(queue, metric) for metric in _OF_HISTORY for queue in queues]
        told = read_series(client, asked, since - since % period, until, period, clock.pause)
    except AwsError:  # also of a role that cannot be assumed, as the session's first call is signed
        raise
    except Exception as error:
        named = ", ".join(f'"{name_queue(queue)}"' for queue in queues)
        raise translate(error, f"CloudWatch, for queue {named}", "queue", Stage.SENT) from error
    values: dict[Metric, dict[float, float]] = {metric: {} for metric in _OF_HISTORY}
    for (_, metric), points in zip(asked, told, strict=True):
        for at, value in points.items():
            values[metric][at] = values[metric].get(at, 0.0) + value
    return QueueHistory(period, values)


def read_series(
    client: Any,
    asked: Sequence[tuple[str, Metric]],
    since: float,
    until: float,
    period: int,
    pause: Callable[[float], bool],
) -> list[dict[float, float]]:
    """Return the points of each queue's metric that is asked for, in that order; all pages of as few calls as may be.

    Series that were not told whole are asked for again, after a ``pause`` that is True when the process is to stop.
    Raises AwsError for what is still lacking then, and for what may not be read; and what boto3 raises.
    """
    found: list[dict[float, float]] = [{} for _ in asked]
    span = {"StartTime": datetime.fromtimestamp(since, UTC), "EndTime": datetime.fromtimestamp(until, UTC)}
    for begin in range(0, len(asked), MOST_QUERIES):
        lacking: Mapping[int, str] = dict.fromkeys(range(begin, min(begin + MOST_QUERIES, len(asked))), "")
        for wait in (*AGAIN_AFTER, None):
            queries = [_build_query(index, *asked[index], period) for index in lacking]
            lacking = _read_pages(client, queries, span, found)
            _refuse_forbidden(asked, lacking)
            if not lacking or wait is None or pause(wait):
                break
        if lacking:
            raise _complain(asked, lacking)
    return found


def _read_pages(
    client: Any, queries: Sequence[dict[str, Any]], span: Mapping[str, datetime], found: list[dict[float, float]]
) -> dict[int, str]:
    """Enter all points that are told, and return the series that were not told whole, with what is said of each."""
    said = {int(query["Id"][1:]): "no answer" for query in queries}
    for page in client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **span):
        for series in page["MetricDataResults"]:
            index = int(series["Id"][1:])
            times = [moment.timestamp() for moment in series["Timestamps"]]
            found[index] |= zip(times, map(float, series["Values"]), strict=True)
            # Of a series that goes on in the next page PartialData is said until the last.
            said[index] = ": ".join([series["StatusCode"], *(each["Value"] for each in series.get("Messages", ()))])
    return {index: status for index, status in said.items() if status.partition(":")[0] != COMPLETE}


def _refuse_forbidden(asked: Sequence[tuple[str, Metric]], lacking: Mapping[int, str]) -> None:
    """Raise AwsError for the first series that may not be read: to ask again would not help."""
    for index, status in lacking.items():
        if status.startswith(FORBIDDEN):
            queue, metric = asked[index]
            raise AwsError(
                Fault.ACCESS_DENIED,
                f'queue "{name_queue(queue)}": CloudWatch does not let these credentials read {metric} '
                f"({shorten(status)}): allow cloudwatch:GetMetricData to them, in the account of the queue",
            )


def _complain(asked: Sequence[tuple[str, Metric]], lacking: Mapping[int, str]) -> AwsError:
    index, status = next(iter(lacking.items()))
    queue, metric = asked[index]
    others = f", nor of {format_count(len(lacking) - 1, 'other metric')}" if len(lacking) > 1 else ""
    return AwsError(
        Fault.SERVER_ERROR,
        f'queue "{name_queue(queue)}": CloudWatch has not told all of {metric}{others} ({shorten(status)}), '
        "however often it was asked: ask again later, or for a shorter time",
    )


def _join(in_flight: Points, deleted: Points) -> dict[float, PastMinute]:
    moments = [at for at in in_flight.keys() | deleted if in_flight.get(at) or deleted.get(at)]
    return {at: PastMinute(in_flight.get(at, 0.0), deleted.get(at, 0.0)) for at in moments}


def _build_query(index: int, queue: str, metric: Metric, period: int) -> dict[str, Any]:
    dimensions = [{"Name": "QueueName", "Value": name_queue(queue)}]
    measured = {"Namespace": "AWS/SQS", "MetricName": metric.value, "Dimensions": dimensions}
    return {"Id": f"q{index}", "MetricStat": {"Metric": measured, "Period": period, "Stat": _STATISTICS[metric]}}
