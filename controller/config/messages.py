"""Pydantic's errors in our words: what is wrong with the key, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.config import formats
from controller.config.problems import MAX_PROBLEMS, Finding, KeyPath
from controller.config.schema import Configuration
from controller.config.spelling import describe_unknown_key, list_keys, list_sections
from controller.config.wording import MISSING, NO_VALUE, Kind, explain_bound, explain_length, explain_wrong_kind, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_KEY = "[key]"
"""Pydantic appends this to a location when it means a mapping's key and not the value under it."""
MAX_SUGGESTED = 5 * MAX_PROBLEMS
"""How many different unknown keys are compared with the known ones. It is slow, and most of so many are never shown."""

_WANTED = {
    "bool_type": Kind.BOOLEAN,
    "dict_type": Kind.MAPPING,
    "float_type": Kind.NUMBER,
    "int_type": Kind.INTEGER,
    "list_type": Kind.LIST,
    "model_type": Kind.MAPPING,
    "string_type": Kind.TEXT,
}


def translate_errors(error: ValidationError) -> Iterator[Finding]:
    """Yield a finding for each of pydantic's errors."""
    compared: set[str | int] = set()
    for detail in error.errors(include_url=False):
        path: KeyPath = detail["loc"]
        is_unknown, is_key = detail["type"] == "extra_forbidden", path[-1:] == (_KEY,)
        if is_unknown and path[-1] not in compared:
            if len(compared) == MAX_SUGGESTED:
                yield Finding(path, "is not a known key", at_key=True)
                continue
            compared.add(path[-1])
        yield Finding(path[:-1] if is_key else path, _translate(detail), at_key=is_unknown or is_key)


def _translate(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    if value is None:
        return NO_VALUE
    if kind in _WANTED:
        return explain_wrong_kind(_WANTED[kind], value)
    if kind in _BY_KIND:
        return _BY_KIND[kind](detail)
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _explain_unknown_key(detail: ErrorDetails) -> str:
    *path, key = detail["loc"]
    model: type[BaseModel] = Configuration
    for part in path:
        if isinstance(part, str):
            model, _ = list_sections(model)[part]
    return describe_unknown_key(str(key), list_keys(model))


def _explain_choice(detail: ErrorDetails) -> str:
    return f"must be {detail['ctx']['expected'].replace(chr(39), '')}, not {quote(detail['input'])}"


def _explain_bound_with(words: str, name: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: explain_bound(words, detail["ctx"][name], detail["input"])


def _explain_length_with(words: str, name: str, unit: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: explain_length(words, detail["ctx"][name], unit, len(detail["input"]))


def _explain_pattern(detail: ErrorDetails) -> str:
    pattern = detail["ctx"]["pattern"]
    # What may be a secret is not repeated: a reload that is refused is logged.
    return formats.WORDS[pattern] + ("" if pattern in formats.MAY_BE_SECRET else f"; this is {quote(detail['input'])}")


_BY_KIND: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: MISSING,
    "extra_forbidden": _explain_unknown_key,
    "literal_error": _explain_choice,
    "greater_than": _explain_bound_with("above", "gt"),
    "greater_than_equal": _explain_bound_with("at least", "ge"),
    "less_than_equal": _explain_bound_with("at most", "le"),
    "string_too_short": _explain_length_with("at least", "min_length", "character"),
    "string_too_long": _explain_length_with("at most", "max_length", "character"),
    "too_short": _explain_length_with("at least", "min_length", "item"),
    "too_long": _explain_length_with("at most", "max_length", "item"),
    "value_error": lambda detail: str(detail["ctx"]["error"]),
    "string_pattern_mismatch": _explain_pattern,
}
