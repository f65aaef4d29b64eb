"""A log router beside a worker, as AWS's own examples have it (Amazon ECS developer guide, "Send Amazon ECS logs ...").

FireLens: the worker's output goes to the container with the ``firelensConfiguration``, which is essential, for without
it the worker could not write a line. It never exits by itself: whoever ends the task has to end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_ROUTER = "log-router"
_ACCOUNT = "123456789012"


def with_log_router(definition: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return a task definition of one worker with a log router beside it; both share what the one had."""
    (worker,) = definition["containerDefinitions"]
    family = definition["family"]
    return {
        **definition,
        "executionRoleArn": f"arn:aws:iam::{_ACCOUNT}:role/{family}-execution",
        "taskRoleArn": f"arn:aws:iam::{_ACCOUNT}:role/{family}",
        "containerDefinitions": [_router(family, region), _behind_the_router(worker, family, region)],
    }


def _router(family: str, region: str) -> dict[str, Any]:
    return {
        "name": LOG_ROUTER,
        "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable",
        "essential": True,
        "user": "0",
        "cpu": 32,
        "memoryReservation": 64,
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": f"/ecs/{family}",
                "awslogs-region": region,
                "awslogs-stream-prefix": "firelens",
            },
        },
    }


def _behind_the_router(worker: Mapping[str, Any], family: str, region: str) -> dict[str, Any]:
    router = _router(family, region)
    return {
        **worker,
        "cpu": worker["cpu"] - router["cpu"],
        "memory": worker["memory"] - router["memoryReservation"],
        "dependsOn": [{"containerName": LOG_ROUTER, "condition": "START"}],
        "logConfiguration": {
            "logDriver": "awsfirelens",
            "options": {
                "Name": "cloudwatch_logs",
                "region": region,
                "log_group_name": f"/ecs/{family}",
                "log_stream_prefix": "worker-",
            },
        },
    }
