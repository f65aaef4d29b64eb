"""The terms of the promise's rule, each with its number, for whoever wants to see why so many are asked for."""

from __future__ import annotations

from enum import StrEnum

from controller.core.frozen import frozen


class Source(StrEnum):
    """Where it is known from how long a message takes."""

    GIVEN = "given"
    """The configuration says it."""
    LEARNED = "learned"
    """From the messages in flight and those that were deleted."""
    SEEN = "seen"
    """From how fast visible messages are taken just now, which is slower than anybody has said."""
    RUNS = "runs"
    """From how long workers ran that take one message each."""
    AT_FIRST = "at_first"
    """The configuration says what counts until it was learned."""
    UNKNOWN = "unknown"


@frozen
class Pace:
    """How fast a container works, as far as it is known."""

    seconds: float | None = None
    """How long a message occupies a container, seconds; None: nobody knows."""
    source: Source = Source.UNKNOWN
    messages: float = 0.0
    """Of how many messages, or runs of workers, it was learned."""
    takes_one: bool | None = None
    """Whether a container takes one message and exits, or goes on until nothing waits; None: nobody knows."""
    error: float | None = None
    """The part of the seconds that was added for chance, the standard error of what was learned; None: none was."""
    given: float | None = None
    """What the configuration gives, where messages were seen to take longer; None: nothing, or it counts."""


@frozen
class Need:
    """The work that waits, and who takes it on; seconds of work, unless noted."""

    pace: Pace
    promise: float
    """The time that is left for it: the promise without that in which nobody decides."""
    start_delay: float
    """The seconds that a start takes."""
    takes_one: bool
    """Whether each container is asked for one message."""
    waiting: float
    """The work of all visible messages."""
    taken_by_idle: float
    """What running containers take on that have no message in hand."""
    taken_by_busy: float
    """What running containers take on beside the message that they have in hand."""
    taken_by_starting: float
    """What starting containers take on."""
    share: float
    """What each new container takes on."""

    def late(self, most: int, promise: float) -> float | None:
        """Return how many seconds after ``promise`` the last message that waits now is taken by ``most`` containers.

        About that many: as if all began to work once a start is over. None: nobody knows how long a message takes.
        """
        if self.pace.seconds is None:
            return None
        return max(0.0, self.start_delay + max(0.0, self.waiting / most - self.pace.seconds) - promise)

    @property
    def rest(self) -> float:
        """What is left for new containers; 0 if the live ones take on everything."""
        return max(0.0, self.waiting - self.taken_by_idle - self.taken_by_busy - self.taken_by_starting)
