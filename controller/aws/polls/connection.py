"""One kept connection to an endpoint: a request at a time, its answer bounded in time and size."""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from botocore.exceptions import BotoCoreError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from httptools import HttpParserError, HttpResponseParser

LARGEST_ANSWER = 65_536
"""Bytes, head and body. An answer with three counts has some 500."""
READ_AT_ONCE = 16_384
"""Bytes of a read, which is the most that a record of TLS holds."""
_FINAL = 200
"""What is below it announces the answer, such as 100 Continue."""

# asyncio's 256 KiB are kept for every connection, 16 MB for 64 of them, and taken anew for a moment with every read.
SSLProtocol.max_size = READ_AT_ONCE


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; the names are those of botocore's own, which reads it."""

    status_code: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


class Connection(asyncio.Protocol):
    """A connection over a transport of asyncio's, which brings TCP and TLS; httptools reads HTTP."""

    def __init__(self, url: str) -> None:
        """Take the endpoint's URL, which errors name. The transport comes with ``connection_made``."""
        loop = asyncio.get_running_loop()
        self.idle_since = 0.0
        self.closed: asyncio.Future[None] = loop.create_future()
        self._url = url
        self._loop = loop
        self._parser = HttpResponseParser(self)
        self._waiting: asyncio.Future[Answer] | None = None
        self.ends_at = inf
        """When the answer that is waited for has to be there; infinite: none is."""
        self._kept = True
        self._begin()

    def ask(self, request: bytes, ends_at: float) -> asyncio.Future[Answer]:
        """Send a request; the future gives its answer, or its failure soon after ``ends_at``, on the loop's clock.

        Somebody has to look then: a timer for each request costs more than it is worth. The future raises
        ReadTimeoutError, ConnectionClosedError, and ResponseParserError for an answer that is too long. Whoever cancels
        it closes the connection.
        """
        self._waiting = self._loop.create_future()
        self._room = LARGEST_ANSWER
        self.ends_at = ends_at
        waiting = self._waiting
        if self._transport.is_closing():
            self._fail(ConnectionClosedError(endpoint_url=self._url))
        else:
            self._transport.write(request)
        return waiting

    @property
    def reusable(self) -> bool:
        """Whether it can carry another request."""
        return self._kept and self._waiting is None and not self._transport.is_closing()

    def look(self, now: float) -> None:
        """Fail what has waited until now for its answer."""
        if self.ends_at <= now:
            self._fail(ReadTimeoutError(endpoint_url=self._url))

    def close(self) -> None:
        """Close at once; nobody is owed anything more."""
        self._kept = False
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's, as the loop makes it

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer."""
        if self._waiting is None:
            return self.close()  # nothing was asked: what comes now would be taken for the next answer
        self._room -= len(data)
        if self._room < 0:
            return self._fail(ResponseParserError(f"the answer is longer than {LARGEST_ANSWER} bytes"))
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._fail(ConnectionClosedError(endpoint_url=self._url))

    def connection_lost(self, error: Exception | None) -> None:
        """End the answer that its end was to tell of, or fail it."""
        if self._waiting is not None and error is None and self._ends_with_connection:
            self.on_message_complete()
        self._fail(ConnectionClosedError(endpoint_url=self._url))
        if not self.closed.done():
            self.closed.set_result(None)

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note whether the answer says where its body ends."""
        told = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._ends_with_connection = not told and self._parser.get_status_code() >= _FINAL

    def on_body(self, piece: bytes) -> None:
        """Note a piece of the body."""
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Give the answer to whoever waits for it."""
        status = self._parser.get_status_code()
        if status >= _FINAL:
            self._kept = self._kept and self._parser.should_keep_alive()
            self._settle(Answer(status, self._headers, b"".join(self._pieces)))
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._ends_with_connection = False

    def _settle(self, outcome: Answer | BotoCoreError | ResponseParserError) -> None:
        waiting, self._waiting, self.ends_at = self._waiting, None, inf
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, Answer):
            waiting.set_result(outcome)
        else:
            waiting.set_exception(outcome)

    def _fail(self, error: BotoCoreError | ResponseParserError) -> None:
        self._settle(error)
        self.close()
