"""Fingerprints: what makes two derived revisions the same, so that each is registered once.

The template counts by the ARN of its revision, which is immutable, and not by what ECS answers about it: whatever
ECS fills in by itself changes nothing, as long as botocore knows it. The names of members that it does not know count,
for they may be parts of the template that could not be passed on: at worst a revision is registered once more.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from controller.core.copies.copies import OUR_TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RULES: Final = 2
"""Raised whenever the same inputs are derived differently, so that a new release registers anew."""

_FINGERPRINT_TAG, _TEMPLATE_TAG, _CONTAINERS_TAG = OUR_TAGS


def fingerprint(
    template_revision_arn: str,
    container: str,
    k: int,
    keeper_image: str,
    keeper_script: str,
    left_out: Sequence[str] = (),
) -> str:
    """Return what a derived revision is known by: 64 hexadecimal digits.

    ``left_out`` names what could not be passed on: once it can be, the revision without it is another one.
    """
    parts = [RULES, template_revision_arn, container, k, keeper_image, keeper_script, *left_out]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def our_tags(print_: str, template_revision_arn: str, k: int) -> list[dict[str, str]]:
    """Return the tags by which a derived revision is found again, in RegisterTaskDefinition's form."""
    values = (print_, template_revision_arn, str(k))
    return [{"key": key, "value": value} for key, value in zip(OUR_TAGS, values, strict=True)]


def fingerprint_of(tags: Sequence[Mapping[str, str]]) -> str | None:
    """Return the fingerprint in a task definition's tags; None if it carries none."""
    return next((tag["value"] for tag in tags if tag["key"] == _FINGERPRINT_TAG), None)
