from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.aws.errors import MAX_QUOTE, AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.run_task import ConflictError, OutcomeUnknownError, run_task
from controller.aws.session import Clients, TooLateError
from controller.sandbox.aws import Disturbance
from controller.sandbox.aws.capacity import NO_CAPACITY
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import FARGATE, UNREACHABLE_AWS, aws_spec, clients_of, ignore_request

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws

IN_TIME = 60.0
"""Seconds from now to the last moment of a call that has all the time in the world."""


@pytest.fixture
def call(cluster: str, template: str) -> dict[str, Any]:
    """Give the parameters of a call for two tasks."""
    return {"cluster": cluster, "taskDefinition": template, "count": 2, "clientToken": "slot-1-0", **FARGATE}


def error(code: str, status: int = 400, message: str = "no") -> Disturbance:
    """Return a disturbance that answers with an error and starts nothing."""
    return Disturbance("ecs", "RunTask", "error", code=code, status=status, message=message)


def test_an_answer_names_the_tasks_that_started(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """All of them, and no failure."""
    answer = run_task(clients_of(aws), call, time() + IN_TIME)
    assert ([task.arn for task in aws.ecs.tasks()], ()) == (list(answer.arns), answer.failures)


def test_an_answer_tells_why_others_did_not_start(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """Tasks and failures come together, failures in AWS's words."""
    aws.ecs.fail_run_task(1)
    answer = run_task(clients_of(aws), call, time() + IN_TIME)
    assert (1, (NO_CAPACITY,)) == (len(answer.arns), answer.failures)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"reason": "RESOURCE:MEMORY", "detail": "no instance has 8 GB"}, "RESOURCE:MEMORY: no instance has 8 GB"),
        ({"reason": "AGENT"}, "AGENT"),
        ({"arn": "arn:aws:ecs:us-east-1:123456789012:container-instance/1"}, "no reason given"),
        ({"reason": "x" * 3_000_000}, "x" * MAX_QUOTE + "..."),
    ],
    ids=["detail", "reason", "neither", "endless"],
)
def test_a_failure_is_told_with_its_detail(
    aws: EmbeddedAws, call: dict[str, Any], failure: dict[str, str], words: str
) -> None:
    """As much as ECS says of it, within reason: it goes into log and ``/status``, for each of the last decisions."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", body={"tasks": [], "failures": [failure]}))
    assert (words,) == run_task(clients_of(aws), call, time() + IN_TIME).failures


@pytest.mark.parametrize(
    ("disturbance", "kind", "key"),
    [
        (error("AccessDeniedException"), Kind.ACCESS_DENIED, None),
        (error("ExpiredTokenException"), Kind.ACCESS_DENIED, None),
        (error("UnrecognizedClientException"), Kind.ACCESS_DENIED, None),
        (error("BlockedException"), Kind.ACCESS_DENIED, None),
        (error("RequestExpired"), Kind.ACCESS_DENIED, None),
        (error("ClusterNotFoundException"), Kind.MISSING, "task"),
        (error("ClientException", message="TaskDefinition not found."), Kind.MISSING, "task"),
        (error("ClientException", message="Something else is wrong"), Kind.INVALID, "task"),
        (error("PlatformUnknownException"), Kind.INVALID, "task"),
        (error("ClientException", message="Tasks provisioning capacity limit exceeded."), Kind.CAPACITY, None),
        (
            error("InvalidParameterException", message="No Container Instances were found in your cluster."),
            Kind.CAPACITY,
            None,
        ),
        (error("ThrottlingException"), Kind.THROTTLED, None),
        (error("SomethingNewException", status=429), Kind.THROTTLED, None),
        (error("InvalidParameterException", message="Request limit exceeded"), Kind.THROTTLED, None),
    ],
    ids=lambda value: f"{value.code}-{value.message}".replace(" ", "-") if isinstance(value, Disturbance) else value,
)
def test_a_refused_call_has_started_nothing(
    aws: EmbeddedAws, call: dict[str, Any], disturbance: Disturbance, kind: Kind, key: str | None
) -> None:
    """A 4xx is certain: it says of what kind it is, names the cluster, and is not sent again.

    It names the key to check where a person has to mend it.
    """
    aws.disturbances.add(disturbance)
    with pytest.raises(AwsError, match=f'RunTask in cluster "{call["cluster"]}": .*{disturbance.code}') as caught:
        run_task(clients_of(aws), call, time() + IN_TIME)
    assert (kind, key) == (caught.value.fault, caught.value.key)
    assert 1 == aws.journal.count("ecs", "RunTask")


@pytest.mark.parametrize(
    "disturbance",
    [
        error("ServerException", status=500),
        error("ServiceUnavailableException", status=503),
        error("ThrottlingException", status=503),
        error("AccessDeniedException", status=500),
        error("ClientException", status=500, message="Capacity is unavailable at this time."),
        error("InvalidParameterException", status=503, message="Rate exceeded"),
        Disturbance("ecs", "RunTask", "lost_request"),
        Disturbance("ecs", "RunTask", "lost_answer"),
        Disturbance("ecs", "RunTask", "cut"),
        Disturbance("ecs", "RunTask", "malformed"),
        Disturbance("ecs", "RunTask", "replace", body={}),
        Disturbance("ecs", "RunTask", "replace", body={"tasks": [{}], "failures": []}),
    ],
    ids=[
        "500",
        "503",
        "503-throttle",
        "500-denied",
        "500-capacity",
        "503-too-fast",
        "lost-request",
        "lost-answer",
        "cut",
        "malformed",
        "empty",
        "no-arn",
    ],
)
def test_an_outcome_that_nobody_told_is_unknown(
    aws: EmbeddedAws, call: dict[str, Any], disturbance: Disturbance
) -> None:
    """Whether or not it did start tasks; and the call is sent once, for only its caller may send it again."""
    aws.disturbances.add(disturbance)
    with pytest.raises(OutcomeUnknownError, match=f'RunTask in cluster "{call["cluster"]}": .'):
        run_task(clients_of(aws), call, time() + IN_TIME)
    assert 1 == aws.journal.count("ecs", "RunTask")


def test_a_call_that_hangs_is_unknown(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """It is given up after the call's time, and has started its tasks all the same."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "hang"))
    with pytest.raises(OutcomeUnknownError):
        run_task(clients_of(aws, call_timeout=0.5), call, time() + IN_TIME)
    assert 2 == len(aws.ecs.tasks())


def test_a_conflict_names_the_other_calls_tasks(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """The token was used with other parameters: by another controller, or by another configuration."""
    theirs = run_task(clients_of(aws), call, time() + IN_TIME).arns
    with pytest.raises(ConflictError) as caught:
        run_task(clients_of(aws), call | {"count": 3}, time() + IN_TIME)
    assert theirs == caught.value.arns
    assert 2 == len(aws.ecs.tasks())


def test_a_call_that_would_leave_too_late_opens_no_connection() -> None:
    """Where nobody listens even a connection would be refused, and that error is another."""
    clients = Clients(UNREACHABLE_AWS, "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(TooLateError):
        run_task(clients, {"cluster": "a", "taskDefinition": "b"}, time() - 0.001)


def test_a_call_that_would_leave_too_late_is_not_sent(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """Nothing arrives, no request is counted, and the next call in time is sent."""
    seen: list[tuple[object, ...]] = []
    clients = clients_of(aws, lambda *request: seen.append(request))
    with pytest.raises(TooLateError):
        run_task(clients, call, time() - 0.001)
    assert (0, []) == (aws.journal.count("ecs", "RunTask"), seen)
    assert 2 == len(run_task(clients, call, time() + IN_TIME).arns)


def test_a_refused_connection_has_started_nothing() -> None:
    """No request left, so nothing is in doubt."""
    clients = Clients(UNREACHABLE_AWS, "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError) as caught:
        run_task(clients, {"cluster": "a", "taskDefinition": "b"}, time() + IN_TIME)
    assert (Kind.UNREACHABLE, None) == (caught.value.fault, caught.value.key)


def test_missing_credentials_have_started_nothing(
    aws: EmbeddedAws, call: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that cannot be signed does not leave."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    clients = Clients(aws_spec(aws), "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match="no AWS credentials") as caught:
        run_task(clients, call, time() + IN_TIME)
    assert Kind.ACCESS_DENIED == caught.value.fault
    assert 0 == aws.journal.count("ecs", "RunTask")


def test_parameters_of_the_wrong_shape_have_started_nothing(aws: EmbeddedAws, call: dict[str, Any]) -> None:
    """Botocore refuses them before anything is sent."""
    with pytest.raises(AwsError, match="count") as caught:
        run_task(clients_of(aws), call | {"count": "many"}, time() + IN_TIME)
    assert Kind.INVALID == caught.value.fault
    assert 0 == aws.journal.count("ecs", "RunTask")


@pytest.mark.parametrize(
    "body",
    [{"tasks": ["x"], "failures": []}, {"tasks": [None], "failures": []}, {"tasks": [], "failures": ["x"]}],
    ids=["text", "null", "failures-of-text"],
)
def test_an_answer_of_another_shape_is_unknown(aws: EmbeddedAws, call: dict[str, Any], body: dict[str, Any]) -> None:
    """Whatever breaks the one who reads it, the call has left."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "replace", body=body))
    with pytest.raises(OutcomeUnknownError, match="broken answer"):
        run_task(clients_of(aws), call, time() + IN_TIME)
