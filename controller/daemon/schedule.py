"""When things happen: a poll for each scaler, a look when a launch window opens, and the heartbeat."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import floor
from threading import Event

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from controller.clock import Clock
from controller.core.decision.slots import spread
from controller.scaling.reconcile import Reconciler

# A reconcile that outlasts a poll, as a launch of many calls does, is no reason for a warning: its next poll comes.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)

WORKERS = 32
"""Threads that reconcile. They wait for AWS most of the time: up to a slot when a launch meets a call that hangs."""
FIRST_POLLS_WITHIN = 1.0
"""Seconds over which the first polls are spread."""
HEARTBEAT = 1.0
"""Seconds between two beats."""
STILL_ALIVE = 10.0
"""Seconds without a beat after which the loop counts as stuck."""


class Phased(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Fires once at ``first``, then every ``interval`` seconds in a phase of its own."""

    __slots__ = ("_first", "_interval", "_phase")

    def __init__(self, interval: float, phase: float, first: datetime | None = None) -> None:
        self._interval = interval
        self._phase = phase * interval
        self._first = first

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next time, in APScheduler's terms: strictly after ``now``, or it would ask for ever."""
        if previous_fire_time is None and self._first is not None:
            return self._first
        passed = floor((now.timestamp() - self._phase) / self._interval)
        following = datetime.fromtimestamp((passed + 1) * self._interval + self._phase, UTC)
        # Rounding can lead back to now itself, to the microsecond.
        return following if following > now else following + timedelta(seconds=self._interval)


class _Threads(BasePoolExecutor):  # type: ignore[misc]  # APScheduler ships no types
    """A pool whose end can be awaited without the scheduler, which would do so holding a lock that jobs may need."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads)
        super().__init__(self.pool)


class Schedule:
    """The jobs of one controller.

    Reconciles run in a pool of threads, the heartbeat in a thread of its own: it tells that the loop ticks, not that
    AWS answers.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopping = Event()
        self._workers = _Threads(WORKERS)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": self._workers, "heartbeat": _Threads(1)},
            # One job late is one job: APScheduler's own default would drop it after a second.
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        self._beat_at = clock.elapsed()

    def start(self) -> None:
        """Start ticking."""
        self._scheduler.add_job(self._beat, "interval", seconds=HEARTBEAT, executor="heartbeat")
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no further job and wait for those under way."""
        self._stopping.set()
        self._scheduler.shutdown(wait=False)
        self._workers.pool.shutdown(wait=True)

    @property
    def ticks(self) -> bool:
        """Whether the loop ticks."""
        return self._clock.elapsed() - self._beat_at < STILL_ALIVE

    def add(self, reconciler: Reconciler) -> None:
        """Poll a scaler: soon for the first time, then in its own phase."""
        trigger = self._trigger(reconciler)
        self._scheduler.add_job(self._poll, trigger, args=[reconciler], id=reconciler.spec.name)

    def change(self, reconciler: Reconciler) -> None:
        """Poll a scaler at its changed interval; the next poll is at most one new interval away."""
        self._scheduler.reschedule_job(reconciler.spec.name, trigger=self._trigger(reconciler))

    def remove(self, name: str) -> None:
        """Poll a scaler no more."""
        for job in (name, _look(name)):
            try:
                self._scheduler.remove_job(job)
            except JobLookupError:
                continue

    def _poll(self, reconciler: Reconciler) -> None:
        look_again_at = None if self._stopping.is_set() else reconciler.reconcile()
        if look_again_at is None:
            return
        next_poll = self._clock.now() + reconciler.spec.policy.poll_interval
        if look_again_at < next_poll:
            at = datetime.fromtimestamp(look_again_at, UTC)
            name = _look(reconciler.spec.name)
            self._scheduler.add_job(self._poll, "date", run_date=at, args=[reconciler], id=name, replace_existing=True)

    def _beat(self) -> None:
        self._beat_at = self._clock.elapsed()

    def _trigger(self, reconciler: Reconciler) -> Phased:
        """Return when to poll: soon if the scaler has not been polled yet. A hash of its name spreads the polls."""
        phase, first = spread(reconciler.spec.name), None
        if reconciler.last is None:
            first = datetime.fromtimestamp(self._clock.now() + phase * FIRST_POLLS_WITHIN, UTC)
        return Phased(reconciler.spec.policy.poll_interval, phase, first)


def _look(name: str) -> str:
    """Return the id of the job that looks again; no scaler's name has a space."""
    return f"{name} looks again"
