"""How a notice is written for others: as a CloudEvent (specification 1.0.2, JSON format), or as a message for Slack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller.core.frozen import frozen
from controller.core.notices import Notice

TYPE_PREFIX = "ecs-queue-controller."
"""What stands before the kind of a notice in a CloudEvent's ``type``."""


@frozen
class Sender:
    """Who tells."""

    controller: str
    """The controller's name."""
    version: str

    @property
    def source(self) -> str:
        """The CloudEvent's ``source``: a reference of the URI kind that names the controller."""
        return f"/ecs-queue-controller/{self.controller}"


def write_event(notice: Notice, sender: Sender, identity: str) -> dict[str, Any]:
    """Return a notice as a CloudEvent; ``identity`` is its id, the same however often it is sent."""
    at = datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": identity,
        "source": sender.source,
        "type": f"{TYPE_PREFIX}{notice.kind.value}",
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "controller": sender.controller,
            "version": sender.version,
            "scaler": notice.scaler,
            "text": notice.text,
            "reason": notice.reason,
        },
    }
    return event if notice.scaler is None else event | {"subject": notice.scaler}


def write_slack(notice: Notice, sender: Sender) -> Mapping[str, str]:
    """Return a notice as the message that an incoming webhook of Slack takes."""
    about = sender.controller if notice.scaler is None else f"{sender.controller}, scaler {notice.scaler}"
    return {"text": _escape(f"{about}: {notice.text}")}


def _escape(text: str) -> str:
    """Return the text as Slack wants it: these three characters would be markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
