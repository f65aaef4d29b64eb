"""What tests put into the embedded AWS, under names that no other test has."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import EmbeddedAws

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}
"""The least that RunTask takes for an awsvpc task."""
SELDOM = 0.1
"""Seconds between two looks at what has been waited for long."""
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class CreatedQueue:
    """A queue that a test created."""

    name: str
    url: str
    arn: str


def unique(kind: str) -> str:
    """Make a name that nothing else in this test run has."""
    return f"{kind}-{next(_numbers)}"


def create_cluster(aws: EmbeddedAws, name: str | None = None, **members: Any) -> str:
    """Create a cluster that may use Fargate's capacity providers; gives its name."""
    name = name or unique("cluster")
    providers = {"capacityProviders": ["FARGATE", "FARGATE_SPOT"]}
    aws.client("ecs").create_cluster(clusterName=name, **(providers | members))
    return name


def create_queue(aws: EmbeddedAws, name: str | None = None, **attributes: str) -> CreatedQueue:
    """Create a queue, with attributes in AWS's spelling."""
    name = name or unique("queue")
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return CreatedQueue(name, url, arn)


def container(name: str = "worker", **members: Any) -> dict[str, Any]:
    """Make a container definition."""
    return {"name": name, "image": "public.ecr.aws/docker/library/busybox:stable", **members}


def register_template(aws: EmbeddedAws, family: str | None = None, **members: Any) -> str:
    """Register a Fargate task definition, of one worker unless ``containerDefinitions`` says more.

    Gives ``family:revision``.
    """
    defaults = {
        "family": family or unique("template"),
        "containerDefinitions": [container()],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
    }
    definition = aws.client("ecs").register_task_definition(**(defaults | members))["taskDefinition"]
    return f"{definition['family']}:{definition['revision']}"


def run_tasks(aws: EmbeddedAws, cluster: str, definition: str, tasks: int = 1, **members: Any) -> list[str]:
    """Start Fargate tasks, in as many calls as that takes; gives their ARNs."""
    ecs = aws.client("ecs")
    asked = {"cluster": cluster, "taskDefinition": definition, "networkConfiguration": NETWORK}
    if "capacityProviderStrategy" not in members:
        asked["launchType"] = "FARGATE"
    arns: list[str] = []
    while len(arns) < tasks:
        answer = ecs.run_task(**(asked | {"count": min(10, tasks - len(arns))} | members))
        arns += [task["taskArn"] for task in answer["tasks"]]
    return arns


def send_messages(aws: EmbeddedAws, url: str, messages: int, *, body: str = "work") -> None:
    """Send so many messages, ten a call."""
    sqs = aws.client("sqs")
    entries = [{"Id": str(number), "MessageBody": f"{body} {number}"} for number in range(messages)]
    for first in range(0, messages, 10):
        sqs.send_message_batch(QueueUrl=url, Entries=entries[first : first + 10])


def send_to_groups(aws: EmbeddedAws, url: str, messages: int, groups: int) -> None:
    """Send so many messages to a FIFO queue, to so many groups in turn."""
    sqs = aws.client("sqs")
    for number in range(messages):
        group, body = f"group {number % groups}", f"work {number}"
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=str(number))


def eventually(condition: Callable[[], Any], *, within: float = 30.0, every: float = 0.01) -> Any:
    """Wait until ``condition`` gives something true, and give that; fail when it takes longer than ``within`` s.

    It looks ``every`` so many seconds, and after a tenth of what it has waited, at most ``SELDOM``, once that is more:
    a look asks a daemon for a page, or reads its whole log, and takes from the CPU what the daemon needs to get there.
    """
    began = time.monotonic()
    while not (outcome := condition()):
        waited = time.monotonic() - began
        if waited > within:
            raise AssertionError(f"still not so after {within} s; the last look gave {outcome!r}")
        time.sleep(max(every, min(waited / 10, SELDOM)))
    return outcome
