"""The keys of the configuration's section ``aws``, and what each may be; see schema.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from controller.config import formats
from controller.config.fields import ProtocolTime, Section, default_to


def _read_off(value: Any) -> Any:
    """Return ``off`` for what YAML 1.1 makes of it."""
    return "off" if value is False else value


class LaunchRate(Section):
    """How fast all scalers together may start tasks in an account and region, as AWS's own limit is."""

    # The defaults are what Fargate lets an account start in a region (AWS Fargate quotas).
    tasks_per_second: Annotated[float, Field(gt=0, le=1000)] = 20
    """Tasks a second in the long run."""
    burst: Annotated[int, Field(ge=10, le=10_000)] = 100
    """Tasks at once; at least 10, which is one call."""


class ListingRate(Section):
    """How fast ListTasks and DescribeTasks may be called in an account and region, as AWS's own limit is."""

    # The defaults are an account's (request throttling for the Amazon ECS API, "cluster resource read actions").
    calls_per_second: Annotated[float, Field(gt=0, le=1000)] = 20
    """Calls a second in the long run."""
    burst: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Calls at once."""


class ScalerAws(Section):
    """Another account or region for a scaler: for its queue, its cluster, and all that belongs to them."""

    region: Annotated[str, Field(pattern=formats.REGION)] | None = None
    """The region of queue and cluster. If left out: the controller's."""
    role_arn: Annotated[str, Field(pattern=formats.ROLE)] | None = None
    """The role that is assumed for queue and cluster. If left out: the controller's own credentials are used."""
    external_id: Annotated[str, Field(pattern=formats.EXTERNAL_ID)] | None = None
    """What the trust policy asks for as sts:ExternalId. It goes along with every role that is named here."""
    queue_role_arn: Annotated[str, Field(pattern=formats.QUEUE_ROLE)] | None = None
    """The role for the queue alone, where that is in another account than the cluster, or in another region, which its
    ARN or URL then says; own: the controller's own credentials."""


class Aws(Section):
    """How AWS is reached, and what is assumed about it."""

    region: Annotated[str, Field(pattern=formats.REGION)] | None = None
    """The AWS region; null: boto3's own chain (variables, profile, instance)."""
    endpoint_url: Annotated[str, Field(pattern=formats.ENDPOINT)] | None = None
    """Another endpoint for every AWS call; null: AWS's own."""
    consistency_window: ProtocolTime = default_to("5s")
    """L: how long ECS may take to list a task that it has started. A slot is 6 L. Change it only while every
    controller of this name is stopped."""
    call_timeout: ProtocolTime = default_to("5s")
    """T: how long a whole RunTask call may take, at most 2 L. If left out: 5s, or 2 L if that is less."""
    launch_rate: LaunchRate = LaunchRate()
    """How fast all scalers together may start tasks."""
    listing_rate: ListingRate = ListingRate()
    """How fast the live tasks may be listed and described, over all clusters."""
    cloudwatch: Annotated[Literal["auto", "off"], BeforeValidator(_read_off)] = "auto"
    """auto: every 5 minutes CloudWatch is asked how many messages of busy queues with start_within were deleted, to
    learn how long one takes. off: never."""
    message_age: bool = False
    """Every minute CloudWatch is asked how old the oldest message of each queue with work is. It shows whether promises
    are kept, and costs about $0.43 a month for a queue that always has work."""
