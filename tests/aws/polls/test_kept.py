from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError, Fault
from controller.aws.polls.kept import AFTER_FAILURE, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clock import ManualClock

EVERY = 30.0


class Source:
    """A blocking call that a test lets through, and that counts its calls and those at the same time."""

    def __init__(self) -> None:
        self.calls = 0
        self.at_once: list[int] = []
        self.fails = False
        self.open = Event()
        self.open.set()
        self._under_way = 0

    def __call__(self) -> int:
        """Give the number of this call."""
        self.calls += 1
        number = self.calls
        self._under_way += 1
        self.at_once.append(self._under_way)
        self.open.wait(10)
        self._under_way -= 1
        if self.fails:
            raise LookupError(f"call {number}")
        return number


def keep(
    source: Source, clock: ManualClock, usable: Callable[[int], bool] = lambda _: True, *, wait: float = 10.0
) -> Kept[int]:
    """Keep what a source gives."""
    return Kept(source, usable, clock.handed_in(), work="the call", every=EVERY, wait=wait)


async def until(kept: Kept[int], value: int) -> None:
    """Ask until a renewal that is under way has brought a value."""
    async with asyncio.timeout(10):
        while await kept.get() != value:
            await asyncio.sleep(0.001)


def test_all_who_ask_at_first_wait_for_one_call(clock: ManualClock) -> None:
    """However many they are; afterwards the value is there at once."""
    source = Source()

    async def ask() -> list[int]:
        kept = keep(source, clock)
        return [*await asyncio.gather(*(kept.get() for _ in range(50))), await kept.get()]

    assert ([1] * 51, 1) == (asyncio.run(ask()), source.calls)


def test_a_call_that_hangs_holds_nobody_who_has_a_value(clock: ManualClock) -> None:
    """The value is renewed beside, by one call however long it takes; the loop goes on."""
    source = Source()

    async def ask() -> None:
        kept = keep(source, clock)
        assert 1 == await kept.get()
        source.open.clear()
        for _ in range(5):
            clock.now += EVERY
            assert [1] * 10 == [await kept.get() for _ in range(10)]
        source.open.set()
        await until(kept, 2)

    asyncio.run(ask())
    assert ([1, 1], 2) == (source.at_once, source.calls)


def test_whoever_has_nothing_to_use_waits_but_not_for_ever(clock: ManualClock) -> None:
    """A value that may not be used any more is none."""
    source, expired = Source(), [False]

    async def ask() -> list[object]:
        kept = keep(source, clock, lambda value: value > 1 or not expired[0], wait=0.05)
        assert 1 == await kept.get()
        source.open.clear()
        clock.now += EVERY
        expired[0] = True
        with pytest.raises(AwsError) as caught:
            await kept.get()
        source.open.set()
        await asyncio.to_thread(source.open.wait)
        async with asyncio.timeout(10):
            while kept.value == 1:
                await asyncio.sleep(0.001)
        return [caught.value.fault, str(caught.value), await kept.get()]

    assert [Fault.UNREACHABLE, "the call has not ended after 50ms: AWS answers too slowly", 2] == asyncio.run(ask())


def test_a_failure_goes_to_all_who_wait_and_is_tried_again_later(clock: ManualClock) -> None:
    """Not at each question, which may be a hundred a second."""
    source = Source()
    source.fails = True

    async def ask() -> list[str]:
        kept = keep(source, clock)
        failures = await asyncio.gather(*(kept.get() for _ in range(3)), return_exceptions=True)
        failures += await asyncio.gather(*(kept.get() for _ in range(3)), return_exceptions=True)
        source.fails = False
        clock.now += AFTER_FAILURE
        return [*map(repr, failures), repr(await kept.get())]

    assert [*["LookupError('call 1')"] * 6, "2"] == asyncio.run(ask())


def test_a_renewal_that_fails_leaves_what_may_still_be_used(clock: ManualClock) -> None:
    """It is tried again, and the failure is told only once there is nothing else to give."""
    source, expired = Source(), [False]

    async def ask() -> None:
        kept = keep(source, clock, lambda _: not expired[0])
        assert 1 == await kept.get()
        source.fails = True
        async with asyncio.timeout(10):
            while source.calls < 4:
                clock.now += EVERY
                assert 1 == await kept.get()
                await asyncio.sleep(0.001)
        expired[0] = True
        with pytest.raises(LookupError):
            await kept.get()

    asyncio.run(ask())


@pytest.mark.parametrize("fails", [False, True], ids=["comes", "fails"])
def test_a_renewal_that_is_asked_for_during_a_call_is_another_call(clock: ManualClock, *, fails: bool) -> None:
    """What the one under way brings, or why it fails, may be of before what was mended."""
    source = Source()
    source.open.clear()
    source.fails = fails

    async def ask() -> int:
        kept = keep(source, clock)
        first = asyncio.ensure_future(kept.get())
        async with asyncio.timeout(10):
            while not source.calls:
                await asyncio.sleep(0.001)
        kept.renew()
        source.open.set()
        await asyncio.wait({first})
        source.fails = False
        await until(kept, 2)
        return source.calls

    assert 2 == asyncio.run(ask())


def test_a_call_that_outlives_its_loop_hurts_nobody(clock: ManualClock) -> None:
    """The process is not held up by its thread, and what it brings is dropped."""
    source = Source()
    source.open.clear()

    async def ask() -> None:
        asking = asyncio.ensure_future(keep(source, clock).get())
        async with asyncio.timeout(10):
            while not source.calls:
                await asyncio.sleep(0.001)
        asking.cancel()

    asyncio.run(ask())
    source.open.set()
