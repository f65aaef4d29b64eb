"""Setbacks: what went wrong with a revision of the template that has to prove itself, and when it is tried again."""

from __future__ import annotations

from enum import StrEnum

from controller.core.decision import probe
from controller.core.decision.breaker import Sign
from controller.core.decision.pause import doubling_pause
from controller.core.decision.scarcity import CapacitySign
from controller.core.frozen import change, frozen

FIRST_PAUSE = 60.0
"""Seconds until a canary is tried again that RunTask has refused, or that has failed where nothing else can be run."""
FIRST_PAUSE_OF_CAPACITY = 120.0
"""The same after a lack of capacity: longer than the scaler holds for it, so that others are tried first."""
LONGEST_PAUSE = 1800.0
"""The same after many of them."""


class Trouble(StrEnum):
    """What went wrong with a canary."""

    FAILED = "failed"
    """It ran, or should have."""
    REFUSED = "refused"
    """It could not be launched, for a reason that a person must mend."""
    NO_CAPACITY = "no_capacity"
    """There was no room for it, at RunTask or afterwards."""


@frozen
class Setback:
    """What went wrong with a revision last."""

    revision: int
    at: float
    """When the task ended, or was refused; after a failure, what was shown before counts no more."""
    until: float
    """When a canary may be tried again, if at all."""
    times: int
    """How often it was tried."""
    trouble: Trouble
    cause: str | None = None
    """In ECS's words."""


def fail(before: Setback | None, revision: int, sign: Sign) -> Setback:
    """Return the setback of a task that failed; several that were launched together are one try."""
    if before is not None and before.trouble is Trouble.FAILED and not probe.is_probe(before.until, sign.born_at):
        return change(before, at=sign.at, cause=sign.cause)
    return try_later(before, revision, Trouble.FAILED, sign.at, sign.cause)


def turn_away(before: Setback | None, revision: int, sign: CapacitySign) -> Setback:
    """Return the setback of a task that found no place; several that were launched together are one try."""
    if before is not None and before.trouble is Trouble.NO_CAPACITY and not probe.is_probe(before.until, sign.born_at):
        return change(before, at=sign.at, cause=sign.cause)
    return try_later(before, revision, Trouble.NO_CAPACITY, sign.at, sign.cause)


def try_later(before: Setback | None, revision: int, trouble: Trouble, at: float, cause: str | None) -> Setback:
    """Return one setback more: each of the same kind that follows another has twice its pause."""
    times = before.times if before is not None and before.trouble is trouble else 0
    first = FIRST_PAUSE_OF_CAPACITY if trouble is Trouble.NO_CAPACITY else FIRST_PAUSE
    return Setback(revision, at, at + doubling_pause(first, LONGEST_PAUSE, times), times + 1, trouble, cause)
