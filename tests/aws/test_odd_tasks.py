"""What ECS may say of a task, or leave out, without anything being said of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.aws.described import read_described
from controller.aws.descriptions import read_task
from controller.aws.errors import MAX_QUOTE, AwsError
from controller.aws.tasks import Round, Tasks
from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import NOBODY, LiveTask, Outline, Part, Size
from controller.sandbox.aws import Disturbance
from tests.support.aws import NETWORK, container, create_cluster, register_template, run_tasks
from tests.support.controller import CONTROLLER, SCALER, clients_of, known_tasks

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from controller.sandbox.aws import EmbeddedAws

OURS = {"startedBy": CONTROLLER, "group": SCALER}
MOST = 7
ARN = "arn:aws:ecs:us-east-1:123456789012:task-definition"
CREW, OWNER, CREATION = Part.CREW, Part.OWNER, Part.CREATION


def find_outline(group: str | None, family: str | None) -> Outline:
    """Return the outline of a task of the scaler's: of two workers if its family ends so, else at most MOST."""
    return Outline(group or NOBODY, "worker", 2 if family and family.endswith("-x2") else None, MOST)


def observe(aws: EmbeddedAws, cluster: str, known: tuple[str, ...] = ()) -> Round:
    """Return what the controller sees in the cluster."""
    return Tasks(clients_of(aws), cluster, CONTROLLER).observe(known_tasks(*known), find_outline)


def run_beside(aws: EmbeddedAws, cluster: str, template: str, change: Any) -> tuple[LiveTask, LiveTask, LiveTask]:
    """Describe one of two equal tasks oddly; gives it as it is, as it is seen, and the other as it is seen."""
    odd, other = run_tasks(aws, cluster, template, 2, **OURS)
    (true,) = (task for task in observe(aws, cluster).tasks if task.arn == odd)
    aws.ecs.distort(odd, change)
    seen = {task.arn: task for task in observe(aws, cluster).tasks}
    assert {odd, other} == set(seen)
    assert all(isinstance(task, LiveTask) for task in (true, *seen.values()))
    return true, seen[odd], seen[other]


def but(**members: Any) -> Any:
    """Return what replaces members of a description."""
    return lambda task: task | members


def without(*names: str) -> Any:
    """Return what leaves members of a description out."""
    return lambda task: {name: member for name, member in task.items() if name not in names}


def but_worker(**members: Any) -> Any:
    """Return what replaces members of the worker's container."""
    return lambda task: task | {"containers": [task["containers"][0] | members]}


@pytest.mark.parametrize(
    ("change", "guessed", "starting"),
    [
        (but(containers=[]), {CREW}, MOST),
        (but(containers=None), {CREW}, MOST),
        (but(containers="worker"), {CREW}, MOST),
        (but(containers={"name": "worker"}), {CREW}, MOST),
        (but(containers=["worker"]), {CREW}, MOST),
        (but(containers=[None]), {CREW}, MOST),
        (without("containers"), {CREW}, MOST),
        (but_worker(name=None), {CREW}, MOST),
        (but_worker(name=7), {CREW}, MOST),
        (but(containers=[], taskDefinitionArn="arn:aws:ecs:eu-west-1:1:task-definition/family-x2:3"), {CREW}, 2),
        (but(taskDefinitionArn="arn:aws:ecs:eu-west-1:1:task-definition/family-x2:3"), {CREW}, 2),
        (but(containers=[], taskDefinitionArn="no ARN"), {CREW}, MOST),
        (but(containers=[], taskDefinitionArn=5), {CREW}, MOST),
        (but_worker(lastStatus=None), set(), 1),
        (but_worker(lastStatus="FROZEN"), set(), 1),
        (but_worker(lastStatus=["RUNNING"]), set(), 1),
        (without("createdAt"), {CREATION}, 0),
        (but(createdAt="yesterday"), {CREATION}, 0),
        (but(createdAt=1e300), {CREATION}, 0),
        (but(createdAt=True), {CREATION}, 0),
        (but(createdAt=32_503_680_000), {CREATION}, 0),
        (without("group"), {OWNER}, 0),
        (but(group=None), {OWNER}, 0),
        (but(group=["content-ingest"]), {OWNER}, 0),
    ],
)
def test_what_a_description_does_not_tell_is_guessed_of_that_task_alone(
    aws: EmbeddedAws, cluster: str, template: str, change: Any, guessed: set[Part], starting: int
) -> None:
    """Without its workers it has as many as its family or the configuration say, and they start: never none."""
    _, odd, other = run_beside(aws, cluster, template, change)
    assert (guessed, starting, starting or 1) == (odd.guessed, odd.starting, odd.workers)
    assert (frozenset(), 1) == (other.guessed, other.running)


@pytest.mark.parametrize(
    "change",
    [
        without("startedBy"),
        but(startedBy=3),
        without("desiredStatus"),
        but(desiredStatus="ASLEEP"),
        without("lastStatus"),
        but(lastStatus="HIBERNATING"),
        but(lastStatus=3),
        without("startedAt"),
        but(startedAt="soon"),
        but(stopCode="Eclipse", stopCodeDetail={"moon": True}),
        but(stopCode=4, stoppedReason=[1]),
        but(tags="none", overrides=7, attachments={"id": 3}, attributes=[None, 5], cpu=256, version="three"),
        but(healthStatus=None, connectivity={}, ephemeralStorage="much", inferenceAccelerators=0),
        but_worker(exitCode="0"),
        but_worker(exitCode=True),
        but_worker(exitCode=None, runtimeId=9, reason=["x"], networkInterfaces="eth0", managedAgents=[None]),
        lambda task: task | {"containers": [*task["containers"], {"name": "aws-guardduty-agent-x1", "lastStatus": 1}]},
    ],
)
def test_a_member_that_counts_for_nothing_may_be_anything(
    aws: EmbeddedAws, cluster: str, template: str, change: Any
) -> None:
    """Missing, null, of another type or of a value that nobody knows yet: the task runs as before."""
    true, odd, other = run_beside(aws, cluster, template, change)
    assert true == replace(odd, start=true.start, size=true.size)
    assert 1 == other.running


@pytest.mark.parametrize("change", [without("taskArn"), but(taskArn=None), but(taskArn=["x"]), lambda _task: "a task"])
def test_an_entry_without_a_name_stands_for_the_task_that_no_other_speaks_of(
    aws: EmbeddedAws, cluster: str, template: str, change: Any
) -> None:
    """It was asked for, and something was said of it that nobody can read: it is there."""
    _, odd, _ = run_beside(aws, cluster, template, change)
    assert (frozenset(Part), NOBODY, MOST) == (odd.guessed, odd.scaler, odd.starting)


@pytest.mark.parametrize("reason", ["INTERNAL", "ACCESS_DENIED", None, 7, "missing"])
def test_a_task_that_could_not_be_described_lives(aws: EmbeddedAws, cluster: str, template: str, reason: Any) -> None:
    """Only MISSING says that ECS does not know it."""
    (arn,) = run_tasks(aws, cluster, template, **OURS)
    body = {"tasks": [], "failures": [{"arn": arn, "reason": reason}]}
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", body=body))
    seen = observe(aws, cluster)
    assert ([(arn, MOST)], ()) == ([(task.arn, task.starting) for task in seen.tasks], seen.missing)


def test_a_task_that_is_listed_is_not_missing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """ECS lists it, so it is there; one that is known and no longer listed is MISSING."""
    listed, gone, well = run_tasks(aws, cluster, template, 3, **OURS)
    aws.ecs.timing.describing_lag = lambda arn: 0.0 if arn == well else 1e9
    aws.ecs.hide(gone, 1e9)
    seen = observe(aws, cluster, (listed, gone))
    starting = {task.arn: task.starting for task in seen.tasks}
    assert ({listed: MOST, well: 0}, (gone,)) == (starting, seen.missing)


@pytest.mark.parametrize("body", [{"tasks": []}, {"tasks": None, "failures": []}, {"tasks": "all", "failures": []}, {}])
def test_a_batch_that_fails_as_a_whole_is_unknown(
    aws: EmbeddedAws, cluster: str, template: str, body: dict[str, Any]
) -> None:
    """An answer without its tasks or its failures says nothing, and nothing is not none."""
    run_tasks(aws, cluster, template, 2, **OURS)
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", times=None, body=body))
    with pytest.raises(AwsError, match=f'cluster "{cluster}"'):
        observe(aws, cluster)


def test_one_nameless_entry_stands_for_one_task_only(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Of two tasks that are not spoken of, one is lacking."""
    run_tasks(aws, cluster, template, 2, **OURS)
    body = {"tasks": [{"lastStatus": "RUNNING"}], "failures": []}
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", body=body))
    with pytest.raises(AwsError, match="ECS does not mention task"):
        observe(aws, cluster)


def test_a_task_that_waits_for_an_instance_is_described_without_containers(aws: EmbeddedAws) -> None:
    """As ECS does while an EC2 capacity provider scales up; the family tells how many workers it will have."""
    cluster = create_cluster(aws, capacityProviders=["instances"])
    members = {"requiresCompatibilities": ["EC2"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    template = register_template(aws, "family-x2", **members, containerDefinitions=[container()])
    aws.ecs.timing.start_delay = 1e6
    strategy = [{"capacityProvider": "instances"}]
    run_tasks(aws, cluster, template, **OURS, capacityProviderStrategy=strategy, networkConfiguration=NETWORK)
    (task,) = observe(aws, cluster).tasks
    assert isinstance(task, LiveTask)
    assert (2, 0, False, {CREW}) == (task.starting, task.running, task.draining, task.guessed)


@pytest.mark.parametrize(
    ("members", "draining"),
    [
        ({"desiredStatus": "STOPPED"}, True),
        ({"desiredStatus": "STOPPED", "lastStatus": "HIBERNATING"}, True),
        ({"desiredStatus": None, "lastStatus": "DEACTIVATING"}, True),
        ({"desiredStatus": None, "lastStatus": "STOPPING"}, True),
        ({"desiredStatus": None, "lastStatus": "DEPROVISIONING"}, True),
        ({"desiredStatus": None, "lastStatus": "RUNNING"}, False),
        ({"desiredStatus": "RUNNING", "lastStatus": "PENDING"}, False),
        ({"desiredStatus": None, "lastStatus": None}, False),
    ],
)
def test_a_task_drains_from_when_it_is_told_to_stop(members: dict[str, Any], draining: bool) -> None:  # noqa: FBT001
    """By what ECS wants of it, and by what it does."""
    task = {"taskArn": "a", "group": SCALER, "containers": [{"name": "worker", "lastStatus": "RUNNING"}], **members}
    live = read_task(task, find_outline, 1e6)
    assert isinstance(live, LiveTask)
    assert (draining, 1) == (live.draining, live.workers)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"taskDefinitionArn": f"{ARN}/worker:7", "cpu": "256", "memory": "512"}, ("worker", 7, Size(256, 512))),
        ({"taskDefinitionArn": f"{ARN}/worker:7", "cpu": "0", "memory": "512"}, ("worker", 7, Size(None, 512))),
        ({"taskDefinitionArn": f"{ARN}/worker:last", "cpu": "0", "memory": "0"}, ("worker", None, None)),
        ({"cpu": "1 vCPU", "memory": "9" * 99}, (None, None, None)),
        ({}, (None, None, None)),
    ],
    ids=["fargate", "instances", "no size", "odd", "nothing"],
)
def test_what_a_task_is_made_from(
    members: dict[str, Any], expected: tuple[str | None, int | None, Size | None]
) -> None:
    """Its definition and the size that is paid for, as far as they are told; nothing is made up."""
    live = read_task({"taskArn": "a", "group": SCALER, **members}, find_outline, 1e6)
    assert isinstance(live, LiveTask)
    assert expected == (live.family, live.revision, live.size)


def test_ten_thousand_tasks_share_what_is_the_same_of_them() -> None:
    """Names and sizes are kept once, however many tasks are described."""
    size = {"cpu": "256", "memory": "512"}
    text = json.dumps({"taskDefinitionArn": f"{ARN}/worker:7", "capacityProviderName": "FARGATE_SPOT", **size})
    one, other = (read_task({"taskArn": name, **json.loads(text)}, find_outline, 1e6) for name in ("a", "b"))
    assert isinstance(one, LiveTask)
    assert isinstance(other, LiveTask)
    assert one.family is other.family
    assert one.provider is other.provider
    assert one.size is other.size


def test_why_a_task_stopped_is_told_on_one_line_of_bounded_length() -> None:
    """Whatever ECS says of it: it goes into log and ``/status``, for each of the last decisions."""
    said = {"stopCode": "TaskFailedToStart", "stoppedReason": "no\n\nway " + "x" * 3_000_000}
    ended = read_task({"taskArn": "a", "group": SCALER, "lastStatus": "STOPPED", **said}, find_outline, 1e6)
    assert isinstance(ended, StoppedTask)
    assert ("no way " + "x" * MAX_QUOTE)[:MAX_QUOTE] + "..." == ended.cause


@pytest.mark.parametrize(
    ("members", "created_at", "stopped_at"),
    [
        ({}, 9e5, 9e5),
        ({"createdAt": None}, 1e6, 1e6),
        ({"createdAt": None, "stoppedAt": 8e5}, 8e5, 8e5),
        ({"executionStoppedAt": "never", "stoppedAt": 9.5e5}, 9e5, 9.5e5),
    ],
)
def test_a_stopped_task_without_its_dates_has_ended(
    aws: EmbeddedAws, cluster: str, template: str, members: dict[str, Any], created_at: float, stopped_at: float
) -> None:
    """It is dated by what is there."""
    (arn,) = run_tasks(aws, cluster, template, **OURS)
    described = {"taskArn": arn, "lastStatus": "STOPPED", "createdAt": 9e5, "containers": None} | members
    aws.disturbances.add(Disturbance("ecs", "DescribeTasks", "replace", body={"tasks": [described], "failures": []}))
    clients = clients_of(aws)
    clients.clock = replace(clients.clock, now=lambda: 1e6)
    (ended,) = Tasks(clients, cluster, CONTROLLER).observe({}, find_outline).tasks
    assert isinstance(ended, StoppedTask)
    assert (created_at, stopped_at) == (ended.created_at, ended.stopped_at)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
TASK_MEMBERS = [
    "group",
    "startedBy",
    "taskDefinitionArn",
    "lastStatus",
    "desiredStatus",
    "createdAt",
    "startedAt",
    "stoppedAt",
    "executionStoppedAt",
    "stopCode",
    "stoppedReason",
    "containers",
    "cpu",
    "memory",
    "capacityProviderName",
    "tags",
    "version",
    "overrides",
    "attachments",
]
CONTAINER_MEMBERS = [
    "name",
    "lastStatus",
    "exitCode",
    "reason",
    "runtimeId",
    "networkInterfaces",
    "managedAgents",
    "cpu",
]
NONSENSE = st.dictionaries(st.sampled_from(TASK_MEMBERS), JSON, max_size=4) | st.fixed_dictionaries(
    {"containers": st.lists(st.dictionaries(st.sampled_from(CONTAINER_MEMBERS), JSON, max_size=4) | JSON, max_size=2)}
)


# On a machine that is busy, inputs and examples may take longer than Hypothesis allows; it says nothing of the reader.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nonsense=NONSENSE)
def test_no_description_breaks_the_reader(nonsense: dict[str, Any]) -> None:
    """Whatever members hold, botocore can read the answer, and the task lives unless it says that it has stopped."""
    answer = _parse({"tasks": [{"taskArn": "a", **nonsense}], "failures": []})
    (described,) = answer["tasks"]
    task = read_task(described, find_outline, 1e6)
    assert "a" == task.arn
    if isinstance(task, StoppedTask):
        assert nonsense["lastStatus"] in {"STOPPED", "DELETED"}
    else:
        assert task.workers >= 1


def _parse(document: dict[str, Any]) -> Any:
    """Parse an answer to DescribeTasks as botocore's endpoint does, with our reader before its parser."""
    operation = _describe_tasks()
    response = {"status_code": 200, "headers": {}, "body": json.dumps(document).encode(), "context": {}}
    ours: dict[str, Any] = {}
    read_described(response, ours)
    return create_parser("json").parse(response, operation.output_shape) | ours


@cache
def _describe_tasks() -> OperationModel:
    model: OperationModel = botocore.session.get_session().get_service_model("ecs").operation_model("DescribeTasks")
    return model
