from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.sandbox.aws.capacity import NO_CAPACITY
from tests.support.aws import container, create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

KEEPER_AND_WORKERS = [
    container("keeper"),
    *(
        container(f"worker-{n}", essential=False, dependsOn=[{"containerName": "keeper", "condition": "START"}])
        for n in (1, 2, 3)
    ),
]


@pytest.fixture
def timed_aws(timed_aws: EmbeddedAws) -> EmbeddedAws:
    """Return an AWS on the test's clock in which a task takes 10 s to start."""
    timed_aws.ecs.timing.start_delay = 10.0
    return timed_aws


def start(aws: EmbeddedAws, containers: list[dict[str, object]]) -> str:
    """Run one task of these containers; return its ARN."""
    return run_tasks(aws, create_cluster(aws), register_template(aws, containerDefinitions=containers))[0]


def states(aws: EmbeddedAws, arn: str) -> dict[str, tuple[str, int | None]]:
    """Return the status and the exit code of each container, as DescribeTasks answers them."""
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
def test_a_task_starts_by_the_clock(timed_aws: EmbeddedAws, clock: ManualClock, elapsed: float, status: str) -> None:
    """The status of a task depends on the time since RunTask, not on who looks; its containers run when it does."""
    arn = start(timed_aws, [container()])
    clock.now += elapsed
    first, second = timed_aws.ecs.task(arn), timed_aws.ecs.task(arn)
    assert first == second
    assert (first.last_status, first.desired_status) == (status, "RUNNING")
    assert first.started_at == (clock.now if status == "RUNNING" else None)
    assert states(timed_aws, arn) == {"worker": ("RUNNING" if status == "RUNNING" else "PENDING", None)}


def test_a_stopping_task_takes_its_time(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """DesiredStatus changes with the order, lastStatus step by step, and stoppedAt is set with STOPPED."""
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
    """This holds for exit code 0 too; containers that ended before keep their code, and the stop code says why."""
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
    """It ends with its own exit or with its task, also in a task that stops before it has started."""
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
    """A container that depends on the end of another starts after it, and only then the task is RUNNING."""
    waiter = container("waiter", dependsOn=[{"containerName": "job", "condition": "COMPLETE"}])
    arn = start(timed_aws, [waiter, container("job", essential=False)])
    clock.now += 100
    assert timed_aws.ecs.task(arn).last_status == "PENDING"
    assert states(timed_aws, arn) == {"waiter": ("PENDING", None), "job": ("RUNNING", None)}
    timed_aws.ecs.exit_container(arn, "job", 1)
    assert timed_aws.ecs.task(arn).last_status == "RUNNING"
    assert timed_aws.ecs.task(arn).started_at == clock.now


def test_a_task_that_cannot_start_says_so(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It stops when it would have started, without exit codes; the next task runs."""
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


def test_a_task_without_a_place_stops_at_the_end_of_provisioning(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It is listed like any other until then, and has no containers afterwards, as on Fargate."""
    timed_aws.ecs.fail_starts(1, reason=NO_CAPACITY, placed=False)
    timed_aws.ecs.timing.pending_delay = 3.0
    arn = start(timed_aws, [container()])
    cluster = timed_aws.ecs.task(arn).cluster
    seen = []
    for wait in (2.9, 0.1):
        clock.now += wait
        [task] = timed_aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        seen.append((task["lastStatus"], len(task["containers"]), task.get("stopCode"), task.get("stoppedReason")))
    assert seen == [("PROVISIONING", 1, None, None), ("STOPPED", 0, "TaskFailedToStart", NO_CAPACITY)]


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
    """A Spot interruption stops the task and kills the containers that were running."""
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


def test_a_view_shows_the_environment_and_command_of_a_container(timed_aws: EmbeddedAws) -> None:
    """They are those of the definition, with the overrides of the call."""
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


def test_a_task_without_an_instance_has_no_containers_yet(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """While an EC2 capacity provider scales up; on Fargate they are there from the start."""
    seen = []
    for provider in ("instances", "FARGATE"):
        timed_aws.ecs.timing.start_delay = 10.0
        cluster = create_cluster(timed_aws, capacityProviders=[provider])
        definition = register_template(timed_aws, requiresCompatibilities=["EC2", "FARGATE"])
        strategy = [{"capacityProvider": provider}]
        [arn] = run_tasks(timed_aws, cluster, definition, capacityProviderStrategy=strategy)
        for _ in range(2):
            [task] = timed_aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
            seen.append((task["lastStatus"], len(task["containers"])))
            clock.now += 5
    assert [("PROVISIONING", 0), ("PENDING", 1), ("PROVISIONING", 1), ("PENDING", 1)] == seen


def test_a_description_can_be_distorted(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Of one task, in any way; what the task does stays as it is."""
    odd, other = run_tasks(aws, cluster, template, 2)
    aws.ecs.distort(odd, lambda task: task | {"lastStatus": "HIBERNATING", "containers": []})
    described = aws.client("ecs").describe_tasks(cluster=cluster, tasks=[odd, other])["tasks"]
    assert [("HIBERNATING", 0), ("RUNNING", 1)] == [(task["lastStatus"], len(task["containers"])) for task in described]
    assert "RUNNING" == aws.ecs.task(odd).last_status
