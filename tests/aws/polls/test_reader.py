from __future__ import annotations

import asyncio
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.polls.reader import QueuePolls
from controller.aws.queue import Queue
from controller.aws.session import Clients, StoppingError
from controller.core.decision.model import QueueCounts
from controller.sandbox.aws import Disturbance
from tests.support.aws import CreatedQueue, create_queue, send_messages
from tests.support.clock import MACHINE_CLOCK, ManualClock
from tests.support.controller import NOBODY_LISTENS, aws_spec, clients_of, ignore_request
from tests.support.loopback import Last, LoopbackServer, make_answer
from tests.support.polls import QUEUE, Observer, Outcome, Pauses, clients_at, clients_to, outcome_of, read, told

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

APP = "ecsq-ecsq"
EMPTY = QueueCounts(visible=0, in_flight=0, delayed=0)
THROTTLED = {"__type": "com.amazonaws.sqs#RequestThrottled", "message": "Slow down."}


def requests(aws: EmbeddedAws) -> list[str]:
    """Return the operations that the controller asked for, in order."""
    return [call.operation for call in aws.journal.calls(client=APP)]


@pytest.mark.parametrize("given", ["name", "url", "arn"])
def test_a_queue_is_read_by_its_name_url_or_arn(aws: EmbeddedAws, queue: CreatedQueue, given: str) -> None:
    """The URL is looked up once, and not at all when it is what was given."""
    send_messages(aws, queue.url, 3)
    aws.client("sqs").receive_message(QueueUrl=queue.url, VisibilityTimeout=900)
    counts = QueueCounts(visible=2, in_flight=1, delayed=0)
    assert [counts] * 3 == read(clients_of(aws), *[getattr(queue, given)] * 3)
    look_up = [] if given == "url" else ["GetQueueUrl"]
    assert [*look_up, *["GetQueueAttributes"] * 3] == requests(aws)


def test_many_queues_are_read_at_the_same_time(aws: EmbeddedAws) -> None:
    """Each answer goes to whoever asked for it."""
    queues = [create_queue(aws) for _ in range(12)]
    for number, queue in enumerate(queues):
        send_messages(aws, queue.url, number)

    async def read_all() -> list[QueueCounts]:
        polls = QueuePolls(clients_of(aws))
        try:
            return await asyncio.gather(*(polls.read_counts(queue.name) for queue in queues))
        finally:
            await polls.close()

    assert list(range(12)) == [counts.visible for counts in asyncio.run(read_all())]


DENIED = Disturbance("sqs", "*", "error", status=403, code="AccessDenied", message="not you", times=None)


@pytest.mark.parametrize(
    ("given", "disturbance"),
    [
        ("name", None),
        ("url", None),
        ("arn", None),
        ("name", DENIED),
        ("url", DENIED),
        ("url", replace(DENIED, code="InvalidClientTokenId", message="who?")),
        ("name", Disturbance("sqs", "*", "throttle", times=None)),
        ("url", Disturbance("sqs", "*", "error", times=None)),
        ("url", Disturbance("sqs", "*", "lost_answer", times=None)),
        ("name", Disturbance("sqs", "*", "malformed")),
        ("url", Disturbance("sqs", "*", "malformed")),
        ("url", Disturbance("sqs", "*", "replace", body={})),
        ("url", Disturbance("sqs", "*", "replace", body={"Attributes": {}})),
        ("url", Disturbance("sqs", "*", "replace", body={"Attributes": {"ApproximateNumberOfMessages": "many"}})),
    ],
    ids=[
        *("no such name", "no such url", "no such arn", "denied look-up", "denied", "key", "throttled", "5xx", "reset"),
        *("malformed look-up", "malformed", "empty", "no counts", "no numbers"),
    ],
)
def test_a_failure_is_told_as_boto3s_is(
    aws: EmbeddedAws, queue: CreatedQueue, disturbance: Disturbance | None, given: str
) -> None:
    """The same kind, key and words, whichever way a queue is read; the requests are counted alike."""
    asked = getattr(queue, given)
    if disturbance is None:
        aws.client("sqs").delete_queue(QueueUrl=queue.url)
    theirs, ours = Observer(), Observer()
    aws.disturbances.add(*[disturbance] if disturbance else [])
    with pytest.raises(AwsError) as caught:
        Queue(clients_of(aws, theirs), asked).read_counts()
    aws.disturbances.clear()
    aws.disturbances.add(*[disturbance] if disturbance else [])
    assert [told(caught.value)] == read(clients_of(aws, ours), asked)
    assert theirs.seen == ours.seen


def test_a_queue_of_another_region_is_refused_without_asking(aws: EmbeddedAws) -> None:
    """Its ARN names a region that the client does not speak to."""
    arn = "arn:aws:sqs:eu-north-1:123456789012:orders"
    text = f'queue "{arn}" is in eu-north-1, but it is looked for in us-east-1: set aws.region in the scaler'
    assert [(Kind.INVALID, "queue", text)] == read(clients_of(aws), arn)
    assert [] == requests(aws)


def test_a_queue_that_was_created_anew_is_found(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """A queue that is missing is looked up again; after a throttle or a lost connection its URL is still right."""

    async def read_all() -> list[Outcome]:
        polls, outcomes = QueuePolls(clients_of(aws, Observer()), pause=Pauses()), []
        try:
            for kind in ("lost_answer", None, "gone", None):
                if kind == "gone":
                    aws.client("sqs").delete_queue(QueueUrl=queue.url)
                elif kind:
                    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "lost_answer", times=2))
                outcomes.append(await outcome_of(polls, queue.name))
                if kind == "gone":
                    create_queue(aws, queue.name)
            return outcomes
        finally:
            await polls.close()

    outcomes = asyncio.run(read_all())
    assert [Kind.UNREACHABLE, EMPTY, Kind.MISSING, EMPTY] == [
        outcome[0] if isinstance(outcome, tuple) else outcome for outcome in outcomes
    ]
    reads = ["GetQueueAttributes"]
    assert ["GetQueueUrl", *reads * 2, *reads, *reads, "GetQueueUrl", *reads] == requests(aws)


def test_one_broken_connection_is_mended_by_a_second_request(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """Both are counted."""
    observer = Observer()
    aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "lost_answer"))
    assert [EMPTY] == read(clients_of(aws, observer), queue.url)
    assert ["network_error", "success"] == observer.outcomes


def test_nothing_is_asked_once_the_process_is_to_stop(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """The read says so itself; it is no failure of AWS."""
    stopping = Event()
    stopping.set()
    with pytest.raises(StoppingError):
        read(clients_of(aws, Observer(), clock=ManualClock(1e9).handed_in(stopping)), queue.url)
    assert [] == requests(aws)


@pytest.mark.parametrize("url", [NOBODY_LISTENS, "127.0.0.1", "http://127.0.0.1:99999"])
def test_an_endpoint_where_nobody_listens_is_told_as_such(url: str) -> None:
    """It is named as the client has it, also where nobody ever could."""
    clients = clients_at(url)
    with pytest.raises(AwsError) as caught:
        Queue(clients, QUEUE).read_counts()
    assert [told(caught.value)] == read(clients, QUEUE)


@pytest.mark.parametrize("missing", ["region", "credentials"])
def test_what_the_user_left_out_is_told_as_boto3_tells_it(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Without a region or credentials nothing is sent."""
    spec = replace(aws_spec(aws), region=None) if missing == "region" else aws_spec(aws)
    if missing == "credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError) as caught:
        Queue(Clients(spec, "ecsq", ignore_request, MACHINE_CLOCK), QUEUE).read_counts()
    observer = Observer()
    assert [told(caught.value)] * 2 == read(Clients(spec, "ecsq", observer, MACHINE_CLOCK), QUEUE, QUEUE)
    assert [] == observer.seen


def test_credentials_that_were_mended_are_used_at_once(
    aws: EmbeddedAws, queue: CreatedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has mended them asks for that; without a word the next try is some seconds away."""
    clock = ManualClock(1e9).handed_in()
    clients = Clients(aws_spec(aws), "ecsq", ignore_request, clock)

    async def read_thrice() -> list[Outcome]:
        polls = QueuePolls(clients)
        try:
            with monkeypatch.context() as bare:
                bare.delenv("AWS_ACCESS_KEY_ID")
                bare.delenv("AWS_SECRET_ACCESS_KEY")
                first = await outcome_of(polls, queue.url)
            clients.renew()
            second = await outcome_of(polls, queue.url)
            polls.renew()
            return [first, second, await outcome_of(polls, queue.url)]
        finally:
            await polls.close()

    first, second, third = asyncio.run(read_thrice())
    assert first == second != third == EMPTY


def test_what_only_boto3_can_do_it_does(aws: EmbeddedAws, queue: CreatedQueue) -> None:
    """The reason is there to be said once; a queue is read all the same."""
    spec = replace(aws_spec(aws), endpoint_url=f"{aws.url}/behind/a/path")

    async def read_it() -> tuple[str | None, QueueCounts, str | None]:
        polls = QueuePolls(Clients(spec, "ecsq", ignore_request, MACHINE_CLOCK))
        try:
            return polls.fallback, await polls.read_counts(queue.url), polls.fallback
        finally:
            await polls.close()

    assert (None, EMPTY, "an endpoint with a path (/behind/a/path)") == asyncio.run(read_it())


def test_a_throttle_is_heeded() -> None:
    """The retry waits as long as the answer says, and whoever asks afterwards is held off without a request."""
    clock, pauses, observer = ManualClock(1e9), Pauses(), Observer()
    with LoopbackServer(lambda _: make_answer(THROTTLED, "400 Bad Request", x_amz_retry_after="3000")) as server:
        clients = clients_to(server, observer, clock=clock.handed_in())
        throttled, held = read(clients, QUEUE, QUEUE, pauses=pauses)
    assert (Kind.THROTTLED, None, f'queue "{QUEUE}": RequestThrottled: Slow down.') == throttled
    assert (
        Kind.THROTTLED,
        None,
        "GetQueueAttributes was throttled by AWS and is not called again for a while",
    ) == held
    assert ([3.0], ["throttled"] * 2) == (pauses.seconds, observer.outcomes)


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (make_answer(THROTTLED, "400 Bad Request"), 2),
        (make_answer(b"", "429 Too Many Requests"), 2),
        (make_answer(b"<html>", "503 Service Unavailable"), 2),
        (make_answer({"__type": "RequestTimeout"}, "400 Bad Request"), 2),
        (make_answer({"__type": "InvalidAddress"}, "400 Bad Request"), 1),
        (make_answer(b"", "302 Found", Location="http://127.0.0.1:1/"), 1),
        (Last(), 2),
    ],
    ids=["throttle", "429", "503", "timeout", "invalid", "redirect", "closed"],
)
def test_a_request_is_sent_again_where_botocore_would(answer: bytes, requests: int) -> None:
    """Once, and not where it would not help; no redirect is followed."""
    with LoopbackServer(lambda _: answer) as server:
        (outcome,) = read(clients_to(server), QUEUE)
    assert (tuple, requests) == (type(outcome), len(server.received))
