"""Deletions: CloudWatch is asked for the deleted messages of busy scalers, and each scaler takes what it was told.

Idle scalers are not asked for: only one that learns, and has work in minutes of which nothing was told yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.decision.model import ScalerState
from controller.core.decision.policy import StartWithin
from controller.telemetry import log

ASK_EVERY = 300.0
"""Seconds between two questions."""
TOLD_AFTER = 180.0
"""Seconds after which SQS has reported a minute to CloudWatch."""
LONGEST = 3600.0
"""Seconds that a question goes back, at most."""
MINUTE = 60.0

Ask = Callable[[Sequence[str], float, float], Mapping[str, Mapping[float, float]]]
"""Returns the deleted messages of queues between two times, by the minute; ``QueueMetrics.ask_deleted`` does."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scaler that waits to be told how many messages were deleted."""

    scaler: str
    queue: str
    minutes: tuple[float, ...]
    """The beginnings of the minutes in which it had work."""


class Learner(Protocol):
    """A scaler with what it remembers; ``controller.scaling.reconcile.Reconciler`` is one."""

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force."""

    @property
    def state(self) -> ScalerState:
        """The state that the rules keep of it."""


class Mailbox:
    """What one scaler was told and has not taken yet. Safe to use from every thread."""

    def __init__(self) -> None:
        self._told: dict[float, float] = {}
        self._lock = Lock()

    def put(self, told: Mapping[float, float]) -> None:
        """Keep what was told, until it is taken."""
        with self._lock:
            self._told |= told

    def take(self) -> Mapping[float, float]:
        """Return what was told since this was last asked."""
        with self._lock:
            told, self._told = self._told, {}
        return told


class Deletions:
    """The mailboxes of all scalers, and who fills them."""

    def __init__(self, ask: Ask | None, now: Callable[[], float]) -> None:
        """``ask`` is None where CloudWatch is not to be asked. ``now`` gives seconds since the epoch."""
        self._ask = ask
        self._now = now
        self._boxes: dict[str, Mailbox] = {}
        self._lock = Lock()
        self._failed = False

    def box_of(self, scaler: str) -> Mailbox:
        """Return the mailbox of a scaler."""
        with self._lock:
            return self._boxes.setdefault(scaler, Mailbox())

    def refresh(self, scalers: Iterable[Waiting]) -> None:
        """Ask for those that wait for minutes which can be told by now; one call for all of them.

        A failure is logged once until it works again; whoever waits goes on waiting.
        """
        until = (self._now() - TOLD_AFTER) // MINUTE * MINUTE
        oldest = until - LONGEST
        waiting = [each for each in scalers if any(oldest <= minute < until for minute in each.minutes)]
        if self._ask is None or not waiting:
            return
        since = max(oldest, min(min(each.minutes) for each in waiting))
        try:
            told = self._ask(sorted({each.queue for each in waiting}), since, until)
        except AwsError as error:
            if not self._failed:
                log.report_unlearned(str(error))
            self._failed = True
            return
        self._failed = False
        for each in waiting:
            # Only of minutes that it has seen itself: those before would be messages without their work.
            seen = {minute: count for minute, count in told.get(each.queue, {}).items() if minute >= min(each.minutes)}
            self.box_of(each.scaler).put(seen)


def ask_for(deletions: Deletions, learners: Iterable[Learner]) -> None:
    """Ask for those of the scalers that have something to learn."""
    deletions.refresh([waiting for each in learners if (waiting := find_waiting(each.spec, each.state)) is not None])


def find_waiting(spec: ScalerSpec, state: ScalerState) -> Waiting | None:
    """Return what a scaler waits to be told; None: nothing, or it has nothing to learn."""
    demand, minutes = spec.policy.demand, state.lessons.minutes
    if not minutes or not isinstance(demand, StartWithin) or demand.seconds_per_message is not None:
        return None
    return Waiting(spec.name, spec.queue, tuple(minute.at for minute in minutes))
