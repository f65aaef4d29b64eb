"""Learning: what a look at workers, their ends, and the deleted messages of a minute add to what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.decision.lessons import (
    LONGEST_GAP,
    LOOKS_REMEMBERED,
    MINUTE,
    MINUTES_KEPT,
    REMEMBERED,
    SURE_AFTER,
    WAITED_BEFORE,
    Left,
    Lessons,
    Look,
    Minute,
    Stayed,
)
from controller.core.decision.sightings import OLDEST
from controller.core.frozen import change


def note_look(lessons: Lessons, look: Look, now: float) -> Lessons:
    """Return the lessons after a look."""
    waiting_since = None if not look.visible else now if lessons.waiting_since is None else lessons.waiting_since
    is_idle = not look.visible and not look.busy
    stayed = look.stayed if _has_waited(lessons, now) else 0
    looked = change(
        lessons,
        minutes=_note_work(lessons, now),
        looked_at=None if is_idle else now,
        busy=look.busy,
        staying=(*lessons.staying, Stayed(now, stayed)) if stayed else lessons.staying,
        waiting_since=waiting_since,
    )
    return (
        _judge_pending(looked, now, at_once=look.surely_waits(max(lessons.busy, look.busy)))
        if looked.pending or looked.staying
        else looked
    )


def note_ends(lessons: Lessons, left: Iterable[Left]) -> Lessons:
    """Return the lessons after containers have left."""
    exited = [each for each in left if each.ran_for is not None]
    since = lessons.waiting_since
    pending = tuple(each for each in exited if since is not None and each.at - since >= WAITED_BEFORE)
    minutes = lessons.minutes
    for each in exited:
        minutes = _add(minutes, each.at, ended=each.containers)
    return change(lessons, pending=lessons.pending + pending, minutes=minutes)


def note_deleted(lessons: Lessons, deleted: Mapping[float, float]) -> Lessons:
    """Return the lessons after it was told how many messages were deleted, by the beginning of each minute."""
    counted = [minute for minute in lessons.minutes if minute.at in deleted]
    work = lessons.work + sum(minute.work for minute in counted)
    messages = lessons.deleted + sum(deleted.values())
    looks = lessons.looks + sum(minute.looks for minute in counted)
    kept = find_kept(messages, looks)
    waits = tuple(minute for minute in lessons.minutes if minute.at not in deleted)
    fruitless = 0 if any(deleted.values()) else lessons.fruitless + sum(minute.ended for minute in counted)
    return change(
        lessons, work=work * kept, deleted=messages * kept, looks=looks * kept, minutes=waits, fruitless=fruitless
    )


def find_kept(messages: float, looks: float) -> float:
    """Return the share of what was learned that is not forgotten."""
    if messages <= REMEMBERED or looks <= LOOKS_REMEMBERED:
        return 1.0
    return max(REMEMBERED / messages, LOOKS_REMEMBERED / looks)


def _note_work(lessons: Lessons, now: float) -> tuple[Minute, ...]:
    """Return the minutes with the work since the last look, as if those that were busy then had been so until now."""
    minutes, before = lessons.minutes, lessons.looked_at
    if before is None or not lessons.busy or not 0 < now - before <= LONGEST_GAP:
        return minutes
    at = before
    while at < now:
        until = min(now, (at // MINUTE + 1) * MINUTE)
        minutes = _add(minutes, at, work=lessons.busy * (until - at), looks=int(at == before))
        at = until
    return minutes


def _has_waited(lessons: Lessons, now: float) -> bool:
    """Say whether messages have waited for longer than counts can be old."""
    return lessons.waiting_since is not None and now - lessons.waiting_since >= OLDEST


def _add(
    minutes: tuple[Minute, ...], at: float, work: float = 0.0, ended: int = 0, looks: int = 0
) -> tuple[Minute, ...]:
    """Return the minutes with what happened ``at`` a time added to its minute."""
    begins = at // MINUTE * MINUTE
    for index in range(len(minutes) - 1, -1, -1):
        minute = minutes[index]
        if minute.at == begins:
            added = Minute(begins, minute.work + work, minute.ended + ended, minute.looks + looks)
            return (*minutes[:index], added, *minutes[index + 1 :])
        if minute.at < begins:
            break
    return (*minutes, Minute(begins, work, ended, looks))[-MINUTES_KEPT:]


def _judge_pending(lessons: Lessons, now: float, *, at_once: bool) -> Lessons:
    """Count the ends, and those that stayed, after which messages have waited for long enough; none if none waits."""
    if lessons.waiting_since is None:
        return change(lessons, pending=(), staying=())
    sure = [each for each in lessons.pending if at_once or now - each.at >= SURE_AFTER]
    stayed = [each for each in lessons.staying if at_once or now - each.at >= SURE_AFTER]
    if not sure and not stayed:
        return lessons
    ends = lessons.ends + sum(each.containers for each in sure)
    stays = lessons.stays + sum(each.containers for each in stayed)
    runs = lessons.runs + sum(each.containers * (each.ran_for or 0.0) for each in sure)
    kept = min(1.0, REMEMBERED / (ends + stays))
    return change(
        lessons,
        pending=tuple(each for each in lessons.pending if each not in sure),
        staying=tuple(each for each in lessons.staying if each not in stayed),
        ends=ends * kept,
        runs=runs * kept,
        stays=stays * kept,
    )
