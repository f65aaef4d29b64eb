"""Who the other controllers of a service are, as ECS tells."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError
from controller.aws.peers import PeerLook
from controller.aws.session import Clients
from controller.sandbox.aws import METADATA, Disturbance
from tests.support.aws import run_tasks
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import CONTROLLER, aws_spec, clients_of, ignore_request
from tests.support.loopback import LoopbackServer, Received, make_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws, TaskView

SERVICE = "ecs-queue-controller"


def start(aws: EmbeddedAws, cluster: str, template: str, tasks: int = 1, service: str = SERVICE) -> list[TaskView]:
    """Start tasks of a service."""
    return [aws.services.start(service, cluster=cluster, definition=template) for _ in range(tasks)]


def look_of(aws: EmbeddedAws, task: TaskView) -> PeerLook:
    """Return the look of a controller that runs as that task."""
    return PeerLook(clients_of(aws), task.containers[0].metadata_uri)


def test_the_peers_are_the_running_tasks_of_the_service(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """All of them come to the same, in the same order; tasks of other services and workers are none."""
    tasks = start(aws, cluster, template, 3)
    start(aws, cluster, template, service="web")
    run_tasks(aws, cluster, template, group=SERVICE)
    seen = [look_of(aws, task).look() for task in tasks]
    assert [tuple(sorted(task.arn for task in tasks))] * 3 == [peers.live for peers in seen]
    assert [1, 2, 3] == sorted(peers.index or 0 for peers in seen)


def test_one_that_stops_or_is_unhealthy_is_no_peer(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Each look asks anew; one that is unhealthy itself knows that it owns nothing."""
    first, second, third = start(aws, cluster, template, 3)
    look = look_of(aws, first)
    assert 3 == look.look().of
    aws.services.stop(second.arn)
    aws.services.judge(third.arn, "UNHEALTHY")
    assert (first.arn,) == look.look().live
    assert ((first.arn,), None) == ((seen := look_of(aws, third).look()).live, seen.index)


def test_one_that_still_starts_is_no_peer_yet(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """ECS calls it PENDING."""
    [first] = start(aws, cluster, template)
    aws.ecs.timing.start_delay = 60.0
    start(aws, cluster, template)
    assert (first.arn,) == look_of(aws, first).look().live


def test_a_look_that_finds_nobody_tells_nothing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Not even the one that looks: the listing lags, or ECS has not seen yet that it runs."""
    [first] = start(aws, cluster, template)
    nobody = 'ECS lists no task of service "ecs-queue-controller" that runs, not even this one'
    aws.disturbances.add(Disturbance("ecs", "ListTasks", "replace", body={"taskArns": []}))
    with pytest.raises(AwsError, match=nobody):
        look_of(aws, first).look()
    aws.ecs.distort(first.arn, lambda task: task | {"lastStatus": "PENDING"})
    with pytest.raises(AwsError, match=nobody):
        look_of(aws, first).look()


def test_more_than_a_hundred_are_looked_at_in_batches(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """ListTasks gives and DescribeTasks takes a hundred."""
    tasks = start(aws, cluster, template, 101)
    assert 101 == look_of(aws, tasks[0]).look().of


def test_what_never_changes_is_asked_for_once(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A second look costs a listing and a description."""
    look = look_of(aws, start(aws, cluster, template)[0])
    look.look()
    aws.journal.clear()
    look.look()
    counted = {
        name: aws.journal.count(*name) for name in ((METADATA, ""), ("ecs", "ListTasks"), ("ecs", "DescribeTasks"))
    }
    assert [0, 1, 1] == list(counted.values())


def test_a_task_of_no_service_says_what_to_do(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Nobody can be its peer."""
    task = aws.ecs.task(run_tasks(aws, cluster, template)[0])
    with pytest.raises(AwsError, match=r'belongs to no ECS service \(its group is "family:.*--shard 1/3'):
        look_of(aws, task).look()


def test_a_look_that_fails_names_what_was_looked_for(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """And the next one tries again."""
    look = look_of(aws, start(aws, cluster, template)[0])
    denied = Disturbance("ecs", "ListTasks", "error", status=400, code="AccessDeniedException")
    aws.disturbances.add(denied)
    with pytest.raises(AwsError, match=f'the tasks of service "{SERVICE}".*AccessDenied'):
        look.look()
    assert 1 == look.look().of


def test_without_a_metadata_endpoint_nothing_is_known(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hang or be gone; botocore's own client asks three times."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with pytest.raises(AwsError, match=r"the task metadata endpoint: .*404"):
        PeerLook(clients_of(aws), f"{aws.url}/v4/nobody").look()


def test_metadata_that_trickles_in_holds_nobody(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no answer: a controller that starts would wait for it for hours."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.setattr("controller.aws.peers.METADATA_WITHIN", 0.1)

    done = Event()

    def trickle(_: Received) -> Iterator[bytes]:
        yield make_answer(b"{", Content_Length="60000")
        while not done.wait(0.01):
            yield b" "

    with LoopbackServer(trickle) as server:
        try:
            with pytest.raises(AwsError, match="the task metadata endpoint"):
                PeerLook(clients_of(aws), f"http://127.0.0.1:{server.port}/v4/this").look()
        finally:
            done.set()


def test_a_task_of_another_region_says_what_to_do(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Its service is not where the queues are."""
    [task] = start(aws, cluster, template)
    elsewhere = Clients(replace(aws_spec(aws), region="eu-west-1"), CONTROLLER, ignore_request, MACHINE_CLOCK)
    with pytest.raises(AwsError, match=r"runs in us-east-1 and the queues are in eu-west-1.*--shard 1/3"):
        PeerLook(elsewhere, task.containers[0].metadata_uri).look()
