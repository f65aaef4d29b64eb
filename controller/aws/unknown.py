"""Members of a task definition that the installed botocore does not know: its parser drops them without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape

UNKNOWN = "ecsqUnknownMembers"
"""Where a parsed answer carries the paths of those members, sorted (``containerDefinitions.newKey``)."""


def note_unknown(
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: object,
) -> None:
    """Add the unknown members to DescribeTaskDefinition's answer: a handler of ``before-parse``."""
    try:
        document = json.loads(response_dict["body"])
    except ValueError:
        return  # no answer of ECS's: the parser says what it is
    described = document.get("taskDefinition") if isinstance(document, dict) else None
    answered: Any = operation_model.output_shape
    customized_response_dict[UNKNOWN] = sorted(set(_find_unknown(described, answered.members["taskDefinition"], "")))


def _find_unknown(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from _find_unknown(item, shape.member, path)
    if not isinstance(shape, StructureShape) or not isinstance(value, dict):
        return
    for name, member in value.items():
        if name not in shape.members:
            yield f"{path}{name}"
        else:
            yield from _find_unknown(member, shape.members[name], f"{path}{name}.")
