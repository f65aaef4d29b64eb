"""Time windows of a scaler over HTTP: what is launched on either side of an edge, and what goes on over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.config import OWN, ScalerSpec
from controller.core.decision.model import Outcome, QueueCounts, Reason
from controller.core.decision.policy import CooldownPolicy
from controller.core.decision.rate import Rate
from controller.core.decision.timetable import TimeWindow
from controller.scaling.line import Pause, Place
from controller.scaling.reconcile import Reconciler
from tests.core.decision.windows import window
from tests.support.scene import NEXT, NOW, POLL, SLOT, Scene, build, last, numbers, reasons
from tests.support.steps import Whole

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

EMPTY = QueueCounts(0, 0, 0)
HOUR = 3600.0
LATER = NEXT.start + 10
"""A moment within the window of the slot after NOW's."""


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene."""
    return build(own, dry_run=False)


def spec(scene: Scene, *schedule: TimeWindow, **changes: Any) -> ScalerSpec:
    """Return a scaler with a schedule."""
    return replace(scene.spec(**changes), schedule=schedule)


def scheduled(scene: Scene, *schedule: TimeWindow, **changes: Any) -> Whole:
    """Return the reconciler of one."""
    return Whole(spec(scene, *schedule, **changes), scene.services)


def live(scene: Scene) -> int:
    """Return the containers that live; tasks have one each."""
    return len(scene.aws.ecs.tasks(scene.cluster))


def test_a_higher_maximum_holds_while_its_window_does(scene: Scene) -> None:
    """The series follow it; once it is over nothing is stopped, and nothing more is launched."""
    scene.send(9)
    scaler = scheduled(scene, window(LATER, lasts=30, max_containers=6), max_containers=2, max_containers_per_task=1)
    assert (2.0, 0.0) == (scene.sample("containers_max"), scene.sample("schedule_window_in_force"))
    assert [Reason.LAUNCH] == reasons(scene, scaler, NOW)
    assert 2 == live(scene)
    assert [Reason.LAUNCH] == reasons(scene, scaler, LATER)
    assert (6, 6.0, 1.0) == (live(scene), scene.sample("containers_max"), scene.sample("schedule_window_in_force"))
    assert [Reason.AT_MAX] == reasons(scene, scaler, LATER + 30)
    assert (2.0, 0.0, -4) == (
        scene.sample("containers_max"),
        scene.sample("schedule_window_in_force"),
        numbers(scaler).shortfall,
    )
    assert [] == scene.aws.journal.calls("ecs", "StopTask")


def test_a_scaler_without_a_schedule_has_no_such_series(scene: Scene) -> None:
    """And with none in force it has one that says so."""
    scene.scaler().reconcile()
    assert "ecsq_schedule_window_in_force" not in scene.series()


def test_a_minimum_wakes_a_scaler_that_rests(scene: Scene) -> None:
    """Its queue is as empty as ever; after the window workers are not replaced, and none is stopped."""
    opens = NOW + 20 * POLL + 5
    scaler = scheduled(scene, window(opens, lasts=HOUR, min_containers=2), max_containers_per_task=1)
    scene.let_pass(20 * POLL, scaler)
    assert scaler.rest(EMPTY)
    scene.clock.now = opens
    assert (True, False) == (scaler.in_force.has_changed, scaler.rest(EMPTY))
    scene.let_pass(60, scaler)
    assert 2 == live(scene)
    assert not scaler.in_force.has_changed
    scene.clock.now = opens + HOUR
    scaler.reconcile()
    assert (Reason.SATISFIED, 0, 2) == (last(scaler).decision.reason, numbers(scaler).desired, live(scene))
    assert [] == scene.aws.journal.calls("ecs", "StopTask")


def test_a_window_that_pauses(scene: Scene) -> None:
    """It has its reason, shows as a pause, and is over at its end without anybody's help."""
    scene.send(1)
    scaler = scheduled(scene, window(NOW - 5, lasts=LATER - NOW + 5))
    assert [Reason.PAUSED_BY_SCHEDULE] == reasons(scene, scaler, NOW)
    assert 1.0 == scene.sample("scaler_paused")
    assert [Reason.LAUNCH] == reasons(scene, scaler, LATER)
    assert (0.0, 1.0) == (
        scene.sample("scaler_paused"),
        scene.sample("decisions_total", reason="paused_by_schedule"),
    )


def test_a_pause_on_an_empty_queue_rests_until_it_is_over(scene: Scene) -> None:
    """Polls of a paused scaler cost one request, before the edge and after it."""
    scaler = scheduled(scene, window(NOW, lasts=30 * POLL))
    scene.let_pass(20 * POLL, scaler)
    assert (Reason.PAUSED_BY_SCHEDULE, True) == (last(scaler).decision.reason, scaler.rest(EMPTY))
    scene.clock.now = NOW + 30 * POLL
    assert not scaler.rest(EMPTY)
    scaler.reconcile()
    assert (Reason.IDLE, True) == (last(scaler).decision.reason, scaler.rest(EMPTY))


def test_a_scaler_at_rest_decides_once_in_each_window(scene: Scene) -> None:
    """What is recorded from then on has the numbers of the settings in force."""
    opens = NOW + 20 * POLL + 5
    scaler = scheduled(scene, window(opens, lasts=HOUR, max_containers=99))
    scene.let_pass(20 * POLL, scaler)
    assert (True, 10) == (scaler.rest(EMPTY), numbers(scaler).room)
    scene.clock.now = opens
    assert not scaler.rest(EMPTY)
    scaler.reconcile()
    assert (True, 99) == (scaler.rest(EMPTY), numbers(scaler).room)


def test_a_slot_is_used_once_on_both_sides_of_an_edge(scene: Scene) -> None:
    """What was allowed before it and what is allowed after it does not add up within a slot."""
    scene.send(9)
    scaler = scheduled(
        scene, window(NOW + 5, lasts=HOUR, max_containers=9), max_containers=3, max_containers_per_task=1
    )
    assert [Reason.LAUNCH, Reason.COOLDOWN] == reasons(scene, scaler, NOW, NOW + 6)
    assert (9, 3) == (numbers(scaler).desired, live(scene))
    assert [Reason.LAUNCH] == reasons(scene, scaler, LATER)
    assert 9 == live(scene)


def test_a_cooldown_goes_on_over_an_edge(scene: Scene) -> None:
    """A window is no restart."""
    scene.send(9)
    scaler = scheduled(
        scene,
        window(NOW + 5, lasts=HOUR, max_containers=9),
        max_containers=3,
        cooldown=CooldownPolicy(launch=120.0, fall=0.0),
    )
    assert [Reason.LAUNCH, Reason.COOLDOWN, Reason.LAUNCH] == reasons(scene, scaler, NOW, LATER, SLOT.start + 130)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_containers": 2}, "max_containers was lowered to 2"),
        ({"paused": True}, "a window of its schedule pauses the scaler"),
    ],
    ids=["a lower maximum", "a pause"],
)
def test_a_launch_that_was_put_back_over_an_edge_is_dropped(scene: Scene, changes: dict[str, Any], says: str) -> None:
    """It waits for its turn in the rate; when that comes, a window has opened that would not have launched it."""
    rate = Rate(2.0, 10)
    scene.services.lines.configure(rate)
    assert 0 == scene.services.lines.of(OWN).ask(Place(0, rate.burst))
    scaler = Reconciler(spec(scene, window(NOW + 1, lasts=HOUR, **changes), max_containers_per_task=1), scene.services)
    steps = scaler.reconcile(QueueCounts(8, 0, 0))
    pause = next(step for step in steps if isinstance(step, Pause) or step.take())
    assert isinstance(pause, Pause)
    scene.clock.now += max(pause.seconds, 2.0)
    assert [] == list(steps)
    done = last(scaler)  # type: ignore[arg-type]
    assert (Reason.LAUNCH, 0) == (done.decision.reason, live(scene))
    assert done.launch is not None
    assert (Outcome.FAILED, True) == (done.launch.outcome, says in str(done.launch.error))


def test_a_clock_that_steps_is_in_the_window_of_its_time(scene: Scene) -> None:
    """Forward into a window, and back out of it."""
    scaler = scheduled(scene, window(NOW + HOUR, lasts=HOUR))
    assert [Reason.IDLE, Reason.PAUSED_BY_SCHEDULE, Reason.IDLE] == reasons(scene, scaler, NOW, NOW + HOUR, NOW + 60)


def test_a_reload_takes_another_schedule(scene: Scene) -> None:
    """At the next decision; one without a schedule leaves nothing of it."""
    scaler = scheduled(scene, window(NOW - 5, lasts=HOUR))
    assert [Reason.PAUSED_BY_SCHEDULE] == reasons(scene, scaler, NOW)
    scaler.configure(scene.spec())
    assert None is scene.sample("schedule_window_in_force")
    assert [Reason.IDLE] == reasons(scene, scaler, NOW + POLL)
    assert None is scaler.in_force.tell()


def test_the_interval_of_a_window(scene: Scene) -> None:
    """It is that of the scaler while it is in force."""
    scaler = scheduled(scene, window(NOW + 60, lasts=HOUR, poll_interval=600.0))
    seen = []
    for scene.clock.now in (NOW, NOW + 60, NOW + 60 + HOUR):
        seen.append(scaler.policy.poll_interval)
    assert [POLL, 600.0, POLL] == seen
