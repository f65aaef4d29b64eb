from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sandbox.aws.lifecycle import Exit, Life, Part, Stop
from tests.support.aws import container, create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

STATUSES = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]
KEEPER_AND_WORKERS = [
    container("keeper"),
    *(
        container(f"worker-{n}", essential=False, dependsOn=[{"containerName": "keeper", "condition": "START"}])
        for n in (1, 2, 3)
    ),
]


@pytest.fixture
def timed_aws(timed_aws: EmbeddedAws) -> EmbeddedAws:
    """Give an AWS on the test's clock in which a task takes 10 s to start."""
    timed_aws.ecs.timing.start_delay = 10.0
    return timed_aws


def start(aws: EmbeddedAws, containers: list[dict[str, object]]) -> str:
    """Run one task of these containers; gives its ARN."""
    return run_tasks(aws, create_cluster(aws), register_template(aws, containerDefinitions=containers))[0]


def states(aws: EmbeddedAws, arn: str) -> dict[str, tuple[str, int | None]]:
    """Give each container's status and exit code, as DescribeTasks answers them."""
    cluster = aws.ecs.task(arn).cluster
    [task] = aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    return {c["name"]: (c["lastStatus"], c.get("exitCode")) for c in task["containers"]}


@pytest.mark.parametrize(
    ("elapsed", "status"),
    [
        (0.0, "PROVISIONING"),
        (2.9, "PROVISIONING"),
        (3.0, "PENDING"),
        (8.9, "PENDING"),
        (9.5, "ACTIVATING"),
        (10.0, "RUNNING"),
    ],
)
def test_a_task_starts_in_time_not_by_being_looked_at(
    timed_aws: EmbeddedAws, clock: ManualClock, elapsed: float, status: str
) -> None:
    """Where a task is depends on the time since RunTask; its containers run when it does."""
    arn = start(timed_aws, [container()])
    clock.now += elapsed
    first, second = timed_aws.ecs.task(arn), timed_aws.ecs.task(arn)
    assert first == second
    assert (first.last_status, first.desired_status) == (status, "RUNNING")
    assert first.started_at == (clock.now if status == "RUNNING" else None)
    assert states(timed_aws, arn) == {"worker": ("RUNNING" if status == "RUNNING" else "PENDING", None)}


def test_a_stopping_task_is_told_at_once_and_stops_in_time(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """DesiredStatus flips with the order, lastStatus goes its way, stoppedAt comes with STOPPED."""
    timed_aws.ecs.timing.stop_delay = 3.0
    arn = start(timed_aws, [container()])
    clock.now += 10
    timed_aws.client("ecs").stop_task(cluster=timed_aws.ecs.task(arn).cluster, task=arn, reason="because")
    seen = []
    for _ in range(4):
        task = timed_aws.ecs.task(arn)
        seen.append((task.last_status, task.desired_status, task.stopped_at))
        clock.now += 1
    assert seen == [
        ("DEACTIVATING", "STOPPED", None),
        ("STOPPING", "STOPPED", None),
        ("DEPROVISIONING", "STOPPED", None),
        ("STOPPED", "STOPPED", 1_000_013.0),
    ]


def test_an_essential_exit_kills_its_siblings(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """Exit code 0 included; who had ended keeps its code, and the task's stop code says why."""
    arn = start(timed_aws, [container("a"), container("b"), container("c", essential=False)])
    clock.now += 10
    timed_aws.ecs.exit_container(arn, "c", 3)
    clock.now += 1
    timed_aws.ecs.exit_container(arn, "a", 0)
    task = timed_aws.ecs.task(arn)
    assert states(timed_aws, arn) == {"a": ("STOPPED", 0), "b": ("STOPPED", 137), "c": ("STOPPED", 3)}
    assert (task.last_status, task.stop_code) == ("STOPPED", "EssentialContainerExited")
    assert timed_aws.ecs.exit_container(arn, "b", 0) is False
    assert states(timed_aws, arn)["b"] == ("STOPPED", 137)


def test_a_container_tells_when_it_ended(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """By its own exit or with its task, and a task that stops before it has started anything ends all at once."""
    arn = start(timed_aws, [container("a"), container("b", essential=False)])
    timed_aws.ecs.timing.start_delay = 60.0
    late = start(timed_aws, [container("a")])
    clock.now += 10
    timed_aws.ecs.exit_container(arn, "b", 0)
    clock.now += 1
    timed_aws.ecs.exit_container(arn, "a", 0)
    timed_aws.ecs.interrupt(late)
    ends = {view.name: view.stopped_at for view in timed_aws.ecs.task(arn).containers}
    assert ends == {"a": 1_000_011.0, "b": 1_000_010.0}
    assert [view.stopped_at for view in timed_aws.ecs.task(late).containers] == [1_000_011.0]


def test_a_keeper_outlives_its_workers(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """The task stays RUNNING while only non-essential containers end, and stops with its keeper."""
    arn = start(timed_aws, KEEPER_AND_WORKERS)
    clock.now += 10
    for name in ("worker-1", "worker-2", "worker-3"):
        timed_aws.ecs.exit_container(arn, name, 0)
        clock.now += 1
    assert timed_aws.ecs.task(arn).last_status == "RUNNING"
    timed_aws.ecs.exit_container(arn, "keeper", 0)
    assert timed_aws.ecs.task(arn).last_status == "STOPPED"
    assert set(states(timed_aws, arn).values()) == {("STOPPED", 0)}


def test_dependents_start_after_what_they_depend_on(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """With a delay between them, workers are PENDING while their keeper runs already."""
    timed_aws.ecs.timing.dependency_delay = 1.0
    arn = start(timed_aws, KEEPER_AND_WORKERS)
    clock.now += 10
    before = states(timed_aws, arn)
    clock.now += 1
    assert (before["keeper"], before["worker-1"]) == (("RUNNING", None), ("PENDING", None))
    assert {status for status, _ in states(timed_aws, arn).values()} == {"RUNNING"}


def test_a_complete_dependency_keeps_the_task_pending(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """A waiter that depends on a worker's end starts after it; until then the task is not RUNNING."""
    waiter = container("waiter", dependsOn=[{"containerName": "job", "condition": "COMPLETE"}])
    arn = start(timed_aws, [waiter, container("job", essential=False)])
    clock.now += 100
    assert timed_aws.ecs.task(arn).last_status == "PENDING"
    assert states(timed_aws, arn) == {"waiter": ("PENDING", None), "job": ("RUNNING", None)}
    timed_aws.ecs.exit_container(arn, "job", 1)
    assert timed_aws.ecs.task(arn).last_status == "RUNNING"
    assert timed_aws.ecs.task(arn).started_at == clock.now


def test_a_task_that_cannot_start_says_so(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It stops where it would have begun to run, with no exit code; the next one runs."""
    timed_aws.ecs.fail_starts(1)
    failed, fine = start(timed_aws, [container()]), start(timed_aws, [container()])
    clock.now += 9.9
    assert timed_aws.ecs.task(failed).desired_status == "RUNNING"
    clock.now += 0.1
    cluster = timed_aws.ecs.task(failed).cluster
    [task] = timed_aws.client("ecs").describe_tasks(cluster=cluster, tasks=[failed])["tasks"]
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert "CannotPullContainerError" in task["stoppedReason"]
    assert ("startedAt" in task, states(timed_aws, failed)) == (False, {"worker": ("STOPPED", None)})
    assert timed_aws.ecs.task(fine).last_status == "RUNNING"


def test_starts_can_fail_for_one_family_until_taken_back(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """``when`` chooses by cluster and family."""
    cluster, broken, sound = (
        create_cluster(timed_aws),
        register_template(timed_aws, "broken"),
        register_template(timed_aws),
    )
    timed_aws.ecs.fail_starts(None, when=lambda _cluster, family: family == "broken")
    failing = run_tasks(timed_aws, cluster, broken, 2)
    running = run_tasks(timed_aws, cluster, sound, 1)
    timed_aws.ecs.let_starts_succeed()
    running += run_tasks(timed_aws, cluster, broken, 1)
    clock.now += 10
    assert [timed_aws.ecs.task(arn).stop_code for arn in failing] == ["TaskFailedToStart"] * 2
    assert [timed_aws.ecs.task(arn).last_status for arn in running] == ["RUNNING"] * 2


def test_an_interrupted_task_is_killed(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """A Spot interruption stops the task and kills what ran; before the start nothing had run."""
    running, starting = start(timed_aws, [container()]), None
    clock.now += 10
    starting = start(timed_aws, [container()])
    for arn in (running, starting):
        timed_aws.ecs.interrupt(arn)
    clock.now += 100
    assert [timed_aws.ecs.task(arn).stop_code for arn in (running, starting)] == ["SpotInterruption"] * 2
    assert [states(timed_aws, arn)["worker"] for arn in (running, starting)] == [("STOPPED", 137), ("STOPPED", None)]


def test_a_container_that_does_not_run_cannot_exit(timed_aws: EmbeddedAws) -> None:
    """Before the start an exit changes nothing, and an unknown container is an error."""
    arn = start(timed_aws, [container()])
    assert timed_aws.ecs.exit_container(arn, "worker", 0) is False
    with pytest.raises(KeyError):
        timed_aws.ecs.exit_container(arn, "wroker", 0)


def test_a_view_shows_what_a_container_is_to_do(timed_aws: EmbeddedAws) -> None:
    """Environment and command are the definition's with the call's overrides on top."""
    definition = register_template(
        timed_aws,
        containerDefinitions=[
            container(command=["drain"], environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}])
        ],
    )
    overrides = {"containerOverrides": [{"name": "worker", "environment": [{"name": "B", "value": "2"}]}]}
    run_tasks(timed_aws, create_cluster(timed_aws), definition, overrides=overrides)
    [task] = timed_aws.ecs.tasks()
    [view] = task.containers
    assert (view.command, view.environment) == (("drain",), {"A": "1", "B": "2"})


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Draw a task of a keeper and workers to which anything may have happened."""
    times = st.floats(0, 100)
    workers = draw(st.integers(0, 4))
    parts = [Part("keeper", essential=True, depends_on=())]
    parts += [Part(f"worker-{n}", essential=False, depends_on=(("keeper", "START"),)) for n in range(workers)]
    ready_at = draw(times)
    ended = draw(st.lists(st.sampled_from(parts[1:]), unique=True)) if workers else []
    stop_at = draw(st.none() | times)
    return Life(
        parts=tuple(parts),
        created_at=0.0,
        pending_at=draw(st.floats(0, ready_at)),
        ready_at=ready_at,
        dependency_delay=draw(st.floats(0, 5)),
        stop_delay=draw(st.sampled_from([0.0, 3.0])),
        start_failure=draw(st.sampled_from([None, "no image"])),
        exits={part.name: Exit(ready_at + 5 + draw(times), 0) for part in ended},
        stop=None if stop_at is None else Stop(stop_at, "UserInitiated", ""),
    )


@given(lives(), st.lists(st.floats(0, 300), min_size=2))
def test_no_life_goes_backwards(life: Life, moments: list[float]) -> None:
    """Whatever happens, a task and its containers only ever move on, and a STOPPED task has nothing running."""
    order = ["PENDING", "RUNNING", "STOPPED"]
    reached = (0, dict.fromkeys((part.name for part in life.parts), 0))
    for moment in sorted(moments):
        containers = {name: order.index(state.status) for name, state in life.containers(moment).items()}
        status = life.last_status(moment)
        # ACTIVATING may be left for PENDING only by what has to wait for its dependencies.
        rank = STATUSES.index("PENDING" if status == "ACTIVATING" else status)
        assert rank >= reached[0]
        assert all(containers[name] >= before for name, before in reached[1].items())
        if status == "STOPPED":
            assert set(containers.values()) == {2}
        reached = (rank, containers)


@given(lives(), st.floats(0, 300))
def test_a_container_has_an_exit_code_only_after_it_ran(life: Life, moment: float) -> None:
    """And a task that could not start never has any."""
    for state in life.containers(moment).values():
        assert (state.exit_code is None) == (state.status != "STOPPED" or state.started_at is None)
        assert life.start_failure is None or state.started_at is None
