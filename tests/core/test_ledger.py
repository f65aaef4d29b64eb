from dataclasses import replace

import pytest

from controller.core.ledger import LiveTask, StopOutcome, StoppedTask, answered, described, fleet_of
from controller.core.model import Fleet
from tests.core.builders import NOW


def task(name: str, **changes) -> LiveTask:
    """Return a live task of two containers that start."""
    return replace(LiveTask(arn=name, scaler="ingest", running=0, starting=2, created_at=NOW), **changes)


def ended(name: str, outcome: StopOutcome = StopOutcome.SUCCEEDED) -> StoppedTask:
    """Return a task that has stopped."""
    return StoppedTask(arn=name, scaler="ingest", outcome=outcome)


def ledger_of(*tasks: LiveTask) -> dict[str, LiveTask]:
    """Return the ledger of these tasks."""
    return {each.arn: each for each in tasks}


def test_a_task_from_an_answer_is_live_at_once() -> None:
    """Whatever the listing says."""
    assert answered({}, [task("a"), task("b")]) == ledger_of(task("a"), task("b"))


def test_an_answer_that_comes_again_does_not_undo_what_was_described() -> None:
    """The same call sent twice answers with the tasks as they were created."""
    runs = task("a", running=2, starting=0, started_at=NOW + 40)
    assert answered(ledger_of(runs), [task("a"), task("b")]) == ledger_of(runs, task("b"))


def test_a_task_that_no_description_mentions_stays_live() -> None:
    """A listing that lacks it proves nothing."""
    assert described(ledger_of(task("a")), [], [], NOW + 86_400) == (ledger_of(task("a")), ())


def test_a_description_replaces_what_was_known() -> None:
    """A task found in a listing enters the same way."""
    runs = task("a", running=2, starting=0, started_at=NOW + 40)
    assert described(ledger_of(task("a")), [runs, task("b")], [], NOW) == (ledger_of(runs, task("b")), ())


@pytest.mark.parametrize("outcome", list(StopOutcome))
def test_a_task_described_as_stopped_has_ended(outcome: StopOutcome) -> None:
    """It leaves the ledger and is reported with its outcome."""
    ledger = ledger_of(task("a"), task("b"))
    assert described(ledger, [ended("a", outcome)], [], NOW) == (ledger_of(task("b")), (ended("a", outcome),))


def test_a_task_ends_once() -> None:
    """A listing that lags shows it again after its end; it is not reported again."""
    ledger, _ = described(ledger_of(task("a")), [ended("a")], [], NOW)
    assert described(ledger, [ended("a")], [], NOW + 10) == ({}, ())


@pytest.mark.parametrize(
    ("seconds", "live"), [(0.0, True), (10.0, True), (299.9, True), (300.1, False), (4000.0, False)]
)
def test_a_missing_task_is_live_for_five_minutes(seconds: float, live: bool) -> None:  # noqa: FBT001 - a table's column
    """Counted from when it was first MISSING; then it is given up with an unknown outcome."""
    ledger, _ = described(ledger_of(task("a")), [], ["a"], NOW)
    ledger, stopped = described(ledger, [], ["a"], NOW + seconds)
    assert (["a"] if live else []) == list(ledger)
    assert (() if live else (ended("a", StopOutcome.UNKNOWN),)) == stopped


def test_a_task_that_was_missing_and_is_described_is_as_live_as_before() -> None:
    """The five minutes begin anew the next time."""
    ledger, _ = described(ledger_of(task("a")), [], ["a"], NOW)
    ledger, _ = described(ledger, [task("a")], [], NOW + 200)
    ledger, _ = described(ledger, [], ["a"], NOW + 400)
    ledger, stopped = described(ledger, [], ["a"], NOW + 600)
    assert (list(ledger), stopped) == (["a"], ())


def test_the_ledger_given_is_left_alone() -> None:
    """Both functions return new ledgers."""
    ledger = ledger_of(task("a"), task("b"))
    answered(ledger, [task("c")])
    described(ledger, [ended("a")], ["b"], NOW)
    assert ledger == ledger_of(task("a"), task("b"))


def test_a_fleet_counts_containers_and_tasks() -> None:
    """Containers by their own state, tasks by whether they became RUNNING; each start by its task's creation."""
    tasks = [
        task("a", running=3, starting=0, created_at=NOW - 500, started_at=NOW - 450),
        task("b", running=1, starting=2, created_at=NOW - 100, started_at=NOW - 50),
        task("c", starting=1, created_at=NOW - 20),
    ]
    assert fleet_of(tasks, listed_at=NOW, start_delay=50.0) == Fleet(
        listed_at=NOW,
        running=4,
        starting=(NOW - 100, NOW - 100, NOW - 20),
        running_tasks=2,
        starting_tasks=1,
        newest_task_at=NOW - 20,
        oldest_task_at=NOW - 500,
        start_delay=50.0,
    )
    assert fleet_of(tasks, NOW, None).live == 7


def test_a_fleet_of_nothing_is_known_to_be_empty() -> None:
    """Nothing lives, and that stands on a listing."""
    assert fleet_of([], NOW, None) == Fleet(listed_at=NOW)
