"""Reading ten thousand queues on one event loop: the counts of each, one request a read, over kept connections.

It is the request that a boto3 client would send, under the same rules, without what botocore does anew for each: that
costs more than ten times the rest. Endpoint, proxy, certificates, credentials and the rules of retries are botocore's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Any

from botocore.exceptions import BotoCoreError

from controller.aws.answers import read_text
from controller.aws.errors import AwsError
from controller.aws.making import MAX_CONNECTIONS
from controller.aws.polls.answers import Attempt, Retries, read_answer
from controller.aws.polls.endpoint import UnsupportedError
from controller.aws.polls.kept import Kept
from controller.aws.polls.route import SERVICE, Call, Route, Signing, find_route, load_signing
from controller.aws.queue import SAY_NOTHING_OF_URLS, Queue, explain_missing, name_parameters, read_counts
from controller.aws.session import Clients, StoppingError
from controller.aws.stages import Stage, current_course
from controller.aws.traits import COUNTS, TraitsKnown
from controller.core.decision.model import QueueCounts

PATIENCE = 10.0
"""Seconds that a read waits for a client or for credentials when there are none to use."""
RENEW_EVERY = 30.0
"""Seconds between two looks at the credentials; botocore refreshes those that expire 10 to 15 minutes ahead."""


class QueuePolls:
    """Reads queues, given as names, URLs or ARNs. All but the constructor belongs to one event loop."""

    def __init__(
        self,
        clients: Clients,
        traits: TraitsKnown | None = None,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Ask nothing yet. ``pause`` waits so many seconds between a request and its retry.

        ``traits`` are to learn how the queues are set up, now and then; without, they are kept here.
        """
        self._clients = clients
        self.traits = TraitsKnown(clients.clock) if traits is None else traits
        self._pause = pause
        self._retries = Retries()
        self._bodies: dict[str, bytes] = {}
        self._queues: dict[str, Queue] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._route: Kept[Route | str] = Kept(
            self._find_route, lambda _: True, clients.clock, work="making an SQS client", every=inf, wait=PATIENCE
        )
        self._signing: Kept[Signing] = Kept(
            lambda: load_signing(clients),
            Signing.is_valid,
            clients.clock,
            work="reading AWS credentials",
            every=RENEW_EVERY,
            wait=PATIENCE,
        )

    @property
    def fallback(self) -> str | None:
        """Why reads go through boto3 instead, in words; None while they do not, or before the first read."""
        route = self._route.value
        return route if isinstance(route, str) else None

    async def read_counts(self, queue: str) -> QueueCounts:
        """Return a queue's counts, messages; one request once its URL is known, sent again once where that may help.

        A request takes a call's time at most. Raises AwsError as ``Queue.read_counts`` does, and StoppingError.
        """
        route = await self._route.get()
        if isinstance(route, str):
            return await self._read_by_boto3(queue)
        try:
            with self._clients.asking(f'queue "{queue}"', "queue"):
                body = self._bodies.get(queue) or await self._look_up(route, queue)
                names = self.traits.choose_names(queue)
                asked = body if names == COUNTS else _write_body(json.loads(body)["QueueUrl"], names)
                attributes = (await self._ask(route, route.read, asked, who=body))["Attributes"]
                self.traits.note(queue, names, attributes)
                return read_counts(queue, attributes)
        except AwsError as error:
            if error.fault not in SAY_NOTHING_OF_URLS:
                self._bodies.pop(queue, None)
            raise explain_missing(error, queue, self._clients.elsewhere or route.endpoint.region) from error

    def renew(self) -> None:
        """Look at the credentials with the next read, since they may have been mended; without any there is no way."""
        self._signing.renew()
        if self._route.value is None:
            self._route.renew()

    def forget(self, queue: str) -> None:
        """Drop what is known of a queue that nobody reads any more."""
        body = self._bodies.pop(queue, None)
        self._queues.pop(queue, None)
        self.traits.forget(queue)
        if body is not None and isinstance(route := self._route.value, Route):
            route.pool.forget(body)

    async def close(self) -> None:
        """Close the connections; nothing is read any more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if isinstance(route := self._route.value, Route):
            await route.pool.close()

    async def _look_up(self, route: Route, queue: str) -> bytes:
        """Return the body of a queue's reads, its URL looked up unless that is what was given."""
        url = queue
        if parameters := name_parameters(queue, route.endpoint.region):
            url = read_text((await self._ask(route, route.look_up, json.dumps(parameters).encode()))["QueueUrl"])
        self._bodies[queue] = body = _write_body(url, COUNTS)
        return body

    async def _ask(self, route: Route, call: Call, body: bytes, who: bytes | None = None) -> Mapping[str, Any]:
        """Return the members of an answer. Raises what a boto3 call would, StoppingError, and AwsError for a rest.

        ``who`` waits in line for its turn, whatever it asks for; None: the request's own body stands for it.
        """
        self._clients.admit(call.operation.name)
        number = 1
        while True:
            attempt = await self._attempt(route, call, body, who or body, fresh=number > 1)
            delay = None if attempt.succeeded else self._retries.delay_after(number, attempt)
            if delay is None:
                return attempt.unwrap()
            await self._pause(delay)
            if self._clients.clock.is_stopping():
                raise StoppingError
            number += 1

    async def _attempt(self, route: Route, call: Call, body: bytes, who: bytes, *, fresh: bool) -> Attempt:
        """Send one request and count it."""
        clients, operation = self._clients, call.operation
        signing = await self._signing.get()
        await route.pool.wait_for_turn(who)
        try:
            request = call.build_request(body, signing.frozen, clients.clock.now())
            current_course().stage = Stage.SENT
            sent_at = clients.clock.elapsed()
            try:
                answer = await route.pool.send(request, fresh=fresh)
                parsed = read_answer(operation, answer)
            except BotoCoreError as error:
                clients.note(SERVICE, operation.name, sent_at, None)
                return Attempt(operation, error=error)
            except Exception:  # the answer broke a parser: AWS has answered, and nobody knows what
                clients.note(SERVICE, operation.name, sent_at, {})
                raise
        finally:
            route.pool.end_turn()
        clients.note(SERVICE, operation.name, sent_at, parsed)
        return Attempt(operation, answer, parsed)

    def _find_route(self) -> Route | str:
        """Return the way to SQS or, where only boto3 knows one, why. It blocks."""
        with self._clients.asking("the way to SQS", None):
            try:
                return find_route(self._clients)
            except UnsupportedError as error:
                return str(error)

    async def _read_by_boto3(self, queue: str) -> QueueCounts:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="aws queue")
        reader = self._queues.setdefault(queue, Queue(self._clients, queue, self.traits))
        return await asyncio.get_running_loop().run_in_executor(self._threads, reader.read_counts)


def _write_body(url: str, names: tuple[str, ...]) -> bytes:
    """Return the body of a read of a queue that asks for these attributes."""
    return json.dumps({"QueueUrl": url, "AttributeNames": names}).encode()
