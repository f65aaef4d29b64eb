from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Event
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws import definitions
from controller.aws.definitions import Definitions
from controller.aws.errors import MAX_QUOTE
from controller.aws.errors import Fault as Kind
from controller.aws.queue import QueueUrls
from controller.aws.run_task import run_task
from controller.clock import machine_clock
from controller.core.copies.copies import KEEPER
from controller.core.copies.packing import Packing, Plan, TaskGroup
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.rate import Rate
from controller.core.decision.slots import launch_token, slot_at, slot_numbered
from controller.sandbox.aws import Disturbance
from controller.scaling.calls import Calls
from controller.scaling.launch import Launcher
from controller.scaling.line import Line
from tests.support.aws import NETWORK, container, create_cluster, create_queue, register_template
from tests.support.clock import MACHINE_CLOCK, ManualClock
from tests.support.controller import (
    ACCOUNT_RATE,
    CONTROLLER,
    FARGATE,
    SCALER,
    SLOTS,
    clients_of,
    metrics_of_nothing,
    scaler_spec,
    series_of,
)
from tests.support.steps import run_through

if TYPE_CHECKING:
    from controller.config import ScalerSpec
    from controller.core.decision.task import LiveTask
    from controller.core.record import LaunchResult
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.control import TaskView

ARN = "arn:aws:ecs:us-east-1:123456789012:task-definition"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send a call of unknown outcome again without waiting."""
    monkeypatch.setattr("controller.scaling.calls.PAUSES", (0.0,))


def coming_slot() -> int:
    """Return a slot whose window closes in half a minute or more."""
    return slot_at(SLOTS, time()).number + 1


@dataclass
class Process:
    """One controller process: it remembers nothing of another."""

    aws: EmbeddedAws
    dry_run: bool = False
    call_timeout: float = 5.0
    rate: Rate = ACCOUNT_RATE
    stopping: Event = field(default_factory=Event)
    clock: ManualClock | None = None
    """Its wall clock; None: the machine's."""
    elapsed: ManualClock | None = None
    """The clock that its pace goes by; None: the machine's."""
    objection: str | None = None
    """What speaks against its launches."""
    entered: list[LiveTask] = field(default_factory=list)
    """What it entered into its ledger."""

    def __post_init__(self) -> None:
        clock = machine_clock(self.stopping)
        if self.clock is not None:
            clock = replace(clock, now=self.clock)
        if self.elapsed is not None:
            clock = replace(clock, elapsed=self.elapsed)
        # Its clients do not stop by themselves: what the launcher does when the process is to stop is looked at here.
        clients = clients_of(self.aws, call_timeout=self.call_timeout, clock=replace(MACHINE_CLOCK, now=clock.now))
        urls = QueueUrls(clients)
        self.launcher = Launcher(
            Definitions(clients),
            Calls(partial(run_task, clients), CONTROLLER, Line(self.rate, clock), clock),
            clock,
            lambda spec: urls.find(spec.queues[0]),
            dry_run=self.dry_run,
        )
        self._pause = clock.pause
        self.metrics = metrics_of_nothing()
        self.series = series_of(self.metrics)

    def launch(self, spec: ScalerSpec, containers: int, slot: int | None = None) -> LaunchResult:
        """Carry a decision for so many containers out."""
        slot = coming_slot() if slot is None else slot
        decision = Decision(at=time(), reason=Reason.LAUNCH, launch=containers, slot=slot)
        steps = self.launcher.launch(spec, decision, self.entered.extend, self.series, lambda: self.objection)
        return run_through(steps, self._pause)

    def registered(self) -> float | None:
        """Return how many derived revisions were counted."""
        name = "ecsq_task_definitions_registered_total"
        return self.metrics.registry.get_sample_value(name, {"scaler": SCALER})


@pytest.fixture
def process(aws: EmbeddedAws) -> Process:
    """Give a controller process."""
    return Process(aws)


@pytest.fixture
def spec(cluster: str, template: str) -> ScalerSpec:
    """Give a scaler of up to 100 tasks of up to 9 containers."""
    return scaler_spec(cluster, template)


def calls(aws: EmbeddedAws) -> list[dict[str, Any]]:
    """Return the parameters of every RunTask call that arrived, in order."""
    return [call.parameters for call in aws.journal.calls("ecs", "RunTask")]


def registrations(aws: EmbeddedAws) -> int:
    """Return how many task definitions the controller has registered."""
    return aws.journal.count("ecs", "RegisterTaskDefinition", client=f"ecsq-{CONTROLLER}")


def arns(aws: EmbeddedAws) -> list[str]:
    """Return every task that was started."""
    return sorted(task.arn for task in aws.ecs.tasks())


def names(task: TaskView) -> list[str]:
    """Return the names of a task's containers."""
    return [each.name for each in task.containers]


def lost(after: int = 0, **changes: Any) -> Disturbance:
    """Return a disturbance that loses the answer to a RunTask call, after so many that are spared."""
    return Disturbance("ecs", "RunTask", "lost_answer", after=after, **changes)


def refused(code: str, **changes: Any) -> Disturbance:
    """Return a disturbance that refuses a RunTask call."""
    return Disturbance("ecs", "RunTask", "error", status=400, code=code, message="no", **changes)


def of_call(index: int) -> Callable[[dict[str, Any]], bool]:
    """Tell a plan's ``index``-th call by its token."""
    return lambda parameters: parameters["clientToken"].split("-")[2] == str(index)


# What is launched


def test_one_worker_a_task_is_the_template_itself(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """Nothing is registered for it, and nothing is searched for."""
    result = process.launch(spec, 3)
    assert (Outcome.LAUNCHED, 3, None, None) == (result.outcome, result.containers, result.fault, result.error)
    assert [(f"{ARN}/{spec.task.definition}", ["worker"])] * 3 == [
        (task.definition_arn, names(task)) for task in aws.ecs.tasks()
    ]
    assert (0, 0) == (registrations(aws), aws.journal.count("ecs", "ListTaskDefinitions"))


def test_copies_run_a_derived_revision(aws: EmbeddedAws, process: Process, cluster: str, template: str) -> None:
    """Registered once, however many calls use it, and counted."""
    spec = scaler_spec(cluster, template, max_tasks_per_launch=12)
    result = process.launch(spec, 36)
    family = template.partition(":")[0]
    assert [(f"{ARN}/{family}-x3:1", [KEEPER, "worker-1", "worker-2", "worker-3"])] * 12 == [
        (task.definition_arn, names(task)) for task in aws.ecs.tasks()
    ]
    assert (Outcome.LAUNCHED, 36) == (result.outcome, result.containers)
    assert (1, 1.0) == (registrations(aws), process.registered())


def test_a_derived_revision_is_found_again_after_a_restart(
    aws: EmbeddedAws, process: Process, cluster: str, template: str
) -> None:
    """A new process registers nothing that is there already."""
    spec = scaler_spec(cluster, template, max_tasks_per_launch=1)
    process.launch(spec, 2)
    restarted = Process(aws)
    restarted.launch(spec, 2, coming_slot() + 1)
    assert (1, 0.0) == (registrations(aws), restarted.registered())
    assert [2, 1] == [len(arns(aws)), len({task.definition_arn for task in aws.ecs.tasks()})]


def test_a_family_of_somebody_else_bounds_the_copies(
    aws: EmbeddedAws, process: Process, cluster: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they run by its name stays what it is; work goes on with fewer copies a task, and why is said."""
    monkeypatch.setattr(definitions, "TAGS_LATE", timedelta(0))
    theirs = register_template(aws, f"{template.partition(':')[0]}-x3")
    result = process.launch(scaler_spec(cluster, template, max_tasks_per_launch=3), 9)
    assert (Outcome.LAUNCHED, 6) == (result.outcome, result.containers)
    assert {template.partition(":")[0] + "-x2"} == {task.family for task in aws.ecs.tasks()}
    told = f"{theirs} is not the controller's: rename that family, or set max_containers_per_task to 2"
    assert told in str(result.limit)


def test_the_template_is_looked_up_at_each_launch(aws: EmbeddedAws, process: Process, cluster: str) -> None:
    """A new revision is taken at the next launch, for copies too; what runs is left alone."""
    family, _, _ = register_template(aws).partition(":")
    spec = scaler_spec(cluster, family, max_tasks_per_launch=1)
    for offset, containers in enumerate((1, 2)):
        process.launch(spec, containers, coming_slot() + 2 * offset)
        register_template(aws, family, cpu="512", memory="1024")
        process.launch(spec, containers, coming_slot() + 2 * offset + 1)
    assert [f"{family}:1", f"{family}:2", f"{family}-x2:1", f"{family}-x2:2"] == [
        task.definition_arn.rpartition("/")[2] for task in aws.ecs.tasks()
    ]


def test_a_derived_revision_that_is_gone_is_registered_anew(
    aws: EmbeddedAws, process: Process, cluster: str, template: str
) -> None:
    """Whoever deregisters it costs one failed launch."""
    spec = scaler_spec(cluster, template, max_tasks_per_launch=1)
    process.launch(spec, 2)
    derived = aws.ecs.tasks()[0].definition_arn
    aws.client("ecs").deregister_task_definition(taskDefinition=derived)
    outcomes = [process.launch(spec, 2, coming_slot() + offset).outcome for offset in (1, 2)]
    assert ([Outcome.FAILED, Outcome.LAUNCHED], 2) == (outcomes, registrations(aws))


@pytest.mark.parametrize(
    ("containers", "packing", "sizes"),
    [
        (25, {}, [(10, 1), (10, 1), (5, 1)]),
        (10, {}, [(10, 1)]),
        (7, {"max_tasks_per_launch": 3}, [(1, 3), (2, 2)]),
        (6, {"packing": Packing.DENSE, "max_containers_per_task": 3}, [(2, 3)]),
        (50, {"max_tasks_per_launch": 12, "max_containers_per_task": 3}, [(10, 3), (2, 3)]),
    ],
    ids=["more-than-ten", "ten", "spread", "dense", "more-than-fits"],
)
def test_a_call_starts_at_most_ten_tasks_that_are_alike(
    aws: EmbeddedAws,
    process: Process,
    cluster: str,
    template: str,
    containers: int,
    packing: dict[str, Any],
    sizes: list[tuple[int, int]],
) -> None:
    """The fullest first, each with the token of its place in the plan."""
    slot = coming_slot()
    result = process.launch(scaler_spec(cluster, template, **packing), containers, slot)
    sent = calls(aws)
    by_token = {task.client_token: len([name for name in names(task) if name != KEEPER]) for task in aws.ecs.tasks()}
    assert sizes == [(call["count"], by_token[call["clientToken"]]) for call in sent]
    assert [launch_token(SLOTS, slot, index) for index in range(len(sizes))] == [call["clientToken"] for call in sent]
    assert (Outcome.LAUNCHED, sum(count * each for count, each in sizes)) == (result.outcome, result.containers)
    assert sorted(result.arns) == arns(aws)


def test_what_an_answer_names_is_entered_at_once(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """Call by call, so that a crash in the middle of a plan forgets as little as may be."""
    entered: list[int] = []

    def enter(tasks: Any) -> None:
        entered.extend(task.starting for task in tasks)
        assert len(entered) == len(aws.ecs.tasks())

    decision = Decision(at=time(), reason=Reason.LAUNCH, launch=25, slot=coming_slot())
    run_through(process.launcher.launch(spec, decision, enter, process.series, lambda: None), lambda _: None)
    assert [1] * 25 == entered


def test_tasks_carry_their_controller_and_scaler(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """By them they are found again, by whatever process."""
    process.launch(spec, 1)
    assert [(CONTROLLER, SCALER)] == [(task.started_by, task.group) for task in aws.ecs.tasks()]


@pytest.mark.parametrize(("tasks_a_launch", "copies"), [(3, ["worker"]), (1, ["worker-1", "worker-2", "worker-3"])])
def test_the_environment_reaches_every_copy_of_the_worker(
    aws: EmbeddedAws, process: Process, cluster: str, tasks_a_launch: int, copies: list[str]
) -> None:
    """As overrides, the same for every k; neither keeper nor sidecar gets it."""
    containers = [container(environment=[{"name": "MODE", "value": "template"}]), container("log")]
    template = register_template(aws, containerDefinitions=containers)
    spec = scaler_spec(
        cluster,
        template,
        max_tasks_per_launch=tasks_a_launch,
        container="worker",
        environment={"MODE": "batch", "A": "1"},
    )
    process.launch(spec, 3)
    given = {each.name: each.environment for task in aws.ecs.tasks() for each in task.containers}
    assert copies == [name for name, environment in given.items() if environment.get("A") == "1"]
    assert {"batch"} == {given[name]["MODE"] for name in copies}
    assert {"log"} <= {name for name, environment in given.items() if not environment}


@pytest.mark.parametrize("form", ["name", "url", "arn"])
def test_a_worker_is_told_the_url_of_its_queue(
    aws: EmbeddedAws, process: Process, cluster: str, template: str, form: str
) -> None:
    """Every copy has it beside the environment, however the queue is given; it is looked up once, if at all."""
    queue = create_queue(aws)
    known = scaler_spec(cluster, template, queue=getattr(queue, form), environment={"A": "1"}, packing=Packing.DENSE)
    spec = replace(known, queue_env="QUEUE_URL")
    aws.journal.clear()
    for slot in (1, 2):
        process.launch(spec, 2, coming_slot() + slot)
    given = [each["environment"] for call in calls(aws) for each in call["overrides"]["containerOverrides"]]
    assert [[{"name": "A", "value": "1"}, {"name": "QUEUE_URL", "value": queue.url}]] * 4 == given
    assert (0 if form == "url" else 1) == aws.journal.count("sqs", "GetQueueUrl")


def test_nothing_is_launched_that_would_not_know_its_queue(
    aws: EmbeddedAws, process: Process, cluster: str, template: str
) -> None:
    """The queue is named, and the key to check."""
    result = process.launch(replace(scaler_spec(cluster, template, queue="gone"), queue_env="QUEUE_URL"), 1)
    assert ((Outcome.FAILED, Kind.MISSING), []) == ((result.outcome, result.fault), calls(aws))
    assert 'queue "gone" does not exist in us-east-1; check scalers[0].queue' in str(result.error)


def test_the_environment_bounds_the_copies_where_the_template_names_their_container(
    aws: EmbeddedAws, process: Process, cluster: str
) -> None:
    """ECS takes 8,192 characters of overrides: fewer copies fit under a long name, and above one that is said."""
    template = register_template(aws, containerDefinitions=[container("w" * 250)])
    dense = scaler_spec(cluster, template, environment={"BLOB": "x" * 800}, packing=Packing.DENSE)
    assert Outcome.LAUNCHED == process.launch(dense, 9).outcome
    assert [7, 2] == [len(call["overrides"]["containerOverrides"]) for call in calls(aws)]
    result = process.launch(scaler_spec(cluster, template, environment={"BLOB": "x" * 8000}), 1)
    assert (Outcome.FAILED, Kind.INVALID) == (result.outcome, result.fault)
    assert str(result.error).endswith("and ECS allows 8,192: shorten it; check scalers[0].task.environment")


def test_run_task_is_passed_through(aws: EmbeddedAws, process: Process, cluster: str, template: str) -> None:
    """In AWS's own spelling, beside what the controller sets itself, and nothing else."""
    extra = {
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        "networkConfiguration": NETWORK,
        "tags": [{"key": "team", "value": "content"}],
        "propagateTags": "TASK_DEFINITION",
        "enableExecuteCommand": True,
    }
    slot = coming_slot()
    process.launch(scaler_spec(cluster, template, run_task=extra), 2, slot)
    ours = {
        "cluster": cluster,
        "taskDefinition": f"{ARN}/{template}",
        "count": 2,
        "clientToken": launch_token(SLOTS, slot, 0),
        "startedBy": CONTROLLER,
        "group": SCALER,
    }
    assert [extra | ours] == calls(aws)


# A launch happens once


@pytest.mark.parametrize(
    "disturbance",
    [
        lost(),
        Disturbance("ecs", "RunTask", "lost_request"),
        Disturbance("ecs", "RunTask", "error"),
        Disturbance("ecs", "RunTask", "cut"),
        Disturbance("ecs", "RunTask", "malformed"),
        lost(after=1),
        lost(times=3),
    ],
    ids=["lost-answer", "lost-request", "500", "cut", "malformed", "second-call", "three-times"],
)
def test_a_call_of_unknown_outcome_is_sent_again_and_starts_nothing_twice(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, disturbance: Disturbance
) -> None:
    """The same token with the same parameters, until there is an answer."""
    aws.disturbances.add(disturbance)
    result = process.launch(spec, 15)
    assert (Outcome.LAUNCHED, 15, 0) == (result.outcome, result.containers, result.in_doubt)
    assert sorted(result.arns) == arns(aws) == sorted(task.arn for task in process.entered)
    sent = calls(aws)
    assert 2 + (disturbance.times or 0) == len(sent)
    assert 2 == len({str(call) for call in sent})


def test_a_call_that_hangs_is_sent_again(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """After its time is over; the tasks that it did start are the answer to the second."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "hang"))
    result = Process(aws, call_timeout=0.5).launch(scaler_spec(cluster, template), 4)
    assert (Outcome.LAUNCHED, arns(aws)) == (result.outcome, sorted(result.arns))
    assert 4 == len(arns(aws))


def test_a_plan_carried_out_twice_in_a_slot_starts_once(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """A process that crashed between call and record, or a second one beside it, gets the same tasks."""
    slot = coming_slot()
    first, again = process.launch(spec, 12, slot), Process(aws).launch(spec, 12, slot)
    assert (first.arns, 12) == (again.arns, len(arns(aws)))


def test_the_next_slot_starts_tasks_of_its_own(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """A token belongs to its slot."""
    for slot in (coming_slot(), coming_slot() + 1):
        process.launch(spec, 2, slot)
    assert 4 == len(arns(aws))


@pytest.mark.parametrize(
    "refusal",
    [
        Disturbance("ecs", "RunTask", "throttle"),
        refused("AccessDeniedException"),
        refused("ClientException"),
        refused("InvalidParameterException"),
    ],
    ids=lambda disturbance: disturbance.kind if disturbance.kind == "throttle" else disturbance.code,
)
def test_a_refusal_does_not_resolve_an_unknown(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, refusal: Disturbance
) -> None:
    """It says nothing of the call before: the same call goes out again, and its tasks are the answer."""
    aws.disturbances.add(lost(), refusal)
    result = process.launch(spec, 3)
    assert (Outcome.LAUNCHED, arns(aws), 3) == (result.outcome, sorted(result.arns), len(calls(aws)))


def test_an_answer_without_tasks_does_not_resolve_an_unknown(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec
) -> None:
    """AWS does not say that it binds the token: the request before, if late, may yet start its tasks.

    So it is no lack of capacity either, whatever the answer lacks.
    """
    aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_request"))
    aws.ecs.fail_run_task(3)
    result = process.launch(spec, 3)
    assert (Outcome.IN_DOUBT, Kind.IN_DOUBT, 3, 2) == (result.outcome, result.fault, result.in_doubt, len(calls(aws)))
    assert result.doubtful_since is not None


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that stands 20 s before the last send of the slot it falls in."""
    return ManualClock(slot_numbered(SLOTS, coming_slot()).last_send - 20)


def taking(clock: ManualClock, seconds: float, index: int) -> Callable[[dict[str, Any]], bool]:
    """Tell a plan's ``index``-th call, each time moving the clock."""

    def matches(parameters: dict[str, Any]) -> bool:
        if not of_call(index)(parameters):
            return False
        clock.now += seconds
        return True

    return matches


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request", "error"])
def test_a_call_still_unknown_when_the_window_closes_is_in_doubt(
    aws: EmbeddedAws, clock: ManualClock, cluster: str, template: str, kind: Any
) -> None:
    """Only its own containers: the calls before are known, those after were not sent."""
    process, spec = Process(aws, clock=clock), scaler_spec(cluster, template, max_tasks_per_launch=25)
    aws.disturbances.add(Disturbance("ecs", "RunTask", kind, times=None, where=taking(clock, 15.0, 1)))
    result = process.launch(spec, 50, slot_at(SLOTS, clock.now).number)
    assert (Outcome.IN_DOUBT, Kind.IN_DOUBT) == (result.outcome, result.fault)
    assert (20, 20, clock.now) == (result.containers, result.in_doubt, result.doubtful_since)
    assert [0, 1, 1] == [int(call["clientToken"].split("-")[2]) for call in calls(aws)]
    assert str(result.error).startswith(f"scaler {SCALER}: RunTask in cluster")


def test_a_refusal_after_an_unknown_leaves_it_in_doubt(aws: EmbeddedAws, clock: ManualClock, spec: ScalerSpec) -> None:
    """However often it comes until the window closes, it does not turn "unknown" into "not launched"."""
    process = Process(aws, clock=clock)
    aws.disturbances.add(lost(), refused("AccessDeniedException", times=None, where=taking(clock, 15.0, 0)))
    result = process.launch(spec, 3, slot_at(SLOTS, clock.now).number)
    assert (Outcome.IN_DOUBT, 3, 3) == (result.outcome, result.in_doubt, len(arns(aws)))
    assert 3 == len(calls(aws))


def test_nothing_is_sent_after_the_window(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """Nothing is in doubt either, and the reason is named."""
    result = process.launch(spec, 3, slot_at(SLOTS, time()).number - 1)
    assert (Outcome.FAILED, Kind.WINDOW_CLOSED, 0) == (result.outcome, result.fault, result.in_doubt)
    assert f"scaler {SCALER}: the launch window closed before the call" == result.error
    assert [] == calls(aws)


def test_a_window_that_closes_between_two_calls_ends_the_plan(
    aws: EmbeddedAws, clock: ManualClock, spec: ScalerSpec
) -> None:
    """What started counts, the rest is never sent."""
    process = Process(aws, clock=clock)
    aws.disturbances.add(Disturbance("ecs", "RunTask", "slow", where=taking(clock, 21.0, 0)))
    result = process.launch(spec, 15, slot_at(SLOTS, clock.now).number)
    assert (Outcome.PARTLY_LAUNCHED, Kind.WINDOW_CLOSED, 10, 0) == (
        result.outcome,
        result.fault,
        result.containers,
        result.in_doubt,
    )
    assert 1 == len(calls(aws))


@pytest.mark.parametrize(
    ("theirs", "containers", "outcome", "live"),
    [(7, 0, Outcome.FAILED, 7), (15, 10, Outcome.PARTLY_LAUNCHED, 15)],
    ids=["first-call", "second-call"],
)
def test_a_conflict_ends_the_plan_and_makes_the_others_tasks_known(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, theirs: int, containers: int, outcome: Outcome, live: int
) -> None:
    """Another controller launched other numbers in this slot: its tasks live, ours do not start beside them."""
    slot = coming_slot()
    Process(aws).launch(spec, theirs, slot)
    aws.journal.clear()
    result = process.launch(spec, 35, slot)
    assert (outcome, Kind.CONFLICT, containers) == (result.outcome, result.fault, result.containers)
    assert (live, 0) == (len(arns(aws)), result.in_doubt)
    assert arns(aws) == sorted(task.arn for task in process.entered)
    assert 1 + containers // 10 == len(calls(aws))


def test_a_task_known_by_a_conflict_counts_as_full_as_may_be(
    aws: EmbeddedAws, process: Process, cluster: str, template: str
) -> None:
    """How many workers it holds is not told, so it is the most that there can be, until it is described."""
    slot, spec = coming_slot(), scaler_spec(cluster, template, max_containers_per_task=4)
    Process(aws).launch(spec, 1, slot)
    process.launch(spec, 2, slot)
    assert [4] == [task.starting for task in process.entered]


def test_a_conflict_resolves_an_unknown(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """It tells that the call before started nothing: another's numbers came first."""
    slot = coming_slot()
    Process(aws).launch(spec, 2, slot)
    aws.disturbances.add(lost())
    result = process.launch(spec, 3, slot)
    assert (Kind.CONFLICT, 0, 2) == (result.fault, result.in_doubt, len(arns(aws)))


# What goes wrong


def test_what_started_counts_and_the_rest_is_dropped(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """A shortfall needs a new token, and so a later slot."""
    aws.ecs.fail_run_task(3)
    result = process.launch(spec, 25)
    assert (Outcome.PARTLY_LAUNCHED, Kind.CAPACITY, 7, 0) == (
        result.outcome,
        result.fault,
        result.containers,
        result.in_doubt,
    )
    assert str(result.error).startswith("7 of 10 tasks started: Capacity is unavailable at this time")
    assert (1, sorted(result.arns)) == (len(calls(aws)), sorted(task.arn for task in process.entered))


@pytest.mark.parametrize(
    ("reasons", "kind", "said"),
    [
        (("Capacity is unavailable at this time.",) * 2, Kind.CAPACITY, "Capacity is unavailable at this time."),
        (("RESOURCE:MEMORY", "RESOURCE:ENI"), Kind.CAPACITY, "RESOURCE:ENI (it passes when an instance has room;"),
        (("AGENT", "AGENT"), Kind.CAPACITY, "AGENT (the agent of a container instance is not connected;"),
        (("ATTRIBUTE", "RESOURCE:CPU"), Kind.CAPACITY, "ATTRIBUTE (no container instance has an attribute"),
        (("Rate exceeded", "Rate exceeded"), Kind.THROTTLED, "Rate exceeded"),
        (("ATTRIBUTE", "LOCATION"), Kind.INVALID, "ATTRIBUTE (no container instance has an attribute"),
        (("something new", "something new"), Kind.INVALID, "something new"),
    ],
    ids=["fargate", "instances", "agent", "one-instance-may-do", "too-fast", "a-person", "unknown"],
)
def test_a_want_of_room_is_told_from_what_a_person_must_mend(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, reasons: tuple[str, ...], kind: Kind, said: str
) -> None:
    """By the reasons that ECS gives; nothing started, so the launch failed."""
    for reason in reasons:
        aws.ecs.fail_run_task(1, reason=reason)
    result = process.launch(spec, 2)
    assert (Outcome.FAILED, kind) == (result.outcome, result.fault)
    assert str(result.error).startswith(f"0 of 2 tasks started: {said}")


QUOTA = "You\u2019ve reached the limit on the number of vCPUs you can run concurrently"
SUBNETS = "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)"


@pytest.mark.parametrize(
    ("disturbance", "kind", "in_doubt"),
    [
        (Disturbance("ecs", "RunTask", "error", status=400, code="ClientException", message=QUOTA), Kind.CAPACITY, 0),
        (
            Disturbance("ecs", "RunTask", "error", status=400, code="InvalidParameterException", message=SUBNETS),
            Kind.THROTTLED,
            0,
        ),
        (
            Disturbance("ecs", "RunTask", "error", times=None, status=500, code="ClientException", message=QUOTA),
            Kind.IN_DOUBT,
            3,
        ),
    ],
    ids=["quota", "throttle", "5xx"],
)
def test_what_ecs_says_counts_once_nothing_is_known_to_have_started(
    aws: EmbeddedAws, clock: ManualClock, spec: ScalerSpec, disturbance: Disturbance, kind: Kind, in_doubt: int
) -> None:
    """Whatever the code that carries it; a 5xx leaves the launch in doubt, whatever it says of capacity."""
    aws.disturbances.add(replace(disturbance, where=taking(clock, 15.0, 0)))
    result = Process(aws, clock=clock).launch(spec, 3, slot_at(SLOTS, clock.now).number)
    assert (kind, in_doubt) == (result.fault, result.in_doubt)
    assert "check scalers" not in str(result.error)


def test_a_throttle_of_one_launch_does_not_cost_the_next_its_slot(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec
) -> None:
    """RunTask rests for all scalers after a throttle; a launch that has the time waits, and starts its tasks."""
    slot = coming_slot()
    aws.disturbances.add(Disturbance("ecs", "RunTask", "throttle"))
    results = [process.launch(spec, 3, slot) for _ in range(2)]
    assert [(Outcome.FAILED, 0), (Outcome.LAUNCHED, 3)] == [(result.outcome, len(result.arns)) for result in results]


def test_fewer_tasks_without_a_failure_end_the_plan_too(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """An answer counts for what it names."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", body={"tasks": [], "failures": []}))
    result = process.launch(spec, 15)
    assert (Outcome.FAILED, Kind.CAPACITY, "0 of 10 tasks started: no reason given") == (
        result.outcome,
        result.fault,
        result.error,
    )
    assert 1 == len(calls(aws))


def test_any_number_of_failures_is_a_message_of_bounded_length(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec
) -> None:
    """ECS gives a reason for each container instance that it has tried, and a cluster may have thousands."""
    failures = [{"arn": f"instance/{number}", "reason": f"no room on {number}"} for number in range(3000)]
    aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", body={"tasks": [], "failures": failures}))
    assert len(str(process.launch(spec, 1).error)) < 2 * MAX_QUOTE


def test_failures_are_the_answer_to_a_call_sent_again(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """The token replays them; they are not tried away."""
    aws.disturbances.add(lost())
    aws.ecs.fail_run_task(1)
    result = process.launch(spec, 4)
    assert (Outcome.PARTLY_LAUNCHED, 3, 3) == (result.outcome, result.containers, len(arns(aws)))


@pytest.mark.parametrize(
    ("disturbance", "kind"),
    [
        (Disturbance("ecs", "RunTask", "throttle"), Kind.THROTTLED),
        (refused("AccessDeniedException"), Kind.ACCESS_DENIED),
        (refused("ClusterNotFoundException"), Kind.MISSING),
        (refused("PlatformUnknownException"), Kind.INVALID),
    ],
    ids=["throttled", "denied", "cluster", "platform"],
)
def test_a_refused_call_ends_the_plan_with_nothing_in_doubt(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, disturbance: Disturbance, kind: Kind
) -> None:
    """A 4xx without an unknown before it means not launched, and is not tried again in this slot."""
    aws.disturbances.add(replace(disturbance, after=1))
    result = process.launch(spec, 25)
    assert (Outcome.PARTLY_LAUNCHED, kind, 10, 0) == (
        result.outcome,
        result.fault,
        result.containers,
        result.in_doubt,
    )
    assert 2 == len(calls(aws))


def denied(operation: str) -> str:
    """Return where an operation of ECS is to be allowed, and what AWS says of its denial here."""
    return (
        f"add ecs:{operation} to the policy of the task role, as "
        "ecsq iam prints it (AccessDeniedException: Service Unavailable. Please try again later.)"
    )


@pytest.mark.parametrize(
    ("changes", "operation", "kind", "sentence"),
    [
        (
            {"definition": "nobody"},
            None,
            Kind.MISSING,
            'task definition "nobody" does not exist in us-east-1, or is not active; check scalers[2].task.definition',
        ),
        (
            {"cluster": "nowhere"},
            None,
            Kind.MISSING,
            'RunTask in cluster "nowhere": ClusterNotFoundException: Cluster not found; check scalers[2].task',
        ),
        (
            {"container": "wroker"},
            None,
            Kind.MISSING,
            "task definition {template} has no container 'wroker': set task.container to one of worker; "
            "check scalers[2].task.container",
        ),
        (
            {},
            "DescribeTaskDefinition",
            Kind.ACCESS_DENIED,
            f'not allowed to ecs:DescribeTaskDefinition for task definition "{{template}}": '
            f"{denied('DescribeTaskDefinition')}",
        ),
        (
            {},
            "ListTaskDefinitions",
            Kind.ACCESS_DENIED,
            f'not allowed to ecs:ListTaskDefinitions for task definition family "{{family}}-x2": '
            f"{denied('ListTaskDefinitions')}",
        ),
        (
            {},
            "RegisterTaskDefinition",
            Kind.ACCESS_DENIED,
            f'not allowed to ecs:RegisterTaskDefinition for registering task definition "{{family}}-x2": '
            f"{denied('RegisterTaskDefinition')}",
        ),
        (
            {},
            "RunTask",
            Kind.ACCESS_DENIED,
            f'not allowed to RunTask in cluster "{{cluster}}": {denied("RunTask")}',
        ),
        (
            {"run_task": {"launchType": "FARGATE"}},
            None,
            Kind.INVALID,
            "task definition {template} needs subnets: its networkMode is awsvpc; set task.subnets; "
            "check scalers[2].task.subnets",
        ),
    ],
    ids=["definition", "cluster", "container", "describe", "list", "register", "run", "network"],
)
def test_a_launch_that_fails_says_what_to_mend(
    aws: EmbeddedAws,
    process: Process,
    spec: ScalerSpec,
    changes: dict[str, Any],
    operation: str | None,
    kind: Kind,
    sentence: str,
) -> None:
    """One sentence with the scaler, the resource, the reason, and the key or the policy."""
    if operation:
        aws.disturbances.add(Disturbance("ecs", operation, "error", status=400, code="AccessDeniedException"))
    cluster, template = spec.task.cluster, spec.task.definition
    given = {"cluster": cluster, "definition": template, "index": 2, "max_tasks_per_launch": 1}
    result = process.launch(scaler_spec(**given | changes), 2)
    said = sentence.format(cluster=cluster, template=template, family=template.partition(":")[0])
    assert (Outcome.FAILED, kind, f"scaler {SCALER}: {said}") == (result.outcome, result.fault, result.error)
    assert ([], 0, []) == (arns(aws), result.in_doubt, process.entered)


def test_several_containers_need_one_to_be_named(aws: EmbeddedAws, process: Process, cluster: str) -> None:
    """The sentence lists them."""
    template = register_template(aws, containerDefinitions=[container(), container("log")])
    result = process.launch(scaler_spec(cluster, template), 1)
    assert (Kind.MISSING, Outcome.FAILED) == (result.fault, result.outcome)
    assert f"task definition {template} has 2 containers (worker, log)" in str(result.error)


def test_nothing_is_launched_when_the_second_of_two_revisions_fails(
    aws: EmbeddedAws, process: Process, cluster: str, template: str
) -> None:
    """Every revision of a plan is there before its first call."""
    aws.disturbances.add(Disturbance("ecs", "RegisterTaskDefinition", "error", status=400, after=1))
    result = process.launch(scaler_spec(cluster, template, max_tasks_per_launch=2), 5)
    assert (Outcome.FAILED, []) == (result.outcome, calls(aws))


# Stopping and dry runs


def test_no_further_call_is_sent_once_the_process_stops(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """The call in flight finishes, and its tasks count."""

    def stop(_: dict[str, Any]) -> bool:
        process.stopping.set()
        return False

    aws.disturbances.add(Disturbance("ecs", "RunTask", "slow", where=stop))
    result = process.launch(spec, 25)
    assert (Outcome.PARTLY_LAUNCHED, 10, None) == (result.outcome, result.containers, result.fault)
    assert "stopping: the rest of the plan is dropped" == result.error
    assert (1, arns(aws)) == (len(calls(aws)), sorted(result.arns))


def test_a_process_that_stops_before_its_first_call_sends_none(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec
) -> None:
    """Nothing started, nothing is in doubt."""
    process.stopping.set()
    result = process.launch(spec, 3)
    assert (Outcome.FAILED, 0, []) == (result.outcome, result.in_doubt, calls(aws))


def test_an_unknown_is_not_resolved_by_a_process_that_stops(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec
) -> None:
    """It does not send the call again; the listing tells the next process."""

    def stop(_: dict[str, Any]) -> bool:
        process.stopping.set()
        return True

    aws.disturbances.add(lost(where=stop))
    result = process.launch(spec, 3)
    assert (Outcome.IN_DOUBT, 3, 1) == (result.outcome, result.in_doubt, len(calls(aws)))


def test_a_dry_run_reads_and_writes_nothing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """It says what it would have launched."""
    process = Process(aws, dry_run=True)
    result = process.launch(scaler_spec(cluster, template, max_tasks_per_launch=3), 7)
    assert (Outcome.DRY_RUN, Plan((TaskGroup(1, 3), TaskGroup(2, 2)))) == (result.outcome, result.plan)
    asked = {call.operation for call in aws.journal.calls(client=f"ecsq-{CONTROLLER}")}
    assert {"DescribeTaskDefinition", "ListTaskDefinitions"} == asked
    assert ([], (), 0) == (process.entered, result.arns, result.containers)


def test_a_dry_run_meets_what_a_launch_would_meet(aws: EmbeddedAws, cluster: str) -> None:
    """A missing template is as missing as it is."""
    result = Process(aws, dry_run=True).launch(scaler_spec(cluster, "nobody"), 7)
    assert (Outcome.FAILED, Kind.MISSING) == (result.outcome, result.fault)


def test_a_cluster_may_be_given_by_its_arn(aws: EmbeddedAws, process: Process, template: str) -> None:
    """It is the same cluster."""
    cluster = create_cluster(aws)
    arn = f"arn:aws:ecs:us-east-1:123456789012:cluster/{cluster}"
    result = process.launch(scaler_spec(arn, template, run_task=FARGATE), 1)
    assert (Outcome.LAUNCHED, [cluster]) == (result.outcome, [task.cluster for task in aws.ecs.tasks()])


class StopsInPause(Event):
    """A stop that comes while somebody waits."""

    def wait(self, timeout: float | None = None) -> bool:
        """Come, if there is time to."""
        if timeout:
            self.set()
        return super().wait(0)


def test_a_stop_while_a_call_keeps_to_the_pace_is_no_failure(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """What was sent counts; the rest is dropped, not throttled."""
    process = Process(aws, rate=Rate(1.0, 10), stopping=StopsInPause())
    result = process.launch(scaler_spec(cluster, template), 20)
    assert (Outcome.PARTLY_LAUNCHED, 10, None) == (result.outcome, result.containers, result.fault)
    assert "stopping: the rest of the plan is dropped" == result.error


# What is put back is the call


def test_a_call_that_has_to_wait_is_the_same_call_when_its_turn_comes(
    aws: EmbeddedAws, cluster: str, template: str
) -> None:
    """With its slot, its place in the plan and its parameters; no other decision comes in between."""
    slot, elapsed, pauses = coming_slot(), ManualClock(0.0), list[float]()
    process = Process(aws, rate=Rate(5.0, 10), elapsed=elapsed)
    decision = Decision(at=time(), reason=Reason.LAUNCH, launch=25, slot=slot)
    steps = process.launcher.launch(
        scaler_spec(cluster, template), decision, process.entered.extend, process.series, lambda: None
    )

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        elapsed.now += seconds

    result = run_through(steps, pause)
    assert (Outcome.LAUNCHED, 25) == (result.outcome, result.containers)
    assert [2.0, 1.0] == pytest.approx(pauses)
    assert [launch_token(SLOTS, slot, index) for index in range(3)] == [call["clientToken"] for call in calls(aws)]


@pytest.mark.parametrize("calls_before", [0, 1], ids=["before the first call", "between two calls"])
def test_an_objection_drops_the_rest_of_a_plan(
    aws: EmbeddedAws, process: Process, spec: ScalerSpec, calls_before: int
) -> None:
    """What has left is what was launched; nobody is to blame, so it counts as no failure of AWS."""

    def object_after(asked: dict[str, Any]) -> bool:
        process.objection = "the scaler was paused"
        return False

    if calls_before:
        aws.disturbances.add(Disturbance("ecs", "RunTask", "slow", where=object_after))
    else:
        process.objection = "the scaler was paused"
    result = process.launch(spec, 15)
    expected = Outcome.PARTLY_LAUNCHED if calls_before else Outcome.FAILED
    assert (expected, None, 10 * calls_before, 0) == (
        result.outcome,
        result.fault,
        result.containers,
        result.in_doubt,
    )
    assert f"scaler {SCALER}: the scaler was paused: the rest of the plan is dropped" == result.error
    assert calls_before == len(calls(aws))


def test_an_objection_does_not_settle_what_is_in_doubt(aws: EmbeddedAws, process: Process, spec: ScalerSpec) -> None:
    """The call is not sent again, and may yet have started its tasks."""

    def object_after(asked: dict[str, Any]) -> bool:
        process.objection = "the scaler was paused"
        return True

    aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_answer", where=object_after))
    result = process.launch(spec, 3)
    assert (Outcome.IN_DOUBT, Kind.IN_DOUBT, 3) == (result.outcome, result.fault, result.in_doubt)
    assert 1 == len(calls(aws))
