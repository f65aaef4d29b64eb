"""A log router beside a worker, as in the examples of AWS (Amazon ECS developer guide, "Send Amazon ECS logs ...").

With FireLens, the worker's output goes to the container with the ``firelensConfiguration``. That container is
essential, because without it the worker cannot log. It never exits by itself, so it runs until the task is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.sandbox.aws.arns import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_ROUTER = "log-router"


def add_log_router(definition: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return a task definition of one worker with a log router beside it; they share the worker's CPU and memory."""
    (worker,) = definition["containerDefinitions"]
    family = definition["family"]
    return {
        **definition,
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{family}-execution",
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{family}",
        "containerDefinitions": [_define_router(family, region), _route_worker(worker, family, region)],
    }


def _define_router(family: str, region: str) -> dict[str, Any]:
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


def _route_worker(worker: Mapping[str, Any], family: str, region: str) -> dict[str, Any]:
    router = _define_router(family, region)
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
