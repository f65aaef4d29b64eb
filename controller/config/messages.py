"""Pydantic's errors in our words: what is wrong with the key, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config import formats
from controller.config.problems import MAX_PROBLEMS, NO_VALUE, Fault, KeyPath, describe, quote
from controller.config.schema import Configuration
from controller.config.spelling import known_keys, sections_of, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_KEY = "[key]"
"""What pydantic appends to a location to say that a mapping's key is meant."""
MAX_SUGGESTED = 5 * MAX_PROBLEMS
"""Finding the nearest word is slow: it is not looked for beyond so many unknown keys, most of which nobody is told."""

_WANTED = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of key: value",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a mapping of key: value",
    "string_type": "must be text",
}


def faults(error: ValidationError) -> Iterator[Fault]:
    """Translate everything that pydantic found."""
    suggested: set[str | int] = set()
    for detail in error.errors(include_url=False):
        path: KeyPath = detail["loc"]
        at_key = detail["type"] == "extra_forbidden" or path[-1:] == (_KEY,)
        if detail["type"] == "extra_forbidden" and path[-1] not in suggested:
            if len(suggested) == MAX_SUGGESTED:
                yield Fault(path, "is not a known key", at_key)
                continue
            suggested.add(path[-1])
        yield Fault(path[:-1] if path[-1:] == (_KEY,) else path, _message(detail), at_key)


def _message(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    if value is None:
        return NO_VALUE
    if kind in _WANTED:
        return f"{_WANTED[kind]}, not {describe(value)}{_advice(kind, value)}"
    if kind in _BY_KIND:
        return _BY_KIND[kind](detail)
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _advice(kind: str, value: Any) -> str:
    if kind == "string_type" and not isinstance(value, dict | list):
        return "; put it in quotes if it is meant as text"
    if kind == "int_type" and isinstance(value, str) and value.strip("+-").replace("_", "").isalnum():
        return "; write it in plain decimal digits, without quotes, leading zeros or underscores"
    return ""


def _unknown(detail: ErrorDetails) -> str:
    *path, key = detail["loc"]
    model: type[BaseModel] = Configuration
    for part in path:
        if isinstance(part, str):
            model, _ = sections_of(model)[part]
    return unknown_key(str(key), known_keys(model))


def _not_one_of(detail: ErrorDetails) -> str:
    return f"must be {detail['ctx']['expected'].replace(chr(39), '')}, not {quote(detail['input'])}"


def _bound(words: str, name: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: f"must be {words} {detail['ctx'][name]:,}, not {quote(detail['input'])}"


def _length(words: str, name: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: f"must have {words} {detail['ctx'][name]}, not {len(detail['input'])}"


def _bound_length(words: str, name: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: f"must have {words} {detail['ctx'][name]} characters, not {len(detail['input'])}"


_BY_KIND: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is required and missing",
    "extra_forbidden": _unknown,
    "literal_error": _not_one_of,
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_short": _bound_length("at least", "min_length"),
    "string_too_long": _bound_length("at most", "max_length"),
    "too_short": _length("at least", "min_length"),
    "too_long": _length("at most", "max_length"),
    "value_error": lambda detail: str(detail["ctx"]["error"]),
    "string_pattern_mismatch": lambda detail: (
        f"{formats.WORDS[detail['ctx']['pattern']]}; this is {quote(detail['input'])}"
    ),
}
