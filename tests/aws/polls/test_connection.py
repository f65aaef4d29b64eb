from __future__ import annotations

import gzip
import json
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError, Fault
from controller.aws.queue import Queue
from controller.core.decision.model import QueueCounts
from tests.support.loopback import Last, LoopbackServer, Received, count_messages, make_answer
from tests.support.polls import QUEUE, Observer, clients_to, read, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.aws.session import Clients

ANSWERED = count_messages(3, 2, 1)
BODY = json.dumps(ANSWERED).encode()
COUNTS = QueueCounts(visible=3, in_flight=2, delayed=1)


@pytest.fixture(scope="module")
def listening() -> Iterator[LoopbackServer]:
    """One server for the module; each test says what it answers."""
    with LoopbackServer(lambda _: b"") as server:
        yield server


@pytest.fixture(scope="module")
def shared(listening: LoopbackServer) -> Clients:
    """Its clients, which take a while to make."""
    return clients_to(listening)


@pytest.fixture
def server(listening: LoopbackServer) -> LoopbackServer:
    """Give the server with nothing counted yet."""
    listening.connections = 0
    return listening


@pytest.mark.parametrize(
    "answer",
    [
        make_answer(ANSWERED),
        b"HTTP/1.1 100 Continue\r\n\r\n" + make_answer(ANSWERED),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (BODY[:50], BODY[50:]))
        + b"0\r\n\r\n",
    ],
    ids=["plain", "after a 100", "chunked"],
)
def test_whatever_http_allows_is_read(server: LoopbackServer, shared: Clients, answer: bytes) -> None:
    """The connection is used again afterwards."""
    server.reply = lambda _: answer
    assert [COUNTS] * 3 == read(shared, *[QUEUE] * 3)
    assert 1 == server.connections


@pytest.mark.parametrize(
    "answer",
    [
        Last(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
        Last(make_answer(ANSWERED)),
        make_answer(ANSWERED, Connection="close"),
        Last(make_answer(ANSWERED) + b"more than was asked for"),
    ],
    ids=["its end is the connection's", "closed without a word", "closed as told", "more than one answer"],
)
def test_a_connection_that_ends_is_not_used_again(server: LoopbackServer, shared: Clients, answer: bytes) -> None:
    """The next request has one of its own, and its answer."""
    server.reply = lambda _: answer
    assert [COUNTS] * 3 == read(shared, *[QUEUE] * 3)
    assert 3 == server.connections


DELAYED = "ApproximateNumberOfMessagesDelayed"
COUNTED = {f"ApproximateNumberOfMessages{kind}": "1" for kind in ("", "NotVisible", "Delayed")}


ODD = [
    *(
        (make_answer(body), f"a broken answer ({words}")
        for body, words in [
            (b"", "it lacks Attributes)"),
            (b"no document", "it lacks Attributes)"),
            ({"Attributes": None}, "it lacks Attributes)"),
            ({"QueueUrl": "https://elsewhere"}, "it lacks Attributes)"),
            (b"\x00\xff garbage", "UnicodeDecodeError: "),
            (b"[" * 40_000, "RecursionError: "),
            (b"null", "AttributeError: "),
            ([COUNTED], "AttributeError: "),
            ({"Attributes": [1]}, "AttributeError: "),
        ]
    ),
    *(
        (make_answer({"Attributes": COUNTED | {DELAYED: odd}}), f"an answer without counts ({DELAYED} is {words})")
        for odd, words in [
            ("", '""'),
            ("-1", '"-1"'),
            ("1.5", '"1.5"'),
            ("9" * 5_000, f'"{"9" * 30}"'),
            ("\u0663", '"\u0663"'),
            ("\n", r'"\n"'),
            (None, "missing"),
            (True, "bool instead of text"),
            (1, "int instead of text"),
            ([], "list instead of text"),
            ({}, "dict instead of text"),
        ]
    ),
    (make_answer({"Attributes": {}}), "an answer without counts (ApproximateNumberOfMessages is missing)"),
    (make_answer(b"<html>", "400 Bad Request"), "400: <html>"),
    (make_answer(b"\xff\xfe", "400 Bad Request"), "a broken answer (UnicodeDecodeError: "),
    (make_answer(b"[" * 40_000, "400 Bad Request"), "a broken answer (RecursionError: "),
    (make_answer([1], "418 Teapot"), "a broken answer (AttributeError: "),
    (make_answer({"__type": {"a": 1}}, "400 Bad Request"), "a broken answer (TypeError: "),
    (make_answer(b"", "300 Multiple Choices"), ": no message"),
]
"""Answers that SQS never gives, and how the sentence about each begins."""


@pytest.mark.parametrize(("answer", "text"), ODD)
def test_an_odd_answer_is_told_as_boto3s_is(server: LoopbackServer, answer: bytes, text: str) -> None:
    """In the same words, as the same kind, and counted alike, whichever way the queue is read."""
    server.reply = lambda _: answer
    theirs, ours = Observer(), Observer()
    with pytest.raises(AwsError) as caught:
        Queue(clients_to(server, theirs), QUEUE).read_counts()
    assert [told(caught.value)] == read(clients_to(server, ours), QUEUE)
    assert f'queue "{QUEUE}": {text}' == str(caught.value)[: len(f'queue "{QUEUE}": {text}')]
    assert theirs.seen == ours.seen


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        *ODD,
        (make_answer(gzip.compress(BODY), Content_Encoding="gzip"), "a broken answer (UnicodeDecodeError: "),
        (make_answer(b" " * 70_000), "a broken answer (the answer is longer than 65536 bytes)"),
        (
            make_answer(**{f"X-{number}": "x" * 100 for number in range(700)}),
            "a broken answer (the answer is longer than 65536 bytes)",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "Connection was closed before we received a valid response"),
    ],
)
def test_an_odd_answer_is_unknown_and_never_zero(
    server: LoopbackServer, shared: Clients, answer: bytes, text: str
) -> None:
    """Each is an error with the queue's name and a reason, and the read after it is whole again."""
    odd = [answer] * 2
    server.reply = lambda _: odd.pop() if odd else make_answer(ANSWERED)
    outcome, *later = read(shared, *[QUEUE] * 3)
    assert isinstance(outcome, tuple)
    assert f'queue "{QUEUE}": {text}' == outcome[2][: len(f'queue "{QUEUE}": {text}')]
    assert COUNTS == later[-1]


def test_an_answer_that_does_not_end_is_given_up(server: LoopbackServer) -> None:
    """A request has a time as a whole: bytes that go on coming do not lengthen it. The retry has its own."""
    done = Event()

    def trickle(_: Received) -> Iterator[bytes]:
        yield make_answer(ANSWERED, Content_Length="60000")
        while not done.wait(0.01):
            yield b" "

    server.reply = trickle
    try:
        outcomes = read(clients_to(server, call_timeout=1.0), QUEUE)
    finally:
        done.set()
    text = f'queue "{QUEUE}": Read timeout on endpoint URL: "http://127.0.0.1:{server.port}/"'
    assert ([(Fault.UNREACHABLE, None, text)], 2) == (outcomes, server.connections)
