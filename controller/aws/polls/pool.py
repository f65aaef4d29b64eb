"""The kept connections to one endpoint: as few as are needed at once, the one used last first."""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from controller.aws.errors import AwsError, Fault
from controller.aws.making import CONNECT_SHARE
from controller.aws.polls.connection import Answer, Connection
from controller.aws.polls.endpoint import Endpoint
from controller.aws.polls.tunnel import open_connection
from controller.core.words import format_span

MOST_CONNECTIONS = 64
"""Open at once. A tick of ten thousand queues has 250 polls: four rounds, each as long as one answer takes."""
LONGEST_WAIT = 60.0
"""Seconds that a request waits for its turn at most, though other turns end."""
LOOK_AGAIN_AFTER = 0.1
"""Seconds that pass at least between two looks for those who have waited too long."""
IDLE_FOR = 20.0
"""Seconds without use after which a connection is not trusted any more: SQS closes idle ones, and so do load balancers
and NAT gateways, some of them without a word."""


class Pool:
    """Sends requests to one endpoint, on one event loop."""

    def __init__(
        self, endpoint: Endpoint, call_timeout: float, *, most: int = MOST_CONNECTIONS, idle_for: float = IDLE_FOR
    ) -> None:
        self._endpoint = endpoint
        self._timeout = call_timeout
        self._most = most
        self._idle_for = idle_for
        self._free = most
        """Turns that nobody has; while there are some nobody waits."""
        self._line: list[tuple[float, int, float, asyncio.Future[None]]] = []
        """A heap of those who wait: since when they are in line, a number that tells equals apart, when they came this
        time, and what their turn completes."""
        self._looks_at = inf
        """When to look for what has waited too long. One timer does for all: most are served in a moment."""
        self._timer: asyncio.TimerHandle | None = None
        self._numbers = count()
        self._gave_up: dict[bytes, float] = {}
        """Since when those have waited who gave up."""
        self._turn_ended_at = 0.0
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False

    async def wait_for_turn(self, who: bytes) -> None:
        """Wait until one more request may leave, which ``end_turn`` ends; whoever waits longest goes first.

        Raises AwsError when no other turn has ended for a call's time, or after LONGEST_WAIT. While turns do end, as on
        a machine that is busy, to give up early would only cost more: a poll that fails is dearer than one that waits.
        ``who`` gives up is in line for as long when it comes again, or always the same would be served.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        since = self._gave_up.pop(who, began)
        if self._free:
            self._free -= 1
            return
        turn = loop.create_future()
        heappush(self._line, (since, next(self._numbers), began, turn))
        self._watch(began + self._timeout)
        try:
            await turn
        except BaseException:
            self._gave_up[who] = since
            if not turn.cancel() and not turn.cancelled() and turn.exception() is None:
                self.end_turn()  # it had come, just as whoever waited for it was called off
            raise

    def end_turn(self) -> None:
        """Let the next request leave."""
        self._turn_ended_at = asyncio.get_running_loop().time()
        while self._line:
            turn = heappop(self._line)[-1]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def forget(self, who: bytes) -> None:
        """Drop what is known of one that does not come again."""
        self._gave_up.pop(who, None)

    def _watch(self, at: float) -> None:
        """Look at that moment, or before, for what has waited too long."""
        if at < self._looks_at:
            if self._timer is not None:
                self._timer.cancel()
            self._looks_at, self._timer = at, asyncio.get_running_loop().call_at(at, self._look)

    def _look(self) -> None:
        """Tell whoever has waited too long, for a turn or for an answer, and look again when the next one may have."""
        now = asyncio.get_running_loop().time()
        self._looks_at = inf
        for connection in list(self._open):
            connection.look(now)
        self._line = [each for each in self._line if not each[-1].done()]
        next_at = min((connection.ends_at for connection in self._open), default=inf)
        for _, _, began, turn in self._line:
            left = find_patience(self._timeout, began, self._turn_ended_at, now)
            if left > 0:
                next_at = min(next_at, now + left)
            else:
                busy = f"all {self._most} connections were busy for {format_span(now - began)}"
                turn.set_exception(AwsError(Fault.UNREACHABLE, f"{self._endpoint.url}: {busy}"))
        heapify(self._line)
        self._watch(max(next_at, now + LOOK_AGAIN_AFTER))

    async def send(self, request: bytes, *, fresh: bool) -> Answer:
        """Send a request whose turn it is and return its answer, within a call's time, connecting included.

        ``fresh``: on a new connection, since a kept one may have been closed by the other end as it was used.
        Raises what botocore would.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._timeout
        if fresh and self._idle:
            self._idle.pop(0).close()  # the one not used for longest makes room
        connection = (None if fresh else self._take_idle(loop.time())) or await self._connect()
        try:
            self._watch(ends_at)
            return await connection.ask(request, ends_at)
        finally:
            self._put_back(connection, loop.time())

    async def close(self) -> None:
        """Close every connection, and those that are still being opened as soon as they are."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._open):
            connection.close()
        await asyncio.gather(*(connection.closed for connection in list(self._open)))

    async def _connect(self) -> Connection:
        connection = await open_connection(self._endpoint, self._timeout * CONNECT_SHARE)
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.close()
        return connection

    def _take_idle(self, now: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and now - connection.idle_since < self._idle_for:
                return connection
            connection.close()
        return None

    def _put_back(self, connection: Connection, now: float) -> None:
        if connection.reusable:
            connection.idle_since = now
            self._idle.append(connection)
        else:
            connection.close()


def find_patience(timeout: float, began: float, turn_ended_at: float, now: float) -> float:
    """Return for how many seconds a request that waits since ``began`` goes on waiting; 0 or less: it gives up.

    For a call's time without a turn of another that ends, and for LONGEST_WAIT in all.
    """
    return min(max(began, turn_ended_at) + timeout, began + LONGEST_WAIT) - now
