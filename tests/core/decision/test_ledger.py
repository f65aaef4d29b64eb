from dataclasses import replace

import pytest

from controller.core.decision.ledger import count_fleet, date_end, enter_descriptions, enter_started
from controller.core.decision.model import Fleet
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Start
from tests.core.decision.builders import BREAKER, NOW


def task(name: str, **changes) -> LiveTask:
    """Return a live task of two containers that start."""
    return replace(LiveTask(arn=name, scaler="ingest", running=0, starting=2, created_at=NOW), **changes)


def stops(name: str, outcome: StopOutcome = StopOutcome.SUCCEEDED) -> StoppedTask:
    """Return a task that has stopped."""
    return StoppedTask(arn=name, scaler="ingest", outcome=outcome)


def ledger_of(*tasks: LiveTask) -> dict[str, LiveTask]:
    """Return the ledger of these tasks."""
    return {each.arn: each for each in tasks}


def test_a_task_from_an_answer_is_live_at_once() -> None:
    """Whatever the listing says."""
    assert enter_started({}, [task("a"), task("b")]) == ledger_of(task("a"), task("b"))


def test_an_answer_that_comes_again_does_not_undo_what_was_described() -> None:
    """The same call sent twice answers with the tasks as they were created."""
    runs = task("a", running=2, starting=0, start=Start(NOW + 40))
    assert enter_started(ledger_of(runs), [task("a"), task("b")]) == ledger_of(runs, task("b"))


def test_a_task_that_no_description_mentions_stays_live() -> None:
    """A listing that lacks it proves nothing."""
    assert enter_descriptions(ledger_of(task("a")), [], [], NOW + 86_400) == (ledger_of(task("a")), ())


def test_a_description_replaces_what_was_known() -> None:
    """A task found in a listing enters the same way."""
    runs, waits = task("a", running=2, starting=0, start=Start(NOW + 40)), task("b")
    runs_since = replace(runs, start=Start(NOW + 40, measured=True), ran_until=NOW, looked_at=NOW)
    seen = ledger_of(runs_since, replace(waits, start=Start(after=NOW), looked_at=NOW))
    assert enter_descriptions(ledger_of(task("a")), [runs, waits], [], NOW) == (seen, ())


@pytest.mark.parametrize("outcome", list(StopOutcome))
def test_a_task_described_as_stopped_has_ended(outcome: StopOutcome) -> None:
    """It leaves the ledger and is reported with its outcome."""
    ledger = ledger_of(task("a"), task("b"))
    ledger, stopped = enter_descriptions(ledger, [stops("a", outcome)], [], NOW)
    assert (ledger_of(task("b")), [("a", outcome)]) == (ledger, [(each.arn, each.outcome) for each in stopped])


def test_a_task_ends_once() -> None:
    """A listing that lags shows it again after its end; it is not reported again."""
    ledger, _ = enter_descriptions(ledger_of(task("a")), [stops("a")], [], NOW)
    assert enter_descriptions(ledger, [stops("a")], [], NOW + 10) == ({}, ())


@pytest.mark.parametrize(
    ("seconds", "live"), [(0.0, True), (10.0, True), (299.9, True), (300.1, False), (4000.0, False)]
)
def test_a_missing_task_is_live_for_five_minutes(seconds: float, live: bool) -> None:  # noqa: FBT001 - a table's column
    """Counted from when it was first MISSING; then it is given up with an unknown outcome."""
    ledger, _ = enter_descriptions(ledger_of(task("a")), [], ["a"], NOW)
    ledger, stopped = enter_descriptions(ledger, [], ["a"], NOW + seconds)
    assert (["a"] if live else []) == list(ledger)
    assert (() if live else (stops("a", StopOutcome.UNKNOWN),)) == stopped


def test_a_task_that_was_missing_and_is_described_is_as_live_as_before() -> None:
    """The five minutes begin anew the next time."""
    ledger, _ = enter_descriptions(ledger_of(task("a")), [], ["a"], NOW)
    ledger, _ = enter_descriptions(ledger, [task("a")], [], NOW + 200)
    ledger, _ = enter_descriptions(ledger, [], ["a"], NOW + 400)
    ledger, stopped = enter_descriptions(ledger, [], ["a"], NOW + 600)
    assert (list(ledger), stopped) == (["a"], ())


def test_the_ledger_given_is_left_alone() -> None:
    """Both functions return new ledgers."""
    ledger = ledger_of(task("a"), task("b"))
    enter_started(ledger, [task("c")])
    enter_descriptions(ledger, [stops("a")], ["b"], NOW)
    assert ledger == ledger_of(task("a"), task("b"))


WAITS, RUNS, ENDED = {"starting": 1}, {"starting": 0, "running": 1}, {"starting": 0, "exited": 1}
"""A task before its worker runs, while it runs, and after, where a container that waits for its end goes on."""
BESIDE = {"starting": 0, "running": 1, "company": True}
"""A worker that runs beside another container."""
LATE = 7200.0


@pytest.mark.parametrize(
    ("looks", "started", "took"),
    [
        ([(10, WAITS, None)], None, None),
        ([(10, WAITS, None), (20, RUNS, 14)], (14, None), 14),
        ([(10, WAITS, None), (20, RUNS, None), (30, RUNS, None)], (20, 10), 20),
        ([(10, WAITS, None), (20, RUNS, None), (LATE, ENDED, LATE - 1)], (20, 10), 20),
        ([(10, WAITS, None), (20, ENDED, 15)], (15, None), 15),
        ([(10, WAITS, None), (20, ENDED, None), (30, ENDED, 25)], (20, 10), 20),
        ([(20, RUNS, None)], (20, 0), 20),
        ([(LATE, RUNS, 40)], (40, None), 40),
        ([(LATE, RUNS, 900)], (900, None), 900),
        ([(LATE, RUNS, None)], (LATE, 0), None),
        ([(LATE, ENDED, 40)], (40, None), 40),
        ([(LATE, ENDED, LATE - 1)], (LATE - 1, 0), None),
        ([(10, WAITS, None), (LATE, RUNS, None)], (LATE, 10), None),
        ([(LATE, BESIDE, 50)], (50, None), 50),
        ([(LATE, BESIDE, 245)], (245, None), None),
        ([(290, ENDED, 289)], (289, None), None),
        ([(10, WAITS, None), (20, RUNS, -3000)], (-3000, None), None),
    ],
    ids=[
        "none runs",
        "ECS dates it",
        "a container waits for its end",
        "and starts when it has ended",
        "never seen to run",
        "seen after its end, before ECS dates the task",
        "first seen running",
        "a restart",
        "a restart, a slow start",
        "a restart, a container waits for its end",
        "a restart, another container goes on",
        "a restart, a container waited for its end",
        "nobody looked for hours",
        "a restart, a quick start beside another container",
        "a restart, a date that may be another container's",
        "a first look after its end",
        "a date before the task",
    ],
)
def test_a_start_is_that_of_the_first_worker(looks, started, took) -> None:
    """As ECS dates it where that is the workers', else by the look that first showed one."""
    ledger = {}
    for at, state, dated in looks:
        seen = task("a", start=Start(dated and NOW + dated), **({"company": ENDED in [s for _, s, _ in looks]} | state))
        ledger, _ = enter_descriptions(ledger, [seen], [], NOW + at)
    known = ledger["a"]
    start = known.start
    found = start.at and (start.at - NOW, None if start.after is None else start.after - NOW)
    assert (started, took) == (found, start.took(known.created_at))
    alive = count_fleet([known], NOW, None)
    assert (started is not None) == bool(alive.running_tasks or alive.ended_tasks)


@pytest.mark.parametrize(
    ("looks", "dated", "stopped", "company", "good"),
    [
        ([(10, WAITS, None), (20, RUNS, None), (LATE, RUNS, None)], LATE + 5, LATE + 10, True, True),
        ([(10, WAITS, None), (20, RUNS, None), (79, RUNS, None), (LATE, ENDED, None)], None, LATE + 10, True, None),
        ([(10, WAITS, None), (20, RUNS, None), (80, RUNS, None), (LATE, ENDED, None)], None, LATE + 10, True, True),
        ([(10, WAITS, None), (20, RUNS, None)], 30, 40, True, False),
        ([(10, WAITS, None), (20, RUNS, None), (30, ENDED, 25)], 25, LATE, True, False),
        ([(10, WAITS, None), (20, RUNS, None), (30, ENDED, 25), (LATE, ENDED, 25)], 25, LATE, True, False),
        ([(60, RUNS, None), (120, ENDED, 62)], 62, 400, True, None),
        ([(1200, ENDED, 42)], 42, 1800, True, None),
        ([(10, WAITS, None)], None, 50, True, False),
        ([(10, WAITS, None)], LATE, LATE + 5, True, None),
        ([(LATE, RUNS, None)], LATE + 5, LATE + 10, True, None),
        ([], 40, 45, True, False),
        ([], 200, 205, True, False),
        ([], 42, 132, True, None),
        ([], 301, 306, True, None),
        ([], 40, 40 + BREAKER.within, False, True),
        ([], LATE, LATE + 5, True, None),
        ([], None, LATE, True, None),
        ([], None, 50, True, False),
    ],
    ids=[
        "hours, and then a container that waited for it",
        "a look too few to know",
        "a minute of looks, and that container never started",
        "a crash, seen to run before",
        "a crash, and then a container that works for hours",
        "the same, looked at again",
        "a crash between rare looks",
        "a crash before the first look",
        "a crash between two looks that ECS does not date",
        "nobody looked while it ran",
        "a restart while it ran",
        "a restart after a crash",
        "a restart after a slow start and a crash",
        "a restart after a crash, and then a container that works for a while",
        "a restart after what may have been work",
        "a restart after a minute of work",
        "a restart, a container waited for its end",
        "a restart, ECS never dated the start",
        "a restart, it lived for less than a minute",
    ],
)
def test_only_what_surely_failed_soon_is_a_bad_end(looks, dated, stopped, company, good) -> None:
    """What ran for long tells of its message; of what cannot be told nothing is told."""
    ledger = {}
    for at, state, said in looks:
        seen = task("a", start=Start(said and NOW + said), company=company, **state)
        ledger, _ = enter_descriptions(ledger, [seen], [], NOW + at)
    start = Start(dated and NOW + dated)
    end = StoppedTask("a", "ingest", StopOutcome.FAILED, NOW, start, NOW + stopped, company=company)
    end = enter_descriptions(ledger, [end], [], NOW + stopped)[1][0] if ledger else date_end(end)
    sign = end.sign(BREAKER.within)
    assert good == (sign and sign.good)


def test_a_fleet_counts_containers_and_tasks() -> None:
    """Containers by their own state, tasks by whether they became RUNNING; each start by its task's creation."""
    tasks = [
        task("a", running=3, starting=0, created_at=NOW - 500, start=Start(NOW - 450)),
        task("b", running=1, starting=2, created_at=NOW - 100, start=Start(NOW - 50)),
        task("c", starting=1, created_at=NOW - 20),
    ]
    assert count_fleet(tasks, listed_at=NOW, start_delay=50.0) == Fleet(
        listed_at=NOW,
        running=4,
        starting=(NOW - 100, NOW - 100, NOW - 20),
        running_tasks=2,
        starting_tasks=1,
        newest_task_at=NOW - 20,
        oldest_task_at=NOW - 500,
        start_delay=50.0,
        began=(NOW - 450,) * 3 + (NOW - 50,),
    )
    assert count_fleet(tasks, NOW, None).live == 7


def test_a_fleet_of_nothing_is_known_to_be_empty() -> None:
    """Nothing lives, and that stands on a listing."""
    assert count_fleet([], NOW, None) == Fleet(listed_at=NOW)
