"""A bound on the whole of a call: botocore's own read time-out begins anew with each byte that arrives.

An answer that trickles in, a byte a second, would hold its thread for hours. The connections that are made here give an
answer so many seconds as a whole, and no more memory than a sane one needs; what exceeds that ends as botocore's errors
for a time-out and for a broken connection do.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse, parse_headers
from typing import Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool

MAX_ANSWER = {
    "cloudwatch": 16 << 20,
    "sqs": 1 << 18,
    "ecs": 16 << 20,
    "ssm": 4 << 20,
    "s3": 16 << 20,
    "events": 1 << 16,
    "service-quotas": 1 << 16,
    "ec2": 1 << 20,
    "sts": 1 << 16,
    "resourcegroupstaggingapi": 4 << 20,
}
"""Bytes of an answer, by service: many times what three counts, a page of tasks or points, or a configuration take, and
more than a page of queues' names or tags can.

What queues answer is read by many threads at a time, and a megabyte of text can be thirty times as much once it is
read.
"""
_FIRST_INTERIM, _FIRST_FINAL = 101, 200
"""The statuses of answers that another one follows; of 100 http.client knows it by itself."""


class _Arriving(io.RawIOBase):
    """The bytes of one answer as they arrive."""

    def __init__(self, sock: socket.socket, most: int, until: float, elapsed: Callable[[], float]) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._until = until
        self._elapsed = elapsed
        self._most = self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        seconds = self._until - self._elapsed()
        if seconds <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(seconds)
        arrived = self._raw.readinto(buffer) or 0
        self._left -= arrived
        if self._left < 0:
            raise ConnectionAbortedError(f"the answer is longer than {self._most} bytes")
        return arrived

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Source:
    """What HTTPResponse takes for a socket: it asks for a file to read from, and nothing else."""

    def __init__(self, arriving: _Arriving) -> None:
        self._arriving = arriving

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._arriving)


class _Answer(HTTPResponse):
    """An answer behind any number of interim ones, such as 103 Early Hints.

    http.client takes those for the answer. The true one would then be read as that of the next request on the
    connection, which may be about another queue.
    """

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # botocore overrides it as well
        while _FIRST_INTERIM <= status < _FIRST_FINAL:
            parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason


def _open_response(most: int, until: float, elapsed: Callable[[], float], sock: socket.socket, **how: Any) -> _Answer:
    return _Answer(_Source(_Arriving(sock, most, until, elapsed)), **how)  # type: ignore[arg-type]


class _Bounded:
    """Mixed into botocore's connections: an answer has to be there whole within so many seconds of its request."""

    seconds: float
    most: int
    elapsed: Callable[[], float]
    response_class: Any

    def getresponse(self) -> Any:
        self.response_class = partial(_open_response, self.most, self.elapsed() + self.seconds, self.elapsed)
        return super().getresponse()  # type: ignore[misc]


def bound_answers(client: Any, seconds: float, elapsed: Callable[[], float]) -> None:
    """Give each answer to a boto3 client so many seconds as a whole, and the bytes that its service may need."""
    bound_session(client._endpoint.http_session, MAX_ANSWER[client.meta.service_model.service_name], seconds, elapsed)


def bound_session(session: Any, most: int, seconds: float, elapsed: Callable[[], float]) -> None:
    """Give each answer to one of botocore's HTTP sessions so many seconds as a whole, and so many bytes.

    botocore offers no setting for it. Its session takes the classes of its connections from a dict that it shares with
    all its pools, those of proxies as well.
    """
    members = {"seconds": seconds, "most": most, "elapsed": staticmethod(elapsed)}
    plain = type("BoundedConnection", (_Bounded, AWSHTTPConnection), members)
    secure = type("BoundedTlsConnection", (_Bounded, AWSHTTPSConnection), members)
    session._pool_classes_by_scheme.update(
        http=type("BoundedPool", (AWSHTTPConnectionPool,), {"ConnectionCls": plain}),
        https=type("BoundedTlsPool", (AWSHTTPSConnectionPool,), {"ConnectionCls": secure}),
    )
