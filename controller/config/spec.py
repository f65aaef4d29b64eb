"""What a configuration says once it is checked: the records that the rest of the program starts from.

Durations are seconds. Every default is filled in and every inherited value stands where it applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.core.decision.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.core.copies.packing import PackingPolicy
    from controller.core.decision.policy import Policy

ACCOUNT_RATE = Rate(20.0, 100)
"""Tasks that Fargate starts for an account and region by default (AWS Fargate quotas)."""


@dataclass(frozen=True, slots=True)
class AwsSpec:
    """How AWS is reached, and what is assumed of it."""

    region: str | None
    """None: boto3's own chain."""
    endpoint_url: str | None
    """None: AWS's own endpoints."""
    consistency_window: float
    """L: how long ECS may take to list a task that it has started, seconds."""
    call_timeout: float
    """T: a whole RunTask call, seconds; at most 2 L."""
    launch_rate: Rate = ACCOUNT_RATE
    """How fast tasks are started, over all scalers."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Where metrics, health and status are served."""

    host: str
    port: int
    """0: any free one."""


@dataclass(frozen=True, slots=True)
class LogSpec:
    """What is logged, and how."""

    level: str
    """debug, info, warning or error."""
    format: str
    """auto, text or json."""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a scaler launches."""

    cluster: str
    """Name or ARN."""
    definition: str
    """The template: family, family:revision or ARN."""
    container: str | None
    """The container to copy; None: the only one of the template."""
    keeper_image: str
    run_task: Mapping[str, Any]
    """The parameters of RunTask that are the same in every call, in AWS's spelling; never ``cluster``,
    ``taskDefinition``, ``count``, ``clientToken``, ``startedBy``, ``group`` or ``overrides``."""
    environment: Mapping[str, str]
    """Variables set in the worker container."""


@dataclass(frozen=True, slots=True)
class ScalerSpec:
    """One queue and the tasks that it drives."""

    name: str
    index: int
    """Its place in ``scalers``, from 0, for messages."""
    queue: str
    """Name, URL or ARN."""
    policy: Policy
    packing: PackingPolicy
    task: TaskSpec
    priority: int = 0
    """Who goes first when the budget is short: the higher."""


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    """A whole configuration."""

    name: str
    aws: AwsSpec
    server: ServerSpec
    log: LogSpec
    scalers: tuple[ScalerSpec, ...]
    budget: int | None = None
    """Live containers over all scalers; None: no such limit."""
