"""Reading answers: botocore checks what is sent, and passes on what comes back, whatever its types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

_TYPES: Mapping[str, Any] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def read_text(value: object) -> str:
    """Return a member that has to be text, and not empty. Raises TypeError."""
    if not isinstance(value, str) or not value:
        raise TypeError(f"{type(value).__name__} instead of text")
    return value


def read_texts(values: object) -> list[str]:
    """Return a member that has to be a list of texts. Raises TypeError."""
    if not isinstance(values, list):
        raise TypeError(f"{type(values).__name__} instead of a list")
    return [read_text(value) for value in values]


def read_definition(definition: Any, shape: Shape) -> dict[str, Any]:
    """Return a task definition that has the types of botocore's ``shape``, and the members that we cannot do without.

    Raises TypeError, ValueError and KeyError. It is copied, registered and run, so nothing of it may be broken.
    """
    check_shape(definition, shape, "taskDefinition")
    int(read_text(definition["taskDefinitionArn"]).rpartition(":")[2])
    read_text(definition["family"])
    if not [read_text(container["name"]) for container in definition["containerDefinitions"]]:
        raise ValueError("a task definition without containers")
    return dict(definition)


def check_shape(value: Any, shape: Shape, path: str) -> None:
    """Raise TypeError where a value, or what is in it, has another type than botocore's model says."""
    expected = _TYPES.get(shape.type_name, object)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise TypeError(f"{path} is {type(value).__name__} instead of {shape.type_name}")
    if isinstance(shape, ListShape):
        for item in value:
            check_shape(item, shape.member, path)
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            if name in shape.members:
                check_shape(member, shape.members[name], f"{path}.{name}")
