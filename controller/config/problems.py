"""Findings about a key of a configuration, and problems with their place in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.config.wording import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

KeyPath = tuple[str | int, ...]
"""The way from the top of the file to a value: ``("scalers", 0, "queue")``."""
MAX_PROBLEMS = 1000
"""More than a person reads, and few enough that a daemon that logs them does not fill a disk."""

_PLAIN_KEY = re.compile(r"[^\s.\[\]\"']{1,80}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found wrong with one key, or a warning about it, not yet located in the file."""

    path: KeyPath
    message: str
    at_key: bool = False
    """Whether the key itself is wrong (unknown, duplicate) and not its value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding with its place in the file."""

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
        """``FILE:LINE:COL``, which editors and terminals turn into a link."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ConfigError(Exception):
    """A configuration cannot be used; carries every problem found, in the order of the file.

    Of more than MAX_PROBLEMS problems only the first are kept, and a last one says how many more there are.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sort_problems(problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of their places in the file; of very many the first, and how many there are."""
    return _cut(tuple(sorted(problems, key=lambda problem: (problem.line, problem.column))))


def _cut(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    more = problems[MAX_PROBLEMS:]
    if not more:
        return problems
    rest = replace(more[0], key="", message=f"{len(more):,} more problems from here on")
    return (*problems[:MAX_PROBLEMS], rest)


def format_path(path: KeyPath) -> str:
    """Return a path as users read it: ``scalers[0].queue``.

    Keys that are not plain words are quoted, so that a message stays on one line.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN_KEY.fullmatch(part) else quote(part))
    return text
