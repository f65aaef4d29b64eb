"""Queues read on an event loop, as tests ask for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.polls.reader import QueuePolls
from controller.aws.session import Clients
from controller.core.decision.model import QueueCounts
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import UNREACHABLE_AWS, ignore_request

if TYPE_CHECKING:
    from controller.aws.session import RequestObserver
    from controller.clock import Clock
    from tests.support.loopback import LoopbackServer

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
"""A queue's URL; no request goes to its host."""

Outcome = QueueCounts | tuple[Kind, str | None, str]
"""Counts, or an error's kind, key and words."""


class Pauses:
    """Stands in for waiting before a retry: notes the seconds, and lets none pass."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note one."""
        self.seconds.append(seconds)


def read(clients: Clients, *queues: str, pauses: Pauses | None = None) -> list[Outcome]:
    """Read queues one after the other with one reader, on a loop of its own."""

    async def read_all() -> list[Outcome]:
        polls = QueuePolls(clients, pause=pauses or Pauses())
        try:
            return [await outcome_of(polls, queue) for queue in queues]
        finally:
            await polls.close()

    return asyncio.run(read_all())


async def outcome_of(polls: QueuePolls, queue: str) -> Outcome:
    """Read a queue once."""
    try:
        return await polls.read_counts(queue)
    except AwsError as error:
        return told(error)


def told(error: AwsError) -> tuple[Kind, str | None, str]:
    """Return what an error says."""
    return error.fault, error.key, str(error)


class Observer:
    """Remembers the outcomes of requests."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """Note one request."""
        assert seconds >= 0
        self.seen.append((service, operation, outcome))

    @property
    def outcomes(self) -> list[str]:
        """What came of each."""
        return [outcome for _, _, outcome in self.seen]


def clients_to(
    server: LoopbackServer,
    observe: RequestObserver = ignore_request,
    *,
    clock: Clock = MACHINE_CLOCK,
    host: str = "127.0.0.1",
    call_timeout: float = 5.0,
) -> Clients:
    """Return clients of a server on loopback, over TLS if it speaks that."""
    scheme = "http" if server.tls is None else "https"
    return clients_at(f"{scheme}://{host}:{server.port}", observe, clock=clock, call_timeout=call_timeout)


def clients_at(
    url: str,
    observe: RequestObserver = ignore_request,
    *,
    clock: Clock = MACHINE_CLOCK,
    call_timeout: float = 5.0,
) -> Clients:
    """Return clients of an endpoint."""
    return Clients(replace(UNREACHABLE_AWS, endpoint_url=url, call_timeout=call_timeout), "ecsq", observe, clock)
