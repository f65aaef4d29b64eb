"""Retries: what a person must mend, or what there is no room for, is tried slowly."""

from __future__ import annotations

from dataclasses import dataclass

from controller.aws.errors import FOR_A_PERSON, Fault
from controller.clock import Clock
from controller.core.decision.model import Reason
from controller.core.decision.pause import doubling_pause
from controller.scaling.cycle import Turn

MAX_RETRY_PAUSE = 60.0
"""Seconds between two tries, at most, while something is wrong that is tried slowly."""
TRIED_SLOWLY = FOR_A_PERSON | {Fault.CAPACITY}


@dataclass(frozen=True, slots=True)
class _Rest:
    """A rest after a failure. It holds for as long as nobody has asked to try again since that try began."""

    until: float
    asked: object


class Retries:
    """When one scaler tries again after failures."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self.asked = object()
        """Stands for the last time that somebody asked to try again."""
        self._rest = _Rest(0.0, self.asked)

    def ask(self) -> None:
        """Let the next poll try what it would still have waited with."""
        self.asked = object()

    @property
    def rests_for(self) -> float:
        """Seconds until the next try; 0 or less: it may come at any time."""
        return self._rest.until - self._clock.elapsed() if self._rest.asked is self.asked else 0.0

    @property
    def retry_at(self) -> float | None:
        """When the next try is after a failure, seconds since the epoch; None: at the next poll."""
        rests = self.rests_for
        return self._clock.now() + rests if self._failures and rests > 0 else None

    def note(self, turn: Turn, poll_interval: float, asked: object) -> None:
        """Take in how a try went, and what ``asked`` was when it began: twice the pause each time, up to a minute."""
        fault = _find_fault(turn)
        if fault is None and turn.decision.reason is Reason.SLOT:
            # A hold for the slot tried nothing, so it does not tell that anything was mended.
            return
        if fault not in TRIED_SLOWLY:
            self._failures = 0
            return
        self._failures += 1
        pause = doubling_pause(poll_interval, max(MAX_RETRY_PAUSE, poll_interval), self._failures)
        # Half a poll of tolerance, so that the poll which is due then is not missed by a moment.
        self._rest = _Rest(self._clock.elapsed() + pause - poll_interval / 2, asked)


def _find_fault(turn: Turn) -> str | None:
    """Return the kind of failure that a turn met; None: it observed everything, and a launch started something."""
    if turn.seen.problem is not None:
        return turn.seen.problem.fault
    if turn.result is None or turn.result.arns or turn.result.refused_by is not None:
        # A provider of an order that has refused is short by itself: the next one is not to wait for it.
        return None
    return turn.result.fault
