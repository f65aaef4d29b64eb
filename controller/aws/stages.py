"""How far a call to AWS has got: botocore's events tell, so that nobody has to guess it from the type of an error."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum


class Stage(IntEnum):
    """The stages of a call, in their order."""

    PREPARED = 0
    """Parameters and address are put together; the client may still have to be made."""
    SIGNING = 1
    """Credentials are read, and fetched anew where they expire; nothing has left yet."""
    SENT = 2
    """The request has left, or is about to: from here on only an answer tells what became of it."""


@dataclass(slots=True)
class Course:
    """The course of one conversation with AWS, of one call or several: where its newest call has got to."""

    subject: str
    """What is asked about, for messages: ``queue "orders"``."""
    until: float
    """When it has to be over, seconds on the clock that never steps: no call begins later."""
    stage: Stage = Stage.PREPARED
    request: tuple[str, str, float] | None = None
    """Service, operation and moment of the request that has left, until its end was noted; None: there is none."""


_course: ContextVar[Course | None] = ContextVar("_course", default=None)


class Following:
    """Follows the calls that this thread makes within its block.

    Every poll has one, so it is a class: a context of ``contextlib`` takes ten times as long to make.
    """

    __slots__ = ("_course", "_token")

    def __init__(self, subject: str, until: float) -> None:
        self._course = Course(subject, until)

    def __enter__(self) -> Course:
        """Begin, and return the course."""
        self._token = _course.set(self._course)
        return self._course

    def __exit__(self, *_: object) -> None:
        """End; whoever was followed before is followed again."""
        _course.reset(self._token)


def current_course() -> Course:
    """Return the course that this thread is on; outside of any block, one that nobody looks at."""
    return _course.get() or Course("AWS", float("inf"))


def note_sent(**_: object) -> None:
    """Note that the request of this thread's call leaves now: botocore's event ``before-send``."""
    current_course().stage = Stage.SENT
