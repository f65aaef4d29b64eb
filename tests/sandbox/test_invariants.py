from itertools import count

import pytest

from controller.sandbox.assignments import BEHAVIOUR_VARIABLE
from controller.sandbox.aws import ContainerView, JournalEntry, TaskView
from controller.sandbox.invariants import LaunchWatch, count_most_live, find_overdue

DIGEST = "0123456789abcdef0123456789abcdef"
numbers = count(1)


def token(slot: int, index: int, digest: str = DIGEST) -> str:
    return f"ecsq-{slot}-{index}-{digest}"


def asked(process: str, slot: int, index: int, tasks: int, *, scaler="drain", operation="RunTask") -> JournalEntry:
    return JournalEntry(
        at=0.0,
        service="ecs",
        operation=operation,
        parameters={"clientToken": token(slot, index), "count": tasks, "group": scaler},
        status=200,
        error_code=None,
        disturbance=None,
        client="ecsq-sandbox",
        process=process,
    )


def worker(stopped_at: float | None, *, sidecar: bool = False) -> ContainerView:
    return ContainerView(
        name="any",
        essential=True,
        status="RUNNING" if stopped_at is None else "STOPPED",
        exit_code=None,
        started_at=None,
        stopped_at=stopped_at,
        environment={} if sidecar else {BEHAVIOUR_VARIABLE: "drain"},
        entry_point=(),
        command=(),
        depends_on=(),
        metadata_uri="",
    )


def task(client_token: str = "", *, scaler="drain", created_at=0.0, stopped_at=None, containers=()) -> TaskView:
    return TaskView(
        arn=f"task/{next(numbers)}",
        cluster="sandbox",
        family="drain-worker",
        group=scaler,
        started_by="sandbox",
        created_at=created_at,
        started_at=None,
        stopped_at=stopped_at,
        stop_code=None,
        last_status="RUNNING",
        desired_status="RUNNING",
        definition_arn="definition",
        client_token=client_token,
        containers=tuple(containers),
    )


def started(slot: int, index: int, tasks: int, *, digest=DIGEST, scaler="drain") -> list[TaskView]:
    return [task(token(slot, index, digest), scaler=scaler) for _ in range(tasks)]


A, B = "controller-1", "controller-2"
OTHER = DIGEST[::-1]


@pytest.mark.parametrize(
    ("calls", "tasks", "beyond"),
    [
        ([asked(A, 1, 0, 4), asked(A, 1, 1, 2)], [*started(1, 0, 4), *started(1, 1, 2)], 0),
        ([asked(A, 1, 0, 4), asked(A, 1, 0, 4)], started(1, 0, 4), 0),
        ([asked(A, 1, 0, 4), asked(B, 1, 0, 4), asked(B, 1, 1, 2)], [*started(1, 0, 4), *started(1, 1, 2)], 0),
        ([asked(A, 1, 0, 4), asked(B, 1, 0, 2)], started(1, 0, 4), 0),
        ([asked(A, 1, 0, 4), asked(A, 2, 0, 4)], [*started(1, 0, 4), *started(2, 0, 4)], 0),
        (
            [asked(A, 1, 0, 1), asked(A, 1, 0, 1, scaler="single")],
            [*started(1, 0, 1), *started(1, 0, 1, scaler="single")],
            0,
        ),
        ([asked(A, 1, 0, 4), asked(A, 1, 1, 2)], started(1, 0, 4), 0),
        ([asked(A, 1, 0, 4), asked(B, 1, 0, 2), asked(B, 1, 1, 3)], [*started(1, 0, 4), *started(1, 1, 3)], 2),
        ([asked(A, 1, 0, 4), asked(B, 1, 0, 4)], [*started(1, 0, 4), *started(1, 0, 4, digest=OTHER)], 4),
        ([asked(A, 1, 0, 4), asked(A, 1, 0, 3)], [*started(1, 0, 4), *started(1, 0, 3, digest=OTHER)], 3),
        ([], [task(), task("by hand")], 2),
        ([asked(A, 1, 0, 4, operation="ListTasks")], started(1, 0, 1), 1),
    ],
    ids=[
        "a plan of two calls",
        "the same call again",
        "a restarted controller goes on with the same plan",
        "another plan that lost",
        "two slots",
        "two scalers",
        "a plan that did not come to its end",
        "a conflict that did not end the plan",
        "tokens that differ between processes",
        "two plans of one process in one slot",
        "no token of a controller",
        "never asked for",
    ],
)
def test_what_a_slot_starts_is_held_against_its_largest_plan(calls, tasks, beyond):
    """Tasks count that exceed what any single process asked for in the slot, whoever asked and how often."""
    watch = LaunchWatch()
    for call in calls:
        watch.record(call)

    assert beyond == watch.count_beyond_plans(tasks).total()


def test_launches_beyond_plans_are_counted_by_scaler():
    """Each scaler has its own number."""
    watch = LaunchWatch()
    watch.record(asked(A, 1, 0, 1))

    assert {"drain": 1, "single": 2} == watch.count_beyond_plans(
        [*started(1, 0, 2), *started(1, 0, 2, scaler="single")]
    )


@pytest.mark.parametrize(
    ("tasks", "most"),
    [
        ([task(created_at=1.0, containers=[worker(None), worker(None)])], 2),
        ([task(created_at=1.0, containers=[worker(5.0)]), task(created_at=4.0, containers=[worker(9.0)])], 2),
        ([task(created_at=1.0, containers=[worker(5.0)]), task(created_at=5.0, containers=[worker(9.0)])], 1),
        (
            [
                task(created_at=1.0, containers=[worker(5.0), worker(2.0)]),
                task(created_at=3.0, containers=[worker(9.0)]),
            ],
            2,
        ),
        ([task(created_at=1.0, containers=[worker(None), worker(None, sidecar=True)])], 1),
    ],
    ids=[
        "starting counts",
        "for a moment",
        "one after the other",
        "a copy ends before its task",
        "sidecars do not count",
    ],
)
def test_the_most_live_containers_are_found_at_any_moment(tasks, most):
    """A container lives from its launch to its own end, and even the shortest peak counts."""
    assert {"drain": most} == count_most_live(tasks)


def test_the_most_live_containers_are_counted_by_scaler():
    """Each scaler has its own number."""
    tasks = [
        task(containers=[worker(None)]),
        task(scaler="single", containers=[worker(None), worker(None)]),
    ]

    assert {"drain": 1, "single": 2} == count_most_live(tasks)


@pytest.mark.parametrize(
    ("lives", "told"),
    [
        (task(containers=[worker(3.0), worker(5.0), worker(None, sidecar=True)]), True),
        (task(containers=[worker(3.0), worker(None)]), False),
        (task(containers=[worker(3.0), worker(5.1)]), False),
        (task(containers=[worker(3.0), worker(5.0)], stopped_at=6.0), False),
        (task(containers=[worker(None, sidecar=True)]), False),
    ],
    ids=["long after its last worker", "a worker still runs", "not so long yet", "stopped", "no task of workers"],
)
def test_a_task_that_nobody_will_end_is_found(lives, told):
    """It lives on for more than the patience after its last worker."""
    sentences = list(find_overdue([lives], 15.05, patience=10.0))

    assert [f"Task {lives.arn} still lives 10 s after its last worker has ended."] * told == sentences
