"""The region, the account and the partition that a queue, a cluster or a task definition is in, where its name says so.

A partition is a part of AWS of its own, with its own accounts and roles ("AWS Identity and Access Management User
Guide", ARNs).
"""

from __future__ import annotations

import re

_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):(?:ecs|events|iam|sqs):(?P<region>[a-z0-9-]*):(?P<account>\d{12}):")
_QUEUE_URL = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?(?::\d+)?/")
"""The form in which SQS gives URLs, and its older one (SQS developer guide, queue identifiers)."""
_ACCOUNT_IN_URL = re.compile(r"https?://[^/]+/(?:.*/)?(\d{12})/[^/]+$")
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "us-iso-": "aws-iso",
    "eusc-": "aws-eusc",
}
"""By how the names of their regions begin."""
_OF_AWS = re.compile(r"[a-z]{2}-[a-z]+-\d+")
"""How those of the partition ``aws`` look."""


def find_region(name: str) -> str | None:
    """Return the region that an ARN or the URL of a queue names, or None if it names none."""
    if found := _ARN.match(name):
        return found["region"] or None
    url = _QUEUE_URL.match(name.lower())
    return next(filter(None, url.groups()), None) if url else None


def find_account(name: str) -> str | None:
    """Return the account that an ARN or the URL of a queue names, or None if it names none."""
    if found := _ARN.match(name):
        return found["account"]
    url = _ACCOUNT_IN_URL.match(name)
    return url[1] if url else None


def find_partition(name: str) -> str | None:
    """Return the partition that an ARN or the URL of a queue names, or None if it names none."""
    if found := _ARN.match(name):
        return found["partition"]
    return partition_of(find_region(name))


def partition_of(region: str | None) -> str | None:
    """Return the partition of a region, or None if that is not known, as of a region that is not."""
    if region is None:
        return None
    usual = "aws" if _OF_AWS.fullmatch(region) else None
    return next((partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix)), usual)
