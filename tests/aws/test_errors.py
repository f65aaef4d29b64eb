from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.session import Clients
from controller.aws.tasks import Tasks
from controller.sandbox.aws import Disturbance
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import UNREACHABLE_AWS, aws_spec, clients_of, ignore_request

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def failure(aws: EmbeddedAws, cluster: str, disturbance: Disturbance) -> AwsError:
    """Return what a listing that meets the disturbance raises."""
    aws.disturbances.add(disturbance)
    with pytest.raises(AwsError) as caught:
        Tasks(clients_of(aws), cluster, "ecsq").observe({}, lambda _: None)
    return caught.value


def error(code: str, message: str = "no", status: int = 400) -> Disturbance:
    """Return a disturbance that answers every listing with an error."""
    return Disturbance("ecs", "ListTasks", "error", times=None, code=code, message=message, status=status)


@pytest.mark.parametrize(
    ("disturbance", "kind"),
    [
        (error("ClusterNotFoundException"), Kind.MISSING),
        (error("InvalidParameterException"), Kind.INVALID),
        (error("SomethingNewException"), Kind.INVALID),
    ],
    ids=lambda value: f"{value.code}-{value.status}" if isinstance(value, Disturbance) else value.value,
)
def test_a_failure_names_resource_reason_and_key(
    aws: EmbeddedAws, cluster: str, disturbance: Disturbance, kind: Kind
) -> None:
    """The resource first, then AWS's code and words."""
    raised = failure(aws, cluster, disturbance)
    assert f'cluster "{cluster}": {disturbance.code}: {disturbance.message}' == str(raised)
    assert (kind, "task.cluster") == (raised.fault, raised.key)


def test_what_passes_by_itself_names_no_key(aws: EmbeddedAws, cluster: str) -> None:
    """There is nothing in the configuration to check while AWS itself is in trouble."""
    raised = failure(aws, cluster, error("SomethingNewException", status=502))
    assert f'cluster "{cluster}": SomethingNewException: no' == str(raised)
    assert (Kind.SERVER_ERROR, None) == (raised.fault, raised.key)


@pytest.mark.parametrize(
    "disturbance",
    [
        error("ThrottlingException"),
        error("KMS.ThrottlingException"),
        error("RequestLimitExceeded", status=503),
        error("InvalidParameterException", "Request limit exceeded."),
        error("InvalidParameterException", "Error retrieving subnet information for [s]: Rate exceeded (ErrorCode: T)"),
        error("ClientException", "Too many concurrent attempts to create a new revision of the specified family."),
        error("SomethingNewException", "Rate exceeded", status=503),
        error("SomethingNewException", status=429),
    ],
    ids=["ecs", "kms", "ec2", "in-disguise", "subnets", "revisions", "503", "by-status"],
)
def test_throttling_is_known_in_each_of_its_forms(aws: EmbeddedAws, cluster: str, disturbance: Disturbance) -> None:
    """It passes by itself, so nobody has to mend anything, and no key is wrong."""
    raised = failure(aws, cluster, disturbance)
    assert (Kind.THROTTLED, None) == (raised.fault, raised.key)
    assert raised.fault not in FOR_A_PERSON


@pytest.mark.parametrize(
    "message",
    [
        "Capacity is unavailable at this time.",
        "User: a is not authorized to perform: ecs:ListTasks",
        "Cluster not found.",
    ],
)
def test_no_5xx_is_anything_but_a_fault_of_aws_or_a_throttle(aws: EmbeddedAws, cluster: str, message: str) -> None:
    """Whatever it says: what became of the request is not known."""
    raised = failure(aws, cluster, error("ClusterNotFoundException", message, status=500))
    assert Kind.SERVER_ERROR == raised.fault


def test_a_message_of_several_lines_becomes_one(aws: EmbeddedAws, cluster: str) -> None:
    """It goes into a log line and a status page."""
    raised = failure(aws, cluster, error("ClientException", "first\n  second\tthird"))
    assert f'cluster "{cluster}": ClientException: first second third' == str(raised)


def test_an_error_without_a_message_is_still_a_sentence(aws: EmbeddedAws, cluster: str) -> None:
    """Some of AWS's errors have none."""
    assert f'cluster "{cluster}": ClientException: no message' == str(
        failure(aws, cluster, error("ClientException", ""))
    )


def test_a_network_that_is_down_is_no_keys_fault() -> None:
    """The cluster is not what to check when nobody answers."""
    clients = Clients(UNREACHABLE_AWS, "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match=r'cluster "a": .*http://127\.0\.0\.1:1') as caught:
        Tasks(clients, "a", "ecsq").observe({}, lambda _: None)
    assert (Kind.UNREACHABLE, None) == (caught.value.fault, caught.value.key)


def test_missing_credentials_are_said_without_a_resource(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to give to whom, and no key of the scaler is at fault."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    clients = Clients(aws_spec(aws), "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError) as caught:
        Tasks(clients, "a", "ecsq").observe({}, lambda _: None)
    said = "no AWS credentials (Unable to locate credentials): give the task a role, or the shell a profile"
    assert (said, Kind.ACCESS_DENIED, None) == (str(caught.value), caught.value.fault, caught.value.key)
