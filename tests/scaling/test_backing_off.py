"""The breaker over real HTTP: tasks that keep failing, on an AWS and a controller that share one virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.decision.breaker import CLOSED, FIRST_PAUSE, SOON, TRIP_AFTER
from controller.core.decision.model import Reason
from controller.core.decision.policy import CooldownPolicy
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from tests.support.aws import create_queue
from tests.support.clock import ManualClock
from tests.support.scene import NEXT, NOW, POLL, Scene, build, last, numbers, reasons

if TYPE_CHECKING:
    from controller.scaling.reconcile import Reconciler

HOUR = 3600.0
PULL_FAILS_AFTER = 20.0
"""Seconds from RunTask to the end of a task whose image cannot be pulled."""


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene with ten messages, where no image can be pulled."""
    scene = build(own, dry_run=False)
    scene.aws.ecs.timing.start_delay = PULL_FAILS_AFTER
    scene.aws.ecs.fail_starts(None)
    scene.send(10)
    return scene


def open_until(scaler: Reconciler) -> float | None:
    """Return until when the scaler's breaker is open."""
    return scaler.state.breaker.open_until


def tripped(scene: Scene) -> Reconciler:
    """Return a scaler whose breaker has just opened."""
    scaler = scene.scaler()
    scene.let_pass(40, scaler)
    assert Reason.BACKING_OFF is last(scaler).decision.reason
    return scaler


def test_an_image_that_cannot_be_pulled_does_not_start_tasks_all_night(scene: Scene) -> None:
    """One launch, then a single task at a time, ever more rarely; it recovers by itself once starts succeed."""
    scaler = scene.scaler()
    launches = scene.let_pass(HOUR, scaler, poll=30.0)
    sizes = [each.launch.containers for each in launches if each.launch]
    assert [10, 1, 1, 1, 1, 1] == sizes
    assert len(scene.aws.ecs.tasks()) == sum(sizes)
    scene.aws.ecs.let_starts_succeed()
    recovering = scene.let_pass(HOUR, scaler, poll=30.0)
    assert [1, 9] == [each.launch.containers for each in recovering if each.launch]
    assert (CLOSED, Reason.SATISFIED, 10) == (
        scaler.state.breaker,
        last(scaler).decision.reason,
        len(scaler.tasks),
    )


def test_why_it_backs_off_is_shown(scene: Scene) -> None:
    """In the status with the cause and the time of the probe, in the metrics as a time and a reason."""
    scaler = tripped(scene)
    shown = describe_scaler(scaler)
    probe_at = open_until(scaler)
    assert ("backing_off", 10, probe_at) == tuple(
        shown["last_decision"][key] for key in ("reason", "bad_ends", "breaker_open_until")
    )
    assert "CannotPullContainerError" in shown["last_decision"]["breaker_cause"]
    explained = dict(shown["explanation"])
    assert "10 tasks in a row failed to start or soon after" in explained["breaker"]
    assert "CannotPullContainerError" in explained["breaker"]
    assert probe_at == scene.sample("breaker_open_until_timestamp_seconds")
    assert (10.0, 2.0) == (
        scene.sample("tasks_stopped_total", outcome="start_failed"),
        scene.sample("decisions_total", reason="backing_off"),
    )


def test_a_closed_breaker_shows_no_time(scene: Scene) -> None:
    """0 from the start, and again after it has recovered."""
    scaler = tripped(scene)
    scene.aws.ecs.let_starts_succeed()
    scene.let_pass(300, scaler)
    assert 0.0 == scene.sample("breaker_open_until_timestamp_seconds")
    assert "breaker" not in dict(describe_scaler(scaler)["explanation"])


def test_workers_that_fail_soon_open_it_too(scene: Scene) -> None:
    """By their exit codes; the cause names the container."""
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.timing.start_delay = 0.0
    scaler = scene.scaler()
    scaler.reconcile()
    scene.clock.now += SOON - 1
    for task in scaler.tasks[:TRIP_AFTER]:
        scene.aws.ecs.exit_container(task.arn, "worker", 3)
    scene.let_pass(1, scaler)
    assert ("container worker exited with code 3", TRIP_AFTER) == (
        scaler.state.breaker.cause,
        scaler.state.breaker.bad_ends,
    )
    assert Reason.BACKING_OFF is last(scaler).decision.reason


def test_workers_that_fail_late_do_not(scene: Scene) -> None:
    """That is about their messages."""
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.timing.start_delay = 0.0
    scaler = scene.scaler()
    scaler.reconcile()
    scene.clock.now += SOON
    for task in scaler.tasks:
        scene.aws.ecs.exit_container(task.arn, "worker", 3)
    scene.let_pass(60, scaler)
    assert (CLOSED, 20) == (scaler.state.breaker, len(scene.aws.ecs.tasks()))


def test_a_probe_that_is_interrupted_is_followed_by_another(scene: Scene) -> None:
    """It said nothing: the pause neither ends nor doubles."""
    scaler = tripped(scene)
    scene.aws.ecs.let_starts_succeed()
    pause_ends = open_until(scaler)
    (probe,) = scene.let_pass(FIRST_PAUSE + 30, scaler)
    assert probe.launch is not None
    scene.aws.ecs.interrupt(probe.launch.arns[0])
    (another,) = scene.let_pass(40, scaler)
    assert another.launch is not None
    assert (1, pause_ends) == (another.launch.containers, open_until(scaler))


def test_a_probe_whose_answer_is_lost_is_the_only_one(scene: Scene) -> None:
    """It may live, so no second one is sent while that is in doubt."""
    scaler = tripped(scene)
    scene.clock.now = (open_until(scaler) or 0.0) + 30

    def late(_: object) -> bool:
        scene.clock.now += 20
        return True

    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request", times=None, where=late))
    scene.let_pass(60, scaler)
    scene.aws.disturbances.clear()
    assert 1 == numbers(scaler).in_doubt
    assert [] == scene.let_pass(200, scaler)
    assert Reason.BACKING_OFF is last(scaler).decision.reason


# A restart


def test_a_restart_does_not_forget(scene: Scene) -> None:
    """How the last tasks ended is read from ECS: the same row, the same cause, the same pause."""
    before = tripped(scene)
    scene.let_pass(600, before)
    scene.restart()
    after = scene.scaler()
    after.reconcile()
    assert before.state.breaker == after.state.breaker
    assert Reason.BACKING_OFF is last(after).decision.reason


def test_a_restart_waits_for_the_probe_of_the_process_before(scene: Scene) -> None:
    """One at a time, whoever launched it."""
    before = tripped(scene)
    scene.aws.ecs.timing.start_delay = 300.0
    assert 1 == len(scene.let_pass(FIRST_PAUSE + 30, before))
    scene.restart()
    after = scene.scaler()
    assert [] == scene.let_pass(200, after)
    assert "a single task was launched as a probe" in dict(describe_scaler(after)["explanation"])["breaker"]


def test_a_restart_beside_tasks_that_run_well_does_not_forget_either(scene: Scene) -> None:
    """Workers of an earlier image say nothing of the one that cannot be pulled."""
    scene.aws.ecs.let_starts_succeed()
    scene.run(2, before=HOUR)
    scene.aws.ecs.fail_starts(None)
    before = tripped(scene)
    scene.restart()
    after = scene.scaler()
    after.reconcile()
    assert (before.state.breaker, 2) == (after.state.breaker, len(after.tasks))


def test_an_end_is_not_counted_twice(scene: Scene) -> None:
    """Once as it is seen, and once as it is read back."""
    scene.run(3)
    scaler = scene.scaler(queue=create_queue(scene.aws).name)
    scene.let_pass(40, scaler)
    assert 3.0 == scene.sample("tasks_stopped_total", outcome="start_failed")
    scaler.configure(scene.spec())
    scene.clock.now = NEXT.start + 30 + POLL
    scaler.reconcile()
    assert 3 == scaler.state.breaker.bad_ends


def test_the_history_is_read_once_and_only_before_a_launch(scene: Scene) -> None:
    """An idle scaler asks for none; one with work lists the stopped tasks of each family once."""
    families = 9
    idle, busy = scene.scaler(name="idle", queue=create_queue(scene.aws).name), scene.scaler()
    listings = []
    for scaler in (idle, busy):
        scene.let_pass(60, scaler)
        calls = scene.aws.journal.calls("ecs", "ListTasks")
        listings.append(sum(call.parameters.get("desiredStatus") == "STOPPED" for call in calls))
    assert [0, families] == listings


def test_without_its_history_a_scaler_holds(scene: Scene) -> None:
    """It might start what has failed all night; what is known by then is not asked for again."""
    scaler = scene.scaler(cooldown=CooldownPolicy(launch=0.0, fall=0.0))
    refused = Disturbance("ecs", "ListTasks", "error", times=2, where=lambda asked: "family" in asked, after=3)
    scene.aws.disturbances.add(refused)
    assert [Reason.UNKNOWN_FLEET, Reason.LAUNCH] == reasons(scene, scaler, NOW, NOW + POLL)
