"""The keys of a scaler's ``task`` section, and what each may be. schema.py has all others.

The docstring under a field is its description in the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from controller.config import formats
from controller.config.fields import (
    MAX_PROVIDERS,
    Capacity,
    Count,
    Section,
    SecurityGroup,
    Subnet,
    TagKey,
    TagValue,
    TaskDeadline,
    VariableName,
    check_provider,
    default_to,
)
from controller.core.copies.copies import MAX_COPIES, MAX_TAGS

MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5


class CapacityProvider(Section):
    """One capacity provider of a strategy; the figures mean what they mean to ECS."""

    provider: Annotated[str, Field(pattern=formats.PROVIDER), AfterValidator(check_provider)]
    """FARGATE, FARGATE_SPOT, or the name of one of the cluster's own."""
    weight: Annotated[int, Field(ge=0, le=1000)] = 0
    """Its share of the tasks above the base."""
    base: Annotated[int, Field(ge=0, le=100_000)] = 0
    """The number of tasks of each call that it gets first. Only one provider may have a base."""


class Task(Section):
    """The tasks that are launched."""

    cluster: Annotated[str, Field(pattern=formats.CLUSTER)] = "default"
    """The ECS cluster: name or ARN."""
    definition: Annotated[str, Field(pattern=formats.DEFINITION)]
    """The template: family (its newest revision, looked up at each launch), family:revision or ARN."""
    container: Annotated[str, Field(pattern=formats.CONTAINER)] | None = None
    """The container to copy. It may be left out if only one of the template is neither log router nor proxy."""
    max_tasks_per_launch: Count = 100
    """The most tasks that one plan starts."""
    max_containers_per_task: Annotated[int, Field(ge=1, le=MAX_COPIES)] = MAX_COPIES
    """The most copies of the container in one task."""
    packing: Literal["spread", "dense"] = "spread"
    """spread: more tasks first, then more containers a task; dense: the fewest tasks."""
    keeper_image: Annotated[str, Field(pattern=formats.IMAGE)] = "public.ecr.aws/docker/library/busybox:stable"
    """The image of the container that keeps a task of copies alive: any with sh, wget and sleep."""
    deadline: TaskDeadline | None = None
    """The time from the start of a task's last copy until its keeper ends it, workers and all. Default: never."""
    capacity: Capacity | None = None
    """Instead of launch_type: capacity providers in order (the first that is not short gets a launch, and the next one
    what it has refused), default (the cluster's own default strategy), or EXTERNAL (ECS Anywhere)."""
    launch_type: Literal["FARGATE", "EC2"] = "FARGATE"
    """Where tasks run. Leave it out with capacity_providers."""
    capacity_providers: Annotated[list[CapacityProvider], Field(max_length=MAX_PROVIDERS)] = default_to([])
    """A capacity provider strategy, instead of launch_type."""
    subnets: Annotated[list[Subnet], Field(max_length=MAX_SUBNETS)] = default_to([])
    """The subnets of the tasks. Fargate needs at least one."""
    security_groups: Annotated[list[SecurityGroup], Field(max_length=MAX_SECURITY_GROUPS)] = default_to([])
    """The security groups of the tasks. If there are none, the VPC's default group."""
    assign_public_ip: bool = False
    """Whether tasks get a public address. Without one, the subnets need a NAT gateway or endpoints."""
    environment: dict[VariableName, str] = default_to({})
    """Variables set in the worker container, the same in every copy."""
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)] = default_to({})
    """Tags of the tasks."""
    run_task: dict[str, Any] = default_to({})
    """Any other parameter of ECS's RunTask, in AWS's own spelling."""
