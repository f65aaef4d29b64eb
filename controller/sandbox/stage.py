"""Sets up what a user would have on AWS: a cluster, queues and task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.sandbox.assignments import BEHAVIOUR_VARIABLE, QUEUE_VARIABLE
from controller.sandbox.aws.queues import DELAYED, IN_FLIGHT, VISIBLE
from controller.sandbox.log_router import add_log_router
from controller.sandbox.scenario import CLUSTER, WORKER_CONTAINER

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.scenario import QueueScenario, Scenario

LOAD_CLIENT = "sandbox-load"
WORKER_CLIENT = "sandbox-worker"
VIEW_CLIENT = "sandbox-view"
"""The markers in the user agents of the sandbox's own clients. That of a controller begins with ``ecsq-``."""

COUNTS: tuple[QueueAttributeNameType, ...] = (VISIBLE, IN_FLIGHT, DELAYED)


def set_stage(aws: EmbeddedAws, scenario: Scenario) -> dict[str, str]:
    """Create the cluster, and every queue with its template. Return the URLs of the queues by name."""
    ecs, sqs = aws.client("ecs"), aws.client("sqs")
    ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    urls = {}
    for queue in scenario.queues:
        attributes = {"VisibilityTimeout": str(scenario.visibility_timeout)}
        urls[queue.name] = sqs.create_queue(QueueName=queue.name, Attributes=attributes)["QueueUrl"]
        definition = build_template(queue)
        if queue.log_router:
            definition = add_log_router(definition, aws.region)
        ecs.register_task_definition(**definition)
    return urls


def build_template(queue: QueueScenario) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition for the worker of a queue."""
    environment = {BEHAVIOUR_VARIABLE: queue.worker, QUEUE_VARIABLE: queue.name}
    return {
        "family": queue.family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": WORKER_CONTAINER,
                "image": "sandbox/worker:1",
                "cpu": 256,
                "memory": 512,
                "essential": True,
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            }
        ],
    }


def count_messages(sqs: SQSClient, queue_url: str) -> tuple[int, int, int]:
    """Return how many messages of a queue are visible, in flight and delayed."""
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=COUNTS)["Attributes"]
    visible, in_flight, delayed = (int(attributes[name]) for name in COUNTS)
    return visible, in_flight, delayed


def count_derived_revisions(ecs: ECSClient, scenario: Scenario) -> int:
    """Return how many task definition revisions there are in addition to the templates of ``set_stage``."""
    pages = ecs.get_paginator("list_task_definitions").paginate()
    return sum(len(page["taskDefinitionArns"]) for page in pages) - len(scenario.queues)
