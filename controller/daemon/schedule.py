"""When scalers are polled: each at its own interval and in its own phase, by a clock that never steps.

::

    heap of due times --tick--> begin --> a thread of the pool reconciles --> look again when a window opens?
          ^                                                                        |
          '---------------- the next poll, or an earlier look <--------------------'

One asyncio loop in a thread of its own keeps the times. Polls that are due within a quarter of a second are begun
together, since waking costs more than beginning. The wall clock may step as it likes: only a look for a launch window
is asked for in its terms, and is turned into a wait at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil, floor
from threading import Lock, Thread

import structlog

from controller.clock import Clock
from controller.core.decision.slots import spread
from controller.daemon.progress import Progress
from controller.scaling.reconcile import Reconciler

WORKERS = 32
"""Threads that reconcile. They wait for AWS most of the time: up to a slot when a launch meets a call that hangs."""
FIRST_POLLS_WITHIN = 1.0
"""Seconds over which the first polls are spread."""
TICK = 0.25
"""Seconds within which polls that are due are begun together."""
LONGEST_SLEEP = 1.0
"""Seconds after which the loop looks at the clocks, whether or not a poll is due."""
STEP = 1.0
"""Seconds by which the wall clock has to move against the other to have stepped."""


@dataclass(order=True, slots=True)
class _Due:
    """A scaler's place in the heap."""

    at: float
    """By the clock that never steps, seconds."""
    name: str
    entry: _Entry = field(compare=False)


@dataclass(slots=True)
class _Entry:
    """A scaler that is polled."""

    reconciler: Reconciler
    next_poll: float
    due: _Due | None = None
    """Its newest place in the heap; older ones are void. None: it is polled no more."""
    busy: bool = False
    """Whether a reconcile of it waits for a thread, or runs."""


class Schedule:
    """The polls of one controller. ``add``, ``change`` and ``remove`` may be called from any thread."""

    def __init__(self, clock: Clock, progress: Progress, on_step: Callable[[float], None]) -> None:
        """Poll nothing yet. ``on_step`` is told when the wall clock has stepped, and by how many seconds."""
        self._clock = clock
        self._progress = progress
        self._on_step = on_step
        self._wall_ahead = clock.now() - clock.elapsed()
        self._entries: dict[str, _Entry] = {}
        self._heap: list[_Due] = []
        self._loop = asyncio.new_event_loop()
        self._wake: asyncio.Event = asyncio.Event()
        self._stopping = False
        self._starting = Lock()
        self._workers = ThreadPoolExecutor(WORKERS, "reconcile")
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
        self._workers.shutdown(wait=True, cancel_futures=True)

    def add(self, reconciler: Reconciler) -> None:
        """Poll a scaler: soon for the first time, then in its own phase."""
        self._call(self._add, reconciler)

    def change(self, reconciler: Reconciler) -> None:
        """Poll a scaler at its changed interval; the next poll is at most one new interval away."""
        self._call(self._change, reconciler)

    def remove(self, name: str) -> None:
        """Poll a scaler no more."""
        self._call(self._remove, name)

    def _call(self, action: Callable[..., object], *arguments: object) -> None:
        """Let the loop do something; once it has ended, there is nothing to do any more."""
        with suppress(RuntimeError):  # Closed: a stop may come at any moment, also between a look and the call.
            self._loop.call_soon_threadsafe(action, *arguments)

    def _add(self, reconciler: Reconciler) -> None:
        name = reconciler.spec.name
        first = self._clock.elapsed() + spread(name) * FIRST_POLLS_WITHIN
        self._entries[name] = entry = _Entry(reconciler, first)
        self._line_up(entry, first)

    def _change(self, reconciler: Reconciler) -> None:
        if entry := self._entries.get(reconciler.spec.name):
            entry.next_poll = _next_poll_of(reconciler, self._clock.elapsed())
            self._line_up(entry, entry.next_poll)

    def _remove(self, name: str) -> None:
        if entry := self._entries.pop(name, None):
            entry.due = None

    def _line_up(self, entry: _Entry, at: float) -> None:
        """Put a scaler into the heap; its earlier place there is void."""
        entry.due = _Due(at, entry.reconciler.spec.name, entry)
        heappush(self._heap, entry.due)
        self._wake.set()

    def _run(self) -> None:
        self._loop.run_until_complete(self._tick_on())

    async def _tick_on(self) -> None:
        while not self._stopping:
            self._notice_step()
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
        if not self._heap:
            return LONGEST_SLEEP
        tick = ceil(self._heap[0].at / TICK) * TICK
        return min(LONGEST_SLEEP, max(0.0, tick - now))

    def _begin_due(self, now: float) -> None:
        while self._heap and self._heap[0].at <= now:
            due = heappop(self._heap)
            if due.entry.due is due:
                self._begin(due.entry, now)

    def _begin(self, entry: _Entry, now: float) -> None:
        """Hand a scaler to the pool, unless it is there already: one reconcile late is one reconcile."""
        if entry.next_poll <= now:
            entry.next_poll = _next_poll_of(entry.reconciler, now)
        self._line_up(entry, entry.next_poll)
        if not entry.busy:
            entry.busy = True
            self._progress.note_waiting(entry.reconciler.spec.name)
            self._workers.submit(self._reconcile, entry)

    def _reconcile(self, entry: _Entry) -> None:
        """Reconcile a scaler, in a thread of the pool."""
        name = entry.reconciler.spec.name
        self._progress.note_begin(name)
        look_again_at = None
        try:
            look_again_at = None if self._stopping else entry.reconciler.reconcile()
        except Exception:  # noqa: BLE001 - one scaler must not end the polls of the others
            # It records its own faults; this one broke the record itself.
            structlog.get_logger().exception("reconcile broke", scaler=name)
        finally:
            self._progress.note_end(name)
            entry.busy = False
        if look_again_at is not None:
            self._call(self._look_again, entry, look_again_at)

    def _look_again(self, entry: _Entry, at: float) -> None:
        """Look when a launch window opens, seconds since the epoch, unless the next poll comes first."""
        due = self._clock.elapsed() + max(0.0, at - self._clock.now())
        if entry.due is not None and due < entry.next_poll:
            self._line_up(entry, due)

    def _notice_step(self) -> None:
        """Tell of a step of the wall clock since the last look, unless the two clocks could not be read at once."""
        before, now, after = self._clock.elapsed(), self._clock.now(), self._clock.elapsed()
        if after - before > STEP / 4:  # The machine is busy: the next look tells.
            return
        step, self._wall_ahead = now - after - self._wall_ahead, now - after
        if abs(step) >= STEP:
            self._on_step(step)


def find_next_poll(interval: float, phase: float, now: float) -> float:
    """Return the first moment after ``now`` in a phase of the interval, a share of it. All in seconds but for that."""
    offset = phase * interval
    following = (floor((now - offset) / interval) + 1) * interval + offset
    # Rounding can lead back to now itself.
    return following if following > now else following + interval


def _next_poll_of(reconciler: Reconciler, now: float) -> float:
    """Return a scaler's next poll, in a phase that a hash of its name gives: that spreads the polls."""
    spec = reconciler.spec
    return find_next_poll(spec.policy.poll_interval, spread(spec.name), now)
