"""Contact: whether a controller that shares its work still reaches AWS and its configuration.

One that works alone is not ended for that: nothing would take its place. Where others stand by, one that is cut off
keeps its scalers from them, so it says on ``/healthz`` that it is of no use, and ECS replaces it.
"""

from __future__ import annotations

from controller.clock import Clock
from controller.core.words import format_span

REACHED_WITHIN = 180.0
"""Seconds without any answer of SQS or ECS after which a controller is of no use."""
READ_WITHIN = 300.0
"""Seconds without a configuration that can be read after which it is: it does not learn of scalers that are its own."""
_UNANSWERED = "network_error"
_WORKED_WITH = frozenset({"sqs", "ecs"})


class Contact:
    """When AWS last answered, and when the configuration could last be read. Written by many threads, without a lock.

    What is written is a moment, whole; that of another thread is as good.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin with both as just now: a controller that starts has to reach them first."""
        self._clock = clock
        self._answered_at = self._read_at = clock.elapsed()
        self._expects_reads = False

    def note_request(self, service: str, _operation: str, outcome: str, _seconds: float) -> None:
        """Note how a request went. Any answer of SQS or ECS counts, a refusal too: AWS's trouble is not ours."""
        if service in _WORKED_WITH and outcome != _UNANSWERED:
            self._answered_at = self._clock.elapsed()

    def expect_reads(self) -> None:
        """Expect the configuration's file to be read again and again from now on, as ``--watch`` does."""
        self._read_at, self._expects_reads = self._clock.elapsed(), True

    def note_read(self) -> None:
        """Note that the configuration could be read, whether or not it was taken."""
        self._read_at = self._clock.elapsed()

    def find_cut_off(self, asks_every: float | None) -> str | None:
        """Return what it has not reached for too long, as a sentence; None: it has reached all.

        AWS is asked every so many seconds, which a single poll may exceed; None: never.
        """
        now = self._clock.elapsed()
        unanswered, unread = now - self._answered_at, now - self._read_at
        if asks_every is not None and unanswered > max(REACHED_WITHIN, 2 * asks_every):
            return f"neither SQS nor ECS has answered for {format_span(unanswered)}"
        if self._expects_reads and unread > READ_WITHIN:
            return f"the configuration could not be read for {format_span(unread)}"
        return None
