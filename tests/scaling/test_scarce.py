"""Tasks that stop for want of capacity after RunTask has answered, over real HTTP and on one virtual clock."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from controller.core.decision.breaker import CLOSED
from controller.core.decision.model import Reason
from controller.core.decision.scarcity import HOLD
from controller.core.words import format_clock
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from controller.sandbox.aws.capacity import NO_CAPACITY
from controller.scaling.memory import read_memory, to_plain
from tests.support.clock import ManualClock
from tests.support.scene import POLL, Scene, build, last, numbers
from tests.support.steps import Whole

SHORTAGE = 600.0
START_TAKES, PROVISIONING = 30.0, 10.0
"""Seconds from RunTask to RUNNING, and to the end of a task that finds no place."""
MESSAGES = 10


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene with messages, where no task finds a place."""
    scene = build(own, dry_run=False)
    scene.aws.ecs.timing.start_delay, scene.aws.ecs.timing.pending_delay = START_TAKES, PROVISIONING
    scene.aws.ecs.fail_starts(None, reason=NO_CAPACITY, placed=False)
    scene.send(MESSAGES)
    return scene


def held(scene: Scene) -> Whole:
    """Return a scaler whose first launch has just found no place."""
    scaler = scene.scaler()
    scene.let_pass(PROVISIONING + POLL, scaler)
    assert Reason.BACKING_OFF is last(scaler).decision.reason
    return scaler


def sizes(launches: list) -> list[int]:
    """Return the containers of each launch."""
    return [each.launch.containers for each in launches]


def running(scene: Scene) -> int:
    """Return how many tasks run, by AWS's own account."""
    return sum(task.last_status == "RUNNING" for task in scene.aws.ecs.tasks())


def seconds_until_all_run(scene: Scene, scaler: Whole) -> float:
    """Return how long it takes from now until as many tasks run as there are messages, within a poll."""
    began = scene.clock.now
    while running(scene) < MESSAGES:
        scene.let_pass(POLL, scaler)
        assert scene.clock.now < began + SHORTAGE
    return scene.clock.now - began


def test_a_shortage_of_ten_minutes_is_no_storm_and_ends_soon_after(scene: Scene) -> None:
    """One whole launch, then one task a minute and a slot; once a tried one runs, the rest follows in the next slot."""
    scaler = scene.scaler()
    launched = sizes(scene.let_pass(SHORTAGE, scaler))
    assert ([MESSAGES] + [1] * (len(launched) - 1), 0) == (launched, running(scene))
    assert len(launched) <= 1 + SHORTAGE / (HOLD + PROVISIONING)
    scene.aws.ecs.let_starts_succeed()
    slot = 30.0
    at_most = HOLD + slot + START_TAKES + POLL + slot + START_TAKES + POLL
    assert seconds_until_all_run(scene, scaler) <= at_most
    assert sum(launched) + MESSAGES == len(scene.aws.ecs.tasks())
    assert (CLOSED, None) == (scaler.state.breaker, scaler.state.scarcity.until)


@pytest.mark.parametrize("offset", [0.0, 15.0, 35.0, 55.0, 75.0])
def test_wherever_the_shortage_ends_nothing_is_launched_beyond_what_is_wanted(scene: Scene, offset: float) -> None:
    """In the hold, while a trial is on its way, and between the two."""
    scaler = held(scene)
    scene.let_pass(offset, scaler)
    scene.aws.ecs.let_starts_succeed()
    scene.let_pass(240, scaler)
    assert (MESSAGES, MESSAGES, Reason.SATISFIED) == (
        running(scene),
        numbers(scaler).desired,
        last(scaler).decision.reason,
    )


def test_it_is_no_bad_end(scene: Scene) -> None:
    """However many tasks find no place: the breaker stays closed, and the ends are counted apart."""
    scaler = held(scene)
    assert CLOSED == scaler.state.breaker
    assert (float(MESSAGES), 0.0, 0.0) == (
        scene.sample("tasks_stopped_total", outcome="no_capacity"),
        scene.sample("tasks_stopped_total", outcome="start_failed"),
        scene.sample("breaker_open_until_timestamp_seconds"),
    )


def test_it_is_a_launch_failure_for_want_of_capacity(scene: Scene) -> None:
    """Whether RunTask says so or the tasks find out: one for the launch, and one for each trial."""
    scaler = held(scene)
    assert 1.0 == scene.sample("launch_failures_total", reason="capacity")
    trials = scene.let_pass(3 * HOLD, scaler)
    assert 1.0 + len(trials) == scene.sample("launch_failures_total", reason="capacity")


def test_why_it_holds_is_shown(scene: Scene) -> None:
    """With ECS's words and the time of the trial, in the verdict, the explanation and the record."""
    scaler = held(scene)
    shown = describe_scaler(scaler)
    until = scaler.state.scarcity.until or 0.0
    trial = f"one task is tried at {format_clock(until)}"
    assert ("backing_off", until, NO_CAPACITY) == tuple(
        shown["last_decision"][key] for key in ("reason", "no_capacity_until", "no_capacity_cause")
    )
    assert f"but there is no capacity: {trial}" in shown["last_decision"]["text"]
    assert (
        f"no capacity: {MESSAGES} tasks found no place to run, the last: {NO_CAPACITY}; {trial}"
        == (dict(shown["explanation"])["capacity"])
    )
    assert until == shown["memory"]["state"]["scarcity"]["until"]
    assert until == scene.sample("no_capacity_until_timestamp_seconds")


def test_the_time_of_the_trial_is_a_metric_until_one_runs(scene: Scene) -> None:
    """0 before the shortage and after it."""
    scaler = scene.scaler()
    scaler.reconcile()
    before = scene.sample("no_capacity_until_timestamp_seconds")
    scene.let_pass(PROVISIONING + POLL, scaler)
    meanwhile = scene.sample("no_capacity_until_timestamp_seconds")
    scene.aws.ecs.let_starts_succeed()
    scene.let_pass(240, scaler)
    assert (0.0, True, 0.0) == (
        before,
        (meanwhile or 0.0) > scene.clock.now - 300,
        scene.sample("no_capacity_until_timestamp_seconds"),
    )


def test_the_hold_is_logged_once(scene: Scene) -> None:
    """Its polls tell nothing new."""
    scaler = scene.scaler()
    with capture_logs() as events:
        scene.let_pass(PROVISIONING + HOLD, scaler)
    assert 1 == sum("no capacity" in str(event.get("text")) for event in events)


def test_a_part_that_ran_does_not_end_the_hold(scene: Scene) -> None:
    """Some of the launch found a place, others none: one more is tried, not six."""
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.fail_starts(6, reason=NO_CAPACITY, placed=False)
    scaler = scene.scaler()
    launched = sizes(scene.let_pass(HOLD + PROVISIONING, scaler))
    assert ([MESSAGES], 4) == (launched, running(scene))
    assert [1, 5] == sizes(scene.let_pass(120, scaler))
    assert MESSAGES == running(scene)


def test_the_trial_waits_for_its_place_alone(scene: Scene) -> None:
    """A capacity provider of instances may take half an hour to give it one."""
    scaler = held(scene)
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.timing.start_delay = scene.aws.ecs.timing.pending_delay = 1500.0
    assert [1] == sizes(scene.let_pass(1400, scaler))
    assert "one task was launched to try" in dict(describe_scaler(scaler)["explanation"])["capacity"]
    assert [MESSAGES - 1] == sizes(scene.let_pass(240, scaler))


def test_a_trial_whose_answer_is_lost_is_the_only_one(scene: Scene) -> None:
    """It may live, so no second one is sent while that is in doubt."""
    scaler = held(scene)
    scene.let_pass((scaler.state.scarcity.until or 0.0) - scene.clock.now, scaler)

    def late(_: object) -> bool:
        scene.clock.now += 20
        return True

    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request", times=None, where=late))
    scene.let_pass(60, scaler)
    scene.aws.disturbances.clear()
    assert 1 == numbers(scaler).in_doubt
    assert [] == scene.let_pass(200, scaler)
    assert "one task is tried once nothing is in doubt" in dict(describe_scaler(scaler)["explanation"])["capacity"]


def test_a_shortage_that_turns_into_a_bad_image_is_the_breakers(scene: Scene) -> None:
    """A single task at a time fails to start, and after a row of them the breaker opens."""
    scaler = held(scene)
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.fail_starts(None)
    launched = sizes(scene.let_pass(900, scaler))
    assert [1] * len(launched) == launched
    assert scaler.state.breaker.open_until is not None


def test_an_empty_queue_ends_it_too(scene: Scene) -> None:
    """The next burst, ten minutes later, is launched as any other."""
    scaler = held(scene)
    scene.aws.client("sqs").purge_queue(QueueUrl=scene.queue.url)
    scene.let_pass(HOLD + 600, scaler)
    scene.aws.ecs.let_starts_succeed()
    scene.send(MESSAGES)
    assert [MESSAGES] == sizes(scene.let_pass(60, scaler))


# A restart


def test_a_restart_does_not_forget(scene: Scene) -> None:
    """How the last tasks ended is read from ECS: the same hold, the same trial."""
    before = held(scene)
    scene.restart()
    after = scene.scaler()
    after.reconcile()
    assert (before.state.scarcity, Reason.BACKING_OFF) == (after.state.scarcity, last(after).decision.reason)
    assert [1] == sizes(scene.let_pass(HOLD + 30, after))


def test_a_restart_waits_for_the_trial_of_the_process_before(scene: Scene) -> None:
    """One at a time, whoever launched it; once it runs, the new process launches the rest."""
    before = held(scene)
    scene.aws.ecs.let_starts_succeed()
    scene.aws.ecs.timing.start_delay = scene.aws.ecs.timing.pending_delay = 300.0
    assert [1] == sizes(scene.let_pass(HOLD + 30, before))
    scene.restart()
    after = scene.scaler()
    assert [] == scene.let_pass(200, after)
    assert "one task was launched to try" in dict(describe_scaler(after)["explanation"])["capacity"]
    assert [MESSAGES - 1] == sizes(scene.let_pass(120, after))


def test_a_restart_after_the_trial_ran_launches_the_rest(scene: Scene) -> None:
    """The hold of an hour ago is over, though its ends are still listed."""
    before = held(scene)
    scene.aws.ecs.let_starts_succeed()
    scene.let_pass(240, before)
    scene.restart()
    after = scene.scaler()
    scene.let_pass(POLL, after)
    assert (None, Reason.SATISFIED) == (after.state.scarcity.until, last(after).decision.reason)


def test_the_hold_is_told_and_taken_back(scene: Scene) -> None:
    """As all that a daemon remembers."""
    memory = held(scene).memory
    assert memory.state.scarcity.turned_away == MESSAGES
    assert memory == read_memory(json.loads(json.dumps(to_plain(memory))))
