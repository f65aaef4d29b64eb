"""Members of a described task that are of another type than ECS promises: each is dropped, and its task is odd.

botocore gives the whole answer up for one of them, and with it the ninety-nine other tasks that it describes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.utils import parse_timestamp

_NO_TIME = (ValueError, TypeError, ArithmeticError, OSError, RuntimeError)
"""What botocore raises for a time that is none."""


def drop_misfits(operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    """Drop such members from an answer before botocore reads it: a handler of ``before-parse``.

    In a list ``null`` takes the place of such an item, since a list that is shorter would say that there is less.
    """
    try:
        document = json.loads(response_dict["body"])
    except (ValueError, RecursionError):
        return  # no answer of ECS's: the parser says what it is
    if isinstance(document, dict) and (fitting := _fit(document, operation_model.output_shape)) != document:
        response_dict["body"] = json.dumps(fitting).encode()


def _fit(value: Any, shape: Shape | None) -> Any:
    """Return a value without what does not fit its shape; None if it does not fit itself."""
    if isinstance(shape, StructureShape):
        return _fit_members(value, {name: shape.members[name] for name in shape.members})
    if isinstance(shape, MapShape):
        return _fit_members(value, dict.fromkeys(value, shape.value)) if isinstance(value, dict) else None
    if isinstance(shape, ListShape):
        return [_fit(item, shape.member) for item in value] if isinstance(value, list) else None
    return value if shape is None or _FITS.get(shape.type_name, _is_anything)(value) else None


def _fit_members(value: Any, shapes: dict[str, Shape]) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    fitting = {name: _fit(member, shapes.get(name)) for name, member in value.items()}
    return {name: member for name, member in fitting.items() if member is not None}


def _is_anything(_value: Any) -> bool:
    return True


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_time(value: Any) -> bool:
    try:
        parse_timestamp(value).timestamp()
    except _NO_TIME:
        return False
    return not isinstance(value, bool)


_FITS: dict[str, Callable[[Any], bool]] = {
    "string": _is_string,
    "boolean": _is_boolean,
    "integer": _is_integer,
    "long": _is_integer,
    "float": _is_number,
    "double": _is_number,
    "timestamp": _is_time,
}
