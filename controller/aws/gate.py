"""A gate: one does the work that others wait for, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from controller.aws.errors import AwsError, Fault
from controller.core.words import format_span

PATIENCE = 1.0
"""Seconds that one inside is given before others stop waiting, after the work has failed the last time."""


class Gate:
    """Lets one thread in at a time, and those that wait go when the one inside takes too long."""

    def __init__(self, elapsed: Callable[[], float], within: float) -> None:
        """Make a gate in which a thread should need no longer than ``within`` seconds."""
        self._elapsed = elapsed
        self._within = within
        self._lock = Lock()
        self._entered_at = 0.0

    @contextmanager
    def enter(self, work: str, failed: AwsError | None = None) -> Iterator[None]:
        """Do ``work`` (``the listing of its cluster``) inside; ``failed`` is how it went wrong the last time, if so.

        Raises AwsError as soon as another thread has been inside for longer than it should: a thread that waits is
        one less for all scalers, so whoever comes later than that does not wait at all. After a failure one thread is
        enough to find out that it is over: the others are soon told of it again.
        """
        if not self._lock.acquire(blocking=False):
            overdue = self._wait(self._within if failed is None else PATIENCE)
            if overdue is not None:
                late = AwsError(Fault.UNREACHABLE, f"{work} {overdue}: AWS answers too slowly")
                raise failed.again() if failed else late
        try:
            self._entered_at = self._elapsed()
            yield
        finally:
            # The next one's time begins here at the earliest, also for who looks before that one has said so.
            self._entered_at = self._elapsed()
            self._lock.release()

    def _wait(self, within: float) -> str | None:
        """Wait for the turn of this thread, and return None once it is inside; else say what has taken too long.

        The time of one that goes in meanwhile begins anew, up to a wait of twice as long in all.
        """
        until = self._elapsed() + 2 * within
        while True:
            entered_at, now = self._entered_at, self._elapsed()
            if self._lock.acquire(timeout=max(0.0, min(entered_at + within, until) - now)):
                return None
            if now >= until:
                return f"has kept this one waiting for {format_span(2 * within)}"
            if entered_at == self._entered_at:
                return f"has not ended after {format_span(within)}"


def explain_waiting(work: str, within: float) -> AwsError:
    """Return the error of whoever has waited so many seconds for work that another thread does."""
    return AwsError(Fault.UNREACHABLE, f"{work} has not ended after {format_span(within)}: AWS answers too slowly")
