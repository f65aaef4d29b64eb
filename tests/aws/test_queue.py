from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.queue import Queue
from controller.aws.session import Clients
from controller.aws.traits import COUNTS
from controller.core.decision.model import QueueCounts
from controller.sandbox.aws import Disturbance
from tests.support.aws import CreatedQueue, create_queue, send_messages
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import aws_spec, clients_of, ignore_request

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

APP = "ecsq-ecsq"
EMPTY = QueueCounts(visible=0, in_flight=0, delayed=0)


def requests(aws: EmbeddedAws) -> list[str]:
    """Return the operations that the controller asked for, in order."""
    return [call.operation for call in aws.journal.calls(client=APP)]


@pytest.mark.parametrize("given", ["name", "url", "arn"])
def test_a_queue_is_read_by_its_name_url_or_arn(aws: EmbeddedAws, queue: CreatedQueue, given: str) -> None:
    """The three ways lead to the same counts."""
    send_messages(aws, queue.url, 3)
    assert QueueCounts(visible=3, in_flight=0, delayed=0) == Queue(clients_of(aws), getattr(queue, given)).read_counts()


def test_the_three_counts_are_told_apart(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Visible, in flight and delayed are SQS's own three numbers."""
    sqs = aws.client("sqs")
    send_messages(aws, queue.url, 5)
    sqs.send_message(QueueUrl=queue.url, MessageBody="later", DelaySeconds=900)
    sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=2, VisibilityTimeout=900)
    assert QueueCounts(visible=3, in_flight=2, delayed=1) == Queue(clients_of(aws), queue.name).read_counts()


@pytest.mark.parametrize(
    ("given", "look_up"), [("name", ["GetQueueUrl"]), ("arn", ["GetQueueUrl"]), ("url", [])], ids=["name", "arn", "url"]
)
def test_a_read_is_one_request_once_the_url_is_known(
    aws: EmbeddedAws, queue: CreatedQueue, given: str, look_up: list[str]
) -> None:
    """The URL is looked up at the first read only, and not at all when it is what was given."""
    reader = Queue(clients_of(aws), getattr(queue, given))
    for _ in range(3):
        reader.read_counts()
    assert [*look_up, *["GetQueueAttributes"] * 3] == requests(aws)


def test_a_queue_of_another_region_is_refused_without_asking(aws: EmbeddedAws) -> None:
    """Its ARN names a region that the clients do not speak to; the message names both."""
    arn = "arn:aws:sqs:eu-north-1:123456789012:orders"
    with pytest.raises(AwsError) as caught:
        Queue(clients_of(aws), arn).read_counts()
    assert f'queue "{arn}" is in eu-north-1, but it is looked for in us-east-1: set aws.region in the scaler' == str(
        caught.value
    )
    assert (Kind.INVALID, "queue") == (caught.value.fault, caught.value.key)
    assert [] == requests(aws)


@pytest.mark.parametrize(
    "missing",
    ["contnt", "arn:aws:sqs:us-east-1:123456789012:contnt", "{aws.url}/123456789012/contnt"],
    ids=["name", "arn", "url"],
)
def test_a_missing_queue_is_named_with_its_region(aws: EmbeddedAws, missing: str) -> None:
    """The message says what does not exist and where, and the key to check."""
    missing = missing.format(aws=aws)
    with pytest.raises(AwsError) as caught:
        Queue(clients_of(aws), missing).read_counts()
    assert f'queue "{missing}" does not exist in us-east-1' == str(caught.value)
    assert (Kind.MISSING, "queue") == (caught.value.fault, caught.value.key)


def test_a_queue_that_vanishes_is_missing_until_it_is_back(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Each read says so meanwhile, and the first after its return gives counts again."""
    reader = Queue(clients_of(aws), queue.name)
    reader.read_counts()
    aws.client("sqs").delete_queue(QueueUrl=queue.url)
    for _ in range(2):
        with pytest.raises(AwsError, match="does not exist"):
            reader.read_counts()
    create_queue(aws, queue.name)
    assert EMPTY == reader.read_counts()


def test_a_url_is_looked_up_again_after_a_failure(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """A queue that was created anew may have another URL."""
    reader = Queue(clients_of(aws), queue.name)
    reader.read_counts()
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "error", status=400, code="AccessDenied"))
    with pytest.raises(AwsError):
        reader.read_counts()
    aws.journal.clear()
    reader.read_counts()
    assert ["GetQueueUrl", "GetQueueAttributes"] == requests(aws)


@pytest.mark.parametrize(
    ("disturbance", "kind", "key"),
    [
        (
            Disturbance("sqs", "*", "error", status=403, code="AccessDenied", message="not you"),
            Kind.ACCESS_DENIED,
            None,
        ),
        (Disturbance("sqs", "*", "throttle", times=None), Kind.THROTTLED, None),
        (Disturbance("sqs", "*", "error", times=None), Kind.SERVER_ERROR, None),
        (Disturbance("sqs", "*", "lost_answer", times=None), Kind.UNREACHABLE, None),
        (Disturbance("sqs", "*", "malformed", times=None), Kind.SERVER_ERROR, None),
        (Disturbance("sqs", "GetQueueAttributes", "replace", body={}), Kind.SERVER_ERROR, None),
        (
            Disturbance(
                "sqs", "GetQueueAttributes", "replace", body={"Attributes": {"ApproximateNumberOfMessages": "many"}}
            ),
            Kind.SERVER_ERROR,
            None,
        ),
    ],
    ids=["denied", "throttled", "server-error", "reset", "malformed", "empty", "not-numbers"],
)
def test_counts_that_cannot_be_read_are_unknown(
    aws: EmbeddedAws, queue: CreatedQueue, disturbance: Disturbance, kind: Kind, key: str | None
) -> None:
    """Each failure names the queue and what is wrong; none is taken for an empty queue."""
    aws.disturbances.add(disturbance)
    with pytest.raises(AwsError, match=f'queue "{queue.name}"') as caught:
        Queue(clients_of(aws), queue.name).read_counts()
    assert (kind, key) == (caught.value.fault, caught.value.key)


@pytest.mark.parametrize("odd", ["", "-1", "1.5", "1_0", "9" * 5_000, "\u0663", None, True, 1])
def test_a_count_that_is_no_number_in_text_is_unknown(aws: EmbeddedAws, queue: CreatedQueue, odd: object) -> None:
    """SQS writes each count in digits; whatever else stands there is neither zero nor one."""
    counts = dict.fromkeys(COUNTS, "1") | {"ApproximateNumberOfMessagesDelayed": odd}
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "replace", body={"Attributes": counts}))
    with pytest.raises(AwsError, match=f'queue "{queue.name}": an answer without counts') as caught:
        Queue(clients_of(aws), queue.name).read_counts()
    assert Kind.SERVER_ERROR == caught.value.fault


def test_one_broken_connection_is_mended_by_a_second_attempt(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Reads may be sent again, so a reset does not cost a poll."""
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "lost_answer"))
    assert EMPTY == Queue(clients_of(aws), queue.name).read_counts()


def test_a_missing_region_is_said_in_the_users_words(aws: EmbeddedAws) -> None:
    """Whatever is read first finds it out."""
    clients = Clients(replace(aws_spec(aws), region=None), "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match=r"no AWS region: set aws\.region or AWS_DEFAULT_REGION"):
        Queue(clients, "orders").read_counts()
