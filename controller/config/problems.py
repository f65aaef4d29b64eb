"""What can be wrong with a configuration, and where."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

KeyPath = tuple[str | int, ...]
"""The way from the top of the file to a value: ``("scalers", 0, "queue")``."""

_PLAIN_KEY = re.compile(r"[^\s.\[\]\"']{1,80}")
_MAX_QUOTE_LENGTH = 60
NO_VALUE = "has no value: give it one, or remove the key"
MAX_PROBLEMS = 1000
"""More than a person reads, and too few to fill a disk when a daemon logs them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one key, not yet located in the file."""

    path: KeyPath
    message: str
    at_key: bool = False
    """The key itself is wrong (unknown, duplicate), not its value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, or a warning, with its place."""

    file: str
    line: int
    """1-based."""
    column: int
    """1-based, in characters."""
    key: str
    """Dotted, as ``scalers[0].queue``; empty for the file as a whole."""
    message: str

    @property
    def place(self) -> str:
        """``FILE:LINE:COL``, as editors and terminals make clickable."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used; carries every problem found, in the order of the file.

    Beyond MAX_PROBLEMS the last one tells how many more there are.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = _capped(in_order(problems))
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort by place."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def _capped(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    more = problems[MAX_PROBLEMS:]
    if not more:
        return problems
    rest = replace(more[0], key="", message=f"{len(more):,} more problems from here on")
    return (*problems[:MAX_PROBLEMS], rest)


def dotted(path: KeyPath) -> str:
    """Write a path as users read it; keys that are not plain words are quoted, so that it stays one line."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else quote(part))
    return text


def quote(value: object) -> str:
    """Write a scalar for a message: one line, in double quotes if it is text, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return text if len(text) <= _MAX_QUOTE_LENGTH else f"{text[: _MAX_QUOTE_LENGTH - 4]}...{text[-1]}"


def describe(value: object) -> str:
    """Say what a value is, where another kind of value was wanted."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kind = "" if isinstance(value, bool) else "the text " if isinstance(value, str) else "the number "
    return f"{kind}{quote(value)}"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """End a message on an unknown word: the nearest known one, or all of them."""
    meant = nearest(word, frozenset(known))
    return f"did you mean {meant}?" if meant else f"known here: {', '.join(sorted(known))}"


@lru_cache(maxsize=10_000)
def nearest(word: str, known: frozenset[str]) -> str | None:
    """Return the known word that a misspelt one is most like, whatever its case; None if it is like none."""
    by_lower_case = {name.lower(): name for name in sorted(known)}
    found = difflib.get_close_matches(word[:100].lower(), by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None
