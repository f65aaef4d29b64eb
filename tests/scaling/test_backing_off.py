"""The breaker over real HTTP: tasks that keep failing, on an AWS and a controller that share one virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.core.decision.breaker import CLOSED, FIRST_PAUSE
from controller.core.decision.model import Reason
from controller.core.decision.policy import BreakerPolicy, CooldownPolicy
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from tests.core.decision.builders import BREAKER, BREAKER_OFF
from tests.support.aws import create_queue, register_template, run_tasks
from tests.support.clock import ManualClock
from tests.support.controller import CONTROLLER, SCALER
from tests.support.scene import NEXT, NOW, POLL, Scene, build, last, numbers, reasons

if TYPE_CHECKING:
    from tests.support.steps import Whole

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


def open_until(scaler: Whole) -> float | None:
    """Return until when the scaler's breaker is open."""
    return scaler.state.breaker.open_until


def tripped(scene: Scene) -> Whole:
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
    assert "10 tasks in a row failed to start, or failed within 1m of their start" in explained["breaker"]
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
    scene.clock.now += BREAKER.within - 1
    for task in scaler.tasks[: BREAKER.after]:
        scene.aws.ecs.exit_container(task.arn, "worker", 3)
    scene.let_pass(1, scaler)
    assert ("container worker exited with code 3", BREAKER.after) == (
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
    scene.clock.now += BREAKER.within
    for task in scaler.tasks:
        scene.aws.ecs.exit_container(task.arn, "worker", 3)
    scene.let_pass(60, scaler)
    assert (CLOSED, 20) == (scaler.state.breaker, len(scene.aws.ecs.tasks()))


def one_message_each(scene: Scene, scaler: Whole, jobs: int) -> None:
    """Let workers start at once and exit with 1 after two seconds, as a CI job does that finds a fault."""
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.timing.start_delay = 0.0
    done: set[str] = set()
    for _ in range(jobs):
        scaler.reconcile()
        scene.clock.now += 2
        for task in scaler.tasks:
            if task.arn not in done:
                done.add(task.arn)
                scene.aws.ecs.exit_container(task.arn, "worker", 1)
        scene.clock.now += 30


@pytest.mark.parametrize(
    ("breaker", "launched"),
    [(BREAKER, 11), (BREAKER_OFF, 30), (BreakerPolicy(25, 60.0), 30), (BreakerPolicy(5, 1.0), 30)],
    ids=["by default", "off", "after more", "within less than they take"],
)
def test_a_scaler_may_say_that_exits_tell_of_messages(scene: Scene, breaker: BreakerPolicy, launched: int) -> None:
    """Ten bad messages delay the others only where their exits count as signs: then all that follows is a probe."""
    scaler = scene.scaler(breaker=breaker)
    one_message_each(scene, scaler, 3)
    assert launched == len(scene.aws.ecs.tasks())


def test_with_off_tasks_that_fail_to_start_open_it_as_ever(scene: Scene) -> None:
    """However their workers exit: an image that cannot be pulled starts no tasks all night."""
    scaler = scene.scaler(breaker=BREAKER_OFF)
    sizes = [each.launch.containers for each in scene.let_pass(HOUR, scaler, poll=30.0) if each.launch]
    assert [10, 1, 1, 1, 1, 1] == sizes
    said = dict(describe_scaler(scaler)["explanation"])["breaker"]
    assert said.startswith(f"{scaler.state.breaker.bad_ends} tasks in a row failed to start, the last: Cannot")


def test_with_off_a_probe_that_starts_closes_it_whatever_its_exit_code(scene: Scene) -> None:
    """All that it was launched for is to show that tasks start again."""
    scaler = scene.scaler(breaker=BREAKER_OFF)
    scene.let_pass(40, scaler)
    assert open_until(scaler) is not None
    scene.clock.now = (open_until(scaler) or 0.0) + 40
    one_message_each(scene, scaler, 1)
    scaler.reconcile()
    assert CLOSED == scaler.state.breaker


def test_a_reload_takes_a_changed_breaker_and_keeps_its_state(scene: Scene) -> None:
    """The row so far stays; what ends from then on is judged by the new keys."""
    scaler = scene.scaler(breaker=BreakerPolicy(25, 60.0))
    one_message_each(scene, scaler, 2)
    scaler.reconcile()
    assert (20, None) == (scaler.state.breaker.bad_ends, open_until(scaler))
    scaler.configure(scene.spec(breaker=BREAKER))
    one_message_each(scene, scaler, 1)
    scaler.reconcile()
    assert (30, Reason.BACKING_OFF) == (scaler.state.breaker.bad_ends, last(scaler).decision.reason)
    scaler.configure(scene.spec(breaker=BREAKER_OFF))
    scaler.reconcile()
    assert (30, Reason.BACKING_OFF) == (scaler.state.breaker.bad_ends, last(scaler).decision.reason)


def test_a_task_that_runs_is_a_sign_by_the_keys_of_now(scene: Scene) -> None:
    """A probe that has run for less than the old time and more than the new one closes the breaker at the next look."""
    patient = BreakerPolicy(5, 3600.0)
    scaler = scene.scaler(breaker=patient)
    scene.let_pass(40, scaler)
    scene.aws.ecs.let_starts_succeed()
    scene.let_pass(300, scaler)
    assert open_until(scaler) is not None
    scaler.configure(scene.spec(breaker=BREAKER))
    scaler.reconcile()
    assert CLOSED == scaler.state.breaker


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


def test_a_reload_to_another_definition_goes_by_the_history_of_that(scene: Scene) -> None:
    """How its tasks ended before counts, as after a restart."""
    other = register_template(scene.aws)
    run_tasks(scene.aws, scene.cluster, other, 6, startedBy=CONTROLLER, group=SCALER)
    scene.clock.now += 2 * PULL_FAILS_AFTER
    scaler = scene.scaler(paused=True)
    scaler.reconcile()
    assert CLOSED == scaler.state.breaker
    scaler.configure(scene.spec(definition=other))
    scene.clock.now = NEXT.start + 10
    scaler.reconcile()
    assert (6, Reason.BACKING_OFF) == (scaler.state.breaker.bad_ends, last(scaler).decision.reason)


@pytest.mark.parametrize("seconds", [1.0, 40.0], ids=["before they failed", "after they failed"])
def test_a_reload_to_another_definition_ends_the_row(scene: Scene, seconds: float) -> None:
    """What fails of the one before, then or later, tells nothing of the one that mends it."""
    scaler = scene.scaler()
    scene.let_pass(seconds, scaler)
    mended = register_template(scene.aws)
    scaler.configure(scene.spec(definition=mended))
    launches = scene.let_pass(60, scaler)
    assert [10] == [each.launch.containers for each in launches if each.launch][:1]


def test_a_reload_to_another_revision_keeps_the_row(scene: Scene) -> None:
    """ECS lists tasks that have ended by family, so a restart would find that row as well."""
    scaler = tripped(scene)
    before = scaler.state.breaker
    scaler.configure(scene.spec(definition=f"{scene.template}:1"))
    scaler.reconcile()
    assert before == scaler.state.breaker


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


@pytest.mark.parametrize(
    ("breaker", "bad_ends", "reason"),
    [(BREAKER, 10, Reason.BACKING_OFF), (BREAKER_OFF, 0, Reason.LAUNCH), (BreakerPolicy(11, 60.0), 10, Reason.LAUNCH)],
    ids=["by default", "off", "after more"],
)
def test_a_restart_judges_the_ends_of_before_by_the_scalers_keys(
    scene: Scene, breaker: BreakerPolicy, bad_ends: int, reason: Reason
) -> None:
    """What the process before has seen is read back as that one would have taken it."""
    one_message_each(scene, scene.scaler(breaker=breaker), 1)
    scene.restart()
    after = scene.scaler(breaker=breaker)
    after.reconcile()
    assert (bad_ends, reason) == (after.state.breaker.bad_ends, last(after).decision.reason)


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
