"""Which keys there are and what each may be. What keys say together is in rules.py.

The docstring under a field is its description in the JSON Schema. Types are strict: nothing is converted but
durations, which become seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from controller.config import formats
from controller.config.durations import between
from controller.config.fields import (
    Count,
    CountOrZero,
    Duration,
    Name,
    PollInterval,
    ProtocolTime,
    Seconds,
    SecurityGroup,
    Subnet,
    TagKey,
    TagValue,
    VariableName,
    written,
)
from controller.core.copies.copies import MAX_COPIES, MAX_TAGS

MAX_SCALERS = 2000
MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5
MAX_PROVIDERS = 20


class Section(BaseModel):
    """A mapping of the configuration: known keys only, each of its own type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, use_attribute_docstrings=True
    )


class LaunchRate(Section):
    """How fast tasks are started, over all scalers; AWS's own limit is per account and region."""

    tasks_per_second: Annotated[float, Field(gt=0, le=1000)] = 20
    """In the long run."""
    burst: Annotated[int, Field(ge=10, le=10_000)] = 100
    """At once; at least one call of 10 tasks."""


class Aws(Section):
    """How AWS is reached, and what is assumed of it."""

    region: Annotated[str, Field(pattern=formats.REGION)] | None = None
    """The AWS region; null: boto3's own chain (variables, profile, instance)."""
    endpoint_url: Annotated[str, Field(pattern=formats.ENDPOINT)] | None = None
    """Another endpoint for every AWS call; null: AWS's own."""
    consistency_window: ProtocolTime = written("5s")
    """L: how long ECS may take to list a task that it has started. A slot is 6 L. Change it only while every
    controller of this name is stopped."""
    call_timeout: ProtocolTime = written("5s")
    """T: a whole RunTask call, at most 2 L; left out: 5s, or 2 L if that is less."""
    launch_rate: LaunchRate = LaunchRate()
    """How fast tasks are started, over all scalers."""


class Server(Section):
    """Where metrics, health and status are served."""

    host: Annotated[str, Field(pattern=formats.HOST)] = "0.0.0.0"  # noqa: S104  Prometheus scrapes from outside
    """The address to listen on. It is open to whoever reaches the port, read-only and without secrets."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The port to listen on; 0: any free one."""


class Log(Section):
    """What is logged on standard error, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""
    format: Literal["auto", "text", "json"] = "auto"
    """auto: coloured text on a terminal, else JSON lines."""


class Step(Section):
    """One step of a demand staircase."""

    backlog: Count
    """From this backlog on, messages."""
    containers: Count
    """This many containers are asked for."""


class Demand(Section):
    """How many containers a backlog asks for: exactly one of steps, messages_per_container and drain_within."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["steps"]},
                {"required": ["messages_per_container"]},
                {"required": ["drain_within", "seconds_per_message"]},
            ]
        }
    )

    steps: Annotated[list[Step], Field(min_length=1, max_length=1000)] | None = None
    """The highest step that the backlog reaches; steps rise in both numbers."""
    messages_per_container: Count | None = None
    """One container for so many messages, rounded up; 1 for workers that take one message and exit."""
    drain_within: Annotated[Duration, AfterValidator(between("1s", "168h"))] | None = None
    """A goal: everything waiting is started within this time. Needs seconds_per_message."""
    seconds_per_message: Seconds | None = None
    """How long one message occupies a container, seconds. Needs drain_within."""


class Hysteresis(Section):
    """When the level follows demand; skipped with drain_within."""

    activate_at: Count = 1
    """An idle scaler wakes when the backlog is at least this."""
    activate_within: Duration = written("5m")
    """Or when any backlog has waited this long; it then asks for at least 1 until the backlog is 0."""
    rise_after: Annotated[int, Field(ge=1, le=1000)] = 1
    """Polls in a row that must ask for more; the level rises to the lowest of them."""
    fall_after: Annotated[int, Field(ge=1, le=1000)] = 3
    """Polls in a row that must ask for less; the level falls to the highest of them."""
    dead_band: Annotated[float, Field(ge=0, le=10)] = 0.2
    """"Less" is measured with demand(backlog x (1 + dead_band))."""


class Cooldown(Section):
    """The least time between two moves."""

    launch: Duration = written("30s")
    """From one launching decision to the next; at least a slot (6 consistency_window). Left out: 30s, or a slot if
    that is longer."""
    fall: Duration = written("5m")
    """From the last rise of the level to its next fall."""


class CapacityProvider(Section):
    """One capacity provider of a strategy; the figures mean what they mean to ECS."""

    provider: Annotated[str, Field(pattern=formats.PROVIDER)]
    """FARGATE, FARGATE_SPOT, or the name of one of the cluster's own."""
    weight: Annotated[int, Field(ge=0, le=1000)] = 0
    """Its share of the tasks above the base."""
    base: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Tasks of each call that it gets first; one provider only may have a base."""


class Task(Section):
    """What is launched."""

    cluster: Annotated[str, Field(pattern=formats.CLUSTER)] = "default"
    """The ECS cluster: name or ARN."""
    definition: Annotated[str, Field(pattern=formats.DEFINITION)]
    """The template: family (its newest revision, looked up at each launch), family:revision or ARN."""
    container: Annotated[str, Field(pattern=formats.CONTAINER)] | None = None
    """The container to copy; may be left out if the template has one."""
    max_tasks_per_launch: Count = 100
    """The most tasks that one plan starts."""
    max_containers_per_task: Annotated[int, Field(ge=1, le=MAX_COPIES)] = MAX_COPIES
    """The most copies of the container in one task."""
    packing: Literal["spread", "dense"] = "spread"
    """spread: more tasks first, then more containers a task; dense: the fewest tasks."""
    keeper_image: Annotated[str, Field(pattern=formats.IMAGE)] = "public.ecr.aws/docker/library/busybox:stable"
    """The image of the container that keeps a task of copies alive: any with sh, wget and sleep."""
    launch_type: Literal["FARGATE", "EC2"] = "FARGATE"
    """Where tasks run; left out with capacity_providers."""
    capacity_providers: Annotated[list[CapacityProvider], Field(max_length=MAX_PROVIDERS)] = []
    """A capacity provider strategy, instead of launch_type."""
    subnets: Annotated[list[Subnet], Field(max_length=MAX_SUBNETS)] = []
    """The subnets of the tasks; Fargate needs some."""
    security_groups: Annotated[list[SecurityGroup], Field(max_length=MAX_SECURITY_GROUPS)] = []
    """The security groups of the tasks; none: the VPC's default group."""
    assign_public_ip: bool = False
    """Whether tasks get a public address; without one, subnets need a NAT gateway or endpoints."""
    environment: dict[VariableName, str] = {}
    """Variables set in the worker container, the same in every copy."""
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)] = {}
    """Tags of the tasks."""
    run_task: dict[str, Any] = {}
    """Any other parameter of ECS's RunTask, in AWS's own spelling."""


class Budget(Section):
    """What all scalers may have together."""

    max_containers: Count
    """Live containers over all scalers of this controller; soft while two controllers overlap."""


class Scaler(Section):
    """One queue and the tasks that it drives."""

    name: Name
    """Its name in logs and metrics; unique in the controller."""
    queue: Annotated[str, Field(pattern=formats.QUEUE)]
    """The SQS queue: name, URL or ARN."""
    poll_interval: PollInterval | None = None
    """The time between two polls (1s to 1h); left out: the controller's."""
    paused: bool = False
    """Observe and report, launch nothing."""
    backlog: Annotated[list[Literal["visible", "in_flight", "delayed"]], Field(min_length=1, max_length=3)] = [
        "visible",
        "in_flight",
    ]
    """The messages that count as work; visible ones always do."""
    demand: Demand
    """How many containers the backlog asks for."""
    min_containers: CountOrZero = 0
    """Containers that live even without a backlog."""
    max_containers: Count = 90
    """A hard limit on live containers, always."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Who goes first when the budget is short: the higher."""
    hysteresis: Hysteresis = Hysteresis()
    """When the level follows demand."""
    cooldown: Cooldown = Cooldown()
    """The least time between two moves."""
    task: Task
    """What is launched."""


class Configuration(Section):
    """The configuration of ecs-queue-controller."""

    name: Name = "ecsq"
    """This controller; controllers of different names never touch each other's tasks."""
    aws: Aws = Aws()
    """How AWS is reached, and what is assumed of it."""
    poll_interval: PollInterval = written("10s")
    """The time between two polls of a scaler that sets none (1s to 1h)."""
    server: Server = Server()
    """Where metrics, health and status are served."""
    log: Log = Log()
    """What is logged, and how."""
    budget: Budget | None = None
    """What all scalers may have together; null: each has its own max_containers alone."""
    scalers: Annotated[list[Scaler], Field(min_length=1, max_length=MAX_SCALERS)]
    """One per queue."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, for editors (draft 2020-12)."""
    schema = Configuration.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
