"""The region that a queue, a cluster or a task definition is in, where its name says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from controller.config import formats
from controller.config.document import get
from controller.config.problems import Finding, KeyPath

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARN = re.compile(r"arn:aws[a-z-]*:(?:ecs|events|sqs):([a-z0-9-]+):")
_QUEUE_URL = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?(?::\d+)?/")
"""The form in which SQS gives URLs, and its older one (SQS developer guide, queue identifiers)."""
_NAMED: tuple[KeyPath, ...] = (("queue",), ("task", "cluster"), ("task", "definition"))
"""The keys of a scaler whose values may name a region, beside those under ``queues``."""


def find_other_regions(data: Any, scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find what a scaler names in another region than the controller's, where the configuration sets that."""
    if get(data, str, "aws", "endpoint_url") is not None:
        return  # the endpoint may be of any region
    region = get(data, str, "aws", "region")
    if region is None or not re.match(formats.REGION, region):
        return
    named = {keys: get(scaler, str, *map(str, keys)) for keys in _NAMED}
    named |= {("queues", index): queue for index, queue in enumerate(get(scaler, list, "queues") or [])}
    for keys, name in named.items():
        found = find_region(name) if isinstance(name, str) else None
        if found not in {None, region}:
            yield Finding(
                (*path, *keys),
                f"is in {found}, but aws.region is {region}: "
                f"change one of the two, or run another controller for {found}",
            )


def find_region(name: str) -> str | None:
    """Return the region that an ARN or the URL of a queue names, or None if it names none."""
    found = _ARN.match(name) or _QUEUE_URL.match(name.lower())
    return next(filter(None, found.groups()), None) if found else None
