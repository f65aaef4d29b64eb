"""An AWS for measurements: a process of its own that answers at once and counts what it was asked.

Its queues are empty but for the first ones, which are busy and share the live tasks.
"""

from __future__ import annotations

import asyncio
import json
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
SENT = make_answer(count_messages(visible=1), **KIND)
TEMPLATE = {
    "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/bench:1",
        "family": "bench",
        "revision": 1,
        "status": "ACTIVE",
        "networkMode": "awsvpc",
        "compatibilities": ["EC2", "FARGATE"],
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "worker", "image": "bench", "essential": True}],
    }
}
TASK = "arn:aws:ecs:us-east-1:123456789012:task/bench/{:032d}"
PAGE = 100
_QUEUE = re.compile(rb"/bench-(\d+)\"")


@dataclass(frozen=True, slots=True)
class Told:
    """What was asked since the count began."""

    polls: int
    requests: int
    late: list[float]
    """Of every poll of a queue that was polled before: by how many seconds the interval was off, sorted."""
    pages: int
    """Calls of ListTasks."""
    described: int
    """Calls of DescribeTasks."""
    listings: list[float]
    """Seconds from the first page to the last of each whole listing."""
    reactions: list[float]
    """Seconds from each message that was sent to the RunTask for it."""

    def at(self, share: float) -> float:
        """Return the value below which this share of ``late`` is, seconds."""
        return _pick(self.late, share)

    def listing_at(self, share: float) -> float:
        """Return the value below which this share of ``listings`` is, seconds."""
        return _pick(self.listings, share)


def _pick(values: list[float], share: float) -> float:
    return values[int(share * (len(values) - 1))] if values else 0.0


class Tally:
    """The measuring side: how many were asked for, and how late."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url = f"https://localhost:{pipe.recv()}"

    def begin(self, *, below: float = inf) -> None:
        """Count from now on; lateness only of queues whose number is below that."""
        self._pipe.send(("begin", below))

    def forget(self) -> None:
        """Count from now on, forget when each queue was last polled, and let all of them be empty."""
        self._pipe.send(("forget",))

    def work(self, busy: int, tasks: int) -> None:
        """Let so many tasks live that work on the messages of the first ``busy`` queues."""
        self._pipe.send(("work", busy, tasks))

    def send(self, queue: int) -> None:
        """Put a message into an empty queue."""
        self._pipe.send(("send", queue))

    def tell(self) -> Told:
        """Return what was asked since."""
        self._pipe.send(("tell",))
        told: Told = self._pipe.recv()
        return told


class _Counts:
    """The counting side."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.last: dict[bytes, float] = {}
        self.sent: dict[int, float] = {}
        """When each queue was sent a message."""
        self.work(0, 0)
        self.begin(inf)

    def work(self, busy: int, tasks: int) -> None:
        self.busy, self.tasks = busy, tasks
        self.at_work = make_answer(count_messages(in_flight=tasks // max(1, busy)), **KIND)
        """Of a busy queue: each of its tasks works on a message, so that it needs no more of them."""

    def begin(self, below: float) -> None:
        self.polls = self.requests = self.pages = self.described = 0
        self.late: list[float] = []
        self.listings: list[float] = []
        self.reactions: list[float] = []
        self.first_page_at = time.monotonic()
        self.below = below

    def tell(self) -> Told:
        return Told(
            self.polls,
            self.requests,
            sorted(self.late),
            self.pages,
            self.described,
            sorted(self.listings),
            sorted(self.reactions),
        )

    def note(self, data: bytes) -> bytes:
        """Take in a request and return its answer."""
        self.requests += 1
        found = _QUEUE.search(data)
        if found is None:
            return make_answer(self._answer_ecs(json.loads(data)), **KIND)
        self.polls += 1
        now, queue = time.monotonic(), found[1]
        if queue in self.last and int(queue) < self.below:
            self.late.append(abs(now - self.last[queue] - INTERVAL))
        self.last[queue] = now
        if int(queue) in self.sent:
            return SENT
        return self.at_work if int(queue) < self.busy else COUNTED

    def send(self, queue: int) -> None:
        self.sent[queue] = time.monotonic()

    def _answer_ecs(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "clientToken" in asked:
            sent_at = self.sent[int(asked["group"].removeprefix("bench-"))]
            self.reactions.append(time.monotonic() - sent_at)
            return {"tasks": [{"taskArn": f"{TASK.format(len(self.reactions))}-{asked['group']}"}], "failures": []}
        if "taskDefinition" in asked:
            return TEMPLATE
        if "tasks" in asked:
            self.described += 1
            return {"tasks": [self._describe(arn) for arn in asked["tasks"]], "failures": []}
        if asked.get("desiredStatus") == "STOPPED":
            return {"taskArns": []}
        self.pages += 1
        first = int(asked.get("nextToken", 0))
        if not first:
            self.first_page_at = time.monotonic()
        last = min(first + PAGE, self.tasks)
        page: dict[str, Any] = {"taskArns": [TASK.format(number) for number in range(first, last)]}
        if last < self.tasks:
            return page | {"nextToken": str(last)}
        self.listings.append(time.monotonic() - self.first_page_at)
        return page

    def _describe(self, arn: str) -> dict[str, Any]:
        number, _, launched_for = arn.rpartition("/")[2].partition("-")
        status = "RUNNING" if launched_for or int(number) < self.tasks else "STOPPED"
        container = {"name": "worker", "lastStatus": status, "image": "bench", "networkInterfaces": []}
        return {
            "taskArn": arn,
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/bench:1",
            "group": launched_for or f"bench-{int(number) % max(1, self.busy)}",
            "startedBy": "bench",
            "lastStatus": status,
            "desiredStatus": status,
            "createdAt": 1.7e9,
            "startedAt": 1.7e9,
            "containers": [container],
            "overrides": {"containerOverrides": [{"name": "worker"}]},
            "tags": [],
        }

    def answer(self, pipe: Connection) -> None:
        """Do what the measuring side asks for."""
        asked, *given = pipe.recv()
        told = getattr(self, asked)(*given)
        if told is not None:
            pipe.send(told)


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
