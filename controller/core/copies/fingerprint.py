"""Fingerprints: which derived revisions are the same, so that each is registered only once.

The template counts by the ARN of its revision, which never changes, and not by what ECS answers about it, so members
that ECS fills in by itself make no difference. Members that the installed botocore does not know could not be copied
into the derived revision. Their names count, so that a newer botocore, which can copy them, registers a new revision.
The price is at most one registration that was not needed.
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

_FINGERPRINT_TAG: Final = OUR_TAGS[0]


def fingerprint(
    template_revision_arn: str,
    container: str,
    k: int,
    keeper_image: str,
    keeper_script: str,
    left_out: Sequence[str] = (),
    deadline: int | None = None,
) -> str:
    """Return the fingerprint of a derived revision, 64 hexadecimal digits.

    ``left_out`` names the members of the template that could not be copied into it; ``deadline`` is that of its
    keeper, seconds.
    """
    parts: list[object] = [RULES, template_revision_arn, container, k, keeper_image, keeper_script, *left_out]
    if deadline is not None:
        parts.append({"deadline": deadline})
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def our_tags(print_: str, template_revision_arn: str, k: int) -> list[dict[str, str]]:
    """Return the tags by which a derived revision is found again, in RegisterTaskDefinition's form."""
    values = (print_, template_revision_arn, str(k))
    return [{"key": key, "value": value} for key, value in zip(OUR_TAGS, values, strict=True)]


def read_fingerprint(tags: Sequence[Mapping[str, str]]) -> str | None:
    """Return the fingerprint in a task definition's tags; None if they hold none."""
    return next((tag["value"] for tag in tags if tag["key"] == _FINGERPRINT_TAG), None)
