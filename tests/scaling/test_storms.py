"""What goes wrong for a while, over real HTTP, on an AWS and a controller that share one virtual clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.config.durations import parse_argument
from controller.core.decision.model import Outcome, Reason
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from tests.support.aws import create_queue, run_tasks, send_messages
from tests.support.clock import ManualClock
from tests.support.controller import CONTROLLER
from tests.support.scene import APP, NOW, POLL, Scene, build, last, reasons
from tests.support.steps import Whole

STORM = 300.0
"""Seconds that a storm lasts."""


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock], monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Give a scene in which botocore's own retries do not wait."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    return build(own, dry_run=False)


# Throttling


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sqs", "GetQueueAttributes"),
        ("ecs", "ListTasks"),
        ("ecs", "DescribeTasks"),
        ("ecs", "DescribeTaskDefinition"),
        ("ecs", "RunTask"),
    ],
)
def test_a_throttled_operation_is_asked_for_ever_more_rarely(scene: Scene, service: str, operation: str) -> None:
    """By all scalers together; when the storm is over they launch what they want."""
    scene.run(1, before=3600.0)
    scene.send(5)
    spec = scene.spec()
    names = [f"scaler-{number}" for number in range(5)]
    scalers = [
        Whole(
            replace(spec, name=name, policy=replace(spec.policy, slots=replace(spec.policy.slots, scaler=name))),
            scene.services,
        )
        for name in names
    ]
    storm = Disturbance(service, operation, "throttle", times=None)
    scene.aws.disturbances.add(storm)
    scene.let_pass(STORM, *scalers)
    asked = [call.at for call in scene.aws.journal.calls(service, operation, client=APP) if call.disturbance]
    polls = STORM / POLL * len(scalers)
    assert 2 <= len(asked) <= polls / 4
    assert 1 == len(scene.aws.ecs.tasks())
    scene.aws.disturbances.clear()
    scene.let_pass(90, *scalers)
    assert [5] * 5 == [len(scaler.tasks) for scaler in scalers]


def test_a_single_throttle_costs_nothing(scene: Scene) -> None:
    """A read is sent once more."""
    scene.send(3)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "throttle"))
    assert [Reason.LAUNCH] == reasons(scene, scene.scaler(), NOW)


def test_a_scaler_that_cannot_look_holds_and_says_why(scene: Scene) -> None:
    """Throttling is unknown, not empty, also while it is not asked at all."""
    scene.send(3)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "throttle", times=None))
    scaler = scene.scaler()
    found = []
    for _ in range(12):
        scene.let_pass(POLL, scaler)
        found.append(
            (
                last(scaler).decision.reason,
                "ListTasks" in str(last(scaler).problem) or "Throttling" in str(last(scaler).problem),
            )
        )
    assert [(Reason.UNKNOWN_FLEET, True)] * 12 == found


# Failures


def test_a_lack_of_capacity_is_tried_ever_more_rarely(scene: Scene) -> None:
    """One call of the plan each time; once there is room, everything is launched."""
    scene.send(10)
    scene.aws.ecs.fail_run_task(1000)
    scaler = scene.scaler()
    launches = scene.let_pass(600, scaler)
    assert {(Outcome.FAILED, "capacity")} == {
        (each.launch.outcome, each.launch.fault) for each in launches if each.launch
    }
    pauses = [later.decision.at - earlier.decision.at for earlier, later in pairwise(launches)]
    assert len(launches) <= 12
    assert min(pauses[2:]) >= 50
    scene.aws.ecs.let_run_task_succeed()
    scene.let_pass(120, scaler)
    assert 10 == len(scaler.tasks)


def test_a_part_without_capacity_follows_later(scene: Scene) -> None:
    """What started counts, the listing tells the rest."""
    scene.send(10)
    scene.aws.ecs.fail_run_task(4)
    scaler = scene.scaler()
    scene.let_pass(90, scaler)
    assert 10 == len(scene.aws.ecs.tasks())


def assert_said_seldom(events: list[Any]) -> None:
    """Check that half an hour of the same is a warning every 5 to 10 minutes, with how long it lasts."""
    assert {"warning"} == {event["log_level"] for event in events}
    lasts = [0.0, *(parse_argument(event["lasts"]) for event in events[1:]), 1800.0]
    assert 5 * 60 <= min(later - earlier for earlier, later in pairwise(lasts[:-1]))
    assert max(later - earlier for earlier, later in pairwise(lasts)) <= 10 * 60
    assert sorted({event["repeated"] for event in events[1:]}) == [event["repeated"] for event in events[1:]]


@pytest.mark.parametrize("operation", ["GetQueueUrl", "ListTasks"])
def test_a_denied_look_is_said_seldom_and_tried_slowly(scene: Scene, operation: str) -> None:
    """It is tried at most once a minute, said every 5 to 10 minutes, and at once tried again when it is granted."""
    scene.send(3)
    scene.aws.disturbances.add(
        Disturbance("*", operation, "error", times=None, status=400, code="AccessDeniedException")
    )
    scaler = scene.scaler()
    with capture_logs() as events:
        scene.let_pass(1800, scaler, poll=20.0)
    assert_said_seldom(events)
    assert len(scene.aws.journal.calls(operation=operation, client=APP)) <= 35
    scene.aws.disturbances.clear()
    scene.let_pass(120, scaler)
    assert 3 == len(scaler.tasks)


def test_a_denied_launch_is_said_seldom_and_tried_slowly(scene: Scene) -> None:
    """A night of it does not fill the disk, and a look at the last ten minutes of the log finds it."""
    scene.send(3)
    scene.aws.disturbances.add(
        Disturbance("ecs", "RunTask", "error", times=None, status=400, code="AccessDeniedException")
    )
    scaler = scene.scaler()
    with capture_logs() as events:
        scene.let_pass(1800, scaler, poll=20.0)
    assert_said_seldom(events)
    assert len(scene.aws.journal.calls(operation="RunTask", client=APP)) <= 35


# Listings that are wrong


def test_a_listing_that_is_empty_by_mistake_loses_nothing(scene: Scene) -> None:
    """What was seen lives until it is described as stopped."""
    scene.send(10)
    scaler = scene.scaler()
    scaler.reconcile()
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "replace", times=None, body={"taskArns": []}))
    launches = scene.let_pass(300, scaler)
    assert ([], 10, Reason.SATISFIED) == (launches, len(scene.aws.ecs.tasks()), last(scaler).decision.reason)


def test_a_listing_that_fails_on_its_second_page_is_unknown(scene: Scene) -> None:
    """Not the first hundred."""
    scene.run(101)
    scene.send(300)
    scaler = scene.scaler(max_containers=200)
    scene.aws.disturbances.add(
        Disturbance("ecs", "ListTasks", "error", times=2, where=lambda asked: "nextToken" in asked)
    )
    assert [Reason.UNKNOWN_FLEET, 0] == [*reasons(scene, scaler, NOW), scene.asked().count("RunTask")]
    scene.let_pass(60, scaler)
    assert 200 == len(scene.aws.ecs.tasks())


# Counts that are wrong


def test_counts_that_show_deleted_messages_again_launch_within_the_limits(scene: Scene) -> None:
    """Never more than the maximum at a time, at most one plan a slot, and nothing once the counts are right."""
    scene.aws.sqs.counts_lag = 60.0
    scene.send(8)
    scaler = scene.scaler(max_containers=6)
    launches, most = [], 0
    for step in range(30):
        if step == 7:
            scene.aws.client("sqs").purge_queue(QueueUrl=scene.queue.url)
        launches += scene.let_pass(POLL, scaler)
        most = max(most, sum(task.last_status != "STOPPED" for task in scene.aws.ecs.tasks()))
        for task in scaler.tasks:
            scene.aws.ecs.exit_container(task.arn, "worker", 0)
    slots = [each.decision.slot for each in launches]
    assert (6, len(slots)) == (most, len(set(slots)))
    assert 1 <= len(launches) <= 1 + 60 / 30 + 1
    assert (Reason.IDLE, ()) == (last(scaler).decision.reason, scaler.tasks)


def test_counts_that_lag_do_not_launch_twice_for_the_same_messages(scene: Scene) -> None:
    """While workers live that are about to take them."""
    scene.send(4)
    scaler = scene.scaler()
    scaler.reconcile()
    scene.aws.client("sqs").purge_queue(QueueUrl=scene.queue.url)
    stale = {
        "ApproximateNumberOfMessages": "4",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    scene.aws.disturbances.add(
        Disturbance("sqs", "GetQueueAttributes", "replace", times=None, body={"Attributes": stale})
    )
    assert [] == scene.let_pass(300, scaler)


# A budget


def rivals(scene: Scene, limit: int, **priorities: int) -> dict[str, Whole]:
    """Return scalers of a queue each, of which each wants ten containers, and a budget that they share."""
    specs = []
    for name, priority in priorities.items():
        queue = create_queue(scene.aws)
        send_messages(scene.aws, queue.url, 10)
        specs.append(replace(scene.spec(name=name, queue=queue.name), priority=priority))
    scene.services.budget.configure(limit, specs)
    return {spec.name: Whole(spec, scene.services) for spec in specs}


def live(scene: Scene) -> dict[str, int]:
    """Return how many tasks of each scaler live."""
    found: dict[str, int] = {}
    for task in scene.aws.ecs.tasks():
        if task.last_status != "STOPPED":
            found[task.group] = found.get(task.group, 0) + 1
    return found


def test_a_budget_is_shared_by_priority(scene: Scene) -> None:
    """The highest has what it wants, the next the rest; the last holds, and says why."""
    scalers = rivals(scene, 15, low=0, middle=1, high=2)
    for scaler in scalers.values():
        awake = scaler.spec
        scaler.configure(replace(awake, policy=replace(awake.policy, paused=True)))
        scaler.reconcile()  # so that it is known what each has
        scaler.configure(awake)
    for _ in range(12):
        scene.let_pass(POLL, *(scalers[name] for name in ("high", "middle", "low")))
        assert sum(live(scene).values()) <= 15
    assert {"high": 10, "middle": 5} == live(scene)
    assert [Reason.SATISFIED, Reason.BUDGET, Reason.BUDGET] == [
        last(scalers[name]).decision.reason for name in ("high", "middle", "low")
    ]
    shown = describe_scaler(scalers["low"])
    assert "0 of 10 granted" in dict(shown["explanation"])["budget"]


@pytest.mark.parametrize("priorities", [{"a": 0, "b": 0, "c": 0}, {"a": 2, "b": 1, "c": 0}], ids=["equals", "ranked"])
def test_everyone_is_served_in_the_end(scene: Scene, priorities: dict[str, int]) -> None:
    """Whatever the priorities: nobody's containers are passed for ever, and together they never pass the budget."""
    scalers = rivals(scene, 4, **priorities)
    served: dict[str, int] = dict.fromkeys(scalers, 0)
    for _ in range(30):
        for each in scene.let_pass(20, *scalers.values(), poll=20.0):
            served[each.scaler] += each.launch.containers if each.launch else 0
        assert sum(live(scene).values()) <= 4
        for task in scene.aws.ecs.tasks():
            scene.aws.ecs.exit_container(task.arn, "worker", 0)
    assert min(served.values()) >= 4


def test_a_budget_counts_what_an_earlier_process_started(scene: Scene) -> None:
    """From the first listing on; before it every scaler counts as its maximum."""
    scalers = rivals(scene, 15, a=0, b=0)
    run_tasks(scene.aws, scene.cluster, scene.template, 8, startedBy=CONTROLLER, group="a")
    for _ in range(6):
        scene.let_pass(POLL, *scalers.values())
        assert sum(live(scene).values()) <= 15
    assert 15 == sum(live(scene).values())


def test_a_scaler_that_cannot_read_its_queue_does_not_hold_the_others_up(scene: Scene) -> None:
    """What lives of it is known by the listing that the others take."""
    scalers = rivals(scene, 10, broken=5, whole=0)
    broken = Whole(replace(scalers["broken"].spec, queues=("nobody",)), scene.services)
    scene.let_pass(60, broken, scalers["whole"])
    assert {"whole": 10} == live(scene)


def elsewhere(scene: Scene, scaler: Whole, cluster: str) -> Whole:
    """Return the scaler with that cluster."""
    task = replace(scaler.spec.task, cluster=cluster)
    return Whole(replace(scaler.spec, task=task), scene.services)


@pytest.mark.parametrize("later", [None, "ThrottlingException"], ids=["for good", "and then unreadable"])
def test_a_scaler_whose_cluster_does_not_exist_takes_nothing_from_the_others(scene: Scene, later: str | None) -> None:
    """ECS has said that nothing lives there; what it cannot say afterwards does not change that."""
    scalers = rivals(scene, 10, broken=5, whole=0)
    broken = elsewhere(scene, scalers["broken"], "nowhere")
    scene.let_pass(POLL, broken)
    assert (Reason.UNKNOWN_FLEET, 0) == (last(broken).decision.reason, scene.services.budget.count_taken("broken"))
    if later:
        nowhere = Disturbance(
            "ecs",
            "ListTasks",
            "error",
            times=None,
            status=400,
            code=later,
            where=lambda asked: asked["cluster"] == "nowhere",
        )
        scene.aws.disturbances.add(nowhere)
    scene.let_pass(60, broken, scalers["whole"])
    assert {"whole": 10} == live(scene)


def test_a_scaler_whose_cluster_cannot_be_listed_counts_with_its_maximum(scene: Scene) -> None:
    """As many may live there; whoever waits for them is told so."""
    scalers = rivals(scene, 10, broken=5, whole=0)
    scene.aws.disturbances.add(
        Disturbance(
            "ecs",
            "ListTasks",
            "error",
            times=None,
            status=400,
            code="AccessDeniedException",
            where=lambda asked: asked["cluster"] == "nowhere",
        )
    )
    scene.let_pass(60, elsewhere(scene, scalers["broken"], "nowhere"), scalers["whole"])
    most = scalers["broken"].spec.policy.max_containers
    assert (
        f"broken {most} (its maximum, until its cluster can be listed)"
        in describe_scaler(scalers["whole"])["last_decision"]["text"]
    )


def test_a_scaler_whose_queue_vanishes_gives_up_its_place(scene: Scene) -> None:
    """It went first, and now cannot launch: what becomes free is the others'."""
    scalers = rivals(scene, 10, low=0, high=5)
    low, high = scalers["low"], scalers["high"]
    scene.services.budget.configure(10, [low.spec])
    scene.let_pass(30, low)
    scene.services.budget.configure(10, [low.spec, high.spec])
    scene.let_pass(10, high)
    assert (Reason.BUDGET, {"low": 10}) == (last(high).decision.reason, live(scene))
    scene.aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "error", times=2))
    scene.let_pass(10, high)
    assert Reason.UNKNOWN_BACKLOG is last(high).decision.reason
    for task in scene.aws.ecs.tasks():
        scene.aws.ecs.exit_container(task.arn, "worker", 0)
    scene.let_pass(60, low)
    assert {"low": 10} == live(scene)


def test_without_a_budget_nobody_waits_for_another(scene: Scene) -> None:
    """Priorities or not."""
    scalers = rivals(scene, 100, a=5, b=0)
    scene.services.budget.configure(None, [scaler.spec for scaler in scalers.values()])
    scene.let_pass(40, *scalers.values())
    assert {"a": 10, "b": 10} == live(scene)
    assert 0.0 == (scene.sample("decisions_total", reason="budget") or 0.0)
