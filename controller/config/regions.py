"""The region that a queue, a cluster or a task definition is in, where its name says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controller.config import formats
from controller.config.problems import Fault, KeyPath

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARN = re.compile(r"arn:aws[a-z-]*:(?:ecs|sqs):([a-z0-9-]+):")
_QUEUE_URL = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?(?::\d+)?/")
"""As SQS gives URLs, and as it once did (SQS developer guide, queue identifiers)."""


def region_of(name: str) -> str | None:
    """Return the region that an ARN or the URL of a queue names; None: it names none."""
    found = _ARN.match(name) or _QUEUE_URL.match(name.lower())
    return next(filter(None, found.groups()), None) if found else None


def contradictions(region: str | None, named: dict[KeyPath, str | None]) -> Iterator[Fault]:
    """Find what is named by its place and in another region than the controller's; None: that is not configured."""
    if region is None or not re.match(formats.REGION, region):
        return
    for path, name in named.items():
        found = region_of(name or "")
        if found not in {None, region}:
            yield Fault(
                path,
                f"is in {found}, but aws.region is {region}: "
                f"change one of the two, or run another controller for {found}",
            )
