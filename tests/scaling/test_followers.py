"""Tasks with a container that waits for the worker's end: ECS dates their start when that container starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.copies.copies import KEEPER
from controller.core.decision.breaker import CLOSED
from controller.sandbox.aws import EmbeddedAws
from tests.core.decision.builders import BREAKER
from tests.support.aws import container, register_template
from tests.support.clock import ManualClock
from tests.support.scene import POLL, Scene, build, last

if TYPE_CHECKING:
    from tests.support.steps import Whole

HOURS = 7200.0
START_TAKES = 25.0
UPLOADING = [
    container("worker", essential=False),
    container("uploader", dependsOn=[{"containerName": "worker", "condition": "COMPLETE"}]),
]


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene with ten messages, whose template has an uploader that waits for the worker's end."""
    scene = build(own, dry_run=False)
    scene.template = register_template(scene.aws, containerDefinitions=UPLOADING)
    scene.aws.ecs.timing.start_delay = START_TAKES
    scene.send(10)
    return scene


@pytest.fixture(params=[10, 5], ids=["the template itself", "two copies a task"])
def scaler(request: pytest.FixtureRequest, scene: Scene) -> Whole:
    """Give a scaler that has launched ten workers, and has seen them run."""
    scaler = scene.scaler(container="worker", max_tasks_per_launch=request.param)
    scene.let_pass(START_TAKES + 2 * POLL, scaler)
    assert {("PENDING", None)} == {(task.last_status, task.started_at) for task in scene.aws.ecs.tasks()}
    return scaler


def end_workers(scene: Scene, code: int) -> None:
    """Let all workers end."""
    for task in scene.aws.ecs.tasks():
        for each in task.containers:
            if each.name.startswith("worker"):
                scene.aws.ecs.exit_container(task.arn, each.name, code)


def end_uploaders(scene: Scene) -> None:
    """Let all uploaders end, and with them the tasks."""
    for task in scene.aws.ecs.tasks():
        scene.aws.ecs.exit_container(task.arn, "uploader", 0)
        if any(each.name == KEEPER for each in task.containers):
            scene.aws.ecs.exit_container(task.arn, KEEPER, 0)


def take_all(scene: Scene) -> None:
    """Leave nothing to launch for."""
    scene.aws.client("sqs").purge_queue(QueueUrl=scene.queue.url)


def test_a_task_whose_workers_run_has_started(scene: Scene, scaler: Whole) -> None:
    """Though ECS calls it PENDING; and its start took what its workers' took, to a poll."""
    tasks = len(scaler.tasks)
    assert (tasks, 0) == (scene.sample("tasks", state="running"), scene.sample("tasks", state="starting"))
    scene.let_pass(HOURS, scaler, poll=60.0)
    took = scene.sample("task_start_duration_seconds_sum") or 0.0
    assert tasks == scene.sample("task_start_duration_seconds_count")
    assert START_TAKES * tasks <= took <= (START_TAKES + POLL) * tasks
    fleet = last(scaler).decision.fleet
    assert fleet is not None
    assert fleet.start_delay == took / tasks


def test_workers_that_fail_after_hours_did_not_fail_soon(scene: Scene, scaler: Whole) -> None:
    """The uploader that follows them has run for seconds, and they for hours."""
    scene.let_pass(HOURS, scaler, poll=60.0)
    tasks = len(scaler.tasks)
    end_workers(scene, 1)
    scene.let_pass(POLL, scaler)
    end_uploaders(scene)
    take_all(scene)
    scene.let_pass(2 * POLL, scaler)
    assert (CLOSED, tasks) == (scaler.state.breaker, scene.sample("tasks_stopped_total", outcome="failed"))
    assert tasks == scene.sample("task_start_duration_seconds_count")


def test_a_restart_does_not_take_them_for_failed_soon_either(scene: Scene, scaler: Whole) -> None:
    """Whether it saw their last seconds or reads of their end afterwards: when they began cannot be told."""
    scene.let_pass(HOURS, scaler, poll=60.0)
    scene.restart()
    beside = scene.scaler(container="worker")
    scene.let_pass(2 * POLL, beside)
    end_workers(scene, 1)
    scene.clock.now += 1
    end_uploaders(scene)
    scene.restart()
    after = scene.scaler(container="worker")
    for each in (beside, after):
        scene.let_pass(POLL, each)
    assert [CLOSED, CLOSED] == [beside.state.breaker, after.state.breaker]


def test_workers_that_crash_open_the_breaker_whatever_follows_them(scene: Scene, scaler: Whole) -> None:
    """That an uploader then works for hours makes them none that ran for long: what is launched next is a probe."""
    tasks = len(scaler.tasks)
    end_workers(scene, 1)
    take_all(scene)
    scene.let_pass(2 * POLL, scaler)
    scene.let_pass(HOURS, scaler, poll=60.0)
    end_uploaders(scene)
    scene.send(10)
    scene.let_pass(POLL, scaler)
    assert tasks >= BREAKER.after
    assert (tasks, 1) == (scaler.state.breaker.bad_ends, last(scaler).decision.launch)
