"""Telling an EventBridge bus of a change, one call each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.aws.answers import read_text
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients

SOURCE = "ecs-queue-controller"
"""What rules of a bus match by, beside the detail type."""


def put_event(clients: Clients, bus: str, event: Mapping[str, Any]) -> None:
    """Put a CloudEvent on a bus, given by name or ARN: whole as the detail, its ``type`` as the detail type.

    Raises AwsError, also where EventBridge answers that it did not take the event. Sent again it may come twice, with
    the same id.
    """
    subject = f'event bus "{bus}"'
    entry = {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": event["type"],
        "Detail": json.dumps(event),
    }
    with clients.asking(subject, None):
        (answer,) = clients.other("events", attempts=1).put_events(Entries=[entry])["Entries"]
        if code := answer.get("ErrorCode"):
            raise AwsError(Fault.SERVER_ERROR, f"{subject}: {read_text(code)}: {answer.get('ErrorMessage')}")
