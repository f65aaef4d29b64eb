"""When scalers are polled: each at its own interval and in its own phase, by a clock that never steps.

::

    heap of due times --tick--> read the queue --> nothing to decide? --> record that
          ^                          |                                       |
          |                          '--> a thread of the pool reconciles ---|--> look again when a window opens?
          |                               |         ^                        |                        |
          |                               '-- waits?  put back until then    |                        |
          '------------------- the next poll, or an earlier look <-----------'<-----------------------'

One asyncio loop in a thread of its own keeps the times and reads all queues; only a scaler that has something to decide
takes a thread, for as long as it does not wait (``pool.py``). Polls that are due within a quarter of a second are begun
together, since waking costs more than asking. The wall clock may step as it likes: only a look for a launch window is
asked for in its terms, and is turned into a wait at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from threading import Lock, Thread

import structlog

from controller.aws.session import StoppingError
from controller.clock import Clock, StepWatch
from controller.core.decision.model import QueueCounts
from controller.core.decision.slots import spread
from controller.daemon.due import DueTimes, Polled, find_first_poll
from controller.daemon.pool import Pool
from controller.daemon.progress import Progress
from controller.daemon.rounds import Rounds
from controller.scaling.lister import Listers
from controller.scaling.queue_sum import read_together
from controller.scaling.realms import AllPolls
from controller.scaling.reconcile import Reconciler

TICK = 0.25
"""Seconds within which polls that are due are begun together."""
LONGEST_SLEEP = 1.0
"""Seconds after which the loop looks at the clocks, whether or not a poll is due."""


class Schedule:
    """The polls of one controller. ``add``, ``change`` and ``remove`` may be called from any thread."""

    def __init__(
        self, clock: Clock, queues: AllPolls, listers: Listers, progress: Progress, on_step: Callable[[float], None]
    ) -> None:
        """Poll nothing yet. ``on_step`` is told when the wall clock has stepped, and by how many seconds."""
        self._clock = clock
        self._queues = queues
        self._rounds = Rounds(queues, clock)
        self._listers = listers
        self._reading: set[asyncio.Task[None]] = set()
        self._progress = progress
        self._on_step = on_step
        self._steps = StepWatch(clock)
        self._entries: dict[str, Polled] = {}
        self._due = DueTimes()
        self._loop = asyncio.new_event_loop()
        self._wake: asyncio.Event = asyncio.Event()
        self._stopping = False
        self._is_told = False
        self._starting = Lock()
        self._pool = Pool(listers, progress, self._call_later)
        self._thread = Thread(target=self._run, name="polls", daemon=True)

    def start(self) -> None:
        """Start to poll; once stopped, do nothing."""
        with self._starting:
            if not self._stopping:
                self._thread.start()

    def stop(self) -> None:
        """Begin no further reconcile and wait for those under way. May come before the start has, or with it."""
        with self._starting:
            self._stopping = True
        self._call(self._wake.set)
        if self._thread.is_alive():
            self._thread.join()
        self._loop.close()
        self._pool.stop()

    def add(self, reconciler: Reconciler, beside: int) -> None:
        """Poll a scaler, soon for the first time, then in its own phase; ``beside`` so many that are there already."""
        self._call(self._add, reconciler, beside)

    def change(self, reconciler: Reconciler) -> None:
        """Poll a scaler at its changed interval, or its changed queue; the next poll is at most an interval away."""
        self._call(self._change, reconciler)

    def wake(self, reconciler: Reconciler) -> None:
        """Poll a scaler at once, or as soon as what is under way has ended, and then at its interval of now."""
        self._call(self._wake_up, reconciler)

    def remove(self, name: str) -> None:
        """Poll a scaler no more."""
        self._call(self._remove, name)

    def _call(self, action: Callable[..., object], *arguments: object) -> None:
        """Let the loop do something; once it has ended, there is nothing to do any more."""
        with suppress(RuntimeError):  # Closed: a stop may come at any moment, also between a look and the call.
            self._loop.call_soon_threadsafe(action, *arguments)

    def _add(self, reconciler: Reconciler, beside: int) -> None:
        spec, phase = reconciler.spec, spread(reconciler.spec.name)
        first = find_first_poll(reconciler.policy.poll_interval, phase, self._clock.elapsed(), beside)
        polls = self._queues.begin(spec.queue_access, spec.queues)
        self._entries[spec.name] = Polled(reconciler, spec.name, phase, spec.queue_access, polls, spec.queues, first)
        self._line_up(spec.name, first)

    def _change(self, reconciler: Reconciler) -> None:
        name, spec = reconciler.spec.name, reconciler.spec
        if entry := self._entries.get(name):
            polls, queues = entry.polls, entry.queues
            entry.access, entry.queues = spec.queue_access, spec.queues
            entry.polls = self._queues.begin(entry.access, entry.queues)
            self._queues.end(polls, queues)
            entry.next_poll = entry.find_next_poll(self._clock.elapsed())
            self._line_up(name, entry.next_poll)

    def _wake_up(self, reconciler: Reconciler) -> None:
        now = self._clock.elapsed()
        if entry := self._entries.get(reconciler.spec.name):
            entry.is_woken = True
            entry.next_poll = entry.find_next_poll(now)
            self._line_up(reconciler.spec.name, now)

    def _remove(self, name: str) -> None:
        if entry := self._entries.pop(name, None):
            self._due.drop(name)
            self._rounds.forget(name)
            self._queues.end(entry.polls, entry.queues)

    def _line_up(self, name: str, at: float) -> None:
        self._due.put(name, at)
        self._wake.set()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._tick_on())
        finally:
            self._loop.run_until_complete(self._end())

    async def _end(self) -> None:
        """Give up the reads under way, which have changed nothing, and close their connections."""
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        await self._rounds.close()
        await self._queues.close()

    async def _tick_on(self) -> None:
        while not self._stopping:
            if (step := self._steps.look()) is not None:
                self._on_step(step)
            self._listers.find_late()
            now = self._clock.elapsed()
            self._begin_due(now)
            self._progress.note_tick()
            # Only now: beginning a poll lines up the next one, which is no reason to wake at once.
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), self._sleep_for(now))
            except TimeoutError:
                continue

    def _sleep_for(self, now: float) -> float:
        due = self._due.next_at
        return LONGEST_SLEEP if due is None else min(LONGEST_SLEEP, max(0.0, ceil(due / TICK) * TICK - now))

    def _begin_due(self, now: float) -> None:
        for name in list(self._due.take(now)):
            self._begin(self._entries[name], now)

    def _begin(self, entry: Polled, now: float) -> None:
        """Poll a scaler, unless a poll of it is under way: one poll late is one poll."""
        if entry.next_poll <= now:
            entry.next_poll = entry.find_next_poll(now)
        is_held_up = entry.is_woken and entry.busy
        self._due.put(entry.name, min(entry.next_poll, now + TICK) if is_held_up else entry.next_poll)
        if not (entry.busy or entry.reconciler.waits):
            entry.busy, entry.is_woken = True, False
            task = self._loop.create_task(self._poll(entry))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _poll(self, entry: Polled) -> None:
        """Read a scaler's queue, and hand the scaler to the pool if there is something to decide."""
        reading = await self._read(entry)
        try:
            rests = isinstance(reading, QueueCounts) and entry.reconciler.rest(reading)
        except Exception as error:  # noqa: BLE001 - the reconcile records it; a poll that broke here would be the last
            rests, reading = False, error
        if rests or reading is None:
            self._progress.note_end(entry.name)
            entry.busy = False
            return
        self._pool.run(entry.name, entry.reconciler.reconcile(reading), partial(self._end_poll, entry))

    async def _read(self, entry: Polled) -> QueueCounts | Exception | None:
        """Return a queue's counts, or what went wrong, which the reconcile tells; None: the process is to stop."""
        self._progress.note_begin(entry.name)
        spec = entry.reconciler.spec
        # A reload changes that before the loop hears of it: a queue of the same name may be there in both accounts.
        polls = entry.polls if spec.queue_access is entry.access else self._queues.of(spec.queue_access)
        try:
            counts = await read_together(spec, polls.read_counts)
            self._rounds.visit(entry.reconciler, counts)
        except StoppingError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a problem of this scaler
            return error
        if not self._is_told and (why := entry.polls.fallback):
            self._is_told = True
            structlog.get_logger().info("queues are read by boto3, at ten times the cost", why=why)
        return counts

    def _end_poll(self, entry: Polled, look_again_at: float | None) -> None:
        """Note that a poll is over, whose reconcile says when to look again. May be called by any thread."""
        entry.busy = False
        if look_again_at is not None:
            self._call(self._look_again, entry, look_again_at)

    def _call_later(self, seconds: float, action: Callable[[], None]) -> None:
        self._call(self._loop.call_later, seconds, action)

    def _look_again(self, entry: Polled, at: float) -> None:
        """Look when a launch window opens, seconds since the epoch, unless the next poll comes first."""
        due = self._clock.elapsed() + max(0.0, at - self._clock.now())
        if self._entries.get(entry.name) is entry and due < entry.next_poll:
            self._line_up(entry.name, due)
