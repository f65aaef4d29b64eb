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

from math import sqrt

from controller.core.decision.sightings import OLDEST
from controller.core.frozen import frozen

MINUTE = 60.0
ENOUGH_MESSAGES = 20
"""Messages from which on a duration is learned."""
ENOUGH_TO_DOUBT = 5
"""Messages from which on one that was said to be shorter is found out: of so few, by much more than chance."""
ENOUGH_LOOKS = 6
"""Looks at containers at work from which on their work is known: a burst may be over within a few, of old counts."""
REMEMBERED = 250.0
"""Messages beyond which older ones are forgotten, once there were more looks at work than the next number."""
LOOKS_REMEMBERED = 40.0
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
TOLD_WITHIN = 900.0
"""Seconds within which a minute is told, where there is somebody to tell it."""
LONGEST_GAP = 3600.0
"""Seconds between two looks beyond which it is not known what happened meanwhile."""


@frozen
class Left:
    """Worker containers of one task that have left."""

    at: float
    """When that was seen."""
    containers: int
    ran_for: float | None
    """For how long they had run until they exited, seconds; None: they did not exit by themselves, or nobody saw it."""


@frozen
class Stayed:
    """Worker containers that go on working, for longer than a message takes."""

    at: float
    """When that was seen."""
    containers: int


@frozen
class Minute:
    """What happened in a minute of which it is not known yet how many messages were deleted."""

    at: float
    """When it began."""
    work: float
    """Container-seconds."""
    ended: int = 0
    """Containers that exited by themselves."""
    looks: int = 0
    """Looks that saw some at work."""


@frozen
class Lessons:
    """What was learned so far."""

    work: float = 0.0
    """Container-seconds in minutes of which the deleted messages are known."""
    deleted: float = 0.0
    """Messages deleted in them."""
    looks: float = 0.0
    """Looks that saw some at work in them."""
    minutes: tuple[Minute, ...] = ()
    looked_at: float | None = None
    """The last look; None: it saw nothing to do."""
    busy: int = 0
    """Containers that were busy then."""
    waiting_since: float | None = None
    """Since when every look has seen a visible message; None: the last saw none."""
    pending: tuple[Left, ...] = ()
    """Ends of which it is not sure yet that messages waited."""
    staying: tuple[Stayed, ...] = ()
    """Those that stayed, of which it is not sure yet either."""
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
    def mean(self) -> float | None:
        """Seconds of work a message, however few they were; None: nothing is known. Work that was not seen is not 0."""
        return self.work / self.deleted if self.deleted and self.work > 0 else None

    @property
    def seconds(self) -> float | None:
        """Seconds of work a message; None: too little is known.

        More than the mean, by its standard error: from few messages a mean is easily half of the truth, and the promise
        goes before the cost.
        """
        mean = self.mean
        return mean * (1 + self.error) if mean is not None and self.is_enough else None

    @property
    def is_enough(self) -> bool:
        """Whether so many messages and looks are known that their mean counts."""
        return self.deleted >= ENOUGH_MESSAGES and self.looks >= ENOUGH_LOOKS

    @property
    def error(self) -> float:
        """The standard error of the seconds a message, as a share of them: those of messages and of looks together."""
        return sqrt(1 / self.deleted + 1 / self.looks) if self.deleted and self.looks else 1.0

    def take_longer_than(self, seconds: float) -> bool:
        """Say whether messages take longer than that by more than chance: their mean does less its standard error."""
        if self.mean is None or self.deleted < ENOUGH_TO_DOUBT:
            return False
        return self.mean * (1 - self.error) > seconds

    def awaits_first_word(self, now: float) -> bool:
        """Say whether too little was told of the deleted messages yet, and yet is to come."""
        return self.seconds is None and not (self.minutes and now - self.minutes[0].at > TOLD_WITHIN)

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


@frozen
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


def measure_error(messages: float) -> float:
    """Return the standard error of the mean of so many, as a share of it, if they scatter as exponential ones do."""
    return 1 / sqrt(messages)
