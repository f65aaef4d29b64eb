from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from controller.sandbox.aws import METADATA, Disturbance, EmbeddedAws
from tests.support.aws import container, create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from tests.support.clock import ManualClock

CONTAINERS = [
    container("keeper"),
    container("worker", essential=False, dependsOn=[{"containerName": "keeper", "condition": "START"}]),
    container("reporter", essential=False, dependsOn=[{"containerName": "worker", "condition": "COMPLETE"}]),
]


def start(aws: EmbeddedAws) -> str:
    """Run one task of a keeper, a worker and a container after it; return its ARN."""
    return run_tasks(aws, create_cluster(aws), register_template(aws, containerDefinitions=CONTAINERS))[0]


def uri(aws: EmbeddedAws, arn: str, name: str = "keeper") -> str:
    """Return the address in the environment of a container."""
    (found,) = [view.metadata_uri for view in aws.ecs.task(arn).containers if view.name == name]
    return found


def ask(address: str) -> Any:
    """Return the document that the endpoint answers."""
    with urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def known(aws: EmbeddedAws, arn: str) -> dict[str, tuple[str, int | None]]:
    """Return the status and the exit code of each listed container."""
    return {c["Name"]: (c["KnownStatus"], c.get("ExitCode")) for c in ask(f"{uri(aws, arn)}/task")["Containers"]}


def test_every_container_has_its_own_address_that_answers_for_its_task(aws: EmbeddedAws) -> None:
    """The path /task describes the task to which the container belongs."""
    arn, other = start(aws), start(aws)

    assert uri(aws, arn) != uri(aws, arn, "worker")
    assert [ask(f"{uri(aws, arn, name)}/task")["TaskARN"] for name in ("keeper", "worker")] == [arn, arn]
    assert ask(f"{uri(aws, other)}/task")["TaskARN"] == other


def test_containers_are_listed_with_their_status_once_they_are_created(aws: EmbeddedAws) -> None:
    """A container that waits for a worker's end is listed only after the worker has exited."""
    arn = start(aws)
    assert known(aws, arn) == {"keeper": ("RUNNING", None), "worker": ("RUNNING", None)}

    aws.ecs.exit_container(arn, "worker", 3)
    assert known(aws, arn) == {"keeper": ("RUNNING", None), "worker": ("STOPPED", 3), "reporter": ("RUNNING", None)}

    aws.ecs.interrupt(arn)
    assert {status for status, _ in known(aws, arn).values()} == {"STOPPED"}


def test_a_container_that_never_ran_is_absent_from_a_stopped_task_too(aws: EmbeddedAws) -> None:
    """It was never created, so its own address does not exist either."""
    arn = start(aws)
    aws.ecs.interrupt(arn)

    assert known(aws, arn) == {"keeper": ("STOPPED", 137), "worker": ("STOPPED", 137)}
    with pytest.raises(HTTPError, match="404"):
        ask(f"{uri(aws, arn, 'reporter')}/task")


def test_the_document_has_the_shape_of_ecss_own(aws: EmbeddedAws) -> None:
    """Names, types and times are as in the developer guide."""
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
    """The headers are those of the agent, not of an AWS service."""
    with urlopen(f"{uri(aws, start(aws))}/task", timeout=10) as answer:  # noqa: S310 - loopback
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["x-amzn-RequestId"] is None


def test_the_tasks_own_status_is_in_the_agents_words(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It is RUNNING once every container runs, STOPPED once they were stopped, and never PENDING or STOPPING."""
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


def test_the_order_of_the_containers_varies(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It differs from answer to answer."""
    arn = start(timed_aws)
    timed_aws.ecs.exit_container(arn, "worker", 0)

    def names() -> tuple[str, ...]:
        clock.now += 1.0
        return tuple(known(timed_aws, arn))

    assert len({names() for _ in range(30)}) > 1


@pytest.mark.parametrize("path", ["", "/stats", "/task/stats", "/tasks"])
def test_an_unknown_path_is_404(aws: EmbeddedAws, path: str) -> None:
    """So is the address of a task that ECS has forgotten."""
    arn = start(aws)
    address = uri(aws, arn)
    with pytest.raises(HTTPError, match="404"):
        ask(address + path)

    aws.ecs.forget(arn)
    with pytest.raises(HTTPError, match="404"):
        ask(f"{address}/task")


def test_a_container_has_no_endpoint_before_it_is_created(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """While images are pulled there is no endpoint, and never one for a container that the definition does not have."""
    timed_aws.ecs.timing.start_delay = 10.0
    arn = start(timed_aws)
    with pytest.raises(HTTPError, match="404"):
        known(timed_aws, arn)

    clock.now += 10.0
    assert known(timed_aws, arn).keys() == {"keeper", "worker"}
    with pytest.raises(HTTPError, match="404"):
        ask(f"{uri(timed_aws, arn)[:-1]}9/task")


def test_its_answers_can_be_disturbed_like_any_others(aws: EmbeddedAws) -> None:
    """A disturbance can hit the endpoint alone; the question is in the journal, but without a client of AWS."""
    arn = start(aws)
    aws.disturbances.add(Disturbance(METADATA, "*", "error", status=503))

    with pytest.raises(HTTPError, match="503"):
        ask(f"{uri(aws, arn)}/task")
    assert ask(f"{uri(aws, arn)}/task")["TaskARN"] == arn
    assert [(call.disturbance, call.client) for call in aws.journal.calls(METADATA)] == [("error", ""), (None, "")]
