"""Progress: whether polls begin when they are due and reconciles end, which is what ``/healthz`` tells.

A restart is the remedy for a process that is stuck, and for nothing else. So what may last is allowed: AWS that does
not answer, since every call to it is bounded in time, and a full pool whose reconciles still come and go.
"""

from __future__ import annotations

from controller.clock import Clock
from controller.config import AwsSpec
from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.core.words import format_span

POLLS_LATE_AFTER = 30.0
"""Seconds after which a poll that is due and has not begun is a sign that the loop is stuck."""
CALLS_A_RECONCILE = 25
"""Calls to AWS, each as slow as it may be, that a reconcile may make beside its launch."""


def longest_reconcile(spec: AwsSpec) -> float:
    """Return for how long a reconcile may last while AWS is as slow as its time-outs let it be, seconds.

    A launch lasts a slot at most.
    """
    return CALLS_A_RECONCILE * spec.call_timeout + 2 * WINDOWS_PER_SLOT * spec.consistency_window


class Progress:
    """What the polls and reconciles of one controller are at. Written by the threads that do them, without a lock."""

    def __init__(self, clock: Clock, longest: float) -> None:
        """Begin with nothing under way; a reconcile may last ``longest`` seconds."""
        self._clock = clock
        self._longest = longest
        self._ticked_at = clock.elapsed()
        self._waiting: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._moved_at = clock.elapsed()

    def note_tick(self) -> None:
        """Note that every poll that is due has been begun."""
        self._ticked_at = self._clock.elapsed()

    def note_waiting(self, scaler: str) -> None:
        """Note that a scaler whose queue was read waits for a thread to reconcile it."""
        self._waiting[scaler] = self._clock.elapsed()
        self._running.pop(scaler, None)

    def note_begin(self, scaler: str) -> None:
        """Note that a poll has begun, or its reconcile."""
        self._moved_at = self._running[scaler] = self._clock.elapsed()
        self._waiting.pop(scaler, None)

    def note_end(self, scaler: str) -> None:
        """Note that a poll, or its reconcile, has ended."""
        self._running.pop(scaler, None)
        self._moved_at = self._clock.elapsed()

    def find_stuck(self) -> str | None:
        """Return what is stuck, as a sentence; None: everything that is due has begun, or waits for what comes."""
        now = self._clock.elapsed()
        if now - self._ticked_at > POLLS_LATE_AFTER:
            return f"no poll has been begun for {format_span(now - self._ticked_at)}"
        for scaler, began in list(self._running.items()):
            if now - began > self._longest:
                return f"scaler {scaler}: a poll has not ended for {format_span(now - began)}"
        # While reconciles come and go, whoever waits is served in turn.
        if self._waiting and now - self._moved_at > self._longest:
            return f"no reconcile has begun or ended for {format_span(now - self._moved_at)}, though some are due"
        return None
