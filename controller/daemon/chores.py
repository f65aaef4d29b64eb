"""Chores: what a daemon does every so many seconds beside its polls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Timer

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

# A chore that is late is no reason for a warning.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


AGAIN_AFTER = 2.0
"""Seconds after a step of the clock in which a job may still be lined up by the time before it."""


SHORTEST = timedelta(milliseconds=1)
"""What lies between two times at which the same is done, at least."""


class _Every(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Fires so many seconds from now.

    From now and not from the last time: APScheduler would count every time that a step of the clock has passed over.
    """

    __slots__ = ("_interval",)

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next time, in APScheduler's terms."""
        return now + self._interval


class _At(BaseTrigger):  # type: ignore[misc]  # as above
    """Fires at the moments that somebody finds, and at once when reckoned anew: a step may have passed over one."""

    __slots__ = ("_find_next",)

    def __init__(self, find_next: Callable[[float], float]) -> None:
        self._find_next = find_next

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next time, in APScheduler's terms: never now again."""
        if previous_fire_time is None:
            return now + SHORTEST
        return max(now + SHORTEST, datetime.fromtimestamp(self._find_next(now.timestamp()), UTC))


class Chores:
    """A few jobs that recur, none of which may last.

    APScheduler reckons in wall time: after a step back its jobs would rest until the clock has caught up. So whoever
    notices a step calls ``restart``.
    """

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )

        self._again: Timer | None = None

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """Do something every so many seconds, the first time after as many."""
        self._scheduler.add_job(chore, _Every(seconds))

    def at(self, find_next: Callable[[float], float], chore: Callable[[], None]) -> None:
        """Do something at once, and at the next moment after now, seconds since the epoch, that is found each time."""
        self._scheduler.add_job(chore, _At(find_next))

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no further chore."""
        if self._again is not None:
            self._again.cancel()
        self._scheduler.shutdown(wait=False)

    def restart(self) -> None:
        """Reckon all times anew by the wall clock of now, and once more for what was being lined up just now."""
        self._reckon()
        self._again = Timer(AGAIN_AFTER, self._reckon)
        self._again.daemon = True
        self._again.start()

    def _reckon(self) -> None:
        for job in self._scheduler.get_jobs():
            job.reschedule(job.trigger)
