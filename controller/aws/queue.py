"""Reading a queue: its three approximate counts, one request, which now and then asks for all there is to tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from controller.aws.answers import read_text
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.aws.traits import COUNTS, EVERYTHING, TraitsKnown
from controller.core.decision.model import QueueCounts
from controller.core.printable import show
from controller.core.queue_names import is_url

SAY_NOTHING_OF_URLS = frozenset({Fault.THROTTLED, Fault.UNREACHABLE, Fault.SERVER_ERROR})
"""Failures after which a queue's URL is not looked up again: that would ask AWS for more while it is in trouble."""
_ARN_PARTS = 6
_DIGITS = 15
"""Of a count, at most: more messages than that are in no queue."""
_SHOWN = 30
"""Characters of a count that is none, in messages."""


class Queue:
    """One SQS queue, given as a name, a URL or an ARN; its URL is looked up once."""

    def __init__(self, clients: Clients, queue: str, traits: TraitsKnown | None = None) -> None:
        """``traits`` are to learn how the queue is set up, now and then; None: only the counts are asked for."""
        self._clients = clients
        self._traits = traits
        self._queue = queue
        self._url: str | None = None

    def read_counts(self) -> QueueCounts:
        """Return the queue's counts, messages; one request once the URL is known.

        Raises AwsError when they are unknown: the queue is missing or denied, or the answer lacks one of them.
        """
        with self._explaining():
            names = COUNTS if self._traits is None else self._traits.choose_names(self._queue)
            return read_counts(self._queue, self._attributes(names))

    def read_traits(self) -> None:
        """Learn now how the queue is set up; one request once the URL is known. Raises AwsError."""
        with self._explaining():
            self._attributes(EVERYTHING)

    def find_url(self) -> str:
        """Return the queue's URL; one request, unless that is what was given or was asked for before.

        Raises AwsError.
        """
        with self._explaining():
            return self._known_url()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Ask about the queue. Raises AwsError, after which the URL is looked up again where that may help."""
        try:
            with self._clients.asking(f'queue "{self._queue}"', "queue"):
                yield
        except AwsError as error:
            if error.fault not in SAY_NOTHING_OF_URLS:
                self._url = None
            raise explain_missing(error, self._queue, self._clients.place) from error

    def _known_url(self) -> str:
        if self._url is None:
            self._url = self._look_up()
        return self._url

    def _attributes(self, names: tuple[str, ...]) -> dict[str, str]:
        sqs, url = self._clients.sqs(), self._known_url()
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))  # type: ignore[arg-type]
        attributes: dict[str, str] = dict(answer["Attributes"])  # type: ignore[arg-type]  # keyed by names that are text
        if self._traits is not None:
            self._traits.note(self._queue, names, attributes)
        return attributes

    def _look_up(self) -> str:
        parameters = name_parameters(self._queue, self._clients.region)
        if not parameters:
            return self._queue
        return read_text(self._clients.sqs().get_queue_url(**parameters)["QueueUrl"])


class QueueUrls:
    """The URLs of queues, each looked up once."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._queues: dict[str, Queue] = {}

    def find(self, queue: str) -> str:
        """Return the URL of a queue that is given as a name, URL or ARN. Raises AwsError."""
        if is_url(queue):
            return queue
        return self._queues.setdefault(queue, Queue(self._clients, queue)).find_url()


def name_parameters(queue: str, region: str) -> dict[str, str]:
    """Return the parameters of GetQueueUrl for a name or an ARN; none for a URL, which needs no look-up.

    Raises AwsError when an ARN names another region.
    """
    if is_url(queue):
        return {}
    if not queue.startswith("arn:"):
        return {"QueueName": queue}
    named, account, name = queue.split(":")[3:_ARN_PARTS]
    if named != region:
        message = f'queue "{queue}" is in {named}, but it is looked for in {region}: set aws.region in the scaler'
        raise AwsError(Fault.INVALID, message, "queue")
    return {"QueueName": name, "QueueOwnerAWSAccountId": account}


def read_counts(queue: str, attributes: Mapping[str, object]) -> QueueCounts:
    """Return the counts of an answer's attributes, messages.

    Raises AwsError, which names the queue, unless each of the three is there as SQS writes it, digits in text: unknown
    is not 0.
    """
    for name in COUNTS:
        if wrong := _find_wrong(attributes.get(name)):
            raise AwsError(Fault.SERVER_ERROR, f'queue "{queue}": an answer without counts ({name} is {wrong})')
    visible, in_flight, delayed = (int(str(attributes[name])) for name in COUNTS)
    return QueueCounts(visible=visible, in_flight=in_flight, delayed=delayed)


def explain_missing(error: AwsError, queue: str, place: str) -> AwsError:
    """Return the error, of a missing queue in words that say where it was looked for."""
    if error.fault is not Fault.MISSING:
        return error
    return AwsError(error.fault, f'queue "{queue}" does not exist in {place}', "queue")


def _find_wrong(written: object) -> str | None:
    """Return what stands where SQS writes a count, in words; None: it is one."""
    if written is None:
        return "missing"
    if not isinstance(written, str):
        return f"{type(written).__name__} instead of text"
    is_count = written.isascii() and written.isdecimal() and len(written) <= _DIGITS
    return None if is_count else f'"{show(written[:_SHOWN])}"'
