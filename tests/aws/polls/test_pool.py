from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from controller.aws.errors import AwsError, Fault
from controller.aws.polls.endpoint import Endpoint, resolve
from controller.aws.polls.pool import Pool, find_patience
from tests.support.loopback import Last, LoopbackServer, Received, make_answer
from tests.support.polls import clients_to

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")
REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = make_answer({"Attributes": {}})
SOON = 20.0
"""Seconds within which what is to happen happens."""


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Give a server that answers at once."""
    with LoopbackServer(lambda _: ANSWER) as listening:
        yield listening


@pytest.fixture
def endpoint(server: LoopbackServer) -> Endpoint:
    """Give the endpoint that it is."""
    return resolve(clients_to(server))


class Movable(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves on."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def run_movable(run: Callable[[Movable], Coroutine[Any, Any, T]]) -> T:
    """Run something on a loop whose clock it moves."""
    with asyncio.Runner(loop_factory=Movable) as runner:
        return runner.run(run(cast("Movable", runner.get_loop())))


async def send(pool: Pool, *, fresh: bool = False) -> int:
    """Send one request in its turn; gives the answer's status."""
    await pool.wait_for_turn(b"one")
    try:
        return (await pool.send(REQUEST, fresh=fresh)).status_code
    finally:
        pool.end_turn()


def test_no_more_connections_are_open_than_there_may_be(server: LoopbackServer, endpoint: Endpoint) -> None:
    """Whoever comes later waits for a turn and uses what is there."""

    async def send_all() -> list[int]:
        pool = Pool(endpoint, 5.0, most=3)
        try:
            return await asyncio.gather(*(send(pool) for _ in range(30)))
        finally:
            await pool.close()

    assert [200] * 30 == asyncio.run(send_all())
    assert (3, 30) == (server.connections, len(server.received))


def test_nobody_waits_for_a_turn_for_ever(server: LoopbackServer, endpoint: Endpoint) -> None:
    """While others hold every turn, those who wait are told so after a call's time; a turn that was ended is free."""

    async def wait_twice() -> list[object]:
        pool = Pool(endpoint, 0.05, most=1)
        await pool.wait_for_turn(b"one")
        with pytest.raises(AwsError) as caught:
            await pool.wait_for_turn(b"one")
        pool.end_turn()
        await pool.wait_for_turn(b"one")
        return [caught.value.fault, str(caught.value)]

    text = f"http://127.0.0.1:{server.port}/: all 1 connections were busy for "
    fault, said = asyncio.run(wait_twice())
    assert (Fault.UNREACHABLE, True) == (fault, str(said).startswith(text))


@pytest.mark.parametrize(
    ("ended", "now", "expected"),
    [(0.0, 1.0, 4.0), (0.0, 5.0, 0.0), (30.0, 31.0, 4.0), (58.0, 59.0, 1.0), (60.0, 60.0, 0.0)],
    ids=["just come", "nothing ends", "turns end", "nearly too long", "too long"],
)
def test_who_waits_is_patient_while_others_come_to_their_turn(ended: float, now: float, expected: float) -> None:
    """For a call's time without any, and a minute in all: on a busy machine to give up would cost more than to wait."""
    assert expected == find_patience(5.0, 0.0, ended, now)


def test_those_who_wait_go_in_their_order(endpoint: Endpoint) -> None:
    """Each as soon as the one before has ended its turn."""

    async def wait_in_line() -> list[int]:
        pool, went = Pool(endpoint, 5.0, most=1), list[int]()

        async def take(number: int) -> None:
            await pool.wait_for_turn(b"one")
            went.append(number)
            pool.end_turn()

        await pool.wait_for_turn(b"one")
        line = [asyncio.create_task(take(number)) for number in range(5)]
        await asyncio.sleep(0)
        pool.end_turn()
        await asyncio.gather(*line)
        return went

    assert [0, 1, 2, 3, 4] == asyncio.run(wait_in_line())


def test_who_gave_up_goes_before_those_who_came_later(endpoint: Endpoint) -> None:
    """When it comes again: otherwise the same would be served all the time while each answer takes long."""

    async def come_again() -> list[bytes]:
        pool, went = Pool(endpoint, 0.5, most=1), list[bytes]()

        async def take(who: bytes) -> None:
            await pool.wait_for_turn(who)
            went.append(who)
            pool.end_turn()

        await pool.wait_for_turn(b"first")
        with pytest.raises(AwsError):
            await pool.wait_for_turn(b"gives up")
        line = [asyncio.create_task(take(who)) for who in (b"later", b"gives up")]
        await asyncio.sleep(0)
        pool.end_turn()
        await asyncio.gather(*line)
        return went

    assert [b"gives up", b"later"] == asyncio.run(come_again())


def test_who_is_called_off_in_the_line_takes_no_turn_along(endpoint: Endpoint) -> None:
    """As at a stop: the next one finds it free."""

    async def call_off() -> bool:
        pool = Pool(endpoint, 5.0, most=1)
        await pool.wait_for_turn(b"one")
        waiting = asyncio.create_task(pool.wait_for_turn(b"one"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        pool.end_turn()
        await pool.wait_for_turn(b"one")
        return waiting.cancelled()

    assert asyncio.run(call_off())


def test_a_turn_that_comes_as_its_waiter_is_called_off_is_free(endpoint: Endpoint) -> None:
    """Or with each such moment there would be one less."""

    async def call_off() -> bool:
        pool = Pool(endpoint, 0.05, most=1)
        await pool.wait_for_turn(b"one")
        waiting = asyncio.create_task(pool.wait_for_turn(b"one"))
        await asyncio.sleep(0)
        pool.end_turn()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await pool.wait_for_turn(b"one")
        return waiting.cancelled()

    assert asyncio.run(call_off())


def test_each_who_waits_is_told_when_it_has_waited_too_long(endpoint: Endpoint) -> None:
    """One after the other, though one timer watches all of them."""

    async def wait_in_line(loop: Movable) -> list[bool]:
        pool = Pool(endpoint, 50.0, most=1)
        await pool.wait_for_turn(b"one")
        first = asyncio.create_task(pool.wait_for_turn(b"first"))
        await asyncio.sleep(0)
        loop.ahead += 30.0
        second = asyncio.create_task(pool.wait_for_turn(b"second"))
        await asyncio.sleep(0)
        told = []
        for each in (first, second):
            loop.ahead += 30.0
            await asyncio.wait([each], timeout=SOON)
            told += [first.done(), second.done()]
        return told

    assert [True, False, True, True] == run_movable(wait_in_line)


def test_a_connection_that_waits_for_no_answer_is_not_too_late_for_one(
    server: LoopbackServer, endpoint: Endpoint
) -> None:
    """It is kept for longer than an answer may take."""

    async def send_twice(loop: Movable) -> None:
        pool = Pool(endpoint, 5.0, idle_for=60.0)
        await send(pool)
        loop.ahead += 10.0
        for _ in range(2):  # once to begin what is due, once for what follows
            await asyncio.sleep(0)
        await send(pool)
        await pool.close()

    run_movable(send_twice)
    assert (1, 2) == (server.connections, len(server.received))


def test_a_connection_that_idled_for_long_is_not_used(server: LoopbackServer, endpoint: Endpoint) -> None:
    """Something between may have dropped it without a word."""

    async def send_all(idle_for: float) -> None:
        pool = Pool(endpoint, 5.0, idle_for=idle_for)
        for _ in range(3):
            await send(pool)
        await pool.close()

    asyncio.run(send_all(60.0))
    assert 1 == server.connections
    asyncio.run(send_all(0.0))
    assert 4 == server.connections


def test_a_request_that_was_cancelled_takes_its_connection_along(server: LoopbackServer, endpoint: Endpoint) -> None:
    """Its answer would be taken for the next one's."""
    asked = Event()

    def note(_: Received) -> bytes:
        asked.set()
        return b""

    async def cancel_and_send() -> int:
        pool = Pool(endpoint, 5.0, most=1)
        first = asyncio.ensure_future(send(pool))
        await asyncio.to_thread(asked.wait, 10)
        first.cancel()
        await asyncio.wait([first])
        server.reply = lambda _: ANSWER
        status = await send(pool)
        await pool.close()
        return status

    server.reply = note
    assert (200, 2) == (asyncio.run(cancel_and_send()), server.connections)


def test_nothing_is_asked_on_a_pool_that_was_closed(server: LoopbackServer, endpoint: Endpoint) -> None:
    """What is under way fails at once, and so does what comes later."""
    asked = Event()

    def note(_: Received) -> bytes:
        asked.set()
        return b""

    async def close_and_send() -> list[str]:
        pool = Pool(endpoint, 5.0)
        first = asyncio.ensure_future(send(pool))
        await asyncio.to_thread(asked.wait, 10)
        await pool.close()
        failures = await asyncio.gather(first, send(pool), return_exceptions=True)
        return [type(failure).__name__ for failure in failures]

    server.reply = note
    assert ["ConnectionClosedError"] * 2 == asyncio.run(close_and_send())
    assert 1 == len(server.received)


def test_the_retry_after_a_stale_connection_is_on_a_new_one(server: LoopbackServer, endpoint: Endpoint) -> None:
    """All kept connections may be as stale as the one that broke."""
    used: set[int] = set()

    def answer_once_each(request: Received) -> bytes:
        if request.connection in used:
            return Last()
        used.add(request.connection)
        return ANSWER

    async def send_all() -> list[int]:
        pool = Pool(endpoint, 5.0)
        await asyncio.gather(send(pool), send(pool))
        status = await send(pool, fresh=True)
        await pool.close()
        return [status, server.connections]

    server.reply = answer_once_each
    assert [200, 3] == asyncio.run(send_all())
