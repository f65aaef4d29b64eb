"""Templates of many shapes: what is refused before RunTask is asked, and what is warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from controller.aws.definitions import Definitions
from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.core.decision.model import Outcome
from controller.core.record import record
from controller.scaling.draft import Drafts
from tests.support.aws import NETWORK, container, create_cluster, register_template
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import SCALER, clients_of, scaler_spec
from tests.support.scene import NEXT, Scene, build, last

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

WORKER = container(memory=512)
ON_EC2: dict[str, Any] = {"requiresCompatibilities": ["EC2"], "containerDefinitions": [WORKER]}
EBS = {"name": "data", "managedEBSVolume": {"roleArn": "arn:aws:iam::123456789012:role/ebs", "sizeInGiB": 20}}
SHAPES: dict[str, dict[str, Any]] = {
    "fargate": {},
    "nothing demanded": {"requiresCompatibilities": []},
    "both": {"requiresCompatibilities": ["EC2", "FARGATE"]},
    "ec2 that fargate fits": {"requiresCompatibilities": ["EC2"]},
    "ec2 that fargate fits with more cpu": {"requiresCompatibilities": ["EC2"], "cpu": "1024", "memory": "2048"},
    "bridge": {**ON_EC2, "networkMode": "bridge", "cpu": "", "memory": ""},
    "host": {**ON_EC2, "networkMode": "host"},
    "none": {**ON_EC2, "networkMode": "none"},
    "awsvpc without a size": {**ON_EC2, "cpu": "", "memory": ""},
    "awsvpc of another size": {**ON_EC2, "cpu": "300", "memory": "700"},
    "privileged": {**ON_EC2, "containerDefinitions": [{**WORKER, "privileged": True}]},
    "gpu": {**ON_EC2, "containerDefinitions": [{**WORKER, "resourceRequirements": [{"type": "GPU", "value": "1"}]}]},
    "constrained": {**ON_EC2, "placementConstraints": [{"type": "memberOf", "expression": "true"}]},
    "host's processes": {**ON_EC2, "pidMode": "host"},
    "ebs": {"volumes": [{"name": "data", "configuredAtLaunch": True}]},
    "windows": {"containerDefinitions": [container(image="mcr.microsoft.com/windows/servercore/iis")]},
}
VPC = {"networkConfiguration": NETWORK}
CALLS: dict[str, dict[str, Any]] = {
    "FARGATE": {"launchType": "FARGATE", **VPC},
    "FARGATE without subnets": {"launchType": "FARGATE"},
    "FARGATE_SPOT": {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], **VPC},
    "EC2": {"launchType": "EC2"},
    "EC2 with subnets": {"launchType": "EC2", **VPC},
    "provider": {"capacityProviderStrategy": [{"capacityProvider": "big-machines", "weight": 1}]},
    "provider with subnets": {
        "capacityProviderStrategy": [{"capacityProvider": "big-machines", "weight": 1}],
        **VPC,
    },
    "FARGATE with a volume": {"launchType": "FARGATE", **VPC, "volumeConfigurations": [EBS]},
}


def is_taken(aws: EmbeddedAws, **parameters: Any) -> bool:
    """Say whether RunTask takes a call."""
    ecs = aws.client("ecs")
    try:
        ecs.run_task(**parameters)
    except ecs.exceptions.InvalidParameterException:
        return False
    return True


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_laid_out_is_taken_and_what_is_refused_would_be(
    aws: EmbeddedAws, shape: dict[str, Any], call: dict[str, Any]
) -> None:
    """A layout is refused exactly if RunTask refuses the template, and then with a key to change.

    Of what is laid out RunTask takes the copies too, two and as many as there may be.
    """
    cluster = create_cluster(aws, capacityProviders=["FARGATE", "FARGATE_SPOT", "big-machines"])
    template = register_template(aws, **shape)
    spec = scaler_spec(cluster, template, run_task=call)
    drafts = Drafts(Definitions(clients_of(aws)), MACHINE_CLOCK)
    taken = is_taken(aws, cluster=cluster, taskDefinition=template, **call)
    if not taken:
        with pytest.raises(AwsError, match=f"task definition {template} ") as refused:
            drafts.draft(spec, 1)
        assert (Kind.INVALID, "task.") == (refused.value.fault, str(refused.value.key)[:5])
        return
    draft = drafts.draft(spec, 1)
    for k in {2, draft.most} if draft.most > 1 else ():
        family = aws.client("ecs").register_task_definition(**drafts.derive(spec, draft, k))
        arn = family["taskDefinition"]["taskDefinitionArn"]
        assert is_taken(aws, cluster=cluster, taskDefinition=arn, **call)


@pytest.fixture
def scene(own: tuple[EmbeddedAws, ManualClock]) -> Scene:
    """Give a scene."""
    return build(own, dry_run=False)


def test_a_launch_that_run_task_must_refuse_is_not_sent(scene: Scene) -> None:
    """It fails with the same sentence as ``plan`` has, nothing is registered or sent, and it is tried slowly."""
    template = register_template(scene.aws, **SHAPES["bridge"])
    scaler = scene.scaler(definition=template)
    scene.send(3)
    scaler.reconcile()
    launch = last(scaler).launch
    assert launch is not None
    assert (Outcome.FAILED, Kind.INVALID) == (launch.outcome, launch.fault)
    assert (
        f"scaler {SCALER}: task definition {template} cannot run on FARGATE: its networkMode is bridge and not awsvpc, "
        "it has no task-level cpu and memory; set task.launch_type to EC2, or name a definition for Fargate; "
        "check scalers[0].task.launch_type"
    ) == launch.error
    assert {"RunTask", "RegisterTaskDefinition"}.isdisjoint(scene.asked())
    assert scaler.memory.retry_at is not None


LINGERS = [container("worker", essential=False), container("web")]


def test_a_warning_is_logged_once_for_each_revision(scene: Scene) -> None:
    """Not with every launch; the record of each launch has it all the same."""
    family, _, _ = register_template(scene.aws, containerDefinitions=LINGERS).partition(":")
    scaler = scene.scaler(definition=family, container="worker", max_containers_per_task=1)
    with capture_logs() as logs:
        for moment in (scene.clock.now, NEXT.start + 10, NEXT.start + 40, NEXT.start + 70):
            scene.clock.now = moment
            if moment == NEXT.start + 40:
                register_template(scene.aws, family, containerDefinitions=LINGERS)
            scene.send(1)
            scaler.reconcile()
            launch = last(scaler).launch
            assert launch is not None
            assert Outcome.LAUNCHED == launch.outcome
            [told] = record(last(scaler))["plan_warnings"]
            assert "web is, so a task does not end with its workers" in told
    said = [(line["scaler"], line["log_level"], line["text"]) for line in logs if line["event"] == "template"]
    assert [
        (SCALER, "warning", f"task definition {family}:{revision}: container worker is not essential")
        for revision in (1, 2)
    ] == [(scaler, level, text.partition(" and ")[0]) for scaler, level, text in said]
