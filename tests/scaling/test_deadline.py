"""A deadline from the configuration to the tasks that run, and to whoever reads why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.errors import Fault
from controller.core.copies.copies import KEEPER
from controller.core.copies.keeper import OVERDUE, KeeperSettings
from controller.core.decision.explain import explain
from controller.core.decision.model import Outcome
from tests.support.aws import register_template
from tests.support.scene import Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

DEADLINE: dict[str, Any] = {"deadline": 7200, "keeper": KeeperSettings("busybox", deadline=7200)}


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene in which tasks run until a test ends them."""
    return build(own, dry_run=False)


@pytest.mark.parametrize(("changes", "suffix"), [({}, ""), (DEADLINE, "-x1")], ids=["without", "with"])
def test_a_single_worker_has_a_keeper_for_it_alone(scene: Scene, changes: dict[str, Any], suffix: str) -> None:
    """It is registered once, and its tasks count as those of one worker."""
    scene.send(2)
    scaler = scene.scaler(max_containers_per_task=1, **changes)
    scene.let_pass(60, scaler)
    fleet = last(scaler).decision.fleet
    assert {scene.template.partition(":")[0] + suffix} == {task.family for task in scene.aws.ecs.tasks()}
    assert (bool(suffix), 2) == (scene.sample("task_definitions_registered_total") == 1, fleet and fleet.live)


def test_an_end_at_the_deadline_is_an_outcome_of_its_own(scene: Scene) -> None:
    """Neither a failure of the worker nor a reason to hold the next launch."""
    scene.send(1)
    scaler = scene.scaler(**DEADLINE)
    scene.let_pass(60, scaler)
    (task,) = scene.aws.ecs.tasks()
    scene.aws.ecs.exit_container(task.arn, "worker", 143)
    scene.aws.ecs.exit_container(task.arn, KEEPER, OVERDUE)
    scene.let_pass(60, scaler)
    ends = {outcome: scene.sample("tasks_stopped_total", outcome=outcome) for outcome in ("deadline", "failed")}
    assert {"deadline": 1, "failed": 0} == ends
    assert 0 == scene.sample("breaker_open_until_timestamp_seconds")
    assert 2 == len(scene.aws.ecs.tasks())


def test_how_near_it_is_is_said(scene: Scene) -> None:
    """The line of plan, status and page tells for how long the oldest workers have run, and when that is odd."""
    scene.send(1)
    scaler = scene.scaler(**DEADLINE)
    scene.let_pass(3600, scaler, poll=60.0)
    rule = "a task is ended 2h after the start of its last copy"
    assert f"{rule}; the oldest has run for 59m" in dict(explain(scaler.spec.policy, last(scaler).decision))["deadline"]
    scene.let_pass(3900, scaler, poll=60.0)
    late = dict(explain(scaler.spec.policy, last(scaler).decision))["deadline"]
    assert late.endswith(": if all its copies run, its keeper should have ended it")
    assert 7200 == scene.sample("task_deadline_seconds")


def test_a_template_that_can_have_no_keeper_is_not_run_without_its_deadline(scene: Scene) -> None:
    """The launch fails, with the key to change."""
    scene.send(1)
    ec2 = register_template(scene.aws, networkMode="none", requiresCompatibilities=["EC2"])
    scaler = scene.scaler(definition=ec2, run_task={"launchType": "EC2"}, **DEADLINE)
    launch = scene.let_pass(60, scaler)[0].launch
    assert launch is not None
    assert (Outcome.FAILED, Fault.CANNOT_COPY) == (launch.outcome, launch.fault)
    assert "remove task.deadline; check scalers[0].task.deadline" in (launch.error or "")
