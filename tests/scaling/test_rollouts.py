"""A new revision of the template proves itself, over real HTTP and on one virtual clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.core.copies.keeper import KeeperSettings
from controller.core.decision.explain import explain
from controller.core.decision.model import Outcome, Reason
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import Standing
from controller.core.decision.setback import FIRST_PAUSE, FIRST_PAUSE_OF_CAPACITY
from controller.core.notices import Kind
from controller.sandbox.aws import Disturbance
from controller.sandbox.aws.capacity import NO_CAPACITY
from tests.support.aws import NETWORK, container, register_template
from tests.support.scene import APP, NEXT, POLL, Scene, build, last, numbers

if TYPE_CHECKING:
    from controller.core.notices import Notice
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.control import TaskView
    from tests.support.clock import ManualClock
    from tests.support.steps import Whole

PROVE = 120.0
ROLLOUT = RolloutPolicy(canary=1, prove=PROVE)
SLOT = 30.0
HOUR = 3600.0


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene in which tasks take a while to start, and run until a test ends them."""
    scene = build(own, dry_run=False)
    scene.aws.ecs.timing.start_delay, scene.aws.ecs.timing.pending_delay = 20.0, 10.0
    return scene


def family(scene: Scene) -> str:
    return scene.template.partition(":")[0]


def scaler_of(scene: Scene, **changes: Any) -> Whole:
    rules: dict[str, Any] = {"definition": family(scene), "rollout": ROLLOUT, "max_containers": 100}
    return scene.scaler(**(rules | changes))


def trusting(scene: Scene, **changes: Any) -> Whole:
    """Return a scaler with a task of the first revision, which has proven itself by it, and then a second revision."""
    scene.send(1)
    scaler = scaler_of(scene, **changes)
    scene.let_pass(2 * SLOT, scaler)
    take(scene)
    scene.let_pass(PROVE, scaler)
    assert (1, Standing.TRUSTED) == (stage(scaler).trusted, stage(scaler).standing)
    register_template(scene.aws, family(scene))
    return scaler


def take(scene: Scene, messages: int = 10) -> None:
    """Let workers take so many messages, and keep them."""
    scene.aws.client("sqs").receive_message(
        QueueUrl=scene.queue.url, MaxNumberOfMessages=messages, VisibilityTimeout=43_200
    )


def stage(scaler: Whole) -> Any:
    found = numbers(scaler).stage
    assert found is not None
    return found


def label(task: TaskView) -> str:
    return task.definition_arn.rpartition("/")[2]


def launched(scene: Scene) -> Counter[int]:
    """Return the tasks that were ever launched, by the revision of their definition."""
    return Counter(int(label(task).rpartition(":")[2]) for task in scene.aws.ecs.tasks())


def canary(scene: Scene, revision: int = 2) -> TaskView:
    (found,) = [task for task in scene.aws.ecs.tasks() if label(task) == f"{family(scene)}:{revision}"]
    return found


def notices(scene: Scene) -> list[Notice]:
    told: list[Notice] = []
    scene.services.metrics.listen(told.append)
    return told


def test_one_task_of_it_runs_until_it_has_done_well_and_then_all(scene: Scene) -> None:
    """The rest runs the revision before, and the canary counts in what is wanted."""
    scaler = trusting(scene)
    scene.send(4)
    scene.let_pass(SLOT, scaler)
    assert {1: 1 + 3, 2: 1} == launched(scene)
    assert (Standing.PROVING, 1, 0) == (stage(scaler).standing, stage(scaler).unproven, stage(scaler).canaries)
    scene.send(3)
    scene.let_pass(2 * SLOT, scaler)
    assert {1: 1 + 3 + 3, 2: 1} == launched(scene)
    assert (1.0, 0.0) == tuple(scene.sample("rollout_standing", standing=each) for each in ("proving", "trusted"))
    scene.let_pass(PROVE, scaler)
    scene.send(5)
    scene.let_pass(SLOT, scaler)
    assert {1: 1 + 3 + 3, 2: 1 + 5} == launched(scene)
    assert (2.0, 2.0, 1.0) == (
        scene.sample("template_revision", which="newest"),
        scene.sample("template_revision", which="trusted"),
        scene.sample("rollout_standing", standing="trusted"),
    )


def test_a_good_end_is_a_proof_before_its_time(scene: Scene) -> None:
    """A worker that has done its work and exits with 0."""
    scaler = trusting(scene)
    scene.send(1)
    scene.let_pass(2 * SLOT, scaler)
    scene.aws.ecs.exit_container(canary(scene).arn, "worker", 0)
    scene.let_pass(2 * POLL, scaler)
    assert 2 == stage(scaler).trusted


def test_a_canary_whose_worker_fails_costs_one_task_and_the_next_revision_is_tried(scene: Scene) -> None:
    """A bad deployment at night: what works goes on, somebody is told once, and the breaker is not concerned."""
    scaler = trusting(scene)
    told = notices(scene)
    scene.send(2)
    scene.let_pass(2 * SLOT, scaler)
    take(scene)
    scene.aws.ecs.exit_container(canary(scene).arn, "worker", 1)
    for _ in range(5):
        scene.send(1)
        scene.let_pass(HOUR / 6, scaler)
        take(scene)
    assert ({1, 2}, 1) == (set(launched(scene)), launched(scene)[2])
    assert launched(scene)[1] >= 1 + 1 + 5
    assert (Standing.GONE_BACK, 1, 0) == (stage(scaler).standing, stage(scaler).trusted, scaler.state.breaker.bad_ends)
    assert 1.0 == scene.sample("rollout_standing", standing="gone_back")
    said = "revision 2 failed (container worker exited with code 1), and all others run revision 1"
    assert said in dict(explain(scaler.spec.policy, last(scaler).decision))["rollout"]
    assert [Kind.TEMPLATE_GONE_BACK] == [notice.kind for notice in told]
    assert said in told[0].text
    register_template(scene.aws, family(scene))
    scene.send(1)
    scene.let_pass(SLOT + PROVE + SLOT, scaler)
    assert (3, 1) == (stage(scaler).trusted, launched(scene)[3])
    assert [Kind.TEMPLATE_GONE_BACK, Kind.TEMPLATE_TAKEN] == [notice.kind for notice in told]


def test_a_canary_that_does_not_start_is_a_failure_too(scene: Scene) -> None:
    """Its image cannot be pulled, say."""
    scaler = trusting(scene)
    scene.aws.ecs.fail_starts(1)
    scene.send(1)
    scene.let_pass(2 * SLOT, scaler)
    assert (Standing.GONE_BACK, 1) == (stage(scaler).standing, stage(scaler).trusted)
    assert "CannotPullContainerError" in (stage(scaler).setback.cause or "")
    assert {1: 1 + 1, 2: 1} == launched(scene)


def test_a_lack_of_capacity_says_nothing_of_it_and_keeps_nobody_waiting(scene: Scene) -> None:
    """Neither after RunTask nor at it: the trusted revision gets the next launch, and another canary follows later."""
    scaler = trusting(scene)
    scene.aws.ecs.fail_starts(1, reason=NO_CAPACITY, placed=False)
    scene.send(1)
    scene.let_pass(2 * SLOT, scaler)
    assert (1, Standing.UNPROVEN) == (launched(scene)[2], stage(scaler).standing)
    scene.let_pass(FIRST_PAUSE_OF_CAPACITY - 2 * SLOT, scaler)
    assert {1: 1 + 1, 2: 1} == launched(scene)
    take(scene)
    scene.let_pass(2 * SLOT, scaler)
    scene.aws.ecs.fail_run_task(1)
    scene.send(1)
    scene.let_pass(3 * SLOT, scaler)
    assert ({1: 2 + 1, 2: 1}, Standing.UNPROVEN) == (launched(scene), stage(scaler).standing)
    assert "found no capacity" in dict(explain(scaler.spec.policy, last(scaler).decision))["rollout"]
    take(scene)
    scene.let_pass(2 * FIRST_PAUSE_OF_CAPACITY, scaler)
    scene.send(1)
    scene.let_pass(3 * SLOT, scaler)
    assert (2, Standing.PROVING) == (launched(scene)[2], stage(scaler).standing)


def test_where_there_is_no_other_revision_the_canary_goes_first(scene: Scene) -> None:
    """The rest waits for it, for what is not known to be good is not launched; one that fails is tried again."""
    scene.send(5)
    scaler = scaler_of(scene)
    scene.let_pass(3 * SLOT, scaler)
    assert ({1: 1}, Reason.PROVING) == (launched(scene), last(scaler).decision.reason)
    scene.aws.ecs.exit_container(canary(scene, 1).arn, "worker", 1)
    scene.let_pass(POLL, scaler)
    assert Standing.GONE_BACK is stage(scaler).standing
    scene.let_pass(FIRST_PAUSE + SLOT, scaler)
    assert ({1: 2}, Reason.PROVING) == (launched(scene), last(scaler).decision.reason)
    take(scene, 2)
    scene.let_pass(PROVE + 2 * SLOT, scaler)
    assert (1, True) == (stage(scaler).trusted, launched(scene)[1] >= 2 + 3)


def test_it_counts_in_every_limit(scene: Scene) -> None:
    """max_containers, and the tasks that a launch may start."""
    scaler = trusting(scene, max_containers=4, max_tasks_per_launch=2, max_containers_per_task=1)
    scene.send(9)
    launches = scene.let_pass(3 * SLOT, scaler)
    assert [2, 1] == [each.launch.containers for each in launches if each.launch]
    assert {1: 1 + 2, 2: 1} == launched(scene)
    assert Reason.AT_MAX is last(scaler).decision.reason


def test_a_restart_reads_back_what_proved_itself_and_what_failed(scene: Scene) -> None:
    """From the tasks that live and those that ECS still lists, before the first launch."""
    scaler = trusting(scene)

    def restarted(messages: int) -> Whole:
        """Return a new process's scaler, once it has launched for so many messages and they were taken."""
        scene.restart()
        scene.send(messages)
        again = scaler_of(scene)
        scene.let_pass(2 * SLOT, again)
        take(scene)
        return again

    scene.send(1)
    scene.let_pass(2 * SLOT, scaler)
    take(scene)
    register_template(scene.aws, family(scene))
    scaler = restarted(1)
    assert ({1: 1 + 1, 2: 1}, 1) == (launched(scene), stage(scaler).trusted), "the canary lives, so that none is added"
    scene.aws.ecs.exit_container(canary(scene).arn, "worker", 1)
    scaler = restarted(2)
    assert ([1, 1], 1) == ([launched(scene)[each] for each in (2, 3)], stage(scaler).trusted)
    assert [2] == [each.revision for each in scaler.state.rollout.setbacks]
    scene.let_pass(PROVE, scaler)
    before = launched(scene)
    restarted(2)
    assert {3} == set(launched(scene) - before)


def test_a_restart_that_comes_too_late_for_ecs_tries_it_again(scene: Scene) -> None:
    """And the rest runs the revision before."""
    for _ in range(2):
        register_template(scene.aws, family(scene))
    scene.send(4)
    scene.let_pass(SLOT, scaler_of(scene))
    assert {2: 3, 3: 1} == launched(scene)


@pytest.mark.parametrize("registered", [False, True], ids=["the same revisions", "a newer revision"])
def test_a_restart_inside_a_slot_launches_no_second_canary(scene: Scene, *, registered: bool) -> None:
    """A token is of a slot and a place in the plan: the same call starts nothing, and another one is a conflict."""
    scaler = trusting(scene)
    scene.clock.now = NEXT.start + 10 * SLOT + 10
    scene.aws.ecs.listing_lag = 20.0
    scene.send(3)
    scaler.reconcile()
    assert {1: 1 + 2, 2: 1} == launched(scene)
    if registered:
        register_template(scene.aws, family(scene))
    scene.restart()
    scene.clock.now += 2
    other = scaler_of(scene)
    other.reconcile()
    assert {1: 1 + 2, 2: 1} == launched(scene)
    launch = last(other).launch
    assert launch is not None
    assert (Outcome.PARTLY_LAUNCHED if registered else Outcome.LAUNCHED) is launch.outcome
    scene.aws.ecs.listing_lag = 0.0
    scene.send(1)
    scene.let_pass(2 * SLOT, other)
    assert {1: 1 + 2 + 1, 2: 1} == launched(scene)


def test_copies_are_those_of_the_trusted_revision(scene: Scene) -> None:
    """A restart knows by the tag of what they run which revision they are copies of."""
    scaler = trusting(scene, max_tasks_per_launch=2, max_containers_per_task=3)
    scene.send(4)
    scene.let_pass(2 * SLOT, scaler)
    take(scene)
    ran = Counter(label(task).rpartition(":")[0] for task in scene.aws.ecs.tasks())
    assert {family(scene): 1 + 1, f"{family(scene)}-x3": 1} == ran
    (copies,) = [task for task in scene.aws.ecs.tasks() if "-x3" in label(task)]
    tags = scene.aws.client("ecs").describe_task_definition(taskDefinition=copies.definition_arn, include=["TAGS"])
    assert scene.template == {tag["key"]: tag["value"] for tag in tags["tags"]}["ecsq:template"].rpartition("/")[2]
    for task in scene.aws.ecs.tasks():
        if task.arn != copies.arn:
            scene.aws.ecs.interrupt(task.arn)
    scene.let_pass(PROVE + 2 * SLOT, scaler)
    scene.restart()
    scene.send(1)
    again = scaler_of(scene)
    scene.let_pass(SLOT, again)
    assert (1, 1) == (stage(again).trusted, again.state.rollout.proven[0])


def test_with_a_deadline_the_canary_has_a_keeper_of_its_own_revision(scene: Scene) -> None:
    """Both are derived, and a restart tells them apart by their tags."""
    deadline: dict[str, Any] = {"deadline": 7200, "keeper": KeeperSettings("busybox", deadline=7200)}
    scaler = trusting(scene, max_containers_per_task=1, **deadline)
    scene.send(3)
    scene.let_pass(2 * SLOT, scaler)
    take(scene)
    ran = Counter(label(task) for task in scene.aws.ecs.tasks())
    assert {f"{family(scene)}-x1:1": 1 + 2, f"{family(scene)}-x1:2": 1} == ran
    assert (Standing.PROVING, 1) == (stage(scaler).standing, stage(scaler).unproven)
    scene.restart()
    again = scaler_of(scene, max_containers_per_task=1, **deadline)
    scene.send(1)
    scene.let_pass(2 * SLOT, again)
    take(scene)
    assert (Standing.PROVING, 1) == (stage(again).standing, stage(again).unproven)
    scene.let_pass(PROVE, again)
    assert Standing.TRUSTED is stage(again).standing


def test_the_canary_goes_to_the_provider_of_the_plan_and_before_a_probe(scene: Scene) -> None:
    """What is refused for capacity, as a probe often is, keeps no canary back, and says nothing of it."""
    order: dict[str, Any] = {
        "providers": ("FARGATE_SPOT", "FARGATE"),
        "run_task": {"networkConfiguration": NETWORK},
        "max_containers_per_task": 1,
    }
    scaler = trusting(scene, **order)

    def is_spot(asked: Any) -> bool:
        return bool(asked["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT")

    body = {"tasks": [], "failures": [{"reason": NO_CAPACITY}]}
    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", times=None, where=is_spot, body=body))
    scene.send(1)
    scene.let_pass(3 * SLOT, scaler)
    take(scene)
    assert (Standing.UNPROVEN, 0) == (stage(scaler).standing, launched(scene)[2])
    scene.let_pass(FIRST_PAUSE_OF_CAPACITY, scaler)
    scene.aws.journal.clear()
    scene.send(3)
    scene.let_pass(SLOT, scaler)
    calls = [call.parameters for call in scene.aws.journal.calls(client=APP) if call.operation == "RunTask"]
    assert [("FARGATE", 1, 1), ("FARGATE", 2, 1), ("FARGATE_SPOT", 1, 1)] == [
        (
            call["capacityProviderStrategy"][0]["capacityProvider"],
            int(call["taskDefinition"].rpartition(":")[2]),
            call["count"],
        )
        for call in calls
    ]


def test_a_revision_that_runtask_refuses_is_left_out_and_tried_again(scene: Scene) -> None:
    """The controller may not pass its role, say. The plan goes on without it, and somebody is told."""
    scaler = trusting(scene)
    told = notices(scene)

    def is_new(asked: Any) -> bool:
        return str(asked["taskDefinition"]).endswith(":2")

    denied = Disturbance(
        "ecs",
        "RunTask",
        "error",
        times=None,
        where=is_new,
        status=400,
        code="AccessDeniedException",
        message="PassRole",
    )
    scene.aws.disturbances.add(denied)
    scene.send(3)
    launches = scene.let_pass(SLOT + POLL, scaler)
    assert [Outcome.PARTLY_LAUNCHED, Outcome.LAUNCHED] == [each.launch.outcome for each in launches if each.launch]
    assert {1: 1 + 3} == launched(scene)
    assert (Standing.REFUSED, 1) == (stage(scaler).standing, stage(scaler).trusted)
    assert [Kind.LAUNCH_FAILED, Kind.TEMPLATE_REFUSED] == [notice.kind for notice in told]
    scene.aws.disturbances.clear()
    scene.let_pass(FIRST_PAUSE, scaler)
    scene.send(2)
    scene.let_pass(SLOT, scaler)
    assert {1: 1 + 3 + 1, 2: 1} == launched(scene)


def test_a_refused_revision_is_tried_at_once_when_the_task_is_configured_otherwise(scene: Scene) -> None:
    """The refusal may have been of a subnet or a provider that a person has corrected; any other reload keeps it."""
    scaler = trusting(scene)
    register_template(scene.aws, family(scene), containerDefinitions=[container("worker"), container("two")])
    scene.send(3)
    scene.let_pass(SLOT, scaler)
    assert (Standing.REFUSED, 0) == (stage(scaler).standing, stage(scaler).canaries)
    scaler.configure(replace(scaler.spec))
    scene.let_pass(POLL, scaler)
    assert Standing.REFUSED is stage(scaler).standing
    scaler.configure(replace(scaler.spec, task=replace(scaler.spec.task, container="worker")))
    scene.send(2)
    scene.let_pass(SLOT, scaler)
    assert 1 == launched(scene)[3]


def test_a_revision_that_cannot_run_as_configured_is_never_sent(scene: Scene) -> None:
    """It is found out before RunTask is asked, and the whole plan runs what is trusted."""
    scaler = trusting(scene)
    containers = [container("one"), container("two")]
    register_template(scene.aws, family(scene), containerDefinitions=containers)
    scene.send(3)
    (launch,) = scene.let_pass(SLOT, scaler)
    assert launch.launch is not None
    assert (Outcome.LAUNCHED, {1: 1 + 3}) == (launch.launch.outcome, launched(scene))
    assert Standing.REFUSED is stage(scaler).standing
    assert "container" in (stage(scaler).setback.cause or "")


def test_revisions_that_cannot_be_listed_hold_a_launch(scene: Scene) -> None:
    """They are unknown, and so is whether the newest has proven itself."""
    scaler = trusting(scene)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTaskDefinitions", "error", times=None))
    scene.send(1)
    scene.let_pass(SLOT, scaler)
    assert (Reason.UNKNOWN_TEMPLATE, {1: 1}) == (last(scaler).decision.reason, launched(scene))
    assert "task definition family" in (last(scaler).problem or "")
    scene.aws.disturbances.clear()
    scene.let_pass(2 * SLOT, scaler)
    assert {1: 1, 2: 1} == launched(scene)


def test_without_a_rollout_nothing_more_is_asked(scene: Scene) -> None:
    """And all runs the newest revision; with one the revisions are listed for a launch, and not at a poll."""
    register_template(scene.aws, family(scene))
    scene.send(2)
    scene.let_pass(2 * SLOT, scaler_of(scene, rollout=None))
    assert ({2: 2}, 0) == (launched(scene), scene.asked().count("ListTaskDefinitions"))
    assert {"rollout_standing", "template_revision"}.isdisjoint(name.removeprefix("ecsq_") for name in scene.series())
    scaler = scaler_of(scene)
    scene.let_pass(2 * SLOT, scaler)
    assert 0 == scene.asked().count("ListTaskDefinitions")
    scene.send(1)
    scene.let_pass(2 * SLOT, scaler)
    assert 1 <= scene.asked().count("ListTaskDefinitions") <= 2
