from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from controller.sandbox.aws import METADATA, EmbeddedAws, Fault
from tests.support.aws import container, create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from tests.support.clock import ManualClock

CONTAINERS = [
    container("keeper"),
    container("worker", essential=False, dependsOn=[{"containerName": "keeper", "condition": "START"}]),
    container("reporter", essential=False, dependsOn=[{"containerName": "worker", "condition": "COMPLETE"}]),
]


def start(aws: EmbeddedAws) -> str:
    """Run one task of a keeper, a worker and what comes after it; gives its ARN."""
    return run_tasks(aws, create_cluster(aws), register_template(aws, containerDefinitions=CONTAINERS))[0]


def uri(aws: EmbeddedAws, arn: str, name: str = "keeper") -> str:
    """Give the address that a container is told."""
    (found,) = [view.metadata_uri for view in aws.ecs.task(arn).containers if view.name == name]
    return found


def ask(address: str) -> Any:
    """Give the document that the endpoint answers."""
    with urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def known(aws: EmbeddedAws, arn: str) -> dict[str, tuple[str, int | None]]:
    """Give each listed container's status and exit code."""
    return {c["Name"]: (c["KnownStatus"], c.get("ExitCode")) for c in ask(f"{uri(aws, arn)}/task")["Containers"]}


def test_every_container_is_told_an_address_of_its_own_that_answers_for_the_task(aws: EmbeddedAws) -> None:
    """Behind /task is the one task that the container belongs to."""
    arn, other = start(aws), start(aws)

    assert uri(aws, arn) != uri(aws, arn, "worker")
    assert [ask(f"{uri(aws, arn, name)}/task")["TaskARN"] for name in ("keeper", "worker")] == [arn, arn]
    assert ask(f"{uri(aws, other)}/task")["TaskARN"] == other


def test_the_containers_own_statuses_are_told_and_who_is_not_created_is_absent(aws: EmbeddedAws) -> None:
    """A worker runs, exits with its code, and only then is there a container that waits for its end."""
    arn = start(aws)
    assert known(aws, arn) == {"keeper": ("RUNNING", None), "worker": ("RUNNING", None)}

    aws.ecs.exit_container(arn, "worker", 3)
    assert known(aws, arn) == {"keeper": ("RUNNING", None), "worker": ("STOPPED", 3), "reporter": ("RUNNING", None)}

    aws.ecs.interrupt(arn)
    assert {status for status, _ in known(aws, arn).values()} == {"STOPPED"}


def test_what_never_ran_is_absent_from_a_stopped_task_too(aws: EmbeddedAws) -> None:
    """There is no container, and so nobody to ask in its name either."""
    arn = start(aws)
    aws.ecs.interrupt(arn)

    assert known(aws, arn) == {"keeper": ("STOPPED", 137), "worker": ("STOPPED", 137)}
    with pytest.raises(HTTPError, match="404"):
        ask(f"{uri(aws, arn, 'reporter')}/task")


def test_the_document_has_the_shape_of_ecss_own(aws: EmbeddedAws) -> None:
    """Names, types and times as the developer guide has them."""
    arn = start(aws)
    aws.ecs.exit_container(arn, "worker", 0)

    document = ask(f"{uri(aws, arn)}/task")
    (worker,) = [each for each in document["Containers"] if each["Name"] == "worker"]

    assert (document["Family"], document["Revision"]) == (aws.ecs.task(arn).family, "1")
    assert (document["DesiredStatus"], document["LaunchType"]) == ("RUNNING", "FARGATE")
    assert (worker["DesiredStatus"], worker["ExitCode"], worker["Type"]) == ("STOPPED", 0, "NORMAL")
    assert worker["StartedAt"] <= worker["FinishedAt"]
    assert worker["FinishedAt"].endswith("Z")
    assert (worker["Labels"]["com.amazonaws.ecs.container-name"], worker["Networks"][0]["NetworkMode"]) == (
        "worker",
        "awsvpc",
    )


def test_it_answers_in_plain_json(aws: EmbeddedAws) -> None:
    """The agent's answers are not those of an AWS service."""
    with urlopen(f"{uri(aws, start(aws))}/task", timeout=10) as answer:  # noqa: S310 - loopback
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["x-amzn-RequestId"] is None


def test_the_tasks_own_status_is_in_the_agents_words(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """RUNNING once every container runs, and STOPPED as soon as they have been stopped; never PENDING or STOPPING."""
    timed_aws.ecs.timing.stop_delay = 10.0
    arn = run_tasks(
        timed_aws, create_cluster(timed_aws), register_template(timed_aws, containerDefinitions=CONTAINERS)
    )[0]

    def statuses() -> tuple[str, str]:
        return ask(f"{uri(timed_aws, arn)}/task")["KnownStatus"], timed_aws.ecs.task(arn).last_status

    assert statuses() == ("NONE", "PENDING")
    timed_aws.ecs.exit_container(arn, "worker", 0)
    assert statuses() == ("RUNNING", "RUNNING")
    timed_aws.ecs.interrupt(arn)
    clock.now += 1.0
    assert statuses() == ("STOPPED", "DEACTIVATING")


def test_the_order_of_the_containers_is_any(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """Another one from answer to answer."""
    arn = start(timed_aws)
    timed_aws.ecs.exit_container(arn, "worker", 0)

    def names() -> tuple[str, ...]:
        clock.now += 1.0
        return tuple(known(timed_aws, arn))

    assert len({names() for _ in range(30)}) > 1


@pytest.mark.parametrize("path", ["", "/stats", "/task/stats", "/tasks"])
def test_what_it_does_not_serve_is_404(aws: EmbeddedAws, path: str) -> None:
    """Also a task that ECS has forgotten."""
    arn = start(aws)
    address = uri(aws, arn)
    with pytest.raises(HTTPError, match="404"):
        ask(address + path)

    aws.ecs.forget(arn)
    with pytest.raises(HTTPError, match="404"):
        ask(f"{address}/task")


def test_nobody_can_ask_before_there_is_a_container(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """As long as images are pulled no container has an endpoint; one that no definition has never gets one."""
    timed_aws.ecs.timing.start_delay = 10.0
    arn = start(timed_aws)
    with pytest.raises(HTTPError, match="404"):
        known(timed_aws, arn)

    clock.now += 10.0
    assert known(timed_aws, arn).keys() == {"keeper", "worker"}
    with pytest.raises(HTTPError, match="404"):
        ask(f"{uri(timed_aws, arn)[:-1]}9/task")


def test_its_answers_can_be_broken_like_any_others(aws: EmbeddedAws) -> None:
    """A fault hits the endpoint alone; the question is in the journal, and no client of AWS is charged with it."""
    arn = start(aws)
    aws.faults.add(Fault(METADATA, "*", "error", status=503))

    with pytest.raises(HTTPError, match="503"):
        ask(f"{uri(aws, arn)}/task")
    assert ask(f"{uri(aws, arn)}/task")["TaskARN"] == arn
    assert [(call.fault, call.client) for call in aws.journal.calls(METADATA)] == [("error", ""), (None, "")]
