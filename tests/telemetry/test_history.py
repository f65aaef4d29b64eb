from __future__ import annotations

import random
import tracemalloc
from dataclasses import replace

import pytest

from controller.core.decision.model import Decision, Fleet, Outcome, QueueCounts, Reason
from controller.core.record import LaunchResult, Reconciled
from controller.telemetry.history import LIMIT, POLL, REASONS, History, Track
from controller.telemetry.marks import Happening, Mark
from controller.telemetry.past import Count, Past, list_since, read_past
from controller.telemetry.sketch import sketch
from tests.support.controller import SCALER, scaler_spec
from tests.telemetry.decisions import decided

BEGAN = 1_999_999_980.0
"""A whole minute."""
POLICY = scaler_spec("main", "worker").policy
MODEL = decided(POLICY, QueueCounts(visible=0, in_flight=0, delayed=0), Fleet(listed_at=BEGAN))


def seen(at: float, backlog: int | None = 0, running: int = 0, desired: int = 0, **members: object) -> Reconciled:
    """Return a reconcile that saw so much, so many seconds after the beginning."""
    if backlog is None:
        return Reconciled(SCALER, Decision(BEGAN + at, Reason.UNKNOWN_BACKLOG), problem="gone")
    assert MODEL.numbers is not None
    decision = replace(
        MODEL,
        at=BEGAN + at,
        backlog=backlog,
        fleet=Fleet(listed_at=BEGAN + at, running=running),
        numbers=replace(MODEL.numbers, desired=desired),
    )
    return Reconciled(SCALER, decision, **members)  # type: ignore[arg-type]


@pytest.fixture
def history() -> History:
    """Begin a history of one scaler."""
    return History(BEGAN)


@pytest.fixture
def track(history: History) -> Track:
    """Follow the scaler."""
    return history.follow()


def past(history: History, track: Track, now: float, since: float = 0.0) -> Past:
    """Return the past as it is so many seconds after the beginning."""
    return read_past(history, track, BEGAN + since, BEGAN + now)


def backlogs(found: Past) -> list[tuple[float, int | None]]:
    """Return when each point was, from the beginning on, and the last backlog of it."""
    return [(point.at - BEGAN, point.backlog.last) for point in found.points]


def test_a_minute_whose_polls_are_all_kept_is_told_by_them_alone() -> None:
    """A process that begins in the middle of a minute does not show that minute's most once more at its beginning."""
    history = History(BEGAN + 10)
    track = history.follow()
    for at, backlog in [(11, 18), (40, 29), (70, 0)]:
        track.note(seen(at, backlog))
    assert [(11, 18), (40, 29), (70, 0)] == backlogs(past(history, track, 80))


def test_a_poll_that_tells_nothing_new_is_not_kept(history: History, track: Track) -> None:
    """What stands, stands: a point is there for each change, with everything that changed at that poll."""
    for at, backlog in [(10, 0), (20, 0), (30, 7), (40, 7), (50, 0)]:
        track.note(seen(at, backlog, running=backlog // 2, desired=backlog))
    found = past(history, track, 60)
    assert [(10, 0), (30, 7), (50, 0)] == backlogs(found)
    point = found.points[1]
    assert (Count(7, 7, 7), Count(3, 3, 3), 0, "idle") == (point.desired, point.running, point.seconds, point.reason)


def test_what_is_unknown_is_none(history: History, track: Track) -> None:
    """A queue that could not be read leaves no count behind, least of all 0."""
    track.note(seen(10, 5))
    track.note(seen(20, None))
    point = past(history, track, 30).points[-1]
    assert (None, None, None, "unknown_backlog") == (
        point.backlog.last,
        point.running.most,
        point.desired.least,
        point.reason,
    )


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.LAUNCHED, Mark.LAUNCHED),
        (Outcome.PARTLY_LAUNCHED, Mark.LAUNCHED | Mark.FAILED),
        (Outcome.FAILED, Mark.FAILED),
        (Outcome.IN_DOUBT, Mark.FAILED),
        (Outcome.DRY_RUN, Mark.DRY_RUN),
    ],
    ids=lambda value: getattr(value, "value", None),
)
def test_launches_leave_a_mark(history: History, track: Track, outcome: Outcome, expected: Mark) -> None:
    """A launch is seen in the past even where nothing else has changed."""
    track.note(seen(10, 5))
    track.note(seen(20, 5, launch=LaunchResult(outcome, None)))
    assert [Mark(0), expected] == [point.marks for point in past(history, track, 30).points]


def test_a_day_by_the_minute(history: History, track: Track) -> None:
    """What is older than two hours has the least, the most and the last of each minute that told something."""
    for at, backlog in [(0, 0), (60, 4), (70, 9), (80, 6), (130, 6), (9000, 7), (10_000, 7)]:
        track.note(seen(at, backlog))
    found = past(history, track, 10_000)
    assert [(0, 60), (60, 60), (9000, 0)] == [(point.at - BEGAN, point.seconds) for point in found.points]
    assert Count(0, 9, 6) == found.points[1].backlog


def test_what_starts_and_then_runs_is_not_counted_twice(history: History, track: Track) -> None:
    """Of a minute in which four containers started, and then ran, four have lived and not eight."""
    first, later = seen(60, 4), seen(70, 4, running=4)
    starting = Fleet(listed_at=BEGAN, starting=(BEGAN,) * 4)
    track.note(replace(first, decision=replace(first.decision, fleet=starting)))
    track.note(later)
    track.note(seen(10_000, 0))
    minute = next(point for point in past(history, track, 10_000).points if point.seconds)
    assert (4, 4, 4) == (minute.live, minute.running.most, minute.starting.most)
    assert (4, 4) == max(sketch(track, BEGAN, BEGAN + 7200, 60))


def test_what_stood_then_is_where_a_span_begins(history: History, track: Track) -> None:
    """Whoever asks for the last minute is told what was so before it and still was."""
    track.note(seen(10, 5))
    track.note(seen(100, 8))
    assert [(40, 5), (100, 8)] == backlogs(past(history, track, 110, since=40))


def test_no_poll_is_kept_for_longer_than_two_hours(history: History, track: Track) -> None:
    """The oldest go as new ones come, but for the rest of the minute in which the two hours begin."""
    for at in range(0, 10_000, 10):
        track.note(seen(at, at))
    assert 721 + 5 >= len(track.polls) // POLL.size
    polls = [point.at - BEGAN for point in past(history, track, 9_990).points if not point.seconds]
    assert list(range((9_990 - 7200) // 60 * 60, 10_000, 10)) == polls


def test_a_clock_that_steps_back(history: History, track: Track) -> None:
    """What lies ahead of the clock is forgotten, so that times only ever rise."""
    for at, backlog in [(10, 1), (600, 2), (1200, 3), (300, 4)]:
        track.note(seen(at, backlog))
    assert [(10, 1), (300, 4)] == backlogs(past(history, track, 310))


@pytest.mark.parametrize("step", [-1e9, 1e9], ids=["back before the beginning", "by 30 years"])
def test_a_clock_that_is_put_right_by_years(history: History, track: Track, step: float) -> None:
    """Then everything begins anew, and no record breaks for it."""
    track.note(seen(10, 1))
    track.note(seen(step, 2))
    track.note(seen(step + 10, 3))
    assert [(step, 2), (step + 10, 3)] == backlogs(read_past(history, track, 0, BEGAN + step + 20))[-2:]


def test_a_share_that_shrinks(history: History, track: Track) -> None:
    """When a reload brings many scalers, each track gives up what is beyond its new share, within a minute."""
    for at in range(0, 6000, 10):
        track.note(seen(at, at))
    before = len(track.polls) + len(track.minutes)
    history.divide_among(10_000)
    track.note(seen(6060, 5990))
    assert len(track.polls) + len(track.minutes) <= history.share < before
    assert past(history, track, 6060).cut


def test_all_tracks_keep_to_the_limit() -> None:
    """However many scalers there are and however much they change, memory stays within the limit: here a hundredth."""
    scalers, limit = 100, LIMIT // 100
    rising, model = random.Random(1), seen(0)
    tracemalloc.start()
    try:
        history = History(BEGAN, limit)
        history.divide_among(scalers)
        tracks = [history.follow() for _ in range(scalers)]
        before = tracemalloc.get_traced_memory()[0]
        for at in range(0, 4000, 20):
            done = replace(model, decision=replace(model.decision, at=BEGAN + at, backlog=rising.randrange(1, 99_999)))
            for track in tracks:
                track.note(done)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.5 * limit < used - before
    assert used < limit
    found = read_past(history, tracks[0], 0, BEGAN + 4000)
    assert (True, True) == (found.cut, found.polls_from > BEGAN)
    assert found.polls_from == next(point.at for point in found.points if not point.seconds)


def test_who_reads_holds_nobody_up(track: Track) -> None:
    """A poll that comes while somebody reads is kept, and what is read does not change for it."""
    for at in range(0, 60, 10):
        track.note(seen(at, at))
    records = list_since(track.polls, POLL, 0)
    track.note(seen(60, 60))
    assert [0, 10, 20, 30, 40, 50] == [backlog for _, backlog, *_ in records]
    assert 7 == len(track.polls) // POLL.size


def test_the_limit_is_that_of_the_promise() -> None:
    """It is 24 MB."""
    assert 24_000_000 == LIMIT


def test_a_history_that_is_whole_is_not_cut(history: History, track: Track) -> None:
    """With few scalers nothing is forgotten before its time, and the beginning is that of the process."""
    for at in range(0, 600, 10):
        track.note(seen(at, at))
    found = past(history, track, 600)
    assert (False, BEGAN, BEGAN) == (found.cut, found.polls_from, found.minutes_from)


def test_what_happened_to_the_controller(history: History, track: Track) -> None:
    """The start of the process is told, and reloads, from the moment on that is asked for."""
    history.note(BEGAN + 50, Happening.REFUSED)
    assert [(BEGAN, Happening.START), (BEGAN + 50, Happening.REFUSED)] == past(history, track, 60).events
    assert [(BEGAN + 50, Happening.REFUSED)] == past(history, track, 60, since=10).events


@pytest.mark.parametrize("span", [600, 7200], ids=["from polls", "from minutes"])
def test_a_sketch_shows_every_peak(history: History, track: Track, span: float) -> None:
    """A part of the time has the most that was in it, and one without a poll what stood; nothing before the first."""
    for at, backlog in [(span / 2 + 1, 3), (span * 0.75, 40), (span * 0.75 + 8, 1)]:
        track.note(seen(at, backlog, running=backlog))
    assert [(-1, -1), (-1, -1), (3, 3), (40, 40)] == sketch(track, BEGAN, BEGAN + span, 4)


def test_every_reason_has_a_place() -> None:
    """A reason is one byte of a record."""
    assert len(Reason) == len(REASONS) <= 256
