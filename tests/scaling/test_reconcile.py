from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from controller.config import OWN, AccessSpec
from controller.core.decision.budget import Place
from controller.core.decision.model import Outcome, QueueCounts, Reason
from controller.core.decision.policy import CooldownPolicy
from controller.core.repeats import MOST_KEPT
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from controller.scaling.look import Look
from controller.scaling.realms import Realm, Realms
from controller.scaling.reconcile import Reconciler
from tests.support.aws import create_cluster, create_queue, eventually
from tests.support.clock import ManualClock
from tests.support.controller import SCALER
from tests.support.scene import APP, NEXT, NOW, POLL, SLOT, Scene, build, last, numbers, reasons
from tests.support.steps import Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.scaling.services import Services


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene where nothing is in doubt, at a moment within a slot's window."""
    return build(own, dry_run=False)


@pytest.fixture
def dry_scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give the same for a dry run."""
    return build(own, dry_run=True)


# Observe


def test_an_idle_queue_costs_one_request_a_poll(scene: Scene) -> None:
    """Once a listing has shown that nothing lives, the counts are all that is asked for."""
    scaler = scene.scaler()
    scaler.reconcile()
    assert ["GetQueueUrl", "GetQueueAttributes", "ListTasks"] == scene.asked()
    assert [Reason.IDLE] * 5 == reasons(scene, scaler, *(NOW + POLL * poll for poll in range(1, 6)))
    assert ["GetQueueAttributes"] * 5 == scene.asked()


@pytest.mark.parametrize("changes", [{"min_containers": 1}, {}], ids=["minimum", "tasks"])
def test_a_scaler_that_is_not_idle_lists_at_each_poll(scene: Scene, changes: dict[str, Any]) -> None:
    """Whether it has a minimum to hold or tasks that live; one that runs, alone in its task, is described once."""
    scene.run(1)
    scaler = scene.scaler(**changes)
    reasons(scene, scaler, *(NOW + POLL * poll for poll in range(3)))
    first = ["GetQueueUrl", "GetQueueAttributes", "ListTasks", "DescribeTasks"]
    assert [*first, *["GetQueueAttributes", "ListTasks"] * 2] == scene.asked()


def test_many_scalers_share_one_snapshot(scene: Scene) -> None:
    """However many need it, one listing serves them until it is a poll old."""
    scene.run(1)
    scalers = [scene.scaler(name=f"scaler-{number}", paused=True) for number in range(20)]
    for poll in range(3):
        scene.clock.now = NOW + POLL * poll
        scene.send(1)
        for scaler in scalers:
            scaler.reconcile()
        asked = scene.asked()
        assert (20, 1) == (asked.count("GetQueueAttributes"), asked.count("ListTasks"))


def test_an_unknown_backlog_holds(scene: Scene) -> None:
    """The scaler and the key are named; the cluster is listed once, for the budget has to know what lives."""
    scaler = scene.scaler(queue="contnt", min_containers=5)
    assert None is scaler.reconcile()
    assert (Reason.UNKNOWN_BACKLOG, None) == (last(scaler).decision.reason, last(scaler).launch)
    assert (
        f'scaler {SCALER}: queue "contnt" does not exist in eu-west-1; check scalers[0].queue' == last(scaler).problem
    )
    scaler.configure(scaler.spec)
    assert None is scaler.reconcile()
    assert ["GetQueueUrl", "ListTasks", "GetQueueUrl"] == scene.asked()


def test_a_scaler_that_comes_back_to_a_cluster_launches_nothing_twice(scene: Scene) -> None:
    """The cluster was forgotten meanwhile, with what was launched there: it is listed before anything else is."""
    scene.send(2)
    scaler, home, away = scene.scaler(), scene.cluster, create_cluster(scene.aws)
    clusters = scene.services.clusters
    known = clusters.of((OWN, home))
    assert [Reason.LAUNCH] == reasons(scene, scaler, NOW)
    for place in (away, home):
        scaler.configure(scene.spec(cluster=place, paused=place == away))
        clusters.keep({(OWN, place)})
        scene.clock.now += 1
        scaler.reconcile()
    assert known is not clusters.of((OWN, home))
    scene.let_pass(60, scaler)
    assert (2, 2) == (len(scene.aws.ecs.tasks()), last(scaler).decision.fleet and last(scaler).decision.fleet.live)


class BrokenQueue:
    """A reader with an error of our own."""

    def counts(self) -> QueueCounts:
        """Break."""
        raise ZeroDivisionError


class BrokenRealms:
    """The realms, with queues that break."""

    def __init__(self, whole: Realms) -> None:
        self._whole = whole

    def of(self, access: AccessSpec) -> Realm:
        """Return one."""
        return replace(self._whole.of(access), queue=lambda _: BrokenQueue())


def break_queue(scaler: Whole) -> Services:
    """Let a scaler's next reconciles meet an error of our own; gives what it had before."""
    whole = scaler._services
    scaler._services = replace(whole, realms=BrokenRealms(whole.realms))
    scaler.configure(scaler.spec)
    return whole


def test_an_error_of_our_own_ends_one_reconcile_and_no_more(scene: Scene) -> None:
    """It is counted as failed, what was not seen is shown no longer, and the next poll goes on."""
    scene.send(2)
    scaler = scene.scaler(paused=True)
    scaler.reconcile()
    whole = break_queue(scaler)
    assert None is scaler.reconcile()
    sample = scene.services.metrics.registry.get_sample_value
    assert 1 == sample("ecsq_reconciles_total", {"scaler": SCALER, "outcome": "failed"})
    assert None is sample("ecsq_queue_messages", {"scaler": SCALER, "state": "visible"})
    scaler._services = whole
    scaler.configure(scaler.spec)
    scaler.reconcile()
    assert 2 == sample("ecsq_queue_messages", {"scaler": SCALER, "state": "visible"})


def test_a_reconcile_that_broke_is_the_last_one(scene: Scene) -> None:
    """Nothing older is shown in its place: it says that it broke, and how; what repeats itself is counted."""
    scaler = scene.scaler(paused=True)
    scaler.reconcile()
    break_queue(scaler)
    with capture_logs() as logs:
        assert [Reason.BROKEN] * 3 == reasons(scene, scaler, *(NOW + POLL * poll for poll in range(1, 4)))
    shown = describe_scaler(scaler)
    assert shown["problem"] == shown["last_decision"]["error"]
    assert re.fullmatch(
        rf"scaler {SCALER}: a fault of the controller itself, AttributeError\(.*read_counts.*\); its log has .*",
        shown["problem"],
    )
    assert ("broken", NOW + 3 * POLL, 2) == tuple(shown["last_decision"][key] for key in ("reason", "at", "repeated"))
    assert [["decision", "hold: the reconcile broke, by a fault of the controller itself"]] == shown["explanation"]
    assert [True] == [line["exc_info"] for line in logs if line["event"] == "reconcile broke"]
    assert 1 == len(logs)


@pytest.mark.parametrize(
    ("service", "operation"), [("sqs", "GetQueueAttributes"), ("ecs", "ListTasks"), ("ecs", "RunTask")]
)
def test_a_throttle_that_lasts_is_told_once(scene: Scene, service: str, operation: str) -> None:
    """AWS's refusals, and the rests after them with their seconds, are one trouble; meanwhile the queue may grow."""
    scene.send(2)
    scaler = scene.scaler()
    scene.aws.disturbances.add(Disturbance(service, operation, "throttle", times=None))
    with capture_logs() as logs:
        for _ in range(8):
            scene.let_pass(POLL, scaler)
            scene.send(1)
    told = [line for line in logs if line["event"] == "decision"]
    assert {"throttled"} == {last(scaler).fault or (last(scaler).launch and last(scaler).launch.fault)}
    assert (1, True) == (len([line for line in told if line["error"]]), last(scaler).repeated >= 1)


@pytest.mark.parametrize("operation", ["ListTasks", "DescribeTasks"])
def test_an_unknown_fleet_holds(scene: Scene, operation: str) -> None:
    """A fleet that cannot be seen is not an empty one; the poll after it launches."""
    scene.run(1, before=3600)
    scene.send(4)
    scaler = scene.scaler()
    scene.aws.disturbances.add(Disturbance("ecs", operation, "error", times=2))
    assert [Reason.UNKNOWN_FLEET, Reason.LAUNCH] == reasons(scene, scaler, NOW, NOW + POLL)
    assert 4 == len(scene.aws.ecs.tasks())


def test_a_scaler_counts_as_observed_once_all_was_seen(scene: Scene) -> None:
    """Readiness waits for it, and is not lost by what fails later."""
    scaler = scene.scaler()
    scene.aws.disturbances.add(
        Disturbance("ecs", "ListTasks", "error", times=2),
        Disturbance("sqs", "GetQueueAttributes", "error", times=2, after=2),
    )
    seen = []
    for scene.clock.now in (NOW, NOW + POLL, NOW + 2 * POLL):
        scaler.reconcile()
        seen.append((last(scaler).problem is None, scaler.observed))
    assert [(False, False), (True, True), (False, True)] == seen


# Decide and launch


def test_a_backlog_is_answered_at_the_first_poll_within_the_window(scene: Scene) -> None:
    """With one launch, whose tasks are known at once."""
    scene.send(4)
    scaler = scene.scaler()
    assert None is scaler.reconcile()
    result = last(scaler).launch
    assert result is not None
    assert (Reason.LAUNCH, Outcome.LAUNCHED, 4) == (last(scaler).decision.reason, result.outcome, result.containers)
    assert 4 == len(scaler.tasks) == len(scene.aws.ecs.tasks())
    assert [Reason.SATISFIED] == reasons(scene, scaler, NOW + POLL)


def test_a_launch_that_the_listing_does_not_show_yet_is_not_repeated(scene: Scene) -> None:
    """The answer counts, for as long as the listing lags and longer."""
    scene.aws.ecs.listing_lag = 1000.0
    scene.send(4)
    scaler = scene.scaler()
    moments = [NOW + POLL * poll for poll in range(10)]
    assert [Reason.LAUNCH, *[Reason.SATISFIED] * 9] == reasons(scene, scaler, *moments)
    assert 4 == len(scene.aws.ecs.tasks())


@pytest.mark.parametrize(
    ("now", "look"), [(SLOT.start + 2, SLOT.opens), (SLOT.last_send + 1, NEXT.opens)], ids=["before", "after"]
)
def test_a_launch_outside_the_window_waits_for_it(scene: Scene, now: float, look: float) -> None:
    """And looks again when it opens, without waiting for the poll."""
    scene.send(1)
    scaler = scene.scaler()
    scene.clock.now = now
    assert look == scaler.reconcile()
    assert Reason.SLOT == last(scaler).decision.reason
    assert [Reason.LAUNCH] == reasons(scene, scaler, look)


def test_a_listing_older_than_the_window_is_taken_anew_at_once(scene: Scene) -> None:
    """It may lack what the slot before has started, and the window is open: no other look is needed."""
    scene.send(1)
    scaler = scene.scaler()
    scene.clock.now = SLOT.opens - 1
    scaler.reconcile()
    scene.asked()
    scene.clock.now = SLOT.opens + 1
    assert None is scaler.reconcile()
    assert Reason.LAUNCH == last(scaler).decision.reason
    fleet_seen = last(scaler).decision.fleet
    assert fleet_seen is not None
    assert SLOT.opens + 1 == fleet_seen.listed_at
    asked = scene.asked()
    assert (1, 1) == (asked.count("ListTasks"), asked.count("RunTask"))


def test_a_listing_of_the_open_window_serves_another_scaler(scene: Scene) -> None:
    """Only one that is older than the window has to be taken anew."""
    scene.send(1)
    idle = scene.scaler(name="thumbnails", queue=create_queue(scene.aws).name)
    idle.reconcile()
    scene.clock.now += 1
    scene.asked()
    scaler = scene.scaler()
    scaler.reconcile()
    assert (Reason.LAUNCH, 0) == (last(scaler).decision.reason, scene.asked().count("ListTasks"))


def test_a_scaler_that_is_removed_while_it_waits_for_a_look_asks_for_nothing_more(scene: Scene) -> None:
    """Neither for that look nor for its queue."""
    scaler = Reconciler(scene.spec(), scene.services)
    steps = scaler.reconcile(QueueCounts(5, 0, 0))
    look = next(steps)
    assert isinstance(look, Look)
    assert look.is_wanted()
    scaler.retire()
    scene.clock.now += POLL
    assert ([], False, []) == (list(steps), look.is_wanted(), scene.asked())


def test_a_clock_that_is_set_back_while_a_look_is_waited_for_asks_for_few_more(scene: Scene) -> None:
    """No listing can begin as late as the one that was wanted, until the clock has come as far again."""
    scene.send(5)
    steps = Reconciler(scene.spec(), scene.services).reconcile(QueueCounts(5, 0, 0))
    next(steps).take()
    scene.clock.now -= 3600
    looks = [step for step, _ in zip(steps, range(10), strict=False) if step.take() is None]
    assert len(looks) <= 4


def test_the_launch_cooldown_runs_from_a_decision_that_started_something(scene: Scene) -> None:
    """With half a poll of tolerance."""
    scene.send(2)
    scaler = scene.scaler(cooldown=CooldownPolicy(launch=60.0, fall=0.0))
    scaler.reconcile()
    scene.send(2)
    assert [Reason.COOLDOWN, Reason.COOLDOWN, Reason.LAUNCH] == reasons(scene, scaler, NOW + 40, NOW + 54, NOW + 66)
    assert NOW + 60 == scaler.decisions[-2].decision.numbers.launch_cooldown_until  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("refusals", "outcome", "reason"),
    [(2, Outcome.FAILED, Reason.LAUNCH), (1, Outcome.PARTLY_LAUNCHED, Reason.COOLDOWN)],
    ids=["nothing", "something"],
)
def test_a_launch_that_started_nothing_costs_its_slot_but_no_cooldown(
    scene: Scene, refusals: int, outcome: Outcome, reason: Reason
) -> None:
    """The next slot tries again; a launch that started a part has its cooldown."""
    scene.send(2)
    scene.aws.ecs.fail_run_task(refusals)
    scaler = scene.scaler(cooldown=CooldownPolicy(launch=90.0, fall=0.0))
    scaler.reconcile()
    assert outcome == last(scaler).launch.outcome  # type: ignore[union-attr]
    in_the_slot = "slot" if refusals == 2 else "cooldown"
    reasons(scene, scaler, NOW + 15)
    assert 1.0 == scene.sample("decisions_total", reason=in_the_slot)
    assert [reason] == reasons(scene, scaler, NEXT.start + 10)


def test_a_shortfall_is_made_up_in_a_later_slot(scene: Scene) -> None:
    """What RunTask had no room for at first."""
    scene.send(6)
    scene.aws.ecs.fail_run_task(4)
    scaler = scene.scaler()
    assert [Reason.LAUNCH, Reason.LAUNCH] == reasons(scene, scaler, NOW, NEXT.start + 10)
    assert 6 == len(scene.aws.ecs.tasks())


def test_a_restart_takes_the_cooldown_from_the_newest_task(scene: Scene) -> None:
    """Nothing is remembered but what ECS tells."""
    scene.run(1)
    scene.send(5)
    moments = (NOW + POLL, NEXT.start + 10, NOW + 66)
    assert [Reason.COOLDOWN, Reason.COOLDOWN, Reason.LAUNCH] == reasons(
        scene, scene.scaler(cooldown=CooldownPolicy(launch=60.0, fall=0.0)), *moments
    )


def lose_all(scene: Scene) -> None:
    """Lose every RunTask call until the slot's window has closed."""

    def late(_: dict[str, Any]) -> bool:
        scene.clock.now += 20
        return True

    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request", times=None, where=late))


def test_containers_in_doubt_count_against_the_maximum(scene: Scene) -> None:
    """Until the call that left can no longer arrive: five minutes and L after it."""
    scene.send(9)
    scaler = scene.scaler(max_containers=4)
    lose_all(scene)
    scaler.reconcile()
    left = scene.clock.now
    result = last(scaler).launch
    assert result is not None
    assert (Outcome.IN_DOUBT, 4) == (result.outcome, result.in_doubt)
    scene.aws.disturbances.clear()
    assert [Reason.AT_MAX] * 3 == reasons(scene, scaler, NEXT.start + 10, NOW + 180, left + 304)
    assert (4, 0) == (numbers(scaler).in_doubt, numbers(scaler).room)
    assert [Reason.LAUNCH] == reasons(scene, scaler, SLOT.start + 30 * 12 + 10)
    assert 4 == len(scene.aws.ecs.tasks())


def test_containers_in_doubt_do_not_count_as_live(scene: Scene) -> None:
    """Below the maximum the next slot makes a new plan."""
    scene.send(4)
    scaler = scene.scaler(max_containers=8)
    lose_all(scene)
    scaler.reconcile()
    scene.aws.disturbances.clear()
    assert [Reason.LAUNCH] == reasons(scene, scaler, NEXT.start + 10)
    assert (4, 4) == (numbers(scaler).in_doubt, len(scene.aws.ecs.tasks()))


def test_a_paused_scaler_reports_and_launches_nothing(scene: Scene) -> None:
    """Its numbers are there, its tasks are not."""
    scene.send(3)
    scaler = scene.scaler(paused=True)
    scaler.reconcile()
    assert (Reason.PAUSED, 3) == (last(scaler).decision.reason, numbers(scaler).desired)
    assert (1.0, 3.0) == (scene.sample("scaler_paused"), scene.sample("queue_messages", state="visible"))
    assert 0 == scene.asked().count("RunTask")


def test_a_dry_run_decides_as_if_it_launched(dry_scene: Scene) -> None:
    """Its cooldown runs, its launch counters do not, and nothing is written."""
    dry_scene.send(3)
    scaler = dry_scene.scaler(cooldown=CooldownPolicy(launch=60.0, fall=0.0))
    assert [Reason.LAUNCH, Reason.COOLDOWN] == reasons(dry_scene, scaler, NOW, NEXT.start + 10)
    result = scaler.decisions[0].launch
    assert result is not None
    assert (Outcome.DRY_RUN, 3) == (result.outcome, result.plan.containers if result.plan else None)
    assert (0.0, 0.0) == (dry_scene.sample("tasks_launched_total"), dry_scene.sample("containers_launched_total"))
    assert {"RunTask", "RegisterTaskDefinition"}.isdisjoint(dry_scene.asked())


# Back off


def tries(scene: Scene, scaler: Whole, operation: str, polls: int) -> list[float]:
    """Let so many polls come; gives how many seconds after the first the operation was asked for."""
    found = []
    for poll in range(polls):
        scene.clock.now = NOW + POLL * poll
        scaler.reconcile()
        if operation in scene.asked():
            found.append(POLL * poll)
    return found


def test_what_a_person_must_mend_is_tried_slowly(scene: Scene) -> None:
    """Twice the time after each failure, up to a minute."""
    scaler = scene.scaler(queue="nobody")
    assert [0.0, 20.0, 60.0, 120.0, 180.0] == tries(scene, scaler, "GetQueueUrl", 20)


def test_a_mended_scaler_polls_as_before(scene: Scene) -> None:
    """The first try that goes through ends the backing off."""
    scaler = scene.scaler(queue="content")
    tries(scene, scaler, "GetQueueUrl", 3)
    create_queue(scene.aws, "content")
    polls = [NOW + 60 + POLL * poll for poll in range(4)]
    reasons(scene, scaler, *polls)
    assert 4 == scene.asked().count("GetQueueAttributes")


def test_what_passes_by_itself_is_tried_at_each_poll(scene: Scene) -> None:
    """A throttle or a fault of the server needs nobody."""
    scaler = scene.scaler()
    scene.aws.disturbances.add(Disturbance("sqs", "*", "error", times=None, status=500))
    assert [POLL * poll for poll in range(4)] == tries(scene, scaler, "GetQueueUrl", 4)


def test_a_launch_that_a_person_must_mend_is_tried_slowly_too(scene: Scene) -> None:
    """A hold for the slot between two tries does not count as mended."""
    scene.send(1)
    scaler = scene.scaler(definition="nobody")
    found = tries(scene, scaler, "DescribeTaskDefinition", 40)
    pauses = [later - earlier for earlier, later in pairwise(found)]
    assert pauses == sorted(pauses)
    assert 60.0 <= pauses[-1] <= 90.0


def test_a_new_configuration_is_tried_at_once(scene: Scene) -> None:
    """Whoever mends it does not wait for the next slow try."""
    scene.send(1)
    scaler = scene.scaler(queue="contnt")
    tries(scene, scaler, "GetQueueUrl", 8)
    scaler.configure(scene.spec())
    assert [Reason.LAUNCH] == reasons(scene, scaler, SLOT.start + 30 * 3 + 10)


# Reload and retire


def test_a_changed_configuration_keeps_what_the_scaler_remembers(scene: Scene) -> None:
    """Level, cooldown and the slot that was used stay."""
    scene.send(2)
    scaler = scene.scaler(cooldown=CooldownPolicy(launch=60.0, fall=0.0))
    scaler.reconcile()
    before = scaler.state
    scaler.configure(scene.spec(max_containers=50, cooldown=CooldownPolicy(launch=60.0, fall=0.0)))
    assert before == scaler.state
    assert 50.0 == scene.sample("containers_max")
    scene.send(8)
    assert [Reason.COOLDOWN] == reasons(scene, scaler, NOW + 40)


def test_a_changed_configuration_keeps_how_long_starts_take(scene: Scene) -> None:
    """The measured delay is not unlearnt by a reload."""
    scene.aws.ecs.timing.start_delay = 7.0
    scene.run(1)
    scaler = scene.scaler()
    reasons(scene, scaler, NOW + POLL)
    scaler.configure(scene.spec(max_containers=50))
    reasons(scene, scaler, NOW + 2 * POLL)
    seen = last(scaler).decision.fleet
    assert seen is not None
    assert 7.0 == seen.start_delay


def test_another_cluster_is_watched_from_then_on(scene: Scene) -> None:
    """What lives in the old one finishes by itself."""
    scene.run(3)
    scaler = scene.scaler()
    scaler.reconcile()
    scaler.configure(scene.spec(cluster=create_cluster(scene.aws)))
    reasons(scene, scaler, NOW + POLL)
    assert ((), 0.0) == (scaler.tasks, scene.sample("containers", state="running"))


def test_a_retired_scaler_loses_its_series_and_does_nothing(scene: Scene) -> None:
    """All of them; its tasks finish by themselves."""
    scene.run(1)
    scene.send(3)
    scaler = scene.scaler()
    scaler.reconcile()
    scaler.retire()
    scene.asked()
    assert None is scaler.reconcile()
    assert ([], []) == (scene.series(), scene.asked())


@contextmanager
def reading(scene: Scene, scaler: Whole) -> Iterator[None]:
    """Hold a reconcile of the scaler in the middle of the look at its cluster."""
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "slow_answer", delay=4.0))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(scaler.reconcile)
        eventually(lambda: scene.aws.journal.count("ecs", "ListTasks", client=APP) == 1)
        yield
        scene.aws.disturbances.release()
        running.result(10)


def test_a_scaler_retired_in_the_middle_of_a_reconcile_loses_its_series(scene: Scene) -> None:
    """The reconcile finishes, and what it showed goes with it."""
    scaler = scene.scaler()
    with reading(scene, scaler):
        scaler.retire()
    assert [] == scene.series()


def test_a_scaler_is_reconciled_once_at_a_time(scene: Scene) -> None:
    """A second one meanwhile does nothing."""
    scaler = scene.scaler()
    with reading(scene, scaler):
        assert None is scaler.reconcile()
        assert 1 == scene.aws.journal.count("ecs", "ListTasks", client=APP)
    assert 1 == len(scaler.decisions)


# Record


def test_a_repeated_hold_is_recorded_once_and_counted(scene: Scene) -> None:
    """An idle night is one event and one record; the next event tells how long it was."""
    scaler = scene.scaler()
    with capture_logs() as events:
        reasons(scene, scaler, *(NOW + POLL * poll for poll in range(6)))
        assert (1, 5, NOW) == (len(scaler.decisions), last(scaler).repeated, last(scaler).since)
        scene.send(1)
        reasons(scene, scaler, SLOT.start + 30 * 2 + 10)
    assert [("idle", None), ("launch", 5)] == [(event["reason"], event.get("previous_repeated")) for event in events]
    assert (2, 6.0) == (len(scaler.decisions), scene.sample("decisions_total", reason="idle"))


def test_a_repeated_failure_is_recorded_once_and_counted(scene: Scene) -> None:
    """A queue that is missing all night as well."""
    scaler = scene.scaler(queue="nobody")
    with capture_logs() as events:
        reasons(scene, scaler, NOW, NOW + 100, NOW + 200)
    assert (1, 1, 2) == (len(events), len(scaler.decisions), last(scaler).repeated)
    assert "warning" == events[0]["log_level"]


def test_a_failure_stands_while_its_scaler_waits_for_the_next_slot(scene: Scene) -> None:
    """The holds have tried nothing; the newest of them is kept beside the failure, and explains what is now."""
    scaler = scene.scaler(definition="absent")
    scene.send(2)
    reasons(scene, scaler, NOW, NOW + 2 * POLL)
    failed = last(scaler)
    assert (1, 0, None) == (len(scaler.decisions), failed.repeated, failed.since)
    assert (NOW, Outcome.FAILED, "missing") == (failed.decision.at, failed.launch.outcome, failed.launch.fault)
    assert (Reason.SLOT, NOW + 2 * POLL, NEXT.opens) == (
        failed.held.reason,
        failed.held.at,
        failed.held.look_again_at,
    )
    shown = describe_scaler(scaler)
    assert ("launch", "failed", 2, NOW) == tuple(
        shown["last_decision"][key] for key in ("reason", "outcome", "launch", "at")
    )
    assert ("failed", NOW, failed.launch.error) == tuple(
        shown[key] for key in ("condition", "condition_since", "problem")
    )
    assert shown["last_decision"]["text"].startswith('launch FAILED: task definition "absent" does not exist')
    assert shown["held"] == shown["explanation"][-1][1]
    assert shown["held"].startswith("hold: 2 containers short, but the launch window is closed")


def test_what_aws_says_is_told_on_one_line_without_escapes(scene: Scene) -> None:
    """In every text of ``/status``, the verdict and the problem among them: nothing forges a line on a terminal."""
    reason = "x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m\u2028\u202e\x9b"
    body = {"tasks": [], "failures": [{"arn": "arn", "reason": reason}]}
    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", times=None, body=body))
    scaler = scene.scaler()
    scene.send(2)
    reasons(scene, scaler, NOW)
    shown = describe_scaler(scaler)
    expected = r"0 of 2 tasks started: x \x1b[31mscaler s0: launch 99 containers\x1b[0m \u202e\x9b"
    assert (expected, expected) == (shown["problem"], shown["last_decision"]["error"])
    assert f"launch FAILED: {expected} (2 messages, 0 live of 2 desired)" == shown["last_decision"]["text"]
    assert [] == [text for text in texts(shown) if not text.isprintable()]


def test_who_logs_in_to_a_queue_is_not_told(scene: Scene) -> None:
    """A user and a password in its URL are masked, wherever it stands."""
    url = "https://user:secret@sqs.eu-west-1.amazonaws.com/123456789012/absent"
    scaler = scene.scaler(queue=url)
    reasons(scene, scaler, NOW)
    shown = describe_scaler(scaler)
    assert "https://***@sqs.eu-west-1.amazonaws.com/123456789012/absent" == shown["queue"]
    assert "***@sqs" in shown["problem"]
    assert [] == [text for text in texts(shown) if "secret" in text]


def texts(shown: object) -> Iterator[str]:
    """Yield every text in a document."""
    if isinstance(shown, str):
        yield shown
    elif isinstance(shown, dict | list):
        for inner in shown.items() if isinstance(shown, dict) else enumerate(shown):
            yield from texts(inner[0])
            yield from texts(inner[1])


def test_a_memory_has_what_no_listing_tells(scene: Scene) -> None:
    """The tasks of a launch at once, the start delay once one has run, and no wait where nothing has failed."""
    scene.aws.ecs.timing.start_delay = 4.0
    scene.send(2)
    scaler = scene.scaler()
    scaler.reconcile()
    memory = scaler.memory
    tasks = [(task.running, task.starting, task.created_at) for task in memory.tasks]
    assert [(0, 1, NOW)] * 2 == tasks
    assert (None, None, 30.0, scene.cluster) == (
        memory.start_delay,
        memory.retry_at,
        memory.slot_length,
        memory.cluster,
    )
    assert (scaler.state, NOW) == (memory.state, memory.state.launched_at)
    reasons(scene, scaler, NOW + POLL)
    assert 4.0 == scaler.memory.start_delay


def test_a_memory_says_when_a_failure_is_tried_again(scene: Scene) -> None:
    """Until that time has come, whatever is asked in between."""
    scaler = scene.scaler(definition="absent")
    scene.send(2)
    scaler.reconcile()
    assert NOW + 15 == pytest.approx(scaler.memory.retry_at)
    scene.clock.now = NOW + 16
    assert None is scaler.memory.retry_at


@pytest.mark.parametrize("mends", [True, False], ids=["a configuration", "a request to try again"])
def test_what_was_mended_meanwhile_does_not_wait_for_a_try_that_fails(scene: Scene, *, mends: bool) -> None:
    """A reconcile under way ends with what it began with; how that went holds nothing that was mended since."""
    scaler = scene.scaler(definition="absent")
    scene.send(2)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "slow_answer", delay=60))
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(scaler.reconcile)
        eventually(scene.aws.disturbances.count_hits)
        if mends:
            scaler.configure(scene.spec())
        else:
            scaler.retries.ask()
        scene.aws.disturbances.release()
        under_way.result(20)
    assert Outcome.FAILED is last(scaler).launch.outcome
    assert None is scaler.memory.retry_at


def test_a_memory_has_the_place_in_the_line(scene: Scene) -> None:
    """A scaler that the budget holds has waited since then; one that is gone has no place."""
    scaler = scene.scaler()
    scene.services.budget.configure(0, [scaler.spec])
    scene.send(2)
    scaler.reconcile()
    assert Place(held_since=NOW, reserved=0, wanted=2) == scaler.memory.place
    scene.services.budget.configure(0, [])
    scaler.retire()
    assert (Place(), ()) == (scaler.memory.place, scaler.memory.tasks)


def test_a_hold_that_changes_is_recorded_anew(scene: Scene) -> None:
    """Other counts are another hold."""
    scaler = scene.scaler(paused=True)
    for poll in range(3):
        scene.send(1)
        reasons(scene, scaler, NOW + POLL * poll)
    assert [1, 2, 3] == [done.decision.backlog for done in scaler.decisions]


def test_the_last_decisions_are_kept(scene: Scene) -> None:
    """So many and no more, the newest last."""
    scaler = scene.scaler(paused=True)
    for poll in range(MOST_KEPT + 2):
        scene.send(1)
        reasons(scene, scaler, NOW + POLL * poll)
    assert (3, MOST_KEPT + 2, MOST_KEPT) == (
        scaler.decisions[0].decision.backlog,
        last(scaler).decision.backlog,
        len(scaler.decisions),
    )


def test_a_launch_is_shown_and_counted(scene: Scene) -> None:
    """Gauges show what is, counters what was done."""
    scene.send(6)
    scene.aws.ecs.timing.start_delay = 3.0
    scaler = scene.scaler(max_tasks_per_launch=2)
    reasons(scene, scaler, NOW, NOW + POLL)
    shown = {
        ("queue_messages", "visible"): 6.0,
        ("queue_messages", "in_flight"): 0.0,
        ("containers", "running"): 6.0,
        ("containers", "starting"): 0.0,
        ("tasks", "running"): 2.0,
        ("tasks", "starting"): 0.0,
    }
    assert shown == {(name, state): scene.sample(name, state=state) for name, state in shown}
    counted = {
        "containers_desired": 6.0,
        "containers_max": 10.0,
        "containers_launched_total": 6.0,
        "tasks_launched_total": 2.0,
        "task_definitions_registered_total": 1.0,
        "task_start_duration_seconds_sum": 6.0,
        "oldest_task_start_timestamp_seconds": NOW,
        "last_successful_reconcile_timestamp_seconds": NOW + POLL,
    }
    assert counted == {name: scene.sample(name) for name in counted}
    assert (1.0, 1.0) == tuple(scene.sample("reconciles_total", outcome=outcome) for outcome in ("launched", "held"))


def test_known_series_start_at_zero(scene: Scene) -> None:
    """Before the first reconcile, so that a rate sees the first increase."""
    scene.scaler()
    assert 0.0 == scene.sample("tasks_launched_total")
    assert {0.0} == {scene.sample("decisions_total", reason=reason.value) for reason in Reason}
    assert None is scene.sample("queue_messages", state="visible")


def test_what_cannot_be_seen_is_not_shown(scene: Scene) -> None:
    """A number that went stale is wrong: a queue that vanished has no messages to show until it is back."""
    scene.run(1)
    scaler = scene.scaler()
    scaler.reconcile()
    names = {"queue_messages": "visible", "containers": "running", "tasks": "running"}
    shown = [[scene.sample(name, state=state) for name, state in names.items()]]
    scene.aws.client("sqs").delete_queue(QueueUrl=scene.queue.url)
    reasons(scene, scaler, NOW + POLL)
    shown.append([scene.sample(name, state=state) for name, state in names.items()])
    create_queue(scene.aws, scene.queue.name)
    reasons(scene, scaler, NOW + 3 * POLL)
    shown.append([scene.sample(name, state=state) for name, state in names.items()])
    assert [[0.0, 1.0, 1.0], [None, None, None], [0.0, 1.0, 1.0]] == shown
    assert 1.0 == scene.sample("reconciles_total", outcome="failed")


def test_the_backlog_is_shown_while_the_fleet_is_unknown(scene: Scene) -> None:
    """What could be seen is shown."""
    scene.run(1)
    scene.send(2)
    scene.aws.disturbances.add(Disturbance("ecs", "ListTasks", "error", times=None))
    scene.scaler().reconcile()
    assert (2.0, None) == (
        scene.sample("queue_messages", state="visible"),
        scene.sample("containers", state="running"),
    )


def test_the_oldest_task_is_shown_only_while_one_lives(scene: Scene) -> None:
    """An absent series, not the year 1970."""
    (arn,) = scene.run(1)
    scaler = scene.scaler()
    scaler.reconcile()
    shown = [scene.sample("oldest_task_start_timestamp_seconds")]
    scene.aws.ecs.exit_container(arn, "worker", 0)
    reasons(scene, scaler, NOW + POLL)
    assert [NOW, None] == [*shown, scene.sample("oldest_task_start_timestamp_seconds")]


@pytest.mark.parametrize(
    ("disturbance", "reason"),
    [
        (Disturbance("ecs", "RunTask", "throttle"), "throttled"),
        (Disturbance("ecs", "RunTask", "error", status=400, code="AccessDeniedException"), "access_denied"),
        (Disturbance("ecs", "DescribeTaskDefinition", "error", times=None), "server_error"),
    ],
    ids=["throttled", "denied", "server-error"],
)
def test_a_failed_launch_is_counted_by_its_reason(scene: Scene, disturbance: Disturbance, reason: str) -> None:
    """Under a name out of a closed set, once."""
    scene.send(1)
    scene.aws.disturbances.add(disturbance)
    scene.scaler().reconcile()
    assert (1.0, 1.0) == (
        scene.sample("launch_failures_total", reason=reason),
        scene.sample("reconciles_total", outcome="failed"),
    )
    assert 0.0 == scene.sample("last_successful_reconcile_timestamp_seconds")


@pytest.mark.parametrize(
    "refusal",
    [
        Disturbance("ecs", "RunTask", "error", None, status=400, code="AccessDeniedException"),
        Disturbance("ecs", "RunTask", "throttle", None),
    ],
    ids=["denied", "throttled"],
)
def test_launches_that_fail_for_long_are_no_success(scene: Scene, refusal: Disturbance) -> None:
    """The time of the last success stands still, whatever holds come between the tries, until a launch goes through."""
    scaler = scene.scaler()
    scene.aws.disturbances.add(refusal)
    reasons(scene, scaler, NOW)
    scene.send(3)
    scene.let_pass(1200, scaler, poll=7.0)
    assert min(scene.sample("decisions_total", reason=reason) or 0 for reason in ("launch", "slot")) > 10
    assert NOW == scene.sample("last_successful_reconcile_timestamp_seconds")
    scene.aws.disturbances.clear()
    launched = scene.let_pass(600, scaler)
    after = scene.sample("last_successful_reconcile_timestamp_seconds")
    assert after is not None
    assert after >= launched[0].decision.at


def test_every_request_is_counted(scene: Scene) -> None:
    """By service, operation and outcome; a scaler is no label of it."""
    scene.send(1)
    scene.scaler().reconcile()
    registry = scene.services.metrics.registry
    counted = {
        operation: registry.get_sample_value(
            "ecsq_aws_requests_total", {"service": service, "operation": operation, "outcome": "success"}
        )
        for service, operation in (("sqs", "GetQueueUrl"), ("sqs", "GetQueueAttributes"), ("ecs", "RunTask"))
    }
    assert dict.fromkeys(counted, 1.0) == counted
