"""Reading a queue: its three approximate counts, one request."""

from __future__ import annotations

from urllib.parse import urlsplit

from controller.aws.errors import AWS_ERRORS, AwsError, AwsFailure, Fault, translate
from controller.aws.session import Clients
from controller.core.decision.model import QueueCounts

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_ARN_PARTS = 6


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
            attributes = self._attributes()
            visible, in_flight, delayed = (int(attributes[name]) for name in COUNTS)
        except AWS_ERRORS as error:
            self._url = None
            raise self._explain(error) from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise AwsError(Fault.SERVER_ERROR, f'queue "{self._queue}": an answer without counts') from error
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
            return sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        region, account, name = self._queue.split(":")[3:_ARN_PARTS]
        if region != self._clients.region:
            raise AwsError(
                Fault.INVALID,
                f'queue "{self._queue}" is in {region}, but this controller works in {self._clients.region}',
                "queue",
            )
        return sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]

    def _explain(self, error: AwsFailure) -> AwsError:
        explained = translate(error, f'queue "{self._queue}"', "queue")
        if explained.fault is Fault.MISSING:
            message = f'queue "{self._queue}" does not exist in {self._clients.region}'
            return AwsError(Fault.MISSING, message, "queue")
        return explained
