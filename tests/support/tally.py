"""An AWS for measurements: a process of its own that answers at once and counts what it was asked."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from tests.support.loopback import count_messages, make_answer
from tests.support.measured import listen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

INTERVAL = 10
"""Seconds between two polls of a queue."""
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/bench-{}"
KIND = {"Content_Type": "application/x-amz-json-1.0", "x_amzn_RequestId": "0" * 36}
COUNTED = make_answer(count_messages(), **KIND)
LISTED = make_answer({"taskArns": []}, **KIND)
_QUEUE = re.compile(rb"bench-(\d+)\"")


@dataclass(frozen=True, slots=True)
class Told:
    """What was asked since the count began."""

    polls: int
    requests: int
    late: list[float]
    """Of every poll of a queue that was polled before: by how many seconds the interval was off, sorted."""

    def at(self, share: float) -> float:
        """Return the value below which this share of ``late`` is, seconds."""
        return self.late[int(share * (len(self.late) - 1))] if self.late else 0.0


class Tally:
    """The measuring side: how many were asked for, and how late."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url = f"https://localhost:{pipe.recv()}"

    def begin(self, *, below: float = inf) -> None:
        """Count from now on; lateness only of queues whose number is below that."""
        self._pipe.send(("begin", below))

    def forget(self) -> None:
        """Count from now on, and forget when each queue was last polled."""
        self._pipe.send(("forget", inf))

    def tell(self) -> Told:
        """Return what was asked since."""
        self._pipe.send(("tell", inf))
        told: Told = self._pipe.recv()
        return told


class _Counts:
    """The counting side."""

    def __init__(self) -> None:
        self.last: dict[bytes, float] = {}
        self.begin(inf)

    def begin(self, below: float) -> None:
        self.polls = self.requests = 0
        self.late: list[float] = []
        self.below = below

    def note(self, data: bytes) -> bytes:
        """Take in a request and return its answer."""
        self.requests += 1
        found = _QUEUE.search(data)
        if found is None:
            return LISTED
        self.polls += 1
        now, queue = time.monotonic(), found[1]
        if queue in self.last and int(queue) < self.below:
            self.late.append(abs(now - self.last[queue] - INTERVAL))
        self.last[queue] = now
        return COUNTED

    def answer(self, pipe: Connection) -> None:
        """Do what the measuring side asks for."""
        asked, below = pipe.recv()
        if asked == "tell":
            pipe.send(Told(self.polls, self.requests, sorted(self.late)))
            return
        if asked == "forget":
            self.last.clear()
        self.begin(below)


@contextmanager
def tallying(folder: str) -> Iterator[Tally]:
    """Run that AWS, with the certificate in ``folder``."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server: Any = context.Process(target=_serve, args=(folder, theirs), daemon=True)
    server.start()
    try:
        yield Tally(ours)
    finally:
        server.terminate()


def _serve(folder: str, pipe: Connection) -> None:
    counts = _Counts()

    async def serve() -> None:
        server = await listen(folder, counts.note)
        asyncio.get_running_loop().add_reader(pipe.fileno(), counts.answer, pipe)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())
