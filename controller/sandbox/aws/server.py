"""A small HTTP server on loopback that keeps connections open and can break them on purpose.

werkzeug's own server closes every connection and waits 10 ms after each answer, which would distort measurements of a
controller that keeps its connections open.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.wire import HttpAnswer, Request, read_request

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSING_TIME = 5.0
"""How long ``stop`` waits for the calls in flight to notice that the server is closing, seconds."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a call is answered."""

    answer: HttpAnswer | None
    """None to send nothing and close the connection."""
    cut: bool = False
    """Whether to send only half of the answer, and then close the connection."""
    pause: Callable[[], object] | None = None
    """The pause after each byte; None to send them all at once."""
    interim: Callable[[], object] | None = None
    """The pause after an interim answer, which comes before the answer; None to send none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = read_request(self.command, self.path, headers, self.rfile.read(length))
        self._deliver(self.server.answer(request))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class looks these names up

    def _deliver(self, delivery: Delivery) -> None:
        answer = delivery.answer
        if answer is None or self.server.closing:
            self.close_connection = True
            return
        if delivery.interim is not None:
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </hint>\r\n\r\n")
            delivery.interim()
        head = [f"HTTP/1.1 {answer.status} {_find_phrase(answer.status)}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head += [f"Content-Length: {len(answer.body)}", f"Date: {self.date_time_string()}"]
        body = answer.body
        if delivery.cut:
            self.close_connection = True
            body = body[: len(body) // 2]
        self._write("\r\n".join([*head, "", ""]).encode("latin-1") + body, delivery.pause)

    def _write(self, sent: bytes, pause: Callable[[], object] | None) -> None:
        if pause is None:
            self.wfile.write(sent)
            return
        for byte in sent:
            if self.server.closing:
                return
            self.wfile.write(bytes([byte]))
            pause()

    def handle(self) -> None:
        # Callers may give up in the middle of a call at any time.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the journal records every call."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Delivery]) -> None:
        self.answer = answer
        self.closing = False
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """Wake every thread that waits for a request, and wait until all have ended."""
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, CLOSING_TIME)


class HttpServer:
    """Serves ``answer`` on a bound socket, with one thread for each connection."""

    def __init__(self, host: str, port: int, answer: Callable[[Request], Delivery]) -> None:
        """Bind at once (port 0: a free one). Raises ``OSError`` if the port is taken."""
        self._server = _Server((host, port), answer)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="embedded-aws", daemon=True)

    @property
    def url(self) -> str:
        """The address on which it listens, as ``http://host:port``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the socket and every connection; callers in the middle of a call see it reset."""
        self._server.closing = True
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
