"""The phrases that the messages about a configuration share."""

from __future__ import annotations

import difflib
import json
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from controller.core.words import format_count

if TYPE_CHECKING:
    from collections.abc import Collection

NO_VALUE = "has no value: give it one, or remove the key"
MISSING = "is required and missing"

_MAX_QUOTE_LENGTH = 60


class Kind(StrEnum):
    """The kinds of values that a key can take, as messages name them."""

    MAPPING = "a mapping of key: value"
    LIST = "a list"
    TEXT = "text"
    BOOLEAN = "true or false"
    INTEGER = "a whole number"
    NUMBER = "a number"


def explain_wrong_kind(wanted: Kind, value: object) -> str:
    """Say that a value is of another kind than is wanted, and how to write what was probably meant."""
    if value is None:
        return NO_VALUE
    return f"must be {wanted}, not {describe(value)}{_suggest_form(wanted, value)}"


def _suggest_form(wanted: Kind, value: object) -> str:
    if wanted is Kind.TEXT and not isinstance(value, dict | list):
        return "; put it in quotes if it is meant as text"
    if wanted is Kind.INTEGER and isinstance(value, str) and value.strip("+-").replace("_", "").isalnum():
        return "; write it in plain decimal digits, without quotes, leading zeros or underscores"
    return ""


def explain_bound(words: str, bound: float, value: float) -> str:
    """Say that a number is out of bounds. ``words`` say which bound it is, such as ``at least``."""
    return f"must be {words} {bound:,.15g}, not {quote(value)}"


def explain_length(words: str, bound: int, unit: str, length: int) -> str:
    """Say that a text or a collection has too few or too many of its units, such as ``character``."""
    return f"must have {words} {format_count(bound, unit)}, not {length}"


def describe(value: object) -> str:
    """Say what a value is, where another kind of value is wanted."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kind = "" if isinstance(value, bool) else "the text " if isinstance(value, str) else "the number "
    return f"{kind}{quote(value)}"


def quote(value: object) -> str:
    """Return a scalar as messages show it: on one line, in double quotes if it is text, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return text if len(text) <= _MAX_QUOTE_LENGTH else f"{text[: _MAX_QUOTE_LENGTH - 4]}...{text[-1]}"


def suggest(word: str, known: Collection[str]) -> str:
    """Say what to write instead of an unknown word: the known one nearest to it, or else any of them."""
    meant = find_nearest(word, frozenset(known))
    if meant is not None:
        return f"did you mean {meant}?"
    return f"use {'one of ' if len(known) > 1 else ''}{', '.join(sorted(known))}"


@lru_cache(maxsize=10_000)
def find_nearest(word: str, known: frozenset[str]) -> str | None:
    """Return the known word that a misspelt one is most like, whatever its case; None if it is like none."""
    by_lower_case = {name.lower(): name for name in sorted(known)}
    found = difflib.get_close_matches(word[:100].lower(), by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None
