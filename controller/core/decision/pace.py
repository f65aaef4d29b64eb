"""The pace: how long a message occupies a container, and from where that is known."""

from __future__ import annotations

from dataclasses import replace

from controller.core.decision.lessons import LONGER, Lessons, Look
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.need import Pace, Source
from controller.core.decision.policy import StartWithin


def tell_pace(goal: StartWithin, lessons: Lessons) -> Pace:
    """Return the pace that counts now: what is given before what was learned, and that before what counts at first."""
    if goal.seconds_per_message is not None:
        return _of(goal.seconds_per_message, Source.GIVEN, lessons, 0.0)
    if lessons.seconds is not None:
        learned = _of(lessons.seconds, Source.LEARNED, lessons, lessons.deleted)
        return replace(learned, error=lessons.error / (1 + lessons.error))
    if lessons.seconds_a_run is not None:
        return _of(lessons.seconds_a_run, Source.RUNS, lessons, lessons.ends)
    if goal.at_first is not None:
        return _of(goal.at_first, Source.AT_FIRST, lessons, 0.0)
    return Pace()


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
