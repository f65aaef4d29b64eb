from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.descriptions import FindOutline, read_task
from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.session import ASKED_WITHIN, Clients
from controller.aws.tasks import Round, Tasks
from controller.clock import Clock
from controller.core.copies.copies import KEEPER
from controller.core.copies.keeper import OVERDUE
from controller.core.decision.rate import Rate
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import NOBODY, LiveTask, Outline, Size, Start
from controller.sandbox.aws import Disturbance
from controller.sandbox.aws.capacity import NO_CAPACITY
from tests.core.decision.builders import BREAKER
from tests.support.aws import container, create_cluster, register_template, run_tasks
from tests.support.controller import CONTROLLER, SCALER, aws_spec, clients_of, ignore_request, known_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

OURS = {"startedBy": CONTROLLER, "group": SCALER}
COPIES = [
    container(KEEPER, command=["sh"]),
    *(
        container(name, essential=False, dependsOn=[{"containerName": KEEPER, "condition": "START"}])
        for name in ("worker-1", "worker-2")
    ),
    container("log", essential=False),
    container("worker-log", essential=False),
]
"""Two copies of ``worker``, their keeper and two sidecars."""
MOST = 9
WITH_SIDECAR = [container("worker"), container("worker-1", essential=False)]
"""A worker whose sidecar is named like a copy of it."""


def observe(
    aws: EmbeddedAws, cluster: str, known: tuple[str, ...] = (), worker: str | None = "worker", by: str = CONTROLLER
) -> Round:
    """Return what a controller sees in the cluster."""
    return Tasks(clients_of(aws), cluster, by).observe(known_tasks(*known), outlines(worker))


def outlines(worker: str | None) -> FindOutline:
    """Return what finds the outlines of tasks: of this worker, and at most MOST of it a task."""
    return lambda group, _family: Outline(group or NOBODY, worker, None, MOST)


def run(aws: EmbeddedAws, containers: list[dict[str, Any]], **timing: float) -> tuple[str, str]:
    """Start one task of these containers; gives its cluster and its ARN."""
    for delay, value in timing.items():
        setattr(aws.ecs.timing, delay, value)
    cluster = create_cluster(aws)
    definition = register_template(aws, containerDefinitions=containers)
    return cluster, run_tasks(aws, cluster, definition, **OURS)[0]


def later_page(parameters: dict[str, Any]) -> bool:
    """Tell whether a request asks for a page after the first."""
    return "nextToken" in parameters


def last_batch(parameters: dict[str, Any]) -> bool:
    """Tell whether a request describes the tasks beyond the first hundred."""
    return len(parameters["tasks"]) < 100


def test_more_than_a_hundred_tasks_are_all_seen(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """ListTasks gives, and DescribeTasks takes, a hundred at a time."""
    arns = run_tasks(aws, cluster, template, 120, **OURS)
    seen = observe(aws, cluster)
    assert (sorted(arns), ()) == (sorted(task.arn for task in seen.tasks), seen.missing)
    asked = [len(call.parameters["tasks"]) for call in aws.journal.calls("ecs", "DescribeTasks")]
    assert (2, [20, 100]) == (aws.journal.count("ecs", "ListTasks"), sorted(asked))


@pytest.mark.parametrize(
    "disturbance",
    [
        Disturbance("ecs", "ListTasks", "error", times=None, where=later_page),
        Disturbance("ecs", "ListTasks", "lost_answer", times=None, where=later_page),
        Disturbance("ecs", "ListTasks", "malformed", times=None, where=later_page),
        Disturbance("ecs", "DescribeTasks", "error", times=None, where=last_batch),
        Disturbance("ecs", "DescribeTasks", "cut", times=None, where=last_batch),
    ],
    ids=["page-refused", "page-lost", "page-garbled", "description-refused", "description-cut"],
)
def test_a_second_page_that_fails_is_an_error_and_no_shorter_list(
    aws: EmbeddedAws, cluster: str, template: str, disturbance: Disturbance
) -> None:
    """What cannot be seen whole is unknown."""
    run_tasks(aws, cluster, template, 101, **OURS)
    aws.disturbances.add(disturbance)
    with pytest.raises(AwsError, match=f'cluster "{cluster}"'):
        observe(aws, cluster)


def test_a_description_that_leaves_a_task_out_is_unknown(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A task of which ECS says nothing, neither that it is there nor that it is missing, is not taken for gone."""
    (arn,) = run_tasks(aws, cluster, template, **OURS)
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", body={"tasks": [], "failures": []}))
    with pytest.raises(AwsError, match=arn):
        observe(aws, cluster)


def test_nothing_listed_is_known_to_be_nothing(aws: EmbeddedAws, cluster: str) -> None:
    """An empty list is described with no further request."""
    assert Round(tasks=(), missing=()) == observe(aws, cluster)
    assert 0 == aws.journal.count("ecs", "DescribeTasks")


def test_another_controllers_tasks_are_not_seen(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """``startedBy`` is the controller's whole name, not the beginning of one."""
    run_tasks(aws, cluster, template, startedBy="ecsq-two", group=SCALER)
    assert () == observe(aws, cluster).tasks
    assert 1 == len(observe(aws, cluster, by="ecsq-two").tasks)


def test_a_known_task_is_described_though_no_listing_shows_it(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A listing that lags proves nothing; a task both listed and known is asked for once."""
    hidden, listed = run_tasks(aws, cluster, template, 2, **OURS)
    aws.ecs.hide(hidden, 3600)
    assert {hidden, listed} == {task.arn for task in observe(aws, cluster, (hidden, listed)).tasks}
    assert [2] == [len(call.parameters["tasks"]) for call in aws.journal.calls("ecs", "DescribeTasks")]


def test_a_known_task_that_ecs_does_not_know_is_missing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """It is neither live nor stopped: the ledger judges."""
    here, gone = run_tasks(aws, cluster, template, 2, **OURS)
    aws.ecs.forget(gone)
    seen = observe(aws, cluster, (gone,))
    assert ([here], (gone,)) == ([task.arn for task in seen.tasks], seen.missing)


def made(aws: EmbeddedAws, arn: str) -> dict[str, Any]:
    """Return what a task was made from, as ECS has it: a template of its own, with the size of all of them."""
    [family] = [task.family for task in aws.ecs.tasks() if task.arn == arn]
    return {"family": family, "revision": 1, "size": Size(256, 512)}


def test_a_task_on_its_way_has_starting_containers(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """Until it is RUNNING nothing in it runs, and it has no start."""
    cluster, arn = run(timed_aws, COPIES, start_delay=40.0)
    for passed in (0.0, 20.0, 39.0):
        clock.now = 1_000_000.0 + passed
        expected = LiveTask(arn, SCALER, running=0, starting=2, created_at=1_000_000.0, company=True)
        (task,) = observe(timed_aws, cluster).tasks
        assert replace(expected, **made(timed_aws, arn)) == task


def test_each_copy_counts_by_its_own_state(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """One that has ended is neither running nor starting, though its task lives on; the keeper never counts."""
    cluster, arn = run(timed_aws, COPIES, start_delay=40.0)
    clock.now += 50
    running = []
    for name in (None, "worker-1", "worker-2"):
        if name:
            timed_aws.ecs.exit_container(arn, name, 0)
        (task,) = observe(timed_aws, cluster).tasks
        expected = LiveTask(
            arn,
            SCALER,
            task.running,
            0,
            1_000_000.0,
            2 - task.running,
            Start(1_000_040.0),
            company=True,
            stopped=2 - task.running,
            **made(timed_aws, arn),
        )
        assert expected == task
        running.append(task.running)
    assert [2, 1, 0] == running


@pytest.mark.parametrize(
    ("containers", "worker", "workers"),
    [
        (COPIES, "worker", 2),
        (COPIES, None, 4),
        (COPIES, "renamed", 4),
        (WITH_SIDECAR, "worker", 1),
        (WITH_SIDECAR, "worker-1", 1),
        (WITH_SIDECAR, None, 2),
        ([*COPIES, container("worker-10", essential=False)], "worker", 2),
        ([*WITH_SIDECAR, container("aws-guardduty-agent-x1", essential=False)], None, 2),
    ],
    ids=["copies", "copies-unset", "copies-of-another", "itself", "like-a-copy", "unset", "like-no-copy", "aws's-own"],
)
def test_workers_are_told_from_other_containers(
    aws: EmbeddedAws, containers: list[dict[str, Any]], worker: str | None, workers: int
) -> None:
    """The configured container or its copies; when neither is there, or none is configured, all but the keeper."""
    cluster, _ = run(aws, containers)
    (task,) = observe(aws, cluster, worker=worker).tasks
    assert isinstance(task, LiveTask)
    assert (workers, 0) == (task.running, task.starting)


def test_a_task_that_is_stopping_drains_until_it_has_stopped(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """ListTasks drops it at once; its description tells when it is over."""
    cluster, arn = run(timed_aws, [container()], stop_delay=30.0)
    timed_aws.ecs.exit_container(arn, "worker", 0)
    assert () == observe(timed_aws, cluster).tasks
    (stopping,) = observe(timed_aws, cluster, (arn,)).tasks
    expected = LiveTask(arn, SCALER, 0, 0, 1_000_000.0, exited=1, start=Start(1_000_000.0), stopped=1, draining=True)
    assert replace(expected, **made(timed_aws, arn), alone=True) == stopping
    clock.now += 31
    (ended,) = observe(timed_aws, cluster, (arn,)).tasks
    assert (arn, SCALER, StopOutcome.SUCCEEDED) == (ended.arn, ended.scaler, ended.outcome)


def exits(*ended: tuple[str, int]) -> Callable[[EmbeddedAws, str], None]:
    """Let containers end with these codes, in this order."""

    def end(aws: EmbeddedAws, arn: str) -> None:
        for name, code in ended:
            aws.ecs.exit_container(arn, name, code)

    return end


def stopped_with(code: str) -> Callable[[EmbeddedAws, str], None]:
    """Let a task stop with that ``stopCode``, its containers killed."""
    return lambda aws, arn: aws.ecs.interrupt(arn, code)


WAITING = [
    container("proxy"),
    container("init", essential=False),
    container("worker", essential=False, dependsOn=[{"containerName": "init", "condition": "COMPLETE"}]),
]


@pytest.mark.parametrize(
    ("containers", "end", "outcome"),
    [
        ([container()], exits(("worker", 0)), StopOutcome.SUCCEEDED),
        ([container()], exits(("worker", 3)), StopOutcome.FAILED),
        (COPIES, exits(("worker-1", 0), ("worker-2", 0), (KEEPER, 0)), StopOutcome.SUCCEEDED),
        (COPIES, exits(("worker-1", 0), ("worker-2", 1), (KEEPER, 0)), StopOutcome.FAILED),
        (COPIES, exits(("worker-1", 0), (KEEPER, 1)), StopOutcome.FAILED),
        (COPIES, exits(("worker-1", 1), ("worker-2", 143), (KEEPER, OVERDUE)), StopOutcome.DEADLINE),
        (COPIES, exits(("log", 1), ("worker-1", 0), ("worker-2", 0), (KEEPER, 0)), StopOutcome.SUCCEEDED),
        (WAITING, exits(("proxy", 0)), StopOutcome.UNKNOWN),
        ([container()], stopped_with("SpotInterruption"), StopOutcome.INTERRUPTED),
        ([container()], stopped_with("TerminationNotice"), StopOutcome.INTERRUPTED),
        ([container()], stopped_with("UserInitiated"), StopOutcome.INTERRUPTED),
    ],
    ids=[
        "success",
        "failure",
        "copies-succeed",
        "one-copy-fails",
        "copy-killed-with-its-keeper",
        "copies-ended-at-their-deadline",
        "sidecar-fails",
        "worker-never-ran",
        "spot",
        "termination",
        "by-hand",
    ],
)
def test_how_a_task_ended_is_in_its_workers_exit_codes(
    aws: EmbeddedAws, containers: list[dict[str, Any]], end: Callable[[EmbeddedAws, str], None], outcome: StopOutcome
) -> None:
    """ECS says "essential container exited" of success as well as of failure."""
    cluster, arn = run(aws, containers)
    end(aws, arn)
    (ended,) = observe(aws, cluster, (arn,)).tasks
    assert (arn, SCALER, outcome) == (ended.arn, ended.scaler, ended.outcome)


def test_a_task_that_never_started_failed_to_start(aws: EmbeddedAws) -> None:
    """An image that cannot be pulled is neither a worker's failure nor an interruption."""
    aws.ecs.fail_starts()
    cluster, arn = run(aws, [container()])
    (ended,) = observe(aws, cluster, (arn,)).tasks
    assert (arn, SCALER, StopOutcome.START_FAILED) == (ended.arn, ended.scaler, ended.outcome)


NO_PLACE = "Timeout waiting for network interface provisioning to complete."


@pytest.mark.parametrize("reason", [NO_CAPACITY, NO_PLACE, "Rate exceeded"])
def test_a_task_that_found_no_place_has_not_failed(aws: EmbeddedAws, reason: str) -> None:
    """ECS had accepted it; it stops without containers, and nothing is wrong with it."""
    aws.ecs.fail_starts(reason=reason, placed=False)
    cluster, arn = run(aws, [container()])
    (ended,) = observe(aws, cluster, (arn,)).tasks
    assert isinstance(ended, StoppedTask)
    assert (StopOutcome.NO_CAPACITY, reason, None) == (ended.outcome, ended.cause, ended.sign(BREAKER.within))


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({"stopCode": "TaskFailedToStart", "stoppedReason": NO_CAPACITY}, StopOutcome.NO_CAPACITY),
        ({"stoppedReason": NO_CAPACITY}, StopOutcome.NO_CAPACITY),
        ({"stopCode": "TaskFailedToStart"}, StopOutcome.START_FAILED),
        (
            {"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError: 429 Too Many Requests"},
            StopOutcome.START_FAILED,
        ),
        ({"stopCode": "UserInitiated", "stoppedReason": NO_CAPACITY}, StopOutcome.INTERRUPTED),
        (
            {
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "worker", "exitCode": 1, "reason": NO_CAPACITY}],
            },
            StopOutcome.FAILED,
        ),
    ],
    ids=["no-containers", "no-stop-code", "no-reason", "registry", "somebodys-words", "a-containers-words"],
)
def test_only_ecs_own_words_about_a_start_are_a_lack_of_capacity(members: dict[str, Any], outcome: StopOutcome) -> None:
    """Not those of a registry, of who stopped the task, or of a container."""
    described = {"taskArn": "a", "lastStatus": "STOPPED", "createdAt": 1_000_000.0, "containers": [], **members}
    ended = read_task(described, outlines("worker"), 1_000_060.0)
    assert isinstance(ended, StoppedTask)
    assert outcome == ended.outcome


@pytest.mark.parametrize(
    ("containers", "end", "cause"),
    [
        ([container()], exits(("worker", 3)), "container worker exited with code 3"),
        (COPIES, exits(("worker-1", 0), ("worker-2", 4), (KEEPER, 0)), "container worker-2 exited with code 4"),
        ([container()], exits(("worker", 0)), "Essential container in task exited: worker"),
        ([container()], stopped_with("SpotInterruption"), "Your Spot Task was interrupted."),
    ],
    ids=["failure", "one-copy-fails", "success", "spot"],
)
def test_why_a_task_stopped_is_told(
    aws: EmbeddedAws, containers: list[dict[str, Any]], end: Callable[[EmbeddedAws, str], None], cause: str
) -> None:
    """By the worker that failed: ECS's own reason tells only which essential container took the others along."""
    cluster, arn = run(aws, containers)
    end(aws, arn)
    (ended,) = observe(aws, cluster, (arn,)).tasks
    assert isinstance(ended, StoppedTask)
    assert cause == ended.cause


def test_a_task_has_run_until_its_containers_stopped(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """What ECS takes to clean up after a worker that crashed at once does not make it one that ran for long."""
    cluster, arn = run(timed_aws, [container()], stop_delay=90.0)
    clock.now += 5
    timed_aws.ecs.exit_container(arn, "worker", 1)
    clock.now += 100
    (ended,) = observe(timed_aws, cluster, (arn,)).tasks
    assert isinstance(ended, StoppedTask)
    assert (1_000_000.0, 1_000_005.0) == (ended.start.at, ended.stopped_at)


def test_a_stopped_task_without_containers_has_ended(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """How, cannot be told; that it has no workers any more, can."""
    (arn,) = run_tasks(aws, cluster, template, **OURS)
    described = {"taskArn": arn, "group": SCALER, "lastStatus": "STOPPED", "createdAt": 1_000_000, "containers": []}
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", body={"tasks": [described], "failures": []}))
    (ended,) = observe(aws, cluster).tasks
    assert isinstance(ended, StoppedTask)
    assert StopOutcome.UNKNOWN is ended.outcome


def test_a_missing_cluster_is_named_with_its_key(aws: EmbeddedAws) -> None:
    """The user learns which cluster, and where it is configured."""
    with pytest.raises(AwsError) as caught:
        observe(aws, "nowhere")
    assert 'cluster "nowhere": ClusterNotFoundException: Cluster not found.' == str(caught.value)
    assert (Kind.MISSING, "task.cluster") == (caught.value.fault, caught.value.key)


STOPPED = {
    "taskArn": "arn",
    "lastStatus": "STOPPED",
    "createdAt": 1_000_000.0,
    "group": SCALER,
    "stopCode": "EssentialContainerExited",
    "stoppedReason": "Essential container in task exited",
}


def read(described: dict[str, Any], worker: str | None = "worker") -> LiveTask | StoppedTask:
    """Read a description as botocore gives it."""
    return read_task(described, outlines(worker), 1_000_060.0)


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param(
            [{"name": KEEPER, "exitCode": 2}, {"name": "worker-1"}, {"name": "worker-2"}],
            (StopOutcome.START_FAILED, f"container {KEEPER} exited with code 2: see docs/keeper.md"),
            id="a-keeper-that-cannot-work",
        ),
        pytest.param(
            [
                {"name": KEEPER, "exitCode": 0},
                {"name": "worker-1", "reason": "CannotStartContainerError: no file"},
            ],
            (StopOutcome.START_FAILED, "container worker-1: CannotStartContainerError: no file"),
            id="a-copy-that-cannot-start",
        ),
        pytest.param(
            [{"name": KEEPER, "exitCode": OVERDUE}, {"name": "worker", "exitCode": 143}],
            (StopOutcome.DEADLINE, f"{KEEPER} ended it: its deadline was over"),
            id="a-deadline",
        ),
        pytest.param(
            [{"name": KEEPER, "exitCode": 143}, {"name": "worker-1"}],
            (StopOutcome.UNKNOWN, "Essential container in task exited"),
            id="a-keeper-that-was-told-to-stop",
        ),
    ],
)
def test_workers_that_never_ran_failed_to_start_if_something_kept_them(containers, expected) -> None:
    """The breaker has to hear of them, or a full plan would start every slot all night."""
    ended = read(STOPPED | {"containers": containers})
    assert isinstance(ended, StoppedTask)
    assert expected == (ended.outcome, ended.cause)


def test_an_agent_that_aws_adds_is_nobodys_failure() -> None:
    """GuardDuty's is in no definition; that it cannot be pulled, or is killed at the end, says nothing of the work."""
    for agent in ({"reason": "CannotPullContainerError: no route"}, {"exitCode": 137}):
        containers = [{"name": "worker", "exitCode": 0}, {"name": "aws-guardduty-agent-x1", **agent}]
        for worker in (None, "worker"):
            ended = read(STOPPED | {"containers": containers}, worker)
            assert isinstance(ended, StoppedTask)
            assert (StopOutcome.SUCCEEDED, "Essential container in task exited") == (ended.outcome, ended.cause)


@pytest.mark.parametrize(
    ("names", "company"),
    [
        (["worker"], False),
        ([KEEPER, "worker-1", "worker-2"], False),
        (["worker", "aws-guardduty-agent-x1"], False),
        ([KEEPER, "worker-1", "upload"], True),
    ],
    ids=["alone", "copies", "with aws's own", "with an uploader"],
)
def test_who_may_outlive_the_workers_is_told(names, *, company) -> None:
    """Where there is such a container, ECS's dates of the task may not be those of its workers."""
    ended = read(STOPPED | {"containers": [{"name": name, "exitCode": 0} for name in names]})
    assert company == ended.company


def test_our_own_rate_ends_no_listing(aws: EmbeddedAws, cluster: str, template: str, clock: ManualClock) -> None:
    """However long its pages wait for their turns: only what AWS takes is bounded."""
    arns = run_tasks(aws, cluster, template, 201, **OURS)
    known = {arn: LiveTask(arn, SCALER, running=1, starting=0, created_at=0.0, alone=True) for arn in arns}

    def pause(seconds: float) -> bool:
        clock.now += seconds
        return False

    spec = replace(aws_spec(aws), listing_rate=Rate(0.01, 1))
    clients = Clients(spec, CONTROLLER, ignore_request, Clock(now=clock, elapsed=clock, pause=pause))
    began = clock.now
    seen = Tasks(clients, cluster, CONTROLLER).observe(known, outlines("worker"))
    assert (201, True) == (len(seen.spared), clock.now - began > 2 * ASKED_WITHIN)
