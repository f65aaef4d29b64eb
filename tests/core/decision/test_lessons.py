from __future__ import annotations

from math import sqrt

import pytest

from controller.core.decision.lessons import (
    NOTHING_LEARNED,
    Left,
    Lessons,
    Look,
    note_deleted,
    note_ends,
    note_look,
)

START = 60_000_000.0
"""The beginning of a minute."""
POLL = 10.0


def look(
    lessons: Lessons, at: float, visible: int, busy: int, stayed: int = 0, seconds: float | None = None
) -> Lessons:
    """Return the lessons after a look so many seconds after the start."""
    return note_look(lessons, Look(visible, busy, stayed, seconds), START + at)


def work(minutes: int, busy: int, visible: int = 0) -> Lessons:
    """Return the lessons after so many minutes in which so many containers were busy."""
    lessons = NOTHING_LEARNED
    for poll in range(minutes * 6 + 1):
        lessons = look(lessons, poll * POLL, visible, busy)
    return lessons


def deleted(*messages: float) -> dict[float, float]:
    """Return what CloudWatch tells of the first minutes."""
    return {START + 60 * minute: count for minute, count in enumerate(messages)}


def test_seconds_a_message_by_littles_law() -> None:
    """Four busy for three minutes are 720 container-seconds; 24 messages were deleted: 30 s, and its standard error."""
    lessons = note_deleted(work(3, busy=4), deleted(4, 12, 8))
    assert 30.0 * (1 + 1 / sqrt(24)) == pytest.approx(lessons.seconds)
    assert () == lessons.minutes


@pytest.mark.parametrize(
    ("lessons", "told"),
    [
        pytest.param(work(3, busy=4), deleted(4, 12, 3), id="19-messages"),
        pytest.param(NOTHING_LEARNED, deleted(20), id="work-of-which-nothing-was-seen"),
        pytest.param(work(3, busy=4), {}, id="nothing-told"),
    ],
)
def test_little_is_unknown_and_not_zero(lessons: Lessons, told: dict[float, float]) -> None:
    """From 20 messages on it is known, and an integral of 0 is unknown."""
    assert note_deleted(lessons, told).seconds is None


def test_work_waits_for_the_count_of_its_minute() -> None:
    """CloudWatch tells a minute some minutes later; what it has not told yet is not counted."""
    lessons = note_deleted(work(5, busy=4), deleted(10, 10))
    assert (480.0, 20.0, [240.0] * 3) == (lessons.work, lessons.deleted, [minute.work for minute in lessons.minutes])


def test_old_messages_are_forgotten() -> None:
    """Beyond 250: a message that takes twice as long is learned within some hundred."""
    lessons = Lessons(work=10 * 250.0, deleted=250.0)
    for _ in range(3):
        lessons = note_deleted(lessons, {START: 250})
        lessons = Lessons(work=lessons.work + 125 * 20.0, deleted=lessons.deleted)
    assert 250.0 == lessons.deleted


def test_a_long_gap_tells_nothing() -> None:
    """What happened between two looks an hour apart, or after the clock stepped back, nobody knows."""
    lessons = look(NOTHING_LEARNED, 0, 5, 5)
    assert () == look(lessons, 3700, 5, 5).minutes
    assert () == look(lessons, -60, 5, 5).minutes


def leave(lessons: Lessons, at: float, containers: int = 3, ran_for: float | None = 30.0) -> Lessons:
    """Return the lessons after containers have left."""
    return note_ends(lessons, [Left(START + at, containers, ran_for)])


def watch(lessons: Lessons, since: float, until: float, visible: int = 9, stayed: int = 0) -> Lessons:
    """Return the lessons after looks that all saw visible messages."""
    at = since
    while at <= until:
        lessons = look(lessons, at, visible, 3, stayed)
        at += POLL
    return lessons


def test_workers_that_leave_while_messages_wait_take_one() -> None:
    """Messages were visible for half a minute before three ends, and for more than a minute after them."""
    lessons = leave(watch(NOTHING_LEARNED, 0, 40), 40)
    assert watch(lessons, 50, 100).takes_one is None
    sure = watch(lessons, 50, 110)
    assert (True, 30.0) == (sure.takes_one, sure.seconds_a_run)


def test_it_is_sure_at_once_where_counts_cannot_be_that_old() -> None:
    """A hundred are visible, and three busy workers take 21 at 10 s each in as long as counts may be old."""
    lessons = leave(watch(NOTHING_LEARNED, 0, 40), 40)
    assert look(lessons, 50, 22, 3, seconds=10.0).takes_one
    assert look(lessons, 50, 21, 3, seconds=10.0).takes_one is None


@pytest.mark.parametrize(
    "lessons",
    [
        pytest.param(watch(leave(watch(NOTHING_LEARNED, 20, 40), 40), 50, 120), id="hardly-waited-before"),
        pytest.param(watch(look(leave(watch(NOTHING_LEARNED, 0, 40), 40), 50, 0, 0), 60, 200), id="queue-empty-after"),
        pytest.param(watch(leave(watch(NOTHING_LEARNED, 0, 40), 40, ran_for=None), 50, 120), id="told-to-stop"),
        pytest.param(watch(leave(watch(NOTHING_LEARNED, 0, 40), 40, containers=2), 50, 120), id="two-ends"),
    ],
)
def test_ends_that_tell_nothing(lessons: Lessons) -> None:
    """An end of the work, or of the task, is no habit of the worker."""
    assert lessons.takes_one is None


def test_workers_that_stay_while_messages_wait_drain() -> None:
    """Three that go on are enough to know it, and outweigh as many ends; before a minute of waiting none counts."""
    early = watch(NOTHING_LEARNED, 0, 50, stayed=3)
    stayed = look(early, 60, 9, 3, stayed=4)
    assert (None, False) == (early.takes_one, stayed.takes_one)
    assert watch(leave(stayed, 60), 70, 140).takes_one is False
    assert watch(leave(stayed, 60, containers=4), 70, 140).takes_one


def test_a_quiet_look_leaves_nothing_to_watch() -> None:
    """So that an idle scaler rests."""
    lessons = look(work(1, busy=1), 70, 0, 0)
    assert (None, None) == (lessons.looked_at, lessons.waiting_since)
    assert lessons == look(lessons, 80, 0, 0)
