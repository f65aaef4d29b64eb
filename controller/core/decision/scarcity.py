"""Scarcity: tasks that ECS has accepted, and then found no place for. The scaler waits, tries one, launches the rest.

::

    enough ---- a task stops for want of capacity ----> scarce: nothing is launched for HOLD
      ^                                                    |  ^
      |                                  one task is tried |  | it finds no place either
      '-------------------- it runs -----------------------'--'

RunTask has answered with tasks by then, so the launch has gone through, and without this a whole plan would follow in
each slot for as long as the shortage lasts. It is not the breaker's business: nothing is wrong with the tasks, and a
shortage may end at any moment, so the hold does not grow.

Whatever was launched before the hold tells nothing of what the tried task will find: some of its tasks may run while
others were turned away. So only a task that was born after the hold is a trial, a ``probe`` as the breaker's is. Nor do
they once a trial has run: ECS may take minutes to give one of them up, and what the trial found is newer.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.core.decision import probe
from controller.core.decision.pause import doubling_pause
from controller.core.frozen import change, frozen

HOLD = 60.0
"""Seconds from the end of a task that found no place until one task is tried."""
FORGOTTEN_AFTER = 600.0
"""Seconds after a hold for which it counts; a shortage so long ago says nothing of now, and a launch is a launch."""


@frozen
class CapacitySign:
    """A hint from one task about the place that others will find."""

    found: bool
    """Whether it found a place: a worker of it ran."""
    at: float
    """When it was turned away, or when a worker ran."""
    born_at: float
    """When the task was created."""
    cause: str | None = None
    """Why it found none, in ECS's words."""
    provider: str | None = None
    """The capacity provider that it was launched on; None: it was launched on none, or ECS does not tell."""


@frozen
class Scarcity:
    """The sum of the signs so far."""

    turned_away: int = 0
    """Tasks that found no place since one last did."""
    until: float | None = None
    """Until when nothing is launched; then one task is tried. None: there is capacity as far as known."""
    cause: str | None = None
    """Of the last one that was turned away."""
    ran_born_at: float | None = None
    """When the last trial that ran was born; what becomes of older tasks tells nothing any more. None: none ran yet."""
    holds: int = 0
    """How many holds have followed each other, the last one included."""


PLENTY = Scarcity()


def note_capacity(scarcity: Scarcity, signs: Iterable[CapacitySign], longest: float = HOLD) -> Scarcity:
    """Return the scarcity after more signs, in the order of their times.

    Each hold that follows another is twice as long, up to ``longest`` seconds: by default they are all alike.
    """
    for sign in signs:
        if not sign.found:
            scarcity = _turn_away(scarcity, sign, longest)
        elif probe.is_probe(scarcity.until, sign.born_at):
            scarcity = Scarcity(ran_born_at=sign.born_at)
    return scarcity


def is_trying(scarcity: Scarcity, newest_task_at: float | None) -> bool:
    """Say whether the newest live task is a trial, of which it is not known yet whether it finds a place."""
    return probe.is_probe(scarcity.until, newest_task_at)


def forget_old(scarcity: Scarcity, newest_task_at: float | None, now: float) -> Scarcity:
    """Return the scarcity as far as it still counts at ``now``: a trial that lives may take long to find a place."""
    if scarcity.until is None or is_trying(scarcity, newest_task_at):
        return scarcity
    is_old = now >= scarcity.until + FORGOTTEN_AFTER
    return Scarcity(ran_born_at=scarcity.ran_born_at) if is_old else scarcity


def count_allowed(scarcity: Scarcity, newest_task_at: float | None, in_doubt: int, now: float) -> int | None:
    """Return how many containers a lack of capacity lets be launched: None is any number, 1 is the trial."""
    return probe.count_allowed(scarcity.until, newest_task_at, in_doubt, now)


def _turn_away(scarcity: Scarcity, sign: CapacitySign, longest: float) -> Scarcity:
    if scarcity.ran_born_at is not None and sign.born_at < scarcity.ran_born_at:
        return scarcity
    told = change(scarcity, turned_away=scarcity.turned_away + 1, cause=sign.cause)
    if scarcity.until is None or probe.is_probe(scarcity.until, sign.born_at):
        return change(told, until=sign.at + doubling_pause(HOLD, longest, told.holds), holds=told.holds + 1)
    if sign.at >= scarcity.until:
        return told
    # The last ones of the launch that was turned away: once the hold is over only a trial tells something new.
    held = doubling_pause(HOLD, longest, told.holds - 1)
    return change(told, until=max(scarcity.until, sign.at + held))
