from __future__ import annotations

from math import sqrt

import pytest

from controller.core.decision.learning import note_deleted, note_ends, note_look
from controller.core.decision.lessons import NOTHING_LEARNED, Left, Lessons, Look

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
    """Four busy for three minutes are 720 container-seconds of 24 messages: 30 s, and the errors of 24 and 18 looks."""
    lessons = note_deleted(work(3, busy=4), deleted(4, 12, 8))
    assert 30.0 * (1 + sqrt(1 / 24 + 1 / 18)) == pytest.approx(lessons.seconds)
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
    lessons = Lessons(work=10 * 250.0, deleted=250.0, looks=100.0)
    for _ in range(3):
        more = Lessons(work=lessons.work + 250 * 20.0, deleted=lessons.deleted, looks=lessons.looks + 100)
        lessons = note_deleted(more, {START: 250})
    assert 250.0 == lessons.deleted
    assert 18.0 < (lessons.mean or 0) < 20.0


def test_what_few_looks_have_seen_is_not_forgotten_for_the_number_of_its_messages() -> None:
    """Many short messages may be done between two looks; of such a burst the next one has to be added."""
    burst = Lessons(work=900.0, deleted=300.0, looks=5.0)
    lessons = note_deleted(burst, {START: 300})
    assert (None, 600.0) == (burst.seconds, lessons.deleted)


@pytest.mark.parametrize(("looks", "seconds"), [(5.0, None), (6.0, 4.24)], ids=["five-looks", "six"])
def test_work_that_hardly_a_look_has_seen_is_unknown(looks: float, seconds: float | None) -> None:
    """However many messages were deleted: of old counts a burst may be over within a few looks."""
    assert seconds == pytest.approx(Lessons(work=900.0, deleted=300.0, looks=looks).seconds, abs=0.05)


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
    assert (None, None, False) == (early.takes_one, stayed.takes_one, watch(stayed, 70, 140).takes_one)
    assert watch(leave(stayed, 60), 70, 140).takes_one is False
    assert watch(leave(stayed, 60, containers=4), 70, 140).takes_one


def test_who_stays_at_the_end_of_the_work_counts_no_more_than_who_leaves() -> None:
    """The messages that are longest are the last: no end tells of a worker then, and no stay may."""
    taking = watch(leave(watch(NOTHING_LEARNED, 0, 40), 40), 50, 110)
    ending = look(look(taking, 120, 9, 9, stayed=9), 130, 0, 9)
    assert (True, ()) == (watch(ending, 140, 210).takes_one, ending.staying)


def test_a_quiet_look_leaves_nothing_to_watch() -> None:
    """So that an idle scaler rests."""
    lessons = look(work(1, busy=1), 70, 0, 0)
    assert (None, None) == (lessons.looked_at, lessons.waiting_since)
    assert lessons == look(lessons, 80, 0, 0)
