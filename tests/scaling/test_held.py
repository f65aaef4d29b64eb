"""Tasks that are not at work or oddly described, over real HTTP: they count, and blind nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.core.copies.copies import KEEPER
from controller.core.decision.model import Reason
from controller.core.decision.policy import PerContainer
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance
from controller.scaling.budget import SharedBudget
from controller.scaling.cycle import report_fleet
from tests.support.aws import container, create_queue, register_template, run_tasks, send_messages
from tests.support.controller import CONTROLLER, SCALER
from tests.support.scene import NOW, POLL, Scene, build, last, numbers, reasons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.sandbox.aws import EmbeddedAws, TaskView
    from tests.support.clock import ManualClock
    from tests.support.steps import Whole

OTHER = "thumbnails"


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene at a moment within a slot's window."""
    return build(own, dry_run=False)


def states(scene: Scene, name: str = "tasks") -> dict[str, float]:
    """Return a gauge of the scaler's by state; only what is not 0."""
    found = {
        state: scene.sample(name, state=state) for state in ("starting", "running", "draining", "ended", "unowned")
    }
    return {state: number for state, number in found.items() if number}


def live(scene: Scene) -> list[TaskView]:
    """Return the tasks that have not stopped."""
    return [task for task in scene.aws.ecs.tasks() if task.last_status != "STOPPED"]


def end_workers(scene: Scene, tasks: Iterable[TaskView]) -> None:
    """Let every worker of these tasks end well."""
    for task in tasks:
        for view in task.containers:
            if view.name.startswith("worker"):
                scene.aws.ecs.exit_container(task.arn, view.name, 0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_tasks_whose_workers_have_ended_fill_the_maximum_until_they_are_gone(scene: Scene, k: int) -> None:
    """A worker that is not essential beside a server that never ends leaves paid tasks behind: at most so many."""
    beside = [container("worker", essential=False), container("web")]
    scene.template = register_template(scene.aws, containerDefinitions=beside)
    most = 2 * k
    scaler = scene.scaler(container="worker", max_containers=most, max_containers_per_task=k, max_tasks_per_launch=2)
    scene.send(60)
    for _ in range(6):
        scene.let_pass(30, scaler)
        end_workers(scene, live(scene))
        assert len(live(scene)) <= 2
    scene.let_pass(30, scaler)
    status = describe_scaler(scaler)
    text = f"2 tasks of {most} containers have no worker left but go on: they count against max_containers"
    assert ["ended", text] in [list(line) for line in status["explanation"]]
    decided = status["last_decision"]
    assert (Reason.AT_MAX.value, 0, most, 2) == tuple(
        decided[name] for name in ("reason", "live", "ended", "ended_tasks")
    )
    assert [("ended", k), ("ended", k)] == [(task["state"], task["workers"]) for task in status["tasks"]]
    assert ({"ended": 2.0}, {"ended": float(most)}) == (states(scene), states(scene, "containers_held"))
    gone, _ = live(scene)
    scene.aws.ecs.exit_container(gone.arn, "web", 0)
    launches = scene.let_pass(60, scaler)
    # None of those before has taken a message in all this time, so no more than one beside a first is tried.
    assert [min(k, 2)] == [each.launch.containers for each in launches if each.launch]


def test_ended_tasks_are_shown_beside_workers_that_live(scene: Scene) -> None:
    """So that an alert need not wait until nobody works any more."""
    beside = [container("worker", essential=False), container("web")]
    scene.template = register_template(scene.aws, containerDefinitions=beside)
    _, ended = scene.run(2)
    scene.aws.ecs.exit_container(ended, "worker", 0)
    scaler = scene.scaler(container="worker")
    scaler.reconcile()
    assert {"running": 1.0, "ended": 1.0} == states(scene)
    assert {"running": 1.0} == states(scene, "containers")


def test_a_keeper_that_has_not_seen_the_end_yet_holds_its_places(scene: Scene) -> None:
    """Its containers are not gone before it is; then they are free at the next poll."""
    scene.send(3)
    scaler = scene.scaler(max_containers=3, max_tasks_per_launch=1)
    scaler.reconcile()
    (task,) = live(scene)
    end_workers(scene, [task])
    assert [Reason.AT_MAX] == reasons(scene, scaler, NOW + 4 * POLL)
    scene.aws.ecs.exit_container(task.arn, KEEPER, 0)
    launches = scene.let_pass(2 * POLL, scaler)
    assert [3] == [each.launch.containers for each in launches if each.launch]


@pytest.mark.parametrize("restart", [False, True], ids=["steady", "cold start"])
@pytest.mark.parametrize("by_hand", [False, True], ids=["its worker ends", "StopTask"])
def test_a_task_that_is_stopping_counts_until_it_has_stopped(scene: Scene, *, restart: bool, by_hand: bool) -> None:
    """No listing of live tasks shows it: one that was known is described on, the others ECS lists as stopping."""
    scene.aws.ecs.timing.stop_delay = 45.0
    scaler = scene.scaler(max_containers=2)
    first, second = scene.run(2)
    scene.send(4)
    assert [Reason.AT_MAX] == reasons(scene, scaler, NOW)
    if by_hand:
        scene.aws.client("ecs").stop_task(cluster=scene.cluster, task=first)
    else:
        scene.aws.ecs.exit_container(first, "worker", 0)
    if restart:
        scene.restart()
        scaler = scene.scaler(max_containers=2)
    held = reasons(scene, scaler, NOW + POLL, NOW + 2 * POLL, NOW + 40)
    assert [Reason.AT_MAX] * 3 == held
    assert ({"running": 1.0, "draining": 1.0}, {"draining": 1.0}) == (states(scene), states(scene, "containers_held"))
    assert (1, 0) == (last(scaler).decision.numbers.shortfall, numbers(scaler).room)
    launches = scene.let_pass(60, scaler)
    assert [1] == [each.launch.containers for each in launches if each.launch]
    assert {task.arn for task in live(scene)} > {second}


def test_what_drains_for_another_controller_does_not_count(scene: Scene) -> None:
    """The family is the user's, and anybody may run it."""
    scene.aws.ecs.timing.stop_delay = 1e6
    for started_by in ("by-hand", "ecsq-two"):
        (arn,) = run_tasks(scene.aws, scene.cluster, scene.template, startedBy=started_by, group=SCALER)
        scene.aws.ecs.exit_container(arn, "worker", 0)
    scene.send(2)
    scaler = scene.scaler(max_containers=1)
    assert [Reason.LAUNCH] == reasons(scene, scaler, NOW)
    assert {} == states(scene, "containers_held")


def test_every_draining_task_is_found_among_many_that_have_stopped(scene: Scene) -> None:
    """A busy scaler leaves more than a page of them in an hour."""
    for arn in scene.run(130, before=60):
        scene.aws.ecs.exit_container(arn, "worker", 0)
    scene.aws.ecs.timing.stop_delay = 1e6
    for arn in scene.run(3, before=60):
        scene.aws.ecs.exit_container(arn, "worker", 0)
    scene.send(9)
    scaler = scene.scaler(max_containers=4)
    scaler.reconcile()
    assert (3, 1) == (last(scaler).decision.fleet.draining, last(scaler).decision.launch)


def test_draining_tasks_cost_one_request_a_poll(scene: Scene) -> None:
    """They are listed no more, so all of them are described, by one call."""
    scene.aws.ecs.timing.stop_delay = 1e6
    *ending, _ = scene.run(3)
    scaler = scene.scaler(max_containers=3)
    scaler.reconcile()
    scene.asked()
    reasons(scene, scaler, NOW + POLL)
    assert ["GetQueueAttributes", "ListTasks"] == scene.asked()
    for arn in ending:
        scene.aws.ecs.exit_container(arn, "worker", 0)
    reasons(scene, scaler, NOW + 2 * POLL)
    assert ["GetQueueAttributes", "ListTasks", "DescribeTasks"] == scene.asked()


def waits_for_instance(task: dict[str, Any]) -> dict[str, Any]:
    """Describe a task as ECS does while a capacity provider scales up."""
    return task | {"lastStatus": "PROVISIONING", "containers": []}


def other_scaler(scene: Scene, **changes: Any) -> Whole:
    """Return a scaler of another queue and family in the same cluster, with two messages."""
    queue = create_queue(scene.aws)
    send_messages(scene.aws, queue.url, 2)
    return scene.scaler(name=OTHER, queue=queue.name, definition=register_template(scene.aws), **changes)


@pytest.mark.parametrize("k", [1, 2])
def test_a_task_that_waits_for_an_instance_is_starting_and_blinds_nobody(scene: Scene, k: int) -> None:
    """With as many workers as its family tells; the cluster is known, and others launch."""
    family = scene.template.partition(":")[0]
    copies = [container(KEEPER), *(container(f"worker-{number}", essential=False) for number in (1, 2))]
    derived = register_template(scene.aws, f"{family}-x2", containerDefinitions=copies) if k == 2 else scene.template
    (arn,) = run_tasks(scene.aws, scene.cluster, derived, startedBy=CONTROLLER, group=SCALER)
    scene.aws.ecs.distort(arn, waits_for_instance)
    scene.send(1)
    scaler, other = scene.scaler(definition=family), other_scaler(scene)
    assert [Reason.SATISFIED] == reasons(scene, scaler, NOW + 20)
    assert {"starting": float(k)} == states(scene, "containers")
    assert [Reason.LAUNCH] == reasons(scene, other, NOW + 20)


def test_what_nothing_tells_counts_with_the_most_that_a_task_may_hold(scene: Scene) -> None:
    """Another definition than the configured one: its family says nothing of copies."""
    foreign = register_template(scene.aws)
    (arn,) = run_tasks(scene.aws, scene.cluster, foreign, startedBy=CONTROLLER, group=SCALER)
    scene.aws.ecs.distort(arn, waits_for_instance)
    scene.scaler(max_containers_per_task=5).reconcile()
    assert {"starting": 5.0} == states(scene, "containers")


def test_a_task_of_which_next_to_nothing_is_told_is_starting(scene: Scene) -> None:
    """Its group is told, and that it is there; neither its age, its definition nor its containers."""
    (arn,) = scene.run(1)
    told = {"lastStatus": "PROVISIONING", "desiredStatus": "RUNNING", "containers": []}
    told |= {"group": SCALER, "startedBy": CONTROLLER}
    scene.aws.ecs.distort(arn, lambda task: told | {"taskArn": task["taskArn"]})
    scene.send(1)
    scaler = scene.scaler(max_containers_per_task=3)
    assert [Reason.SATISFIED] == reasons(scene, scaler, NOW)
    assert {"starting": 3.0} == states(scene, "containers")
    status = describe_scaler(scaler)
    odd = "of 1 task ECS does not tell all that counts: what it may be at most stands in for it"
    assert ["odd", odd] in [list(line) for line in status["explanation"]]
    (task,) = status["tasks"]
    assert ("starting", 3, ["creation", "crew"]) == (task["state"], task["workers"], task["guessed"])


@pytest.mark.parametrize(
    "change", [waits_for_instance, lambda _task: {}, lambda _task: None], ids=["bare", "{}", "null"]
)
def test_our_own_launch_is_known_better_than_it_is_described(scene: Scene, change: Any) -> None:
    """It knows its plan, however long nothing tells of it."""
    scene.send(4)
    scaler = scene.scaler(max_tasks_per_launch=2, max_containers_per_task=9)
    scaler.reconcile()
    for task in live(scene):
        scene.aws.ecs.distort(task.arn, change)
    later = reasons(scene, scaler, NOW + POLL, NOW + 400, NOW + 4000)
    assert [Reason.SATISFIED] * 3 == later
    assert {"starting": 4.0} == states(scene, "containers")
    assert 0 == last(scaler).decision.fleet.odd_tasks


def test_a_task_that_is_listed_but_missing_lives_as_long_as_it_is_listed(scene: Scene) -> None:
    """Known from the answer or not; once it is listed no more it is given up after five minutes."""
    scene.send(2)
    scaler = scene.scaler(max_containers=2, max_tasks_per_launch=1)
    scaler.reconcile()
    (task,) = live(scene)
    scene.aws.ecs.timing.describing_lag = 1e9
    assert [Reason.SATISFIED] * 3 == reasons(scene, scaler, NOW + POLL, NOW + 400, NOW + 4000)
    scene.restart()
    cold = scene.scaler(max_containers=2)
    assert [Reason.SATISFIED] * 3 == reasons(scene, cold, NOW + 4010, NOW + 4400, NOW + 8000)
    assert 9 == last(cold).decision.fleet.live
    scene.aws.ecs.hide(task.arn, 1e9)
    scene.let_pass(280, scaler)
    assert 2 == last(scaler).decision.fleet.live
    launches = scene.let_pass(100, scaler)
    assert [2] == [each.launch.containers for each in launches if each.launch]


def test_a_task_of_which_nobody_knows_whose_it_is_counts_against_every_maximum(scene: Scene) -> None:
    """It may be either's, so it is at work for neither, and neither launches above its maximum with it."""
    scene.run(1)
    scene.aws.ecs.timing.describing_lag = 1e9
    scene.send(8)
    scaler, other = scene.scaler(max_containers_per_task=3), other_scaler(scene, max_containers_per_task=2)
    assert [Reason.LAUNCH] == reasons(scene, scaler, NOW)
    assert (3, 7) == (last(scaler).decision.fleet.unowned, last(scaler).decision.launch)
    other.reconcile()
    assert (3, 0, 7) == (last(other).decision.fleet.unowned, last(other).decision.fleet.live, numbers(other).room)


@pytest.mark.parametrize(
    "members",
    [{"group": None}, {"createdAt": None}, {"desiredStatus": "?", "lastStatus": "?", "stopCode": "?"}],
    ids=str,
)
def test_a_task_that_lacks_something_else_is_still_the_scalers(scene: Scene, members: dict[str, Any]) -> None:
    """By its family, which no other scaler has."""
    (arn,) = scene.run(1)
    scene.aws.ecs.distort(arn, lambda task: task | members)
    scaler, other = scene.scaler(), other_scaler(scene)
    reasons(scene, other, NOW)
    scaler.reconcile()
    assert ({"running": 1.0}, 1) == (states(scene, "containers"), last(scaler).decision.fleet.live)


def test_a_batch_that_cannot_be_described_is_still_unknown(scene: Scene) -> None:
    """One odd task is one thing, and no answer another."""
    scene.run(2)
    scene.send(3)
    body = {"tasks": [], "failures": []}
    scene.aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", times=None, body=body))
    assert [Reason.UNKNOWN_FLEET] == reasons(scene, scene.scaler(), NOW)


def test_the_budget_counts_what_the_maximum_counts(scene: Scene) -> None:
    """Tasks that drain or go on without a worker take up their share until they are gone."""
    scene.aws.ecs.timing.stop_delay = 1e6
    beside = [container("worker", essential=False), container("web")]
    ended, draining = (
        run_tasks(scene.aws, scene.cluster, definition, startedBy=CONTROLLER, group=SCALER)[0]
        for definition in (register_template(scene.aws, containerDefinitions=beside), scene.template)
    )
    scene.run(1)
    for arn in (ended, draining):
        scene.aws.ecs.exit_container(arn, "worker", 0)
    spec = scene.spec(container="worker", demand=PerContainer(1))
    scene.send(9)
    scaler = scene.scaler(container="worker", paused=True)
    scaler.reconcile()
    budget = SharedBudget()
    budget.configure(5, [spec])
    report_fleet(budget, spec, scene.services.cluster_of(spec), scaler.state, NOW)
    assert 2 == budget.grant(spec.name, 9, NOW)
