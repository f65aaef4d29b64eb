"""Lessons: what a scaler learns of its workers without reading a message.

**How long a message takes**, by Little's law: the containers that are busy, added up over time, are container-seconds
of work; divided by the messages that were deleted in that time they are seconds of work a message. SQS tells the
deleted ones of a minute some minutes later (CloudWatch, ``NumberOfMessagesDeleted``), so the work is kept by the minute
until then. It counts from 20 messages on, and forgets beyond 250.

**Whether a container takes one message and exits**, by those that left while messages waited: a worker that drains its
queue stays. An end counts once it is sure that it was not the end of the work: messages were visible for a while before
it, and for longer than counts can be old after it. Held against them are those that stay: the containers that go on
working, while messages wait, for longer than a message takes.

**How long a message takes, without CloudWatch**: where containers take one message, as long as they run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import sqrt

from controller.core.changes import change
from controller.core.decision.sightings import OLDEST

MINUTE = 60.0
ENOUGH_MESSAGES = 20
"""Messages from which on a duration is learned."""
REMEMBERED = 250.0
"""Messages beyond which older ones are forgotten."""
MINUTES_KEPT = 60
"""Minutes of work that wait for the count of their deleted messages."""
ENOUGH_ENDS = 3
"""Ends while messages waited from which on they tell something."""
LONGER = 2.0
"""How often as long as a message takes a container must have run to be one that stays: messages take unequally long."""
WAITED_BEFORE = 30.0
"""Seconds before an end for which messages must have been visible: a worker may wait that long for one."""
SURE_AFTER = OLDEST + 10.0
"""Seconds after an end for which messages must stay visible."""
TENS = 20
"""Containers that exit while nothing is deleted, from which on their work is said to come back."""
LONGEST_GAP = 3600.0
"""Seconds between two looks beyond which it is not known what happened meanwhile."""


@dataclass(frozen=True, slots=True)
class Left:
    """Worker containers of one task that have left."""

    at: float
    """When that was seen."""
    containers: int
    ran_for: float | None
    """For how long they had run until they exited, seconds; None: they did not exit by themselves, or nobody saw it."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened in a minute of which it is not known yet how many messages were deleted."""

    at: float
    """When it began."""
    work: float
    """Container-seconds."""
    ended: int = 0
    """Containers that exited by themselves."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned so far."""

    work: float = 0.0
    """Container-seconds in minutes of which the deleted messages are known."""
    deleted: float = 0.0
    """Messages deleted in them."""
    minutes: tuple[Minute, ...] = ()
    looked_at: float | None = None
    """The last look; None: it saw nothing to do."""
    busy: int = 0
    """Containers that were busy then."""
    waiting_since: float | None = None
    """Since when every look has seen a visible message; None: the last saw none."""
    pending: tuple[Left, ...] = ()
    """Ends of which it is not sure yet that messages waited."""
    ends: float = 0.0
    """Containers that left while messages waited."""
    runs: float = 0.0
    """Seconds that they ran, together."""
    stays: float = 0.0
    """Containers that stayed while messages waited."""
    fruitless: int = 0
    """Containers that exited since a message was last deleted, as far as the deleted ones are known."""

    has_past: bool = False
    """Whether what CloudWatch had of the hours before the first look was taken in."""

    @property
    def seconds(self) -> float | None:
        """Seconds of work a message; None: too little is known. Work of which nothing was seen is not 0.

        More than the mean, by its standard error: from few messages a mean is easily half of the truth, and the promise
        goes before the cost.
        """
        if self.deleted < ENOUGH_MESSAGES or self.work <= 0:
            return None
        return self.work / self.deleted * (1 + self.error)

    @property
    def error(self) -> float:
        """The standard error of the seconds a message, as a share of them, if durations scatter as exponential ones."""
        return 1 / sqrt(self.deleted) if self.deleted else 1.0

    @property
    def seconds_a_run(self) -> float | None:
        """How long a container runs that takes one message, seconds; None: too little is known."""
        return self.runs / self.ends if self.takes_one and self.runs > 0 else None

    @property
    def returned(self) -> int | None:
        """Containers that exited while nothing was deleted, where they are so many that it is no chance; else None."""
        return self.fruitless if self.fruitless >= TENS else None

    @property
    def takes_one(self) -> bool | None:
        """Whether a container takes one message and exits; None: too little is known."""
        if self.ends + self.stays < ENOUGH_ENDS:
            return None
        return self.ends >= max(self.stays, ENOUGH_ENDS)


NOTHING_LEARNED = Lessons()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has seen."""

    visible: int
    busy: int
    """Containers with a message in hand."""
    stayed: int
    """Of them those that have run for longer than a message takes since the look before."""
    seconds: float | None
    """How long a message takes, as far as known."""

    def surely_waits(self, busy: int) -> bool:
        """Say whether messages wait even if the counts are old, and so many containers took messages meanwhile."""
        return self.seconds is not None and self.visible > busy * SURE_AFTER / self.seconds


def note_look(lessons: Lessons, look: Look, now: float) -> Lessons:
    """Return the lessons after a look."""
    waiting_since = None if not look.visible else now if lessons.waiting_since is None else lessons.waiting_since
    is_idle = not look.visible and not look.busy
    looked = change(
        lessons,
        minutes=_note_work(lessons, now),
        looked_at=None if is_idle else now,
        busy=look.busy,
        stays=lessons.stays + (look.stayed if _has_waited(lessons, now) else 0),
        waiting_since=waiting_since,
    )
    return (
        _judge_pending(looked, now, at_once=look.surely_waits(max(lessons.busy, look.busy)))
        if looked.pending
        else looked
    )


def note_ends(lessons: Lessons, left: Iterable[Left]) -> Lessons:
    """Return the lessons after containers have left."""
    exited = [each for each in left if each.ran_for is not None]
    since = lessons.waiting_since
    pending = tuple(each for each in exited if since is not None and each.at - since >= WAITED_BEFORE)
    minutes = lessons.minutes
    for each in exited:
        minutes = _add(minutes, each.at, 0.0, each.containers)
    return replace(lessons, pending=lessons.pending + pending, minutes=minutes)


def note_deleted(lessons: Lessons, deleted: Mapping[float, float]) -> Lessons:
    """Return the lessons after it was told how many messages were deleted, by the beginning of each minute."""
    counted = [minute for minute in lessons.minutes if minute.at in deleted]
    work = lessons.work + sum(minute.work for minute in counted)
    messages = lessons.deleted + sum(deleted.values())
    kept = find_kept(messages)
    waits = tuple(minute for minute in lessons.minutes if minute.at not in deleted)
    fruitless = 0 if any(deleted.values()) else lessons.fruitless + sum(minute.ended for minute in counted)
    return replace(lessons, work=work * kept, deleted=messages * kept, minutes=waits, fruitless=fruitless)


def find_kept(messages: float) -> float:
    """Return the share of what was learned that is not forgotten."""
    return min(1.0, REMEMBERED / messages) if messages else 1.0


def _note_work(lessons: Lessons, now: float) -> tuple[Minute, ...]:
    """Return the minutes with the work since the last look, as if those that were busy then had been so until now."""
    minutes, at = lessons.minutes, lessons.looked_at
    if at is None or not lessons.busy or not 0 < now - at <= LONGEST_GAP:
        return minutes
    while at < now:
        until = min(now, (at // MINUTE + 1) * MINUTE)
        minutes = _add(minutes, at, lessons.busy * (until - at), 0)
        at = until
    return minutes


def _has_waited(lessons: Lessons, now: float) -> bool:
    """Say whether messages have waited for longer than counts can be old."""
    return lessons.waiting_since is not None and now - lessons.waiting_since >= OLDEST


def _add(minutes: tuple[Minute, ...], at: float, work: float, ended: int) -> tuple[Minute, ...]:
    """Return the minutes with work and ends added to that of ``at``."""
    begins = at // MINUTE * MINUTE
    for index in range(len(minutes) - 1, -1, -1):
        minute = minutes[index]
        if minute.at == begins:
            added = Minute(begins, minute.work + work, minute.ended + ended)
            return (*minutes[:index], added, *minutes[index + 1 :])
        if minute.at < begins:
            break
    return (*minutes, Minute(begins, work, ended))[-MINUTES_KEPT:]


def _judge_pending(lessons: Lessons, now: float, *, at_once: bool) -> Lessons:
    """Count the ends after which messages have waited for long enough; none of them if no message waits."""
    if lessons.waiting_since is None:
        return replace(lessons, pending=())
    sure = [each for each in lessons.pending if at_once or now - each.at >= SURE_AFTER]
    if not sure:
        return lessons
    ends = lessons.ends + sum(each.containers for each in sure)
    runs = lessons.runs + sum(each.containers * (each.ran_for or 0.0) for each in sure)
    kept = min(1.0, REMEMBERED / (ends + lessons.stays))
    pending = tuple(each for each in lessons.pending if each not in sure)
    return replace(lessons, pending=pending, ends=ends * kept, runs=runs * kept, stays=lessons.stays * kept)
