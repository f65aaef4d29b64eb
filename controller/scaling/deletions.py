"""Deletions: CloudWatch is asked for the deleted messages of busy scalers, and each scaler takes what it was told.

Idle scalers are not asked for: only one that learns, and has work in minutes of which nothing was told yet. When it
begins to learn, it is told once of the three hours before, idle or not: so what was learned survives a restart, and
counts for the first burst after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from controller.config import ScalerSpec
from controller.core.decision.past import PastMinute, add_pasts
from controller.core.decision.policy import Busy, StartWithin
from controller.core.decision.state import ScalerState
from controller.scaling.questions import Questions, combine, list_queues

ASK_EVERY = 300.0
"""Seconds between two questions."""
LONGEST = 3600.0
"""Seconds that a question goes back, at most."""
PAST = 3 * 3600.0
"""Seconds before it begins to learn that a scaler is told of."""
LOOK_EVERY = 2.0
"""Seconds between two looks for scalers that have just begun: few have polled by then."""
DO = "allow cloudwatch:GetMetricData, or set demand.seconds_per_message and say aws.cloudwatch: off"


class CloudWatch(Protocol):
    """Who is asked; ``controller.aws.cloudwatch.QueueMetrics`` is one. What both return is by the minute."""

    def ask_deleted(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
        """Return the deleted messages of queues between two times. Raises AwsError."""

    def ask_past(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, PastMinute]]:
        """Return what was in flight in queues and deleted from them between two times. Raises AwsError."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scaler that waits to be told how many messages were deleted."""

    scaler: str
    queues: tuple[str, ...]
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
        self._past: Mapping[float, PastMinute] | None = None
        self._lock = Lock()

    @property
    def has_past(self) -> bool:
        """Whether a past waits to be taken."""
        return self._past is not None

    def put(self, told: Mapping[float, float]) -> None:
        """Keep what was told, until it is taken."""
        with self._lock:
            self._told |= told

    def take(self) -> Mapping[float, float]:
        """Return what was told since this was last asked."""
        with self._lock:
            told, self._told = self._told, {}
        return told

    def put_past(self, past: Mapping[float, PastMinute]) -> None:
        """Keep what was read back, until it is taken."""
        with self._lock:
            self._past = past

    def take_past(self) -> Mapping[float, PastMinute] | None:
        """Return what was read back of the hours before the first look, once; None: nothing was."""
        with self._lock:
            past, self._past = self._past, None
        return past


class Deletions:
    """The mailboxes of all scalers, and who fills them."""

    def __init__(self, cloudwatch: CloudWatch | None, now: Callable[[], float]) -> None:
        """``cloudwatch`` is None where it is not to be asked. ``now`` gives seconds since the epoch."""
        self._cloudwatch = cloudwatch
        self._now = now
        self._questions = Questions("how long messages take is not learned", DO, now)
        self._boxes: dict[str, Mailbox] = {}
        self._lock = Lock()

    def box_of(self, scaler: str) -> Mailbox:
        """Return the mailbox of a scaler."""
        with self._lock:
            return self._boxes.setdefault(scaler, Mailbox())

    def refresh(self, scalers: Iterable[Waiting]) -> None:
        """Ask for those that wait for minutes which can be told by now; one call for all of them.

        A failure is logged once until it works again; whoever waits goes on waiting.
        """
        until = self._questions.find_told()
        oldest = until - LONGEST
        waiting = [each for each in scalers if any(oldest <= minute < until for minute in each.minutes)]
        if self._cloudwatch is None or not waiting:
            return
        since = max(oldest, min(min(each.minutes) for each in waiting))
        told = self._questions.ask(self._cloudwatch.ask_deleted, list_queues(waiting), since) or {}
        for each in waiting:
            # Only of minutes that it has seen itself: those before would be messages without their work.
            counts = combine(sum, each.queues, told)
            seen = {minute: count for minute, count in counts.items() if minute >= min(each.minutes)}
            self.box_of(each.scaler).put(seen)

    def read_back(self, newcomers: Sequence[ScalerSpec]) -> None:
        """Ask for the last hours of scalers that have just begun to learn; one call for all of them."""
        waiting = [spec for spec in newcomers if not self.box_of(spec.name).has_past]
        if self._cloudwatch is None or not waiting or self._rests():
            return
        since = self._questions.find_told() - PAST
        told = self._questions.ask(self._cloudwatch.ask_past, list_queues(waiting), since)
        if told is None:
            return
        for spec in waiting:
            self.box_of(spec.name).put_past(add_pasts(told.get(queue, {}) for queue in spec.queues))

    def _rests(self) -> bool:
        """Say whether it has just failed: then whoever waits may as well wait for the next question."""
        failed_at = self._questions.failed_at
        return failed_at is not None and 0 <= self._now() - failed_at < ASK_EVERY


def ask_for(deletions: Deletions, learners: Iterable[Learner]) -> None:
    """Ask for those of the scalers that have something to learn."""
    deletions.refresh([waiting for each in learners if (waiting := find_waiting(each.spec, each.state)) is not None])


def read_back_for(deletions: Deletions, learners: Iterable[Learner]) -> None:
    """Ask for the past of those that have just begun to learn."""
    deletions.read_back([each.spec for each in learners if _lacks_past(each.spec, each.state)])


def find_waiting(spec: ScalerSpec, state: ScalerState) -> Waiting | None:
    """Return what a scaler waits to be told; None: nothing, or it has nothing to learn."""
    minutes = state.lessons.minutes
    if not minutes or not isinstance(spec.policy.demand, StartWithin):
        return None
    return Waiting(spec.name, spec.queues, tuple(minute.at for minute in minutes))


def _lacks_past(spec: ScalerSpec, state: ScalerState) -> bool:
    """Say whether the past can tell what was not learned yet: only where messages in flight are those in hand."""
    lessons = state.lessons
    if lessons.has_past or lessons.deleted or spec.policy.busy is not Busy.IN_FLIGHT:
        return False
    return isinstance(spec.policy.demand, StartWithin)
