"""Members of a described task that are of another type than ECS promises: each is dropped, and its task is odd.

botocore gives the whole answer up for one of them, and with it the ninety-nine other tasks that it describes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.utils import parse_timestamp

Fit = Callable[[Any], Any]
"""Returns a value without what does not fit a shape; None if it does not fit itself."""

_NO_TIME = (ValueError, TypeError, ArithmeticError, OSError, RuntimeError)
"""What botocore raises for a time that is none."""


def drop_odd_members(operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    """Drop such members from an answer before botocore reads it: a handler of ``before-parse``.

    In a list ``null`` takes the place of such an item, since a list that is shorter would say that there is less.
    """
    try:
        document = json.loads(response_dict["body"])
    except (ValueError, RecursionError):
        return  # no answer of ECS's: the parser says what it is
    shape = operation_model.output_shape
    if isinstance(document, dict) and shape is not None and (fitting := _fit_to(shape)(document)) != document:
        response_dict["body"] = json.dumps(fitting).encode()


@cache
def _fit_to(shape: Shape) -> Fit:
    """Return what makes values fit a shape: made once, since every poll of every cluster goes through it."""
    if isinstance(shape, StructureShape):
        return _fit_structure({name: _fit_to(shape.members[name]) for name in shape.members})
    if isinstance(shape, ListShape):
        item = _fit_to(shape.member)
        return lambda value: [item(each) for each in value] if isinstance(value, list) else None
    return _FITS.get(shape.type_name, _keep)


def _fit_structure(members: dict[str, Fit]) -> Fit:
    find = members.get

    def fit(value: Any) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            return None
        fitting = [(name, find(name, _keep)(member)) for name, member in value.items()]
        return {name: member for name, member in fitting if member is not None}

    return fit


def _keep(value: Any) -> Any:
    return value


def _fit_string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _fit_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _fit_integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _fit_number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _fit_time(value: Any) -> Any:
    try:
        parse_timestamp(value).timestamp()
    except _NO_TIME:
        return None
    return None if isinstance(value, bool) else value


_FITS: dict[str, Fit] = {
    "string": _fit_string,
    "boolean": _fit_boolean,
    "integer": _fit_integer,
    "long": _fit_integer,
    "float": _fit_number,
    "double": _fit_number,
    "timestamp": _fit_time,
}
