"""Misspelt keys: each is reported once, and read as the key that was probably meant.

If a misspelt key were only refused, the key that was meant would be missing, and every check of that key would report
the same mistake again in other words. So all other checks read the corrected document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from operator import is_not
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from controller.config.problems import MAX_PROBLEMS, Finding, KeyPath
from controller.config.schema import Configuration
from controller.config.wording import find_nearest, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


RENAMED = {"drain_within": "start_within"}
"""The keys of earlier versions, and what has taken their place."""


@dataclass(slots=True)
class Spelling:
    """Corrects the misspelt keys of a document, and collects what it has corrected."""

    findings: list[Finding] = field(default_factory=list)
    """The misspelt keys, at most MAX_PROBLEMS. One that stands for a key that is there as well is not among them."""
    _guessed: set[KeyPath] = field(default_factory=set)

    def correct(self, data: Any) -> Any:
        """Return the document with its misspelt keys renamed to the keys that were probably meant."""
        return self._correct_section(data, Configuration, ())

    def drop_guessed(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings in a corrected document, except those about a key or value whose name was guessed."""
        if not self._guessed:
            yield from findings
            return
        for finding in findings:
            if not any(finding.path[:length] in self._guessed for length in range(1, len(finding.path) + 1)):
                yield finding

    def _correct_section(self, value: Any, model: type[BaseModel], path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return value
        meant = self._guess(value, model, path)
        sections = list_sections(model)
        result: dict[str, Any] = {}
        for key, inner in value.items():
            name = str(meant.get(key, key))
            if key in meant or name not in sections:
                result[name] = inner
                continue
            section, is_list = sections[name]
            correct = self._correct_items if is_list else self._correct_section
            result[name] = correct(inner, section, (*path, name))
        # Most are right as they are, and ten thousand of them need no copy.
        return result if meant or any(result[key] is not inner for key, inner in value.items()) else value

    def _correct_items(self, value: Any, model: type[BaseModel], path: KeyPath) -> Any:
        if not isinstance(value, list):
            return value
        result = [self._correct_section(item, model, (*path, index)) for index, item in enumerate(value)]
        return result if any(map(is_not, result, value)) else value

    def _guess(self, value: dict[str, Any], model: type[BaseModel], path: KeyPath) -> dict[str, str]:
        """Return the keys that the misspelt keys of a section probably stand for."""
        known = list_keys(model)
        meant: dict[str, str] = {}
        if value.keys() <= known:
            return meant
        for key in islice((key for key in value if key not in known), MAX_PROBLEMS - len(self.findings)):
            name = _find_successor(key, known) or find_nearest(key, known)
            if name is not None and name not in value and name not in meant.values():
                meant[key] = name
                self._guessed.add((*path, name))
                self.findings.append(Finding((*path, key), describe_unknown_key(key, known), at_key=True))
        return meant


def describe_unknown_key(key: str, known: frozenset[str]) -> str:
    """Say that a section has no such key, and which it has."""
    successor = _find_successor(key, known)
    return (
        f"is not a known key; {suggest(key, known)}"
        if successor is None
        else f"is now called {successor}: write that instead"
    )


def _find_successor(key: str, known: frozenset[str]) -> str | None:
    """Return the key of a section that has taken the place of one of an earlier version; None: none has."""
    successor = RENAMED.get(key)
    return successor if successor in known else None


@cache
def list_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys that a section may have."""
    return frozenset(item.alias or name for name, item in model.model_fields.items())


@cache
def list_sections(model: type[BaseModel]) -> dict[str, tuple[type[BaseModel], bool]]:
    """Return the keys of a section that hold sections of their own, and whether each holds a list of them."""
    found = {name: _find_section(item.annotation) for name, item in model.model_fields.items()}
    return {name: section for name, section in found.items() if section is not None}


def _find_section(annotation: Any, *, in_list: bool = False) -> tuple[type[BaseModel], bool] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, in_list
    in_list = in_list or get_origin(annotation) is list
    return next((found for inner in get_args(annotation) if (found := _find_section(inner, in_list=in_list))), None)
