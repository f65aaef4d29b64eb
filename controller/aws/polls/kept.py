"""A value that only a blocking call can give, kept for an event loop that must never wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from controller.aws.gate import explain_waiting
from controller.clock import Clock

T = TypeVar("T")

AFTER_FAILURE = 5.0
"""Seconds after a call that failed before the next one."""


class Kept(Generic[T]):
    """Gives at once what it has, while that may be used, and renews it beside; used on one event loop.

    One call is made at a time, in a daemon thread: one that hangs holds neither the loop nor the process's end, and
    only those who have nothing to use wait for it.
    """

    def __init__(
        self, load: Callable[[], T], usable: Callable[[T], bool], clock: Clock, *, work: str, every: float, wait: float
    ) -> None:
        """``load`` is called every so many seconds; nobody waits for it longer than ``wait`` seconds.

        ``work`` names it (``reading AWS credentials``).
        """
        self._load = load
        self._usable = usable
        self._clock = clock
        self._work = work
        self._every = every
        self._wait = wait
        self._value: T | None = None
        self._failure: Exception | None = None
        self._due_at = float("-inf")
        self._is_asked_anew = False
        """Whether somebody has asked for a renewal since the last call began."""
        self._under_way: asyncio.Future[None] | None = None

    @property
    def value(self) -> T | None:
        """What there is now, usable or not."""
        return self._value

    async def get(self) -> T:
        """Return the value. Raises what ``load`` raised, and AwsError when it takes too long."""
        value = self._value
        if self._is_asked_anew or self._clock.elapsed() >= self._due_at:
            self._renew()
        elif value is not None and self._failure is None:
            return value
        if value is not None and self._usable(value):
            return value
        return await self._await_renewal()

    def renew(self) -> None:
        """Call anew with the next ``get``; what a call under way brings may be of before. May come from any thread."""
        self._is_asked_anew = True

    def _renew(self) -> None:
        """Begin a call, unless one is under way."""
        if self._under_way is not None:
            return
        self._is_asked_anew = False
        loop = asyncio.get_running_loop()
        self._under_way = loop.create_future()
        Thread(target=self._call, args=[loop], name=f"aws {self._work}", daemon=True).start()

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        value, failure = None, None
        try:
            value = self._load()
        except Exception as error:  # noqa: BLE001 - it is raised again, to whoever asks
            failure = error
        try:
            loop.call_soon_threadsafe(self._take, value, failure)
        except RuntimeError:
            return  # the loop was closed meanwhile: nobody asks any more

    def _take(self, value: T | None, failure: Exception | None) -> None:
        if failure is None:
            self._value = value
        self._failure = failure
        self._due_at = self._clock.elapsed() + (self._every if failure is None else AFTER_FAILURE)
        if self._under_way is not None and not self._under_way.done():
            self._under_way.set_result(None)
        self._under_way = None

    async def _await_renewal(self) -> T:
        if self._under_way is not None:
            try:
                async with asyncio.timeout(self._wait):
                    await asyncio.shield(self._under_way)
            except TimeoutError as error:
                raise explain_waiting(self._work, self._wait) from error
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # without it, each raise would add to the one before
        if self._value is None:
            raise explain_waiting(self._work, self._wait)
        return self._value
