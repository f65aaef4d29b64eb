"""The past: what was learned of a scaler's workers before this process began, read back from CloudWatch.

It is Little's law again, over the three hours before the first look: the messages in flight are those of containers, up
to as many as there may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.decision.learning import find_kept
from controller.core.decision.lessons import MINUTE, Lessons
from controller.core.frozen import change, frozen

ENOUGH_SAMPLES = 10
"""Minutes with messages in flight from which on a past tells something: CloudWatch has one look a minute, which may
well miss short work."""


@frozen
class PastMinute:
    """What CloudWatch has of a minute before this process looked."""

    in_flight: float
    """Messages in flight, on average."""
    deleted: float
    """Messages deleted."""


def add_pasts(pasts: Iterable[Mapping[float, PastMinute]]) -> dict[float, PastMinute]:
    """Return the pasts of several queues together; where one has nothing of a minute, nothing happened in it."""
    together: dict[float, PastMinute] = {}
    for past in pasts:
        for at, minute in past.items():
            before = together.get(at, PastMinute(0.0, 0.0))
            together[at] = PastMinute(before.in_flight + minute.in_flight, before.deleted + minute.deleted)
    return together


def note_past(lessons: Lessons, past: Mapping[float, PastMinute], most: int) -> Lessons:
    """Return the lessons after the hours before the first look were read back, by the beginning of each minute.

    How many containers ran then nobody knows any more; of more than ``most`` messages in flight, others had the rest.
    """
    lessons = change(lessons, has_past=True)
    if sum(minute.in_flight > 0 for minute in past.values()) < ENOUGH_SAMPLES:
        return lessons
    work = deleted = looks = 0.0
    for _, minute in sorted(past.items()):
        work += min(minute.in_flight, most) * MINUTE
        deleted += minute.deleted
        looks += minute.in_flight > 0
        kept = find_kept(deleted, looks)
        work, deleted, looks = work * kept, deleted * kept, looks * kept
    return change(lessons, work=work + lessons.work, deleted=deleted + lessons.deleted, looks=looks + lessons.looks)
