"""What is learned of the hours before the first look."""

from __future__ import annotations

from math import sqrt

import pytest

from controller.core.decision.lessons import NOTHING_LEARNED, Lessons
from controller.core.decision.past import ENOUGH_SAMPLES, PastMinute, note_past

START = 60_000_000.0


def minutes(count: int, in_flight: float, deleted: float) -> dict[float, PastMinute]:
    """Return so many minutes that are alike."""
    return {START + 60 * number: PastMinute(in_flight, deleted) for number in range(count)}


def test_a_past_tells_how_long_a_message_takes() -> None:
    """Three in flight are 180 container-seconds a minute, of six messages: 30 s, and the errors of 120 and 20 looks."""
    lessons = note_past(NOTHING_LEARNED, minutes(20, 3, 6), most=10)
    assert (120, True) == (lessons.deleted, lessons.has_past)
    assert 30.0 * (1 + sqrt(1 / 120 + 1 / 20)) == pytest.approx(lessons.seconds)


def test_more_in_flight_than_containers_may_live_are_with_others() -> None:
    """Of nine messages in flight two containers have two."""
    lessons = note_past(NOTHING_LEARNED, minutes(20, 9, 6), most=2)
    assert 20.0 == pytest.approx(lessons.work / lessons.deleted)


def test_the_older_part_of_a_long_past_is_forgotten() -> None:
    """It is worth 250 messages, and 40 looks at least; those of the last minutes count most."""
    slow, fast = minutes(60, 40, 20), minutes(60, 4, 20)
    past = slow | {at + 3600: minute for at, minute in fast.items()}
    lessons = note_past(NOTHING_LEARNED, past, most=50)
    assert (800, 40) == (pytest.approx(lessons.deleted), pytest.approx(lessons.looks))
    assert 12 <= lessons.work / lessons.deleted < 60


@pytest.mark.parametrize(
    "past",
    [{}, minutes(100, 0, 6), minutes(ENOUGH_SAMPLES - 1, 3, 6)],
    ids=["nothing", "never-seen-in-flight", "seldom-seen-in-flight"],
)
def test_a_past_with_too_few_looks_tells_nothing(past: dict[float, PastMinute]) -> None:
    """Deleted messages without their work would be taken for messages that take no time."""
    assert Lessons(has_past=True) == note_past(NOTHING_LEARNED, past, most=10)


def test_what_was_learned_meanwhile_stays() -> None:
    """The past is added to it."""
    known = Lessons(work=600.0, deleted=10.0)
    lessons = note_past(known, minutes(20, 3, 6), most=10)
    assert (3600 + 600, 130) == (lessons.work, lessons.deleted)
