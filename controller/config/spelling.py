"""Misspelt keys: each is told once, and read as the key that was meant.

Were a misspelt key only refused, the key that it stands for would be missing, and every check of it would tell the same
mistake again in other words. So everything else looks at the document as it was meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from controller.config.problems import MAX_PROBLEMS, Fault, KeyPath, did_you_mean, nearest
from controller.config.schema import Configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(slots=True)
class Spelling:
    """Reads a document as it was meant, and collects the misspelt keys of its sections."""

    faults: list[Fault] = field(default_factory=list)
    """The misspelt keys, at most MAX_PROBLEMS; a key whose place is taken already is not among them."""
    _guessed: set[KeyPath] = field(default_factory=set)

    def corrected(self, data: Any) -> Any:
        """Return the document with its misspelt keys renamed to those that they stand for."""
        return self._section(data, Configuration, ())

    def others(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Pass on the faults of a corrected document that are not of a key or value whose name was guessed."""
        if not self._guessed:
            yield from faults
            return
        for fault in faults:
            if not any(fault.path[:length] in self._guessed for length in range(1, len(fault.path) + 1)):
                yield fault

    def _section(self, value: Any, model: type[BaseModel], path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return value
        meant = self._meant(value, model, path)
        sections = sections_of(model)
        result: dict[str, Any] = {}
        for key, inner in value.items():
            name = str(meant.get(key, key))
            if key in meant or name not in sections:
                result[name] = inner
                continue
            section, is_list = sections[name]
            correct = self._items if is_list else self._section
            result[name] = correct(inner, section, (*path, name))
        return result

    def _items(self, value: Any, model: type[BaseModel], path: KeyPath) -> Any:
        if not isinstance(value, list):
            return value
        return [self._section(item, model, (*path, index)) for index, item in enumerate(value)]

    def _meant(self, value: dict[str, Any], model: type[BaseModel], path: KeyPath) -> dict[str, str]:
        known = known_keys(model)
        meant: dict[str, str] = {}
        if value.keys() <= known:
            return meant
        for key in islice((key for key in value if key not in known), MAX_PROBLEMS - len(self.faults)):
            name = nearest(key, known)
            if name is not None and name not in value and name not in meant.values():
                meant[key] = name
                self._guessed.add((*path, name))
                self.faults.append(Fault((*path, key), unknown_key(key, known), at_key=True))
        return meant


def unknown_key(key: str, known: frozenset[str]) -> str:
    """Say that a section has no such key, and which it may have."""
    return f"is not a known key; {did_you_mean(key, known)}"


@cache
def known_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys that a section may hold."""
    return frozenset(model.model_fields)


@cache
def sections_of(model: type[BaseModel]) -> dict[str, tuple[type[BaseModel], bool]]:
    """Return the fields of a section that hold sections of their own, and whether they hold a list of them."""
    found = {name: _section_in(item.annotation) for name, item in model.model_fields.items()}
    return {name: section for name, section in found.items() if section is not None}


def _section_in(annotation: Any, *, in_list: bool = False) -> tuple[type[BaseModel], bool] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, in_list
    in_list = in_list or get_origin(annotation) is list
    return next((found for inner in get_args(annotation) if (found := _section_in(inner, in_list=in_list))), None)
