"""The breaker: a scaler whose tasks keep failing backs off, probes with a single task, and recovers by itself.

::

    closed ---- TRIP_AFTER bad ends in a row ----> open ---- the pause is over ----> probing: one task
      ^                                             ^                                     |
      |                                             '----- it fails: twice the pause -----|
      '---------------------------- it lives, or ends well ------------------------------'

A bad end is a task that failed to start, or whose worker ended with an error within SOON of its start. A task that runs
for longer, or ends well, is a good sign. An interruption, or an end that nobody saw, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

TRIP_AFTER = 5
"""Bad ends in a row that open the breaker: one launch of a few tasks is no row."""
SOON = 60.0
"""Seconds after its start within which a worker that fails tells of the task, and not of its message."""
FIRST_PAUSE = 60.0
"""Seconds for which the breaker opens at first."""
LONGEST_PAUSE = 1800.0
"""Seconds for which it opens at most."""

CLOCK_MARGIN = 5.0
"""Seconds by which ECS's clock, which dates tasks, may be behind ours."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What one task tells of those to come."""

    good: bool
    at: float
    """When it was seen."""
    born_at: float
    """When the task was created."""
    cause: str | None = None
    """Of a bad end, in ECS's words."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """What the signs so far add up to."""

    bad_ends: int = 0
    """In a row."""
    trips: int = 0
    """How often it has opened since it was last closed."""
    open_until: float | None = None
    """When a probe may be launched; None: closed."""
    probed_at: float | None = None
    """When the probe was decided whose sign is awaited; None: none is."""
    cause: str | None = None
    """Of the last bad end."""


CLOSED = Breaker()


def heed(breaker: Breaker, signs: Iterable[Sign]) -> Breaker:
    """Return the breaker after more signs, in the order of their times."""
    for sign in signs:
        breaker = CLOSED if sign.good else _after_bad_end(breaker, sign)
    return breaker


def probed(breaker: Breaker, at: float) -> Breaker:
    """Return the breaker after a launch that was decided at ``at``: while it is open, that was the probe."""
    return breaker if breaker.open_until is None else replace(breaker, probed_at=at - CLOCK_MARGIN)


def heard_of(breaker: Breaker, newest_task_at: float | None) -> Breaker:
    """Return the breaker in view of the newest live task: a probe that is gone without a sign is worth another."""
    if breaker.probed_at is None or (newest_task_at is not None and newest_task_at >= breaker.probed_at):
        return breaker
    return replace(breaker, probed_at=None)


def allowance(breaker: Breaker, now: float) -> int | None:
    """Return how many containers may be launched: None is any number, 1 is the probe."""
    if breaker.open_until is None:
        return None
    return 1 if now >= breaker.open_until and breaker.probed_at is None else 0


def _after_bad_end(breaker: Breaker, sign: Sign) -> Breaker:
    breaker = replace(breaker, bad_ends=breaker.bad_ends + 1, cause=sign.cause)
    trips = breaker.open_until is None and breaker.bad_ends >= TRIP_AFTER
    probe_failed = breaker.probed_at is not None and sign.born_at >= breaker.probed_at
    if not (trips or probe_failed):
        return breaker
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(breaker.trips, 10))
    return replace(breaker, trips=breaker.trips + 1, open_until=sign.at + pause, probed_at=None)
