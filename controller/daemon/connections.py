"""The connections of the HTTP server: how many may be open, and how long each may take.

Whoever reaches the port can open connections and send nothing, or read nothing. Each holds a descriptor, and without
descriptors there is no call to AWS either. uvicorn bounds neither: its ``limit_concurrency`` answers 503 and keeps the
connection, and its keep-alive time-out knows nothing of a request that never comes whole.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

MOST_OPEN = 32
"""Connections, however many descriptors there are: a few scrapers, a health check and some people."""
SHARE = 4
"""The part of the process's descriptors that connections may take: one in so many."""
WAITING = 128
"""Connections that the system keeps until they are accepted."""
TOLD_EVERY = 60.0
"""Seconds between two log lines about connections that cannot be accepted."""
HEADERS_EVERY = 1.0
"""Seconds after which the headers that all answers share, Date among them, are made anew."""
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take of the process."""

    connections: int
    """How many may be open at the same time."""
    request_within: float = 5.0
    """Seconds in which a request has to come whole, counted from the connection or from the answer before."""
    answer_within: float = 30.0
    """Seconds in which an answer has to be made and taken."""


def find_limits() -> Limits:
    """Return the limits of this process, by its limit on descriptors (RLIMIT_NOFILE)."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return Limits(MOST_OPEN)
    return Limits(max(1, min(MOST_OPEN, descriptors // SHARE)))


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration with our limits. Headers name no server, and what clients do wrong is not logged."""

    def __init__(self, app: Starlette, limits: Limits, *, stop_within: float) -> None:
        super().__init__(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            headers=[("X-Content-Type-Options", "nosniff")],
            # Ours comes first: uvicorn's own begins only with an answer, and ends with the next byte.
            timeout_keep_alive=ceil(limits.answer_within),
            timeout_graceful_shutdown=round(stop_within),
            # asyncio accepts so many connections at once, and when descriptors run out it fails as often as that. One
            # by one, a connection too many is closed before many more have come.
            backlog=1,
        )
        self.limits = limits


class BoundedServer(uvicorn.Server):
    """A server that tells now and then, and briefly, that it cannot accept connections."""

    def __init__(self, config: BoundedConfig) -> None:
        super().__init__(config)
        self._quiet_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept on the sockets, which listen already."""
        asyncio.get_running_loop().set_exception_handler(self._report)
        await super().startup(sockets)
        for listening in sockets or ():
            # asyncio has just told the system to keep as few connections as it accepts at once.
            listening.listen(WAITING)

    async def main_loop(self) -> None:
        """Serve until it is to stop. uvicorn's own loop looks ten times a second, which an idle process pays for."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), HEADERS_EVERY)

    def stop(self) -> None:
        """Have it stop, from any thread. It may not serve yet; then it ends as soon as it does."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES):
            loop.default_exception_handler(context)
        elif loop.time() >= self._quiet_until:
            # asyncio tries again every second, for as long as it lasts.
            self._quiet_until = loop.time() + TOLD_EVERY
            structlog.get_logger().warning("cannot accept connections", error=str(error))


class _Connection(H11Protocol):
    """One connection: closed when it takes too long, or when it is one too many and has waited the longest."""

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._answering: RequestResponseCycle | None = None
        self._since = 0.0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._allow(self._limits.request_within)
        others = [other for other in self.connections if isinstance(other, _Connection) and other is not self]
        if len(others) >= self._limits.connections:
            min(others, key=_Connection._rank).abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._note_step()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_step()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close at once, whatever was still to be sent."""
        # Before it is told that the connection is lost, which the next one must not wait for.
        self.connections.discard(self)
        self.transport.abort()

    def _note_step(self) -> None:
        """Begin to count anew when a request is there whole, or its answer is made; not with each byte."""
        answering = None if self.cycle is None or self.cycle.response_complete else self.cycle
        if answering is self._answering:
            return
        self._answering = answering
        self._allow(self._limits.answer_within if self._is_busy() else self._limits.request_within)

    def _is_busy(self) -> bool:
        """Say whether an answer is being made, or waits to be taken."""
        return self._answering is not None or self.transport.get_write_buffer_size() > 0

    def _rank(self) -> tuple[bool, float]:
        """Return the order in which connections are closed for a new one: idle ones first, the oldest first."""
        return self._is_busy(), self._since

    def _allow(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._since = self.loop.time()
        self._deadline = self.loop.call_later(seconds, self.abort)
