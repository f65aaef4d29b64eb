"""Who may hold how many connections to the HTTP server, and for how long."""

from __future__ import annotations

import os
import resource
import socket
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from controller.config import ServerSpec
from controller.daemon.connections import Limits
from controller.daemon.web import WebServer, bind
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

GET = b"GET /short HTTP/1.1\r\nHost: here\r\n\r\n"
LONG = 8 * 2**20
"""Bytes: more than the buffers between two sockets hold."""
PATIENT = 60.0
"""Seconds that no test takes: such a limit is not what closes a connection."""


@contextmanager
def serving(limits: Limits) -> Iterator[int]:
    """Serve a short and a long page within the limits; gives the port."""
    pages = {"/short": PlainTextResponse("short\n"), "/long": PlainTextResponse(b"x" * LONG)}
    bound = bind(ServerSpec("127.0.0.1", 0))
    server = WebServer(Starlette(routes=[Route(path, page) for path, page in pages.items()]), bound, limits)
    server.start()
    try:
        yield bound.getsockname()[1]
    finally:
        server.stop()


def connect(port: int) -> socket.socket:
    """Open a connection; what is read from it has to come soon."""
    return socket.create_connection(("127.0.0.1", port), timeout=SOON)


def ask(connection: socket.socket, request: bytes = GET.replace(b"GET", b"HEAD")) -> bytes:
    """Send a request and return the first line of the answer; by default it is all headers, and comes at once."""
    connection.sendall(request)
    return connection.recv(2**16).partition(b"\r\n")[0]


def is_closed(connection: socket.socket) -> bool:
    """Say whether the other side has closed it; waits until there is something to read, or fails."""
    try:
        return connection.recv(2**16) == b""
    except ConnectionResetError:
        return True


def is_open(connection: socket.socket) -> bool:
    """Say whether nothing has come from the other side, not even an end."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(SOON)
    return False


def is_cut_off(connection: socket.socket) -> bool:
    """Send a byte, and say whether the other side has closed; reads nothing of what has come."""
    try:
        connection.sendall(b"x")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_a_server_that_nobody_asks_ends_when_it_is_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is woken for that, however seldom it wakes by itself."""
    monkeypatch.setattr("controller.daemon.connections.HEADERS_EVERY", PATIENT)
    with serving(Limits(4)) as port, connect(port) as connection:
        assert b"HTTP/1.1 200 OK" == ask(connection)
    with pytest.raises(ConnectionRefusedError):
        connect(port)


def test_one_connection_too_many_closes_the_oldest_idle_one() -> None:
    """Idle connections never keep a new one out: whoever has waited the longest goes, and only they."""
    with serving(Limits(4, PATIENT)) as port, ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(4)]
        new = stack.enter_context(connect(port))
        assert b"HTTP/1.1 200 OK" == ask(new)
        assert is_closed(idle[0])
        assert [True] * 3 == [is_open(connection) for connection in idle[1:]]


def test_an_answer_makes_a_connection_young_again() -> None:
    """A scraper that keeps its connection is not the oldest: the idle one beside it goes."""
    with serving(Limits(2, PATIENT)) as port, connect(port) as scraper, connect(port) as idle, connect(port) as new:
        assert is_closed(scraper)
        assert b"HTTP/1.1 200 OK" == ask(idle)
        with connect(port):
            assert is_closed(new)
            assert b"HTTP/1.1 200 OK" == ask(idle)


def test_who_is_being_answered_stays_while_others_are_idle() -> None:
    """A connection that still takes its answer outlives idle ones that are younger."""
    with serving(Limits(2, PATIENT)) as port, connect(port) as slow:
        assert b"HTTP/1.1 200 OK" == ask(slow, GET.replace(b"short", b"long"))
        with connect(port) as idle, connect(port) as new:
            assert is_closed(idle)
            assert b"HTTP/1.1 200 OK" == ask(new)
            assert slow.recv(2**16)


def test_answers_that_nobody_takes_do_not_keep_others_out() -> None:
    """Where every connection is being answered, the oldest goes for a new one."""
    with serving(Limits(2, PATIENT)) as port, ExitStack() as stack:
        for _ in range(2):
            assert b"HTTP/1.1 200 OK" == ask(stack.enter_context(connect(port)), GET.replace(b"short", b"long"))
        assert b"HTTP/1.1 200 OK" == ask(stack.enter_context(connect(port)))


@pytest.mark.parametrize(
    "sent",
    [b"", GET[:-2], GET[:9], GET + GET[:9], GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nbody")],
    ids=["nothing", "half the headers", "half a line", "half of a second request", "half a body"],
)
def test_a_request_has_to_come_in_time(sent: bytes) -> None:
    """Whoever does not send a whole request is not waited for, whatever was sent before."""
    with serving(Limits(4, request_within=0.1, answer_within=PATIENT)) as port, connect(port) as slow:
        slow.sendall(sent)
        eventually(lambda: is_closed(slow))


def test_bytes_that_drip_do_not_buy_time() -> None:
    """A request has one time for all its bytes: those that come one by one do not begin it anew."""
    with serving(Limits(4, request_within=0.3, answer_within=PATIENT)) as port, connect(port) as slow:
        slow.sendall(GET[:-2] + b"X-Long: ")
        eventually(lambda: is_cut_off(slow), within=SOON)


def test_an_answer_has_to_be_taken_in_time() -> None:
    """Whoever does not read the answer loses the connection, and the rest of the answer."""
    with serving(Limits(4, request_within=0.1, answer_within=0.5)) as port, connect(port) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(GET.replace(b"short", b"long"))
        with connect(port) as other:
            eventually(lambda: is_closed(other))
        eventually(lambda: is_cut_off(slow))


def test_a_long_answer_is_sent_whole() -> None:
    """The time for the next request does not cut off an answer that is still being taken."""
    with serving(Limits(4, request_within=0.1, answer_within=PATIENT)) as port, connect(port) as slow:
        slow.sendall(GET.replace(b"short", b"long").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        # By the time that this one is closed, the first has had the answer for longer than a request may take.
        with connect(port) as other:
            eventually(lambda: is_closed(other))
        with closing(slow.makefile("rb")) as answer:
            assert LONG == len(answer.read().partition(b"\r\n\r\n")[2])


def test_without_descriptors_it_says_so_once_and_goes_on_later(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that cannot be accepted is one line in the log, and is answered once there are descriptors again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logged, serving(Limits(4)) as port, connect(port) as first, socket.socket() as waiting:
        # Answered, so that the server has all the descriptors that it needs by itself.
        assert b"HTTP/1.1 200 OK" == ask(first)
        waiting.settimeout(SOON)
        os.close(lowest_free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            waiting.connect(("127.0.0.1", port))
            (line,) = eventually(lambda: list(logged))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert b"HTTP/1.1 200 OK" == ask(waiting)
    assert ("cannot accept connections", "warning") == (line["event"], line["log_level"])
    assert ([line], []) == (logged, caplog.records)


def test_idle_connections_leave_descriptors_to_launches(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    """With few descriptors and many idle connections messages are still served, and the log stays short."""
    create_cluster(shared_aws, "few")
    queue = create_queue(shared_aws, "few")
    wanted = configuration(shared_aws, scaler("few", register_template(shared_aws, "few"), cluster="few"))
    with running(tmp_path, wanted, descriptors=64) as daemon, ExitStack() as stack:
        port = int(daemon.url.rpartition(":")[2])
        for _ in range(80):
            stack.enter_context(connect(port))
        send_messages(shared_aws, queue.url, 4)
        (launched,) = eventually(lambda: daemon.decisions("few", outcome="launched"), within=SOON)
        assert 4 == launched["launched_containers"]
        assert len([line for line in daemon.lines() if line["level"] in {"warning", "error"}]) <= 2
        assert 0 == daemon.stop()
