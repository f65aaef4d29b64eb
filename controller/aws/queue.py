"""Reading a queue: its three approximate counts, one request."""

from __future__ import annotations

from urllib.parse import urlsplit

from controller.aws.answers import read_text
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.core.decision.model import QueueCounts

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_ARN_PARTS = 6
_DIGITS = 15
"""Of a count, at most: more messages than that are in no queue."""


class Queue:
    """One SQS queue, given as a name, a URL or an ARN; its URL is looked up once."""

    def __init__(self, clients: Clients, queue: str) -> None:
        self._clients = clients
        self._queue = queue
        self._url: str | None = None

    def read_counts(self) -> QueueCounts:
        """Return the queue's counts, messages; one request once the URL is known.

        Raises AwsError when they are unknown: the queue is missing or denied, or the answer lacks one of them.
        """
        try:
            with self._clients.asking(f'queue "{self._queue}"', "queue"):
                attributes = self._attributes()
                visible, in_flight, delayed = (_read_count(attributes[name]) for name in COUNTS)
        except AwsError as error:
            if error.fault is not Fault.THROTTLED:  # which would then be asked for twice as much
                self._url = None
            raise self._explain(error) from error
        return QueueCounts(visible=visible, in_flight=in_flight, delayed=delayed)

    def _attributes(self) -> dict[str, str]:
        sqs = self._clients.sqs()
        if self._url is None:
            self._url = self._look_up()
        answer = sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(COUNTS))  # type: ignore[arg-type]
        return dict(answer["Attributes"])  # type: ignore[arg-type]  # keyed by names that are text

    def _look_up(self) -> str:
        if urlsplit(self._queue).scheme in {"http", "https"}:
            return self._queue
        sqs = self._clients.sqs()
        if not self._queue.startswith("arn:"):
            return read_text(sqs.get_queue_url(QueueName=self._queue)["QueueUrl"])
        region, account, name = self._queue.split(":")[3:_ARN_PARTS]
        if region != self._clients.region:
            raise AwsError(
                Fault.INVALID,
                f'queue "{self._queue}" is in {region}, but this controller works in {self._clients.region}',
                "queue",
            )
        return read_text(sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])

    def _explain(self, error: AwsError) -> AwsError:
        if error.fault is not Fault.MISSING:
            return error
        return AwsError(error.fault, f'queue "{self._queue}" does not exist in {self._clients.region}', "queue")


def _read_count(written: object) -> int:
    """Return a count that SQS has written as text. Raises ValueError for what is none."""
    text = str(written)
    if isinstance(written, bool) or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError(f"{text[:_DIGITS]} is no number of messages")
    return int(text)
