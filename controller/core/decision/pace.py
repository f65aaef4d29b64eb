"""The pace: how long a message occupies a container, and from where that is known."""

from __future__ import annotations

from controller.core.decision.lessons import LONGER, Lessons, Look
from controller.core.decision.model import Fleet
from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import StartWithin


def tell_pace(goal: StartWithin, lessons: Lessons) -> Pace:
    """Return the pace that counts now: what is given, else what was learned, else what counts at first.

    What is given is believed unless messages were seen to take longer, by more than chance: the promise goes before it.
    What counts at first is given up as soon.
    """
    given = goal.seconds_per_message if goal.seconds_per_message is not None else goal.at_first
    is_longer = given is not None and lessons.take_longer_than(given)
    if goal.seconds_per_message is not None and not is_longer:
        return _of(goal.seconds_per_message, Source.GIVEN, lessons, 0.0)
    mean = lessons.mean
    if mean is not None and (is_longer or lessons.is_enough):
        error, given = lessons.error, goal.seconds_per_message
        share = error / (1 + error)
        return Pace(mean * (1 + error), Source.LEARNED, lessons.deleted, lessons.takes_one, error=share, given=given)
    if lessons.seconds_a_run is not None:
        return _of(lessons.seconds_a_run, Source.RUNS, lessons, lessons.ends)
    if goal.at_first is not None:
        return _of(goal.at_first, Source.AT_FIRST, lessons, 0.0)
    return Pace()


def see_workers(lessons: Lessons, pace: Pace, visible: int, busy: int, fleet: Fleet, now: float) -> Look:
    """Return what a look tells of the workers; ``busy`` are those with a message in hand when the queue was counted."""
    before, stayed = lessons.looked_at, 0
    if pace.seconds is not None and before is not None:
        long = LONGER * pace.seconds
        stayed = sum([before < began + long <= now for began in fleet.began])
    return Look(visible, busy, min(busy, stayed), pace.seconds)


def _of(seconds: float, source: Source, lessons: Lessons, messages: float) -> Pace:
    return Pace(seconds, source, messages, takes_one=lessons.takes_one)
