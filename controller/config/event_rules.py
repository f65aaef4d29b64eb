"""The rules by which the keys of ``events`` must fit together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from controller.config import formats
from controller.config.document import get
from controller.config.problems import Finding, KeyPath
from controller.config.regions import find_region

if TYPE_CHECKING:
    from collections.abc import Iterator

_TARGETS = ("eventbridge", "webhook", "webhook_env")
_SECRET_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
"""Hosts whose URLs are a secret as a whole: whoever knows one may write."""


def check_events(data: Any) -> Iterator[Finding]:
    """Find what contradicts itself in ``events``."""
    for index, event in enumerate(get(data, list, "events") or []):
        path: KeyPath = ("events", index)
        chosen = [target for target in _TARGETS if get(event, str, target) is not None]
        if isinstance(event, dict) and not any(event.get(target) is not None for target in _TARGETS):
            yield Finding(path, f"does not say who is told: set one of {', '.join(_TARGETS)}")
        if len(chosen) > 1:
            yield Finding(path, f"must have one receiver, not {len(chosen)}: keep one of {', '.join(chosen)}")
        if "eventbridge" in chosen and get(event, str, "format") is not None:
            yield Finding((*path, "format"), "has no effect on eventbridge, which takes CloudEvents: remove this key")
        yield from _check_bus(data, get(event, str, "eventbridge") or "", (*path, "eventbridge"))
        yield from _check_url(get(event, str, "webhook") or "", (*path, "webhook"))


def _check_bus(data: Any, bus: str, path: KeyPath) -> Iterator[Finding]:
    here, there = get(data, str, "aws", "region"), find_region(bus)
    if here is not None and there not in {None, here}:
        yield Finding(path, f"is in {there}, but aws.region is {here}: name a bus there, which may pass events on")


def _check_url(url: str, path: KeyPath) -> Iterator[Finding]:
    # What is no URL is the schema's to report.
    try:
        host = urlsplit(url).hostname if re.match(formats.WEBHOOK, url) else None
    except ValueError:  # the brackets of an address of IPv6 that is none
        host = None
    if host in _SECRET_HOSTS:
        yield Finding(
            path,
            f"is a secret, as every URL of {host} is: put it into a variable of the controller's environment, and name "
            "that in webhook_env instead",
        )
