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

While the breaker is open nothing but a probe is launched, so a task that was born after the pause is one. That is all
that tells a probe, and ECS remembers it: a restart waits for the probe of the process before, and doubles the pause
after it as that one would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.core.decision.pause import doubling_pause

FIRST_PAUSE = 60.0
"""Seconds for which the breaker opens at first."""
MAX_PAUSE = 1800.0
"""Seconds for which it opens at most."""

CLOCK_MARGIN = 5.0
"""Seconds by which ECS's clock, which dates tasks, may be behind ours."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A hint from one task about those to come: it started and worked, or it failed."""

    good: bool
    at: float
    """When the task ended, or from when on it had run for long enough."""
    born_at: float
    """When the task was created."""
    cause: str | None = None
    """Why it ended badly, in ECS's words."""


@dataclass(frozen=True, slots=True)
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
    return newest_task_at is not None and _is_probe(breaker, newest_task_at)


def count_allowed(breaker: Breaker, newest_task_at: float | None, in_doubt: int, now: float) -> int | None:
    """Return how many containers may be launched: None is any number, 1 is the probe.

    There is one probe at a time, so it waits for the one that lives, and for containers that may yet start.
    """
    if breaker.open_until is None:
        return None
    return 1 if now >= breaker.open_until and not in_doubt and not is_probing(breaker, newest_task_at) else 0


def _after_good_sign(breaker: Breaker, sign: Sign) -> Breaker:
    older_than_the_row = breaker.row_born_at is not None and sign.born_at < breaker.row_born_at
    return breaker if older_than_the_row else CLOSED


def _after_bad_end(breaker: Breaker, sign: Sign, after: int) -> Breaker:
    row_born_at = sign.born_at if breaker.row_born_at is None else min(breaker.row_born_at, sign.born_at)
    breaker = replace(breaker, bad_ends=breaker.bad_ends + 1, row_born_at=row_born_at, cause=sign.cause)
    trips = breaker.open_until is None and breaker.bad_ends >= after
    if not (trips or _is_probe(breaker, sign.born_at)):
        return breaker
    pause = doubling_pause(FIRST_PAUSE, MAX_PAUSE, breaker.trips)
    return replace(breaker, trips=breaker.trips + 1, open_until=sign.at + pause)


def _is_probe(breaker: Breaker, born_at: float) -> bool:
    return breaker.open_until is not None and born_at >= breaker.open_until - CLOCK_MARGIN
