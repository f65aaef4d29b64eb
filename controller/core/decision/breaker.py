"""The breaker: a scaler whose tasks keep failing backs off, probes with a single task, and recovers by itself.

::

    closed ---- ``after`` bad ends in a row ----> open ---- the pause is over ----> probing: one task
      ^                                            ^                                     |
      |                                            '----- it fails: twice the pause -----|
      '---------------------------- it lives, or ends well -----------------------------'

``after`` and ``within`` are the scaler's own (``BreakerPolicy``). A bad end is a task that failed to start, or whose
worker exited with an error ``within`` so long of its start. A task that runs for longer, or ends well, is a good sign,
unless it is older than the row: workers of yesterday's image that finish their work say nothing of today's. Nor does an
interruption, an end that nobody saw, or a worker's error of which it is not known how soon after its start it came.
With ``within`` 0 no exit of a worker is bad: its task has started, and that is all that is asked of it.

What tells a probe is in ``probe``. ECS remembers it, so that a restart doubles the pause as the process before would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from controller.core.decision import probe
from controller.core.decision.pause import doubling_pause
from controller.core.frozen import change, frozen

FIRST_PAUSE = 60.0
"""Seconds for which the breaker opens at first."""
MAX_PAUSE = 1800.0
"""Seconds for which it opens at most."""


@frozen
class Sign:
    """A hint from one task about those to come: it started and worked, or it failed."""

    good: bool
    at: float
    """When the task ended, or from when on it had run for long enough."""
    born_at: float
    """When the task was created."""
    cause: str | None = None
    """Why it ended badly, in ECS's words."""
    definition: str | None = field(default=None, compare=False)
    """What the task ran, as ``family:revision``; None: not told."""


@frozen
class Breaker:
    """The sum of the signs so far."""

    bad_ends: int = 0
    """In a row."""
    row_born_at: float | None = None
    """When the first task of the row was created."""
    trips: int = 0
    """How often it has opened since it was last closed."""
    open_until: float | None = None
    """When a probe may be launched; None: closed."""
    cause: str | None = None
    """Of the last bad end."""


CLOSED = Breaker()


def heed(breaker: Breaker, signs: Iterable[Sign], after: int) -> Breaker:
    """Return the breaker after more signs, in the order of their times; so many bad ends in a row open it."""
    for sign in signs:
        breaker = _after_good_sign(breaker, sign) if sign.good else _after_bad_end(breaker, sign, after)
    return breaker


def is_probing(breaker: Breaker, newest_task_at: float | None) -> bool:
    """Say whether the newest live task is a probe. A probe that is gone without a sign may be followed by another."""
    return probe.is_probe(breaker.open_until, newest_task_at)


def count_allowed(breaker: Breaker, newest_task_at: float | None, in_doubt: int, now: float) -> int | None:
    """Return how many containers failing tasks let be launched: None is any number, 1 is the probe."""
    return probe.count_allowed(breaker.open_until, newest_task_at, in_doubt, now)


def _after_good_sign(breaker: Breaker, sign: Sign) -> Breaker:
    older_than_the_row = breaker.row_born_at is not None and sign.born_at < breaker.row_born_at
    return breaker if older_than_the_row else CLOSED


def _after_bad_end(breaker: Breaker, sign: Sign, after: int) -> Breaker:
    row_born_at = sign.born_at if breaker.row_born_at is None else min(breaker.row_born_at, sign.born_at)
    breaker = change(breaker, bad_ends=breaker.bad_ends + 1, row_born_at=row_born_at, cause=sign.cause)
    trips = breaker.open_until is None and breaker.bad_ends >= after
    if not (trips or probe.is_probe(breaker.open_until, sign.born_at)):
        return breaker
    pause = doubling_pause(FIRST_PAUSE, MAX_PAUSE, breaker.trips)
    return change(breaker, trips=breaker.trips + 1, open_until=sign.at + pause)
