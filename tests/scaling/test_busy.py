"""Workers that delete their messages as they take them, over real HTTP: nothing is in flight while they work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from controller.core.decision.busy import LASTS
from controller.core.decision.explain import explain
from controller.core.decision.model import Reason
from controller.core.decision.policy import Busy, PerContainer, StartWithin
from controller.core.words import format_clock
from controller.daemon.status import describe_scaler
from controller.sandbox.aws import Disturbance, EmbeddedAws
from controller.scaling.preview import preview
from tests.core.decision.builders import steps
from tests.support.clock import ManualClock
from tests.support.controller import SCALER, controller_spec
from tests.support.scene import NOW, POLL, Scene, build, last, numbers, reasons

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from controller.core.decision.policy import DemandPolicy
    from tests.support.steps import Whole

TOLD = "counts contradict each other"
STRATEGIES = pytest.mark.parametrize(
    "demand",
    [PerContainer(1), steps((1, 5), (6, 15)), StartWithin(300.0, 600.0)],
    ids=["per container", "steps", "drain within"],
)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene of ten workers that run and have nothing in flight."""
    scene = build(own, dry_run=False)
    scene.run(10, before=600)
    return scene


def told_in(events: list[MutableMapping[str, Any]]) -> list[str]:
    """Return what the log has told of counts that contradict each other."""
    return [event["text"] for event in events if event["event"] == TOLD]


def poll_for(scene: Scene, scaler: Whole, seconds: float) -> None:
    """Let time pass, and the scaler poll."""
    scene.let_pass(seconds, scaler)


@STRATEGIES
def test_new_messages_are_launched_for_where_running_is_busy(scene: Scene, demand: DemandPolicy) -> None:
    """Five of them, beside ten workers that are at work: five more containers, at the first poll."""
    scene.send(5)
    scaler = scene.scaler(busy=Busy.RUNNING, demand=demand, max_containers=50)
    scaler.reconcile()
    assert (Reason.LAUNCH, 5, 15) == (last(scaler).decision.reason, last(scaler).decision.launch, len(scaler.tasks))


@STRATEGIES
def test_where_in_flight_is_busy_that_is_told(scene: Scene, demand: DemandPolicy) -> None:
    """They wait, for the workers seem free; after a minute the log says once what to do, and the status always."""
    scene.send(5)
    scaler = scene.scaler(demand=demand, max_containers=50)
    with capture_logs() as events:
        poll_for(scene, scaler, LASTS)
        assert ([], 10) == (told_in(events), len(scaler.tasks))
        poll_for(scene, scaler, 10 * LASTS)
    [text] = told_in(events)
    assert text.startswith(f"since {format_clock(NOW)} 10 containers running, none with a message in flight")
    assert "busy: running" in text
    shown = describe_scaler(scaler)
    assert (text, NOW) == (dict(shown["explanation"])["busy"], shown["last_decision"]["contradicted_since"])


def test_it_is_told_again_only_after_messages_were_in_flight(scene: Scene) -> None:
    """Not whenever the queue has been empty for a moment: that happens all day, and says nothing of the workers."""
    scaler = scene.scaler(max_containers=50, paused=True)
    sqs = scene.aws.client("sqs")
    with capture_logs() as events:
        for in_flight in (0, 0, 300):
            scene.send(1)
            poll_for(scene, scaler, 2 * LASTS)
            (message,) = sqs.receive_message(QueueUrl=scene.queue.url, VisibilityTimeout=in_flight)["Messages"]
            poll_for(scene, scaler, POLL)
            sqs.delete_message(QueueUrl=scene.queue.url, ReceiptHandle=message["ReceiptHandle"])
            poll_for(scene, scaler, POLL)
        assert 1 == len(told_in(events))
        scene.send(1)
        poll_for(scene, scaler, 2 * LASTS)
    assert 2 == len(told_in(events))


def test_a_poll_that_saw_nothing_is_no_evidence(scene: Scene) -> None:
    """Neither for a contradiction nor against one: what was seen before still stands."""
    scene.send(5)
    scaler = scene.scaler()
    poll_for(scene, scaler, LASTS - POLL)
    scene.aws.disturbances.add(Disturbance("sqs", "GetQueueAttributes", "error", times=2))
    assert [Reason.UNKNOWN_BACKLOG, Reason.SATISFIED] == reasons(scene, scaler, NOW + LASTS - POLL, NOW + LASTS)
    assert NOW == numbers(scaler).contradicted_since


def test_a_reload_takes_the_key_at_once(scene: Scene) -> None:
    """The next poll launches, and the counts contradict nothing any more."""
    scene.send(5)
    scaler = scene.scaler(max_containers=50)
    poll_for(scene, scaler, 2 * LASTS)
    scaler.configure(scene.spec(max_containers=50, busy=Busy.RUNNING))
    poll_for(scene, scaler, 30)
    assert (15, None) == (len(scaler.tasks), numbers(scaler).contradicted_since)


def test_a_plan_says_what_a_single_look_may_mean(scene: Scene) -> None:
    """It knows no time; with the memory of a daemon it does."""
    scene.send(5)
    scaler = scene.scaler()
    poll_for(scene, scaler, 2 * LASTS)
    spec, said = replace(controller_spec(scene.aws), scalers=(scaler.spec,)), []
    for memories in ({}, {SCALER: scaler.memory}):
        scene.restart()
        [plan] = preview(spec, spec.scalers, scene.services, memories)
        said.append(dict(explain(plan.spec.policy, plan.done.decision))["busy"])
    seen = "10 containers running, none with a message in flight, and 5 messages visible"
    assert [f"{seen}: if that stays so", f"since {format_clock(NOW)} {seen} that do not get fewer"] == [
        text.partition(", workers")[0].partition(": workers")[0] for text in said
    ]


def test_an_idle_scaler_needs_no_listing_though_others_hold_messages(scene: Scene) -> None:
    """Without a worker of its own nothing is in hand, whatever SQS says is in flight; a worker is looked for."""
    scene.send(1)
    scene.aws.client("sqs").receive_message(QueueUrl=scene.queue.url, VisibilityTimeout=3600)
    busy, idle = scene.scaler(busy=Busy.RUNNING), scene.scaler(busy=Busy.RUNNING, name="idle")
    busy.reconcile()
    idle.reconcile()
    scene.asked()
    scene.clock.now += POLL
    idle.reconcile()
    assert (["GetQueueAttributes"], 0) == (scene.asked(), last(idle).decision.backlog)
    busy.reconcile()
    assert (["GetQueueAttributes", "ListTasks"], 10) == (scene.asked(), last(busy).decision.backlog)
