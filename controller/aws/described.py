"""Answers to DescribeTasks: only the members that are used are read, and one that is of another type is dropped.

botocore's own parser reads them all, which takes some seven times as long; and for a single member of another type
than ECS promises it gives the whole answer up, and with it the ninety-nine other tasks that it describes. Here such a
task lacks that member, and is odd.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.utils import parse_timestamp

Fit = Callable[[Any], Any]
"""Returns a value as it is used; None if it is of another type."""

_NO_TIME = (ValueError, TypeError, ArithmeticError, OSError, RuntimeError)
"""What botocore raises for a time that is none."""
_LATEST = 253_402_300_800.0
"""The end of the year 9999, seconds since the epoch: no date is later."""


def read_described(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Read an answer in place of botocore's parser, which then finds nothing to do: a handler of ``before-parse``.

    Times are seconds since the epoch. In a list ``null`` takes the place of an item that does not fit, since a list
    that is shorter would say that there is less.
    """
    try:
        document = json.loads(response_dict["body"])
    except (ValueError, RecursionError):
        return  # no answer of ECS's: the parser says what it is
    if not isinstance(document, dict) or not document.keys() & _ANSWER.keys():
        return  # an error, or nothing that we know
    customized_response_dict.update(_fit_members(_ANSWER, document))
    response_dict["body"] = b"{}"


def _fit_members(fits: Mapping[str, Fit], document: Mapping[str, Any]) -> dict[str, Any]:
    members = ((name, fit(document[name])) for name, fit in fits.items() if name in document)
    return {name: member for name, member in members if member is not None}


def _fit_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _fit_integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _fit_time(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        moment: float = value if isinstance(value, int | float) else parse_timestamp(value).timestamp()
    except _NO_TIME:
        return None
    return float(moment) if 0 <= moment < _LATEST else None


def _list_of(fits: Mapping[str, Fit]) -> Fit:
    def fit(value: Any) -> list[dict[str, Any] | None] | None:
        if not isinstance(value, list):
            return None
        return [_fit_members(fits, item) if isinstance(item, dict) else None for item in value]

    return fit


_CONTAINER: Mapping[str, Fit] = {
    "name": _fit_text,
    "lastStatus": _fit_text,
    "exitCode": _fit_integer,
    "reason": _fit_text,
}
_TASK: Mapping[str, Fit] = {
    "taskArn": _fit_text,
    "capacityProviderName": _fit_text,
    "taskDefinitionArn": _fit_text,
    "cpu": _fit_text,
    "memory": _fit_text,
    "startedBy": _fit_text,
    "group": _fit_text,
    "lastStatus": _fit_text,
    "desiredStatus": _fit_text,
    "healthStatus": _fit_text,
    "createdAt": _fit_time,
    "startedAt": _fit_time,
    "executionStoppedAt": _fit_time,
    "stoppedAt": _fit_time,
    "stopCode": _fit_text,
    "stoppedReason": _fit_text,
    "containers": _list_of(_CONTAINER),
}
_ANSWER: Mapping[str, Fit] = {
    "tasks": _list_of(_TASK),
    "failures": _list_of({"arn": _fit_text, "reason": _fit_text}),
}
