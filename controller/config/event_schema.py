"""The keys of ``events``: who is told of changes. Rules about several of them are in event_rules.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from controller.config import formats
from controller.config.fields import Section


class Event(Section):
    """Somebody who is told of changes: exactly one of eventbridge, webhook and webhook_env."""

    model_config = ConfigDict(
        title="Event",
        json_schema_extra={
            "oneOf": [{"required": ["eventbridge"]}, {"required": ["webhook"]}, {"required": ["webhook_env"]}]
        },
    )

    eventbridge: Annotated[str, Field(pattern=formats.EVENT_BUS)] | None = None
    """An EventBridge bus, by name or ARN; ``default`` is the account's own."""
    webhook: Annotated[str, Field(pattern=formats.WEBHOOK)] | None = None
    """A URL that takes POST, without a secret in it."""
    webhook_env: Annotated[str, Field(pattern=formats.ENVIRONMENT_NAME)] | None = None
    """The variable of the controller's environment that holds such a URL."""
    format: Literal["cloudevents", "slack"] = "cloudevents"
    """What a webhook is sent: a CloudEvent, or a message for Slack."""
