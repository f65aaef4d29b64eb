"""Scalers that name no container: who is the worker is told by the template, to whoever counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.sandbox.aws import Disturbance
from tests.support.aws import container, register_template
from tests.support.scene import APP, Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

ROUTER = container("log_router", essential=False, firelensConfiguration={"type": "fluentbit"})
ENVOY = container("envoy", essential=False)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene."""
    return build(own, dry_run=False)


@pytest.mark.parametrize("copies", [1, 3])
def test_a_worker_beside_router_and_proxy_need_not_be_named(scene: Scene, copies: int) -> None:
    """Only workers are counted, by the process that launched them and by one that finds them."""
    template = register_template(
        scene.aws,
        containerDefinitions=[ROUTER, ENVOY, container()],
        proxyConfiguration={"type": "APPMESH", "containerName": "envoy"},
    )
    changes = {"definition": template, "max_tasks_per_launch": 1, "max_containers_per_task": copies}
    scaler = scene.scaler(**changes)
    scene.send(copies)
    scaler.reconcile()
    [task] = scene.aws.ecs.tasks()
    names = [each.name for each in task.containers]
    assert {f"worker-{number}" for number in range(1, 4)} <= set(names) if copies > 1 else "worker" in names
    for restarted in (False, True):
        if restarted:
            scene.restart()
            scaler = scene.scaler(**changes)
        scene.clock.now += 10
        scaler.reconcile()
        fleet = last(scaler).decision.fleet
        assert fleet is not None
        assert (copies, 1) == (fleet.live, fleet.running_tasks)


@pytest.mark.parametrize(
    ("containers", "copies", "expected"),
    [([ROUTER, container()], 1, 2), ([container()], 1, 1), ([container()], 2, 1)],
    ids=["beside a router", "alone", "copies alone"],
)
def test_a_definition_is_described_at_most_once_to_tell_workers(
    scene: Scene, containers: list[dict[str, Any]], copies: int, expected: int
) -> None:
    """One description is the launch's own; names that say it all need no other."""
    template = register_template(scene.aws, containerDefinitions=containers)
    scaler = scene.scaler(definition=template, max_tasks_per_launch=1, max_containers_per_task=copies)
    scene.send(copies)
    scene.aws.journal.clear()
    for _ in range(4):
        scaler.reconcile()
        scene.clock.now += 10
    asked = scene.aws.journal.calls("ecs", "DescribeTaskDefinition", client=APP)
    described = [call.parameters["taskDefinition"].rpartition("/")[2] for call in asked]
    assert (expected, [template]) == (len(described), sorted(set(described)))


@pytest.mark.parametrize(
    ("failure", "asked"), [({"status": 400}, 2), ({"status": 500}, 1)], ids=["one by one", "all of them"]
)
def test_a_definition_that_cannot_be_read_is_asked_for_once_a_listing(
    scene: Scene, failure: dict[str, Any], asked: int
) -> None:
    """However many tasks it has, since others wait for the listing; and no other while ECS does not answer at all."""
    for _ in range(2):
        scene.template = register_template(scene.aws, containerDefinitions=[ROUTER, container()])
        scene.run(3)
    scaler = scene.scaler(definition=scene.template, paused=True)
    scene.send(1)
    scene.aws.disturbances.add(Disturbance("ecs", "DescribeTaskDefinition", "error", times=None, **failure))
    for _ in range(2):
        scene.aws.journal.clear()
        scaler.reconcile()
        calls = scene.aws.journal.calls("ecs", "DescribeTaskDefinition", client=APP)
        # An answer with 500 is asked for twice by itself.
        assert (asked, 2) == (len({call.parameters["taskDefinition"] for call in calls}), len(calls))
        scene.clock.now += 10


def test_a_definition_that_cannot_be_read_blinds_nobody(scene: Scene) -> None:
    """All containers count as workers then, which is never too few, until it can be read."""
    scene.template = register_template(scene.aws, containerDefinitions=[ROUTER, container()])
    scaler = scene.scaler(definition=scene.template)
    scene.run(1)
    scene.send(1)
    scene.aws.disturbances.add(Disturbance("ecs", "DescribeTaskDefinition", "error", status=400, times=1))
    live = []
    for _ in range(2):
        scaler.reconcile()
        fleet = last(scaler).decision.fleet
        live.append(fleet.live if fleet else None)
        scene.clock.now += 10
    assert [2, 1] == live
