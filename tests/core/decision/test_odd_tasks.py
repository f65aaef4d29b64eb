"""The ledger where ECS does not tell all of a task: what was known stays, and nothing that lives counts as none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.ledger import (
    count_fleet,
    date_end,
    enter_descriptions,
    enter_draining,
    enter_started,
)
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import NOBODY, LiveTask, Part, Size, Start, TaskState
from tests.core.decision.builders import NOW

ALL = frozenset(Part)
CREW = frozenset({Part.CREW})


def task(name: str = "a", **changes) -> LiveTask:
    """Return a live task of two workers that start."""
    return replace(LiveTask(arn=name, scaler="ingest", running=0, starting=2, created_at=NOW - 100), **changes)


def odd(name: str = "a", guess: int = 9, **changes) -> LiveTask:
    """Return a task as guessed where its description tells nothing."""
    guessed = LiveTask(arn=name, scaler=NOBODY, running=0, starting=guess, created_at=NOW, guessed=ALL)
    return replace(guessed, **changes)


def look(*seen: LiveTask, before: LiveTask | None = None, now: float = NOW) -> LiveTask:
    """Return the only task of the ledger after looks, ten seconds apart, at one that was known as ``before``."""
    ledger = {} if before is None else {before.arn: before}
    for number, each in enumerate(seen):
        ledger, _ = enter_descriptions(ledger, [each], [], now + 10 * number)
    (known,) = ledger.values()
    return known


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (task(starting=3), (0, 3, 0)),
        (task(starting=1, running=4), (4, 1, 0)),
        (task(starting=0, running=1, stopped=8, exited=8), (1, 0, 8)),
        (task(starting=0, stopped=2, exited=2), (0, 0, 2)),
        (None, (0, 9, 0)),
        (odd(guess=4), (0, 4, 0)),
        (odd(guess=12), (0, 9, 0)),
    ],
    ids=["answer", "seen", "few left", "ended", "never seen", "family told", "a larger guess"],
)
def test_an_odd_look_changes_nothing_that_is_known(before, expected) -> None:
    """Our own answer and an earlier look tell more than a guess; of two guesses the smaller was told by the family."""
    known = look(odd(), odd(), before=before)
    assert expected == (known.running, known.starting, known.stopped)
    assert (before is None or bool(before.guessed)) == bool(known.guessed)


def test_whose_a_task_is_and_how_old_stays_known() -> None:
    """As long as something has told it once."""
    known = look(odd(), before=task(start=Start(NOW - 50)))
    assert ("ingest", NOW - 100, Start(NOW - 50)) == (known.scaler, known.created_at, known.start)


def test_what_a_task_is_made_from_stays_known() -> None:
    """An odd look does not take it away, and one that tells it and nothing of the workers is believed."""
    made = {"family": "worker", "revision": 7, "size": Size(256, 512)}
    for seen in ((task(**made), task()), (task(**made), odd()), (task(), odd(**made, guessed=CREW))):
        known = look(*seen)
        assert ("worker", 7, Size(256, 512)) == (known.family, known.revision, known.size)


def test_what_is_told_later_takes_the_place_of_a_guess() -> None:
    """All of it, or a part."""
    told = look(odd(), task(starting=0, running=1))
    assert ("ingest", NOW - 100, 1, frozenset()) == (told.scaler, told.created_at, told.workers, told.guessed)
    part = look(odd(), odd(scaler="ingest", guessed=CREW, created_at=NOW - 100))
    assert ("ingest", NOW - 100, 9, CREW) == (part.scaler, part.created_at, part.workers, part.guessed)


def test_the_age_of_a_task_that_is_never_dated_is_that_of_the_first_look() -> None:
    """It does not become younger from look to look."""
    assert NOW == look(odd(), odd(created_at=NOW + 10)).created_at


def test_an_answer_that_comes_after_an_odd_look_tells_what_that_did_not() -> None:
    """A listing may show a task before its answer is entered."""
    ledger, _ = enter_descriptions({}, [odd(draining=True)], [], NOW)
    (known,) = enter_started(ledger, [task()]).values()
    assert ("ingest", 2, True, frozenset()) == (known.scaler, known.workers, known.draining, known.guessed)


def test_an_order_to_stop_is_not_taken_back() -> None:
    """A description from before the order may come after one from after it."""
    known = look(task(starting=0, running=2, draining=True), task(starting=0, running=2))
    assert TaskState.DRAINING is known.state


def test_an_odd_look_at_a_draining_task_leaves_it_draining() -> None:
    """With all its workers."""
    known = look(task(starting=0, running=2, draining=True), odd())
    assert (TaskState.DRAINING, 2) == (known.state, known.workers)


@pytest.mark.parametrize("seconds", [0.0, 299.0, 301.0, 86_400.0])
def test_a_task_that_is_listed_is_never_given_up(seconds: float) -> None:
    """Whatever ECS says when it is asked for; the five minutes begin once it is listed no more."""
    ledger, _ = enter_descriptions({"a": task()}, [], ["a"], NOW - 200)
    ledger, _ = enter_descriptions(ledger, [odd()], [], NOW + seconds)
    ledger, stopped = enter_descriptions(ledger, [], ["a"], NOW + seconds + 1)
    assert (2, ()) == (ledger["a"].starting, stopped)


def test_a_task_whose_end_tells_nothing_else_ends_as_the_scalers() -> None:
    """It is counted where it lived, and it is as old as it was."""
    end = StoppedTask("a", NOBODY, StopOutcome.FAILED, NOW + 20, stopped_at=NOW + 20)
    ended = date_end(end, task())
    assert ("ingest", NOW - 100) == (ended.scaler, ended.created_at)


def test_tasks_that_drained_before_this_process_are_known_from_then_on() -> None:
    """What is known already is not made older."""
    known = task("a", starting=0, running=1)
    ledger = enter_draining({"a": known}, [task("a"), task("b", starting=0, running=2)], NOW)
    assert (known, TaskState.DRAINING) == (ledger["a"], ledger["b"].state)


@pytest.mark.parametrize(
    ("created", "started"),
    [(-40 * 365 * 86_400.0, -10.0), (-86_500.0, -10.0), (-10.0, -70.0)],
    ids=["decades", "more than a day", "before it was created"],
)
def test_a_start_that_cannot_be_is_not_measured(created: float, started: float) -> None:
    """Else one wrong date would be the start delay of the scaler."""
    dated = task(starting=0, running=1, created_at=NOW + created, start=Start(NOW + started))
    known = look(dated)
    assert None is known.start.took(known.created_at)


COUNTS = st.integers(0, 9)


@given(
    running=COUNTS,
    starting=COUNTS,
    stopped=COUNTS,
    guess=st.integers(1, 9),
    lacks=st.sets(st.sampled_from(Part), min_size=1),
    draining=st.booleans(),
    looks=st.integers(1, 4),
)
def test_no_odd_look_makes_a_task_count_for_less(running, starting, stopped, guess, lacks, draining, looks) -> None:
    """However often it comes, and whatever it lacks: the fleet has all that it had."""
    before = task(running=running, starting=starting, stopped=stopped or (0 if running or starting else 1))
    seen = replace(before, guessed=frozenset(lacks), draining=draining)
    if Part.CREW in lacks:
        seen = replace(seen, running=0, starting=guess, stopped=0)
    known = look(*[seen] * looks, before=before)
    alive, then = count_fleet([known], NOW, None), count_fleet([before], NOW, None)
    assert then.live + then.held <= alive.live + alive.held
    assert (alive.live == 0) == (draining or then.live == 0)
