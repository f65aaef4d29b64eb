from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event
from time import time
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError
from controller.aws.errors import Fault as Kind
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.aws.run_task import run_task
from controller.aws.session import Clients, StoppingError
from controller.clock import machine_clock
from controller.sandbox.aws import Disturbance
from tests.support.aws import CreatedQueue, create_cluster
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import FARGATE, NOBODY_LISTENS, aws_spec, ignore_request

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


class Observer:
    """Remembers the requests that it was told of."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        """Service, operation, outcome."""
        self.seconds: list[float] = []

    def __call__(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """Note one request."""
        self.seen.append((service, operation, outcome))
        self.seconds.append(seconds)


def describe(clients: Clients, cluster: str) -> None:
    """Describe a task that is not there, whatever comes of it."""
    with suppress(AwsError), clients.asking("a task", None):
        clients.ecs().describe_tasks(cluster=cluster, tasks=["a"])


@pytest.mark.parametrize(
    ("disturbance", "outcomes"),
    [
        (None, ["success"]),
        (Disturbance("ecs", "*", "error", status=400, code="AccessDeniedException"), ["client_error"]),
        (Disturbance("ecs", "*", "error", status=400, code="ClusterNotFoundException"), ["client_error"]),
        (Disturbance("ecs", "*", "throttle"), ["throttled", "success"]),
        (Disturbance("ecs", "*", "error"), ["server_error", "success"]),
        (Disturbance("ecs", "*", "error", times=None), ["server_error", "server_error"]),
        (Disturbance("ecs", "*", "lost_request"), ["network_error", "success"]),
        (Disturbance("ecs", "*", "lost_answer", times=None), ["network_error", "network_error"]),
        (Disturbance("ecs", "*", "cut"), ["server_error"]),
        (Disturbance("ecs", "*", "malformed"), ["server_error"]),
    ],
    ids=[
        "success",
        "denied",
        "missing",
        "throttled",
        "5xx-once",
        "5xx",
        "lost-request",
        "lost-answers",
        "cut",
        "malformed",
    ],
)
def test_every_request_is_observed_with_its_outcome(
    aws: EmbeddedAws, cluster: str, disturbance: Disturbance | None, outcomes: list[str]
) -> None:
    """Retries are requests of their own; a read is sent twice at most, and only when that may help."""
    if disturbance:
        aws.disturbances.add(disturbance)
    observer = Observer()
    describe(Clients(aws_spec(aws), "ecsq", observer, MACHINE_CLOCK), cluster)
    assert [("ecs", "DescribeTasks", outcome) for outcome in outcomes] == observer.seen
    assert set(outcomes) <= set(REQUEST_OUTCOMES)
    assert all(seconds >= 0 for seconds in observer.seconds)


def test_requests_are_observed_by_service_and_operation(aws: EmbeddedAws, cluster: str, queue: CreatedQueue) -> None:
    """In AWS's own spelling, whichever client sent them."""
    observer = Observer()
    clients = Clients(aws_spec(aws), "ecsq", observer, MACHINE_CLOCK)
    clients.sqs().get_queue_url(QueueName=queue.name)
    clients.ecs().list_tasks(cluster=cluster)
    with suppress(AwsError):
        run_task(clients, {"cluster": cluster, "taskDefinition": "nobody", **FARGATE}, time() + 60)
    assert [
        ("sqs", "GetQueueUrl", "success"),
        ("ecs", "ListTasks", "success"),
        ("ecs", "RunTask", "client_error"),
    ] == observer.seen


def test_a_refused_connection_is_the_networks_doing(aws: EmbeddedAws) -> None:
    """It never reached AWS, and counts as tried."""
    observer = Observer()
    describe(Clients(replace(aws_spec(aws), endpoint_url=NOBODY_LISTENS), "ecsq", observer, MACHINE_CLOCK), "nowhere")
    assert [("ecs", "DescribeTasks", "network_error")] * 2 == observer.seen


def test_a_request_that_cannot_be_signed_is_not_one(
    aws: EmbeddedAws, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials nothing is sent, so there is nothing to count."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    observer = Observer()
    describe(Clients(aws_spec(aws), "ecsq", observer, MACHINE_CLOCK), cluster)
    assert [] == observer.seen
    assert 0 == aws.journal.count("ecs", "DescribeTasks")


def test_requests_name_their_controller(aws: EmbeddedAws, cluster: str) -> None:
    """CloudTrail shows the User-Agent, so that an account's owner can tell who asks."""
    describe(Clients(aws_spec(aws), "nightly", ignore_request, MACHINE_CLOCK), cluster)
    assert 1 == aws.journal.count("ecs", "DescribeTasks", client="ecsq-nightly")


def test_a_region_may_come_from_boto3s_own_chain(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration leaves open the environment may say."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert "us-east-1" == Clients(replace(aws_spec(aws), region=None), "ecsq", ignore_request, MACHINE_CLOCK).region


def test_a_region_that_was_missing_is_looked_for_again(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's to mend, and no client is made without one."""
    clients = Clients(replace(aws_spec(aws), region=None), "ecsq", ignore_request, MACHINE_CLOCK)
    for make in (clients.sqs, clients.ecs, clients.launcher):
        with pytest.raises(AwsError, match="no AWS region") as caught:
            make()
        assert (Kind.INVALID, None) == (caught.value.fault, caught.value.key)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1", r"aws\.endpoint_url: .*127\.0\.0\.1"),
        ("http://127.0.0.1:99999", r"aws\.endpoint_url: Port out of range"),
        ("http://127.0.0.1:port", r"aws\.endpoint_url: Port could not be cast"),
    ],
)
def test_an_endpoint_that_is_none_is_named_by_its_key(aws: EmbeddedAws, url: str, words: str) -> None:
    """It is no user's mistake to be met with a traceback, nor to be told as one of credentials."""
    clients = Clients(replace(aws_spec(aws), endpoint_url=url), "ecsq", ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match=words) as caught:
        clients.ecs()
    assert Kind.INVALID == caught.value.fault


def test_threads_that_ask_at_once_share_one_client(aws: EmbeddedAws) -> None:
    """Making one twice would cost a tenth of a second and open connections twice."""
    clients = Clients(aws_spec(aws), "ecsq", ignore_request, MACHINE_CLOCK)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: clients.ecs(), range(8)))
    assert 1 == len({id(client) for client in made})
    assert len({id(clients.sqs()), id(clients.ecs()), id(clients.launcher())}) == 3


def test_each_controller_speaks_for_itself(aws: EmbeddedAws) -> None:
    """Two of different names in one process do not share clients."""
    cluster = create_cluster(aws)
    for name in ("one", "two"):
        describe(Clients(aws_spec(aws), name, ignore_request, MACHINE_CLOCK), cluster)
    assert ["ecsq-one", "ecsq-two"] == [call.client for call in aws.journal.calls("ecs", "DescribeTasks")]


def test_nothing_is_asked_once_the_process_is_to_stop(aws: EmbeddedAws) -> None:
    """Whoever is in the middle of something asks no further, and writes nothing; the request does not leave."""
    stopping = Event()
    clients = Clients(aws_spec(aws), "ecsq", ignore_request, machine_clock(stopping))
    clients.ecs().list_task_definitions()
    stopping.set()
    with pytest.raises(StoppingError):
        clients.ecs().list_task_definitions()
    with pytest.raises(StoppingError):
        clients.launcher().register_task_definition(family="a", containerDefinitions=[])
    assert 1 == len(aws.journal.calls())
