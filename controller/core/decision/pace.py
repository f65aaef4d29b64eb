"""The pace: how long a message occupies a container, and from where that is known."""

from __future__ import annotations

from controller.core.decision.lessons import LONGER, Lessons, Look
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import StartWithin


def tell_pace(goal: StartWithin, lessons: Lessons) -> Pace:
    """Return the pace that counts now: what is given, else what was learned, else what counts at first.

    What is given is believed unless messages were seen to take longer, by more than chance: the promise goes before it.
    """
    given = goal.seconds_per_message
    if given is not None and not _takes_longer(lessons, given):
        return _of(given, Source.GIVEN, lessons, 0.0)
    if (seconds := lessons.seconds) is not None:
        error = lessons.error / (1 + lessons.error)
        return Pace(seconds, Source.LEARNED, lessons.deleted, lessons.takes_one, error, given)
    if lessons.seconds_a_run is not None:
        return _of(lessons.seconds_a_run, Source.RUNS, lessons, lessons.ends)
    if goal.at_first is not None:
        return _of(goal.at_first, Source.AT_FIRST, lessons, 0.0)
    return Pace()


def _takes_longer(lessons: Lessons, given: float) -> bool:
    """Say whether messages take longer than what is given: their mean does even less its standard error."""
    if lessons.seconds is None:
        return False
    return lessons.work / lessons.deleted * (1 - lessons.error) > given


def see_workers(lessons: Lessons, pace: Pace, queue: QueueCounts, fleet: Fleet, now: float) -> Look:
    """Return what a look tells of the workers. In flight is what is in hand."""
    busy = min(queue.in_flight, fleet.running)
    before, stayed = lessons.looked_at, 0
    if pace.seconds is not None and before is not None:
        long = LONGER * pace.seconds
        stayed = sum(before < began + long <= now for began in fleet.began)
    return Look(queue.visible, busy, min(busy, stayed), pace.seconds)


def _of(seconds: float, source: Source, lessons: Lessons, messages: float) -> Pace:
    return Pace(seconds, source, messages, takes_one=lessons.takes_one)
