"""Capacity providers in order, over real HTTP and on one virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.core.decision.explain import explain
from controller.core.decision.model import Outcome, Reason
from controller.core.decision.scarcity import HOLD
from controller.core.decision.slots import slot_numbered
from controller.sandbox.aws import Disturbance
from controller.sandbox.aws.capacity import NO_CAPACITY
from tests.support.aws import create_cluster, register_template
from tests.support.controller import SLOTS
from tests.support.scene import APP, POLL, Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

SPOT, ON_DEMAND = ORDER = ("FARGATE_SPOT", "FARGATE")
NETWORK_ONLY = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}}
ORDERED: dict[str, Any] = {"providers": ORDER, "run_task": NETWORK_ONLY, "max_containers": 100}
SLOT = 30.0


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene in which tasks take a while to start, and run until a test ends them."""
    scene = build(own, dry_run=False)
    scene.aws.ecs.timing.start_delay, scene.aws.ecs.timing.pending_delay = 20.0, 10.0
    return scene


def refuse(scene: Scene, *providers: str) -> None:
    """Let RunTask have no capacity on these."""

    def names(asked: Any) -> bool:
        return asked["capacityProviderStrategy"][0]["capacityProvider"] in providers

    body = {"tasks": [], "failures": [{"reason": NO_CAPACITY}]}
    scene.aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", times=None, where=names, body=body))


def asked(scene: Scene) -> list[tuple[str, int]]:
    """Return the provider and the tasks of each RunTask call, in their order."""
    calls = [call for call in scene.aws.journal.calls(client=APP) if call.operation == "RunTask"]
    named = [(call.parameters["capacityProviderStrategy"], call.parameters["count"]) for call in calls]
    assert all(len(strategy) == 1 for strategy, _ in named)
    return [(strategy[0]["capacityProvider"], count) for strategy, count in named]


def test_the_first_that_is_not_short_gets_the_plan(scene: Scene) -> None:
    """Each call names one provider; what lives where is counted, and what that saves."""
    scene.send(12)
    scaler = scene.scaler(**ORDERED)
    scene.let_pass(2 * SLOT, scaler)
    assert [(SPOT, 10), (SPOT, 2)] == asked(scene)
    assert (12, 0) == tuple(scene.sample("provider_tasks_launched_total", provider=each) for each in ORDER)
    assert (12, 0) == tuple(scene.sample("provider_containers", provider=each) for each in ORDER)
    assert scene.sample("saving_ratio") == pytest.approx(0.7)


def test_what_it_refuses_goes_to_the_next_in_the_next_slot_and_never_twice(scene: Scene) -> None:
    """After its listing: the plan that was refused is dropped, and made anew."""
    refuse(scene, SPOT)
    scene.send(12)
    scaler = scene.scaler(**ORDERED)
    launches = scene.let_pass(HOLD - POLL, scaler)
    assert [(SPOT, 10), (ON_DEMAND, 10), (ON_DEMAND, 2)] == asked(scene)
    assert 12 == len(scene.aws.ecs.tasks())
    slots = [each.decision.slot for each in launches]
    assert [Outcome.FAILED, Outcome.LAUNCHED] == [each.launch.outcome for each in launches if each.launch]
    assert 1 == slots[1] - slots[0]
    assert (1, 0) == (
        scene.sample("provider_refusals_total", provider=SPOT),
        scene.sample("launch_failures_total", reason="capacity"),
    )
    lines = dict(explain(scaler.spec.policy, last(scaler).decision))
    assert "FARGATE_SPOT, then FARGATE: FARGATE gets a launch; 12 live on FARGATE" == lines["order"]


def test_no_refusal_delays_the_next_provider_beyond_the_next_window(scene: Scene) -> None:
    """However many have refused in a row: a provider that is short is no failure that is tried slowly."""
    order = ("one", "two", ON_DEMAND)
    cluster = create_cluster(scene.aws, capacityProviders=list(order))
    refuse(scene, *order[:2])
    scene.send(3)
    launches = scene.let_pass(2 * SLOT, scene.scaler(**{**ORDERED, "providers": order, "cluster": cluster}))
    assert [(each, 3) for each in order] == asked(scene)
    for launch in launches[1:]:
        assert launch.decision.at - slot_numbered(SLOTS, launch.decision.slot or 0).opens < 1


def test_a_probe_of_one_task_goes_beside_the_plan_and_brings_it_back(scene: Scene) -> None:
    """It is the last call, so that nothing waits for what it finds; once it runs, the provider is first again."""
    refuse(scene, SPOT)
    scene.send(2)
    scaler = scene.scaler(**ORDERED)
    scene.let_pass(HOLD + SLOT, scaler)
    scene.aws.disturbances.clear()
    scene.aws.journal.clear()
    scene.send(5)
    scene.let_pass(SLOT, scaler)
    assert [(ON_DEMAND, 4), (SPOT, 1)] == asked(scene)
    scene.let_pass(SLOT, scaler)
    scene.send(5)
    scene.let_pass(SLOT, scaler)
    assert (SPOT, 5) == asked(scene)[-1]
    assert 12 == len(scene.aws.ecs.tasks())


def test_tasks_that_find_no_place_afterwards_mark_it_too(scene: Scene) -> None:
    """ECS tells of each stopped task which provider it was on; the next one gets what is missing."""
    scene.aws.ecs.fail_starts(4, reason=NO_CAPACITY, placed=False)
    scene.send(4)
    scaler = scene.scaler(**ORDERED)
    scene.let_pass(HOLD, scaler)
    assert [(SPOT, 4), (ON_DEMAND, 4)] == asked(scene)
    assert scene.sample("provider_short_until_timestamp_seconds", provider=SPOT) > scene.clock.now
    assert (1, 0) == (
        scene.sample("provider_refusals_total", provider=SPOT),
        scene.sample("launch_failures_total", reason="capacity"),
    )
    assert 0 == scene.sample("provider_short_until_timestamp_seconds", provider=ON_DEMAND)
    assert 0 == scene.sample("no_capacity_until_timestamp_seconds")


def test_while_all_are_short_only_single_tasks_are_tried_ever_more_seldom(scene: Scene) -> None:
    """An hour of it costs few calls; and once there is room all runs."""
    refuse(scene, *ORDER)
    scene.send(12)
    scaler = scene.scaler(**ORDERED)
    scene.let_pass(3600, scaler)
    calls = asked(scene)
    assert [(SPOT, 10), (ON_DEMAND, 10)] == calls[:2]
    assert {1} == {count for _, count in calls[2:]}
    assert len(calls) <= 2 + 2 * 8
    assert Reason.BACKING_OFF is last(scaler).decision.reason
    assert scene.sample("no_capacity_until_timestamp_seconds") > 0
    scene.aws.disturbances.clear()
    scene.let_pass(900 + 3 * SLOT, scaler)
    assert 12 == len(scene.aws.ecs.tasks())


def test_a_restart_reads_back_which_provider_is_short(scene: Scene) -> None:
    """From the stopped tasks that ECS still lists, before the first launch."""
    scene.aws.ecs.fail_starts(4, reason=NO_CAPACITY, placed=False)
    scene.send(4)
    scene.let_pass(2 * POLL, scene.scaler(**ORDERED))
    scene.restart()
    scene.aws.journal.clear()
    scene.let_pass(SLOT, scene.scaler(**ORDERED))
    assert [(ON_DEMAND, 4)] == asked(scene)


def test_the_clusters_own_strategy_decides_where_a_call_names_nothing(scene: Scene) -> None:
    """ECS applies it, and says afterwards where each task is."""
    strategy = [{"capacityProvider": SPOT, "weight": 1}]
    cluster = create_cluster(scene.aws, defaultCapacityProviderStrategy=strategy)
    scene.send(3)
    scaler = scene.scaler(cluster=cluster, run_task=NETWORK_ONLY)
    scene.let_pass(SLOT, scaler)
    (call,) = [each for each in scene.aws.journal.calls(client=APP) if each.operation == "RunTask"]
    assert {"capacityProviderStrategy", "launchType"}.isdisjoint(call.parameters)
    assert 3 == scene.sample("provider_containers", provider=SPOT)


def test_a_template_that_cannot_run_on_one_of_the_order_is_refused_before_a_call(scene: Scene) -> None:
    """With the key to change."""
    scene.send(1)
    ec2 = register_template(scene.aws, networkMode="bridge", requiresCompatibilities=["EC2"])
    launch = scene.let_pass(SLOT, scene.scaler(**{**ORDERED, "definition": ec2, "run_task": {}}))[0].launch
    assert launch is not None
    assert (Outcome.FAILED, []) == (launch.outcome, asked(scene))
    assert "cannot run on FARGATE" in (launch.error or "")
    assert (launch.error or "").endswith("check scalers[0].task.capacity")
