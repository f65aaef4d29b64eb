from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from threading import Barrier
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.definitions import Definitions
from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.run_task import run_task
from controller.clock import Clock
from controller.core.copies.fingerprint import read_fingerprint
from controller.core.copies.keeper import KeeperSettings
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.rate import Rate
from controller.core.decision.slots import slot_at, slot_numbered
from controller.sandbox.aws import Disturbance
from controller.scaling import draft
from controller.scaling.calls import Calls
from controller.scaling.launch import Launcher
from controller.scaling.line import Line
from tests.support.aws import container, create_cluster, register_template
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import (
    ACCOUNT_RATE,
    CONTROLLER,
    SCALER,
    SLOTS,
    clients_of,
    metrics_of_nothing,
    scaler_spec,
    series_of,
)
from tests.support.steps import run_through

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.config import ScalerSpec
    from controller.core.record import LaunchResult
    from controller.sandbox.aws import EmbeddedAws

NAME = "worker"
"""The template's family."""


@dataclass
class Process:
    """One controller process: it remembers nothing of another."""

    aws: EmbeddedAws
    clock: Clock = MACHINE_CLOCK

    def __post_init__(self) -> None:
        clients = clients_of(self.aws, clock=replace(MACHINE_CLOCK, now=self.clock.now))
        calls = Calls(partial(run_task, clients), CONTROLLER, Line(ACCOUNT_RATE, self.clock), self.clock)
        self.launcher = Launcher(Definitions(clients), calls, self.clock, str, dry_run=False)
        self.metrics = metrics_of_nothing()
        self.series = {SCALER: series_of(self.metrics)}

    def launch(self, spec: ScalerSpec, slot: int, workers: int = 3) -> LaunchResult:
        """Carry out the decision to launch so many workers, in one task."""
        decision = Decision(at=time(), reason=Reason.LAUNCH, launch=workers, slot=slot)
        series = self.series.setdefault(spec.name, series_of(self.metrics, spec.name))
        return run_through(self.launcher.launch(spec, decision, list, series, lambda: None), self.clock.pause)

    def counted(self) -> float:
        """Return how many registrations it has counted, for all scalers."""
        name = "ecsq_task_definitions_registered_total"
        values = [self.metrics.registry.get_sample_value(name, {"scaler": scaler}) for scaler in self.series]
        return sum(value or 0.0 for value in values)


@pytest.fixture
def spec(aws: EmbeddedAws) -> ScalerSpec:
    """Give a scaler of up to 9 workers in one task, on the newest revision of a template of one revision."""
    register_template(aws, NAME)
    return scaler_spec(create_cluster(aws), NAME, max_tasks_per_launch=1)


def coming_slot() -> int:
    """Return a slot whose window closes in half a minute or more."""
    return slot_at(SLOTS, time()).number + 1


def derived(aws: EmbeddedAws, workers: int = 3, status: str = "ACTIVE") -> list[str]:
    """Return the ``family:revision`` of what was derived for so many workers, the oldest first."""
    family = f"{NAME}-x{workers}"
    arns = aws.client("ecs").list_task_definitions(familyPrefix=family, status=status)["taskDefinitionArns"]
    return [arn.rpartition("/")[2] for arn in arns]


def ran(aws: EmbeddedAws) -> list[str]:
    """Return the ``family:revision`` of every task that was started."""
    return [task.definition_arn.rpartition("/")[2] for task in aws.ecs.tasks()]


def registrations(aws: EmbeddedAws) -> int:
    """Return how many registrations controllers have asked for."""
    return aws.journal.count("ecs", "RegisterTaskDefinition", client=f"ecsq-{CONTROLLER}")


def at_once(*work: Callable[[], LaunchResult]) -> list[LaunchResult]:
    """Do several things at the same moment."""
    barrier = Barrier(len(work))

    def begin(one: Callable[[], LaunchResult]) -> LaunchResult:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(begin, work))


def test_templates_that_change_back_and_forth(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """Two controllers that are restarted all the time register each revision of the template once."""
    register_template(aws, NAME)
    slot = coming_slot()
    for offset, revision in enumerate((1, 2, 1, 2, 2, 1)):
        wanted = replace(spec, task=replace(spec.task, definition=f"{NAME}:{revision}"))
        for process in (Process(aws), Process(aws)):
            assert Outcome.LAUNCHED == process.launch(wanted, slot + offset).outcome
    assert [1, 2, 1, 2, 2, 1] == [int(name.partition(":")[2]) for name in ran(aws)]
    assert (2, ["worker-x3:1", "worker-x3:2"]) == (registrations(aws), derived(aws))


def test_more_templates_than_a_short_look_back(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """The first of a dozen revisions is found again by a process that never saw it."""
    slot = coming_slot()
    for offset in range(12):
        Process(aws).launch(spec, slot + offset)
        register_template(aws, NAME)
    restarted = Process(aws)
    oldest = replace(spec, task=replace(spec.task, definition=f"{NAME}:1"))
    assert Outcome.LAUNCHED == restarted.launch(oldest, slot + 12).outcome
    assert (12, 0, "worker-x3:1") == (registrations(aws), restarted.counted(), ran(aws)[-1])


def test_a_new_template_revision_is_taken_at_the_next_launch(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """By a process that has launched the one before; the tasks of that one are left alone."""
    process, slot = Process(aws), coming_slot()
    process.launch(spec, slot)
    register_template(aws, NAME, containerDefinitions=[container(command=["new"])])
    process.launch(spec, slot + 1)
    assert ["worker-x3:1", "worker-x3:2"] == ran(aws)
    assert ["RUNNING", "RUNNING"] == [task.desired_status for task in aws.ecs.tasks()]
    newest = aws.client("ecs").describe_task_definition(taskDefinition="worker-x3:2")["taskDefinition"]
    assert [["new"]] * 3 == [each["command"] for each in newest["containerDefinitions"][1:]]


def test_two_controllers_that_register_at_the_same_moment(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """Neither can know of the other; both then run the same revision, so that their calls are one and the same."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", "slow", times=2, delay=0.2))
    slot = coming_slot()
    results = at_once(*(partial(Process(aws).launch, spec, slot) for _ in range(2)))
    assert [Outcome.LAUNCHED] * 2 == [result.outcome for result in results]
    assert 1 == len({result.arns for result in results}) == len(ran(aws))
    assert (2, {"worker-x3:1"}) == (registrations(aws), set(ran(aws)))


def test_a_conflict_over_revisions_does_not_last(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """If the listing hides one from the other they do conflict, once: at their next launch both run the oldest."""
    first, second, slot = Process(aws), Process(aws), coming_slot()
    first.launch(spec, slot)
    aws.disturbances.add(Disturbance("ecs", "ListTaskDefinitions", "replace", times=3, body={"taskDefinitionArns": []}))
    assert Kind.CONFLICT == second.launch(spec, slot).fault
    assert ["worker-x3:1", "worker-x3:2"] == derived(aws)
    for offset in (1, 2):
        for process in (second, first):
            assert Outcome.LAUNCHED == process.launch(spec, slot + offset).outcome
    assert (2, {"worker-x3:1"}, 3) == (registrations(aws), set(ran(aws)), len(ran(aws)))


def test_scalers_of_one_template_register_it_once(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """However many of them launch at the same moment, and whatever the listing shows by then."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", "slow", delay=0.2))
    process = Process(aws)
    specs = [scaler_spec(spec.task.cluster, NAME, name=f"scaler-{n}", max_tasks_per_launch=1) for n in range(4)]
    slots = [slot_at(each.policy.slots, time()).number + 1 for each in specs]
    results = at_once(*(partial(process.launch, each, slot) for each, slot in zip(specs, slots, strict=True)))
    assert [Outcome.LAUNCHED] * 4 == [result.outcome for result in results]
    assert (1, 1, ["worker-x3:1"] * 4) == (registrations(aws), process.counted(), ran(aws))


def test_a_registration_whose_answer_is_lost(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """The revision is there and is run, in the same launch."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", "lost_answer"))
    assert Outcome.LAUNCHED == Process(aws).launch(spec, coming_slot()).outcome
    assert (1, ["worker-x3:1"]) == (registrations(aws), ran(aws))


def test_a_revision_that_someone_deregisters_is_never_run(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """Whoever knew it fails once, then finds that it is gone; a restarted process does not even try it."""
    process, slot = Process(aws), coming_slot()
    process.launch(spec, slot)
    process.launch(spec, slot + 1)
    aws.client("ecs").deregister_task_definition(taskDefinition="worker-x3:1")
    failed = process.launch(spec, slot + 2)
    assert (Outcome.FAILED, 0) == (failed.outcome, failed.in_doubt)
    assert "inactive" in str(failed.error)
    for offset, each in enumerate((process, Process(aws)), start=3):
        assert Outcome.LAUNCHED == each.launch(spec, slot + offset).outcome
    assert (["worker-x3:2"], ["worker-x3:1"]) == (derived(aws), derived(aws, status="INACTIVE"))
    assert (2, ["worker-x3:1"] * 2 + ["worker-x3:2"] * 2) == (registrations(aws), ran(aws))


def test_a_fingerprint_does_not_depend_on_what_ecs_fills_in(aws: EmbeddedAws, spec: ScalerSpec) -> None:
    """ECS may describe the same revision with more than before: it stays the same derived revision."""
    slot = coming_slot()
    Process(aws).launch(spec, slot)
    ecs = aws.client("ecs")
    described = ecs.describe_task_definition(taskDefinition=f"{NAME}:1")["taskDefinition"]
    described |= {"registeredBy": "someone", "requiresAttributes": [{"name": "ecs.capability.new"}]}
    described |= {"registeredAt": described["registeredAt"].timestamp()}
    template_only = Disturbance(
        "ecs",
        "DescribeTaskDefinition",
        "replace",
        body={"taskDefinition": described, "tags": []},
        where=lambda asked: asked["taskDefinition"] == NAME,
    )
    aws.disturbances.add(template_only)
    assert Outcome.LAUNCHED == Process(aws).launch(spec, slot + 1).outcome
    assert (1, ["worker-x3:1"] * 2) == (registrations(aws), ran(aws))


@pytest.mark.parametrize(
    "change",
    [
        {"keeper": KeeperSettings("another/busybox:1", deadline=None)},
        {"keeper": KeeperSettings("busybox", deadline=600)},
        {"container": "sidecar"},
    ],
    ids=["keeper's image", "deadline", "container"],
)
def test_what_makes_another_revision(aws: EmbeddedAws, change: dict[str, Any]) -> None:
    """A different keeper or worker is registered beside the first, and both are found again."""
    containers = [container(), container("sidecar", essential=False)]
    register_template(aws, NAME, containerDefinitions=containers)
    one = scaler_spec(create_cluster(aws), NAME, max_tasks_per_launch=1, container="worker")
    other = replace(one, task=replace(one.task, **change))
    slot = coming_slot()
    for offset, wanted in enumerate((one, other, one, other)):
        Process(aws).launch(wanted, slot + offset)
    assert (2, ["worker-x3:1", "worker-x3:2"] * 2) == (registrations(aws), ran(aws))
    marks = [
        read_fingerprint(aws.client("ecs").describe_task_definition(taskDefinition=name, include=["TAGS"])["tags"])
        for name in derived(aws)
    ]
    assert len(set(marks)) == 2


def paced(now: float, *, stopping: bool = False) -> tuple[Clock, list[float]]:
    """Return a clock that stands at ``now`` and passes by pauses alone, and the list of those."""
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        if seconds:
            pauses.append(seconds)
        return stopping

    return Clock(lambda: now + sum(pauses), lambda: now + sum(pauses), pause), pauses


@pytest.mark.parametrize(("stopping", "kept"), [(False, 4), (True, 2)], ids=["waits", "stopping"])
def test_the_rate_of_registrations_is_kept(
    aws: EmbeddedAws, spec: ScalerSpec, monkeypatch: pytest.MonkeyPatch, *, stopping: bool, kept: int
) -> None:
    """So many at once, then one a second over all scalers; whoever has to wait does, and a stop ends the waiting."""
    monkeypatch.setattr(draft, "REGISTER_RATE", Rate(1.0, 2))
    slot = coming_slot()
    clock, pauses = paced(slot_numbered(SLOTS, slot).opens, stopping=stopping)
    process = Process(aws, clock)
    drafted = process.launcher.draft(spec, 9)
    arguments = (slot_numbered(SLOTS, slot).last_send, process.series[SCALER])
    for workers in (2, 3, 4, 5):
        refused = pytest.raises(AwsError, match="has to wait") if stopping and workers > 3 else nullcontext()
        with refused:
            found = process.launcher.drafts.find_or_register(spec, drafted, workers, *arguments)
            run_through(found, process.clock.pause)
    assert kept == registrations(aws)
    assert ([] if stopping else [1.0, 1.0]) == pytest.approx(pauses, abs=0.01)


def test_scalers_that_wait_for_one_registration_wait_as_one(
    aws: EmbeddedAws, spec: ScalerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are, it comes as soon as for one, and the others find it."""
    monkeypatch.setattr(draft, "REGISTER_RATE", Rate(1.0, 1))
    slot = coming_slot()
    clock, _ = paced(slot_numbered(SLOTS, slot).opens)
    process = Process(aws, clock)
    assert Outcome.LAUNCHED == process.launch(spec, slot, 2).outcome
    drafts, drafted = process.launcher.drafts, process.launcher.draft(spec, 9)
    arguments = (slot_numbered(SLOTS, slot).last_send, process.series[SCALER])
    many = [drafts.find_or_register(spec, drafted, 3, *arguments) for _ in range(5)]
    assert [1.0] * 5 == pytest.approx([next(each).seconds for each in many], abs=0.01)
    clock.pause(1.0)
    assert 1 == len({run_through(each, clock.pause) for each in many})
    assert 2 == registrations(aws)


def test_a_registration_that_would_come_after_the_window_is_not_made(
    aws: EmbeddedAws, spec: ScalerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch fails as throttled, with nothing registered; the next slot has room again."""
    monkeypatch.setattr(draft, "REGISTER_RATE", Rate(0.1, 1))
    slot = coming_slot()
    clock, pauses = paced(slot_numbered(SLOTS, slot).last_send - 5)
    process = Process(aws, clock)
    assert Kind.WINDOW_CLOSED != process.launch(spec, slot, 2).fault
    refused = process.launch(spec, slot, 3)
    expected = (
        f'scaler {SCALER}: task definition "worker-x3" has to wait: an account may register 1 at once and 0.1 a second '
        "after that"
    )
    assert (Outcome.FAILED, Kind.THROTTLED, expected) == (refused.outcome, refused.fault, refused.error)
    assert (1, []) == (registrations(aws), pauses)
