"""Scalers in two accounts and two regions, under one controller: each works in its own, and in no other's way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.config import OWN, AccessSpec, ControllerSpec, ScalerSpec
from controller.core.decision.model import Reason
from controller.core.decision.policy import RolloutPolicy, StartWithin
from controller.sandbox.aws import Disturbance
from controller.scaling.account import judge_accounts
from controller.scaling.line import Place as InLine
from controller.scaling.preview import preview
from controller.scaling.realms import Realm
from tests.support.accounts import OTHER_ACCOUNT, OTHER_REGION, ROLE, THERE, open_elsewhere
from tests.support.aws import create_cluster, create_queue, register_template, send_messages
from tests.support.controller import SLOTS, controller_spec
from tests.support.scene import APP, NOW, Scene, build, last, reasons
from tests.support.steps import Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.place import Place
    from tests.support.clock import ManualClock

NAME = "same-name"
"""Of a cluster, a queue and a family in both accounts."""


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Iterator[Scene]:
    """Give a controller on its own account."""
    yield build(own, dry_run=False)
    own[0].reset()


@pytest.fixture
def there(scene: Scene) -> Place:
    """Give the other account, with a cluster, a queue and a family of the same names as in the own one."""
    place = open_elsewhere(scene.aws).place
    for each in (scene.aws, place):
        create_cluster(each, NAME)
        create_queue(each, NAME)
        register_template(each, NAME)
    return place


def scaler(scene: Scene, name: str, access: AccessSpec, tasks: AccessSpec | None = None, **changes: Any) -> Whole:
    """Return a scaler of the names that are there twice, whose window is open at NOW."""
    spec = scene.spec(name=name, cluster=NAME, queue=NAME, definition=NAME, **({"slots": SLOTS} | changes))
    return Whole(replace(spec, queue_access=access, task_access=tasks or access), scene.services)


def send(place: Any, messages: int) -> None:
    """Send messages to the queue of an account."""
    send_messages(place, place.client("sqs").get_queue_url(QueueName=NAME)["QueueUrl"], messages)


def count_tasks(scene: Scene, there: Place) -> tuple[int, int]:
    """Return how many tasks live in the own account, and in the other."""
    return len(scene.aws.ecs.tasks()), len(there.ecs.tasks())


def test_each_scaler_launches_in_its_own_account(scene: Scene, there: Place) -> None:
    """By the messages that are there, though queue, cluster and family are called the same."""
    send(scene.aws, 1)
    send(there, 3)
    home, away = scaler(scene, "home", OWN), scaler(scene, "away", THERE)
    assert [Reason.LAUNCH] == reasons(scene, home, NOW)
    assert [Reason.LAUNCH] == reasons(scene, away, NOW)
    assert (1, 3) == count_tasks(scene, there)
    assert ["away"] * 3 == [task.group for task in there.ecs.tasks()]


def test_tasks_of_one_account_do_not_count_in_another(scene: Scene, there: Place) -> None:
    """Listings are shared within a cluster, and a cluster of the same name elsewhere is another one."""
    send(there, 2)
    home, away = scaler(scene, "home", OWN), scaler(scene, "away", THERE)
    scene.let_pass(60, home, away)
    assert (0, 2) == count_tasks(scene, there)
    assert [0, 2] == [fleet.live if (fleet := last(each).decision.fleet) else None for each in (home, away)]
    assert scene.services.cluster_of(home.spec) is not scene.services.cluster_of(away.spec)


def test_copies_are_registered_where_they_run(scene: Scene, there: Place) -> None:
    """Each account has its own derived revisions."""
    for place, access in ((scene.aws, OWN), (there, THERE)):
        send(place, 2)
        each = scaler(scene, "home" if access is OWN else "away", access, max_tasks_per_launch=1)
        assert [Reason.LAUNCH] == reasons(scene, each, NOW)
    for place in (scene.aws, there):
        listed = place.client("ecs").list_task_definitions(familyPrefix=f"{NAME}-x2")["taskDefinitionArns"]
        assert (1, 1) == (len(listed), len(place.ecs.tasks()))


def test_a_queue_may_be_the_controllers_own(scene: Scene, there: Place) -> None:
    """And its workers run in the other account."""
    send(scene.aws, 2)
    assert [Reason.LAUNCH] == reasons(scene, scaler(scene, "split", OWN, THERE), NOW)
    assert (0, 2) == count_tasks(scene, there)


def test_several_queues_of_another_account_are_added_up(scene: Scene, there: Place) -> None:
    """With the queues' own role, all of them; a worker is told the URL of its one queue there."""
    send(there, 1)
    send_messages(there, create_queue(there, "more").url, 2)
    both = scaler(scene, "both", THERE)
    both.configure(replace(both.spec, queues=(NAME, "more")))
    assert [Reason.LAUNCH] == reasons(scene, both, NOW)
    told = scaler(scene, "told", THERE, OWN)
    told.configure(replace(told.spec, queue_env="QUEUE_URL"))
    assert [Reason.LAUNCH] == reasons(scene, told, NOW)
    assert (1, 3) == count_tasks(scene, there)
    (worker,) = scene.aws.ecs.tasks()[0].containers
    assert f"/{OTHER_ACCOUNT}/{NAME}" in worker.environment["QUEUE_URL"]


def test_a_role_that_cannot_be_assumed_is_the_trouble_of_its_scalers(scene: Scene, there: Place) -> None:
    """They say which role of which account, and what to mend; the others launch in the same moment."""
    send(scene.aws, 1)
    scene.aws.roles.delete(ROLE)
    home, away = scaler(scene, "home", OWN), scaler(scene, "away", THERE)
    assert [Reason.UNKNOWN_BACKLOG] == reasons(scene, away, NOW)
    problem = last(away).problem or ""
    assert problem.startswith(f"scaler away: role {ROLE} of account {OTHER_ACCOUNT} cannot be assumed: its trust")
    assert problem.endswith("; check scalers[0].aws")
    assert ([Reason.LAUNCH], 1) == (reasons(scene, home, NOW), len(scene.aws.ecs.tasks()))


def test_a_scaler_goes_on_once_its_role_may_be_assumed(scene: Scene, there: Place) -> None:
    """By itself, after the wait of whatever a person has to mend."""
    send(there, 2)
    scene.aws.roles.delete(ROLE)
    away = scaler(scene, "away", THERE)
    scene.let_pass(60, away)
    assert (0, 0) == count_tasks(scene, there)
    open_elsewhere(scene.aws)
    scene.let_pass(120, away)
    assert (0, 2) == count_tasks(scene, there)


def test_an_error_names_account_and_region(scene: Scene, there: Place) -> None:
    """Of whatever is asked for there; of the own account it says what it has always said."""
    missing = replace(scene.spec(name="away", queue="nowhere"), queue_access=THERE, task_access=THERE)
    away = Whole(missing, scene.services)
    away.reconcile()
    where = f"account {OTHER_ACCOUNT}, {OTHER_REGION}"
    assert f'scaler away: queue "nowhere" does not exist in {where}; check scalers[0].queue' == last(away).problem
    away.configure(replace(scaler(scene, "away", THERE).spec, task=replace(missing.task, cluster="nowhere")))
    away.reconcile()
    assert f'cluster "nowhere" in {where}: ClusterNotFoundException' in (last(away).problem or "")


def test_an_outage_of_one_region_lets_another_be(scene: Scene, there: Place) -> None:
    """A listing that fails, or a throttle, in the one says nothing of the other."""
    send(scene.aws, 1)
    send(there, 1)
    scene.aws.open(OTHER_ACCOUNT, OTHER_REGION).client("ecs").create_cluster(clusterName="broken")
    for kind in ("error", "throttle"):
        disturbed = Disturbance(
            "ecs", "ListTasks", kind, times=None, where=lambda asked: asked.get("cluster") == "broken"
        )
        scene.aws.disturbances.add(disturbed)
        away = scaler(scene, f"away-{kind}", THERE)
        away.configure(replace(away.spec, task=replace(away.spec.task, cluster="broken")))
        assert [Reason.UNKNOWN_FLEET] == reasons(scene, away, NOW)
        scene.aws.disturbances.clear()
    assert [Reason.LAUNCH] == reasons(scene, scaler(scene, "home", OWN), NOW)


def test_each_account_and_region_has_its_own_launch_rate(scene: Scene) -> None:
    """AWS's own limit is for each; roles of one account share it."""
    lines = scene.services.lines
    everything = 100
    assert 0 == lines.of(OWN).ask(InLine(0, everything))
    assert 0 < lines.of(OWN).ask(InLine(0, everything))
    assert 0 == lines.of(THERE).ask(InLine(0, everything))
    assert 0 < lines.of(replace(THERE, role_arn=f"{ROLE}-2")).ask(InLine(0, everything))


def test_a_scaler_that_moves_works_in_its_new_account(scene: Scene, there: Place) -> None:
    """What it has launched before finishes by itself, and counts no more."""
    send(scene.aws, 2)
    mover = scaler(scene, "mover", OWN)
    assert [Reason.LAUNCH] == reasons(scene, mover, NOW)
    send(there, 3)
    mover.configure(replace(mover.spec, queue_access=THERE, task_access=THERE))
    scene.let_pass(90, mover)
    assert (2, 3) == count_tasks(scene, there)


def test_what_has_proven_itself_in_one_account_has_not_in_another(scene: Scene, there: Place) -> None:
    """The revisions of a family of the same name have the same numbers there, and are others."""
    rollout = RolloutPolicy(canary=1, prove=10.0)
    send(scene.aws, 2)
    mover = scaler(scene, "mover", OWN, rollout=rollout)
    scene.let_pass(90, mover)
    assert (1,) == mover.state.rollout.proven
    send(there, 3)
    mover.configure(replace(mover.spec, queue_access=THERE, task_access=THERE))
    scene.let_pass(20, mover)
    assert 1 == count_tasks(scene, there)[1], "its first revision has to prove itself there"


def test_a_scaler_without_another_account_asks_as_before(scene: Scene) -> None:
    """One request a poll for an idle queue, and nothing of STS, whatever else the controller has."""
    open_elsewhere(scene.aws)
    idle = scene.scaler()
    scene.let_pass(20, idle)
    scene.asked()
    scene.let_pass(30, idle)
    assert ["GetQueueAttributes"] * 3 == scene.asked()


def test_queues_of_two_accounts_are_read_on_one_loop(scene: Scene, there: Place) -> None:
    """Each with its own credentials and signed for its own region."""
    send(scene.aws, 1)
    send(there, 3)

    async def read() -> list[int]:
        polls = scene.services.polls
        try:
            counts = [await polls.begin(access, (NAME,)).read_counts(NAME) for access in (OWN, THERE)]
        finally:
            await polls.close()
        return [each.visible for each in counts]

    assert [1, 3] == asyncio.run(read())
    read_by = scene.aws.journal.calls("sqs", "GetQueueAttributes", client=APP)
    assert [scene.aws.region, OTHER_REGION] == [call.region for call in read_by]


def test_the_doctor_reads_the_dead_letter_queue_where_the_queue_is(scene: Scene, there: Place) -> None:
    """With the queue's own role."""
    dead = create_queue(there, "dead")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "3"})
    there.client("sqs").set_queue_attributes(
        QueueUrl=there.client("sqs").get_queue_url(QueueName=NAME)["QueueUrl"], Attributes={"RedrivePolicy": redrive}
    )
    send_messages(there, dead.url, 2)
    (seen,) = previews(scene, scaler(scene, "away", THERE).spec)
    (checkup,) = seen.checkups
    assert (2, None) == (checkup.dead_letters.messages, checkup.unread)


def previews(scene: Scene, *specs: ScalerSpec) -> list[Any]:
    """Return the coming turns of scalers."""
    return preview(spec_of(scene, *specs), specs, scene.services, {})


def spec_of(scene: Scene, *specs: ScalerSpec) -> ControllerSpec:
    """Return the controller's configuration with these scalers."""
    return replace(controller_spec(scene.aws), scalers=specs)


def test_quotas_are_asked_of_each_account(scene: Scene, there: Place) -> None:
    """What is too small there is told with the account and the region."""
    scene.aws.account.vcpus = 1.0
    specs = scaler(scene, "home", OWN).spec, replace(scaler(scene, "away", THERE).spec, index=1)
    found = [text for _, text in judge_accounts(spec_of(scene, *specs), previews(scene, *specs), scene.services)]
    assert [f"in account {OTHER_ACCOUNT}, {OTHER_REGION}: take 2.5 vCPU"] == [
        text.partition(" of FARGATE")[0] for text in found if text.startswith("in ")
    ]
    assert 1 == sum(text.startswith("take 2.5 vCPU") for text in found)


def test_cloudwatch_is_asked_where_the_queue_is(scene: Scene, there: Place) -> None:
    """Those whose queues are in one account are asked for together, with its role."""
    scalers = [
        scaler(scene, name, access, demand=StartWithin(300.0))
        for name, access in (("home", OWN), ("away", THERE), ("also", THERE))
    ]
    asked: list[tuple[Realm, list[str]]] = []
    scene.services.realms.ask_each(
        lambda: scalers, lambda realm, own: asked.append((realm, [each.spec.name for each in own]))
    )
    realms = scene.services.realms
    assert [(realms.of(OWN), ["home"]), (realms.of(THERE), ["away", "also"])] == asked
    for realm, _ in asked:
        realm.deletions.read_back([each.spec for each in scalers if realms.of(each.spec.queue_access) is realm])
    calls = scene.aws.journal.calls("monitoring", "GetMetricData")
    assert [scene.aws.region, OTHER_REGION] == [call.region for call in calls]
