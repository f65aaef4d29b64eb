"""YAML as a tree with marks, built from parser events so that nothing hostile gets far.

Depth and size are limited while the events arrive, aliases included, so neither deep nesting nor a bomb of aliases
costs more than the limits. Duplicate keys are faults. Plain scalars mean what YAML 1.2 says and nothing more: only
``true`` and ``false`` are booleans and only plain decimal numbers are numbers; everything else (``yes``, ``on``,
``010``, ``1:30``, ``1_000``, dates) is the text that stands there, so that no value is silently another. Keys are
always text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml

from controller.config.problems import Fault, KeyPath, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
"""Levels of nesting, aliases followed; the deepest key of a real configuration is at 8."""
MAX_NODES = 100_000
"""Keys, values and collections, aliases followed: some 900 scalers with every key set."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(
    r"[-+]?((0|[1-9][0-9]{0,17})?\.[0-9]{1,17}([eE][-+]?[0-9]{1,2})?|(0|[1-9][0-9]{0,17})[eE][-+]?[0-9]{1,2})"
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Mark(NamedTuple):
    """A place in the file, 1-based."""

    line: int
    column: int


@dataclass(slots=True)
class Node:
    """A value with its place; ``value`` is a scalar, a list of nodes, or a dictionary of entries."""

    mark: Mark
    value: Any
    size: int = 1
    """Nodes in it, itself included, aliases followed."""
    height: int = 0
    """Levels below it, aliases followed."""

    def plain(self) -> Any:
        """Return the value without its marks."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        return self.value


class Entry(NamedTuple):
    """A key of a mapping: where it stands, and what it holds."""

    mark: Mark
    node: Node


class UnreadableError(Exception):
    """The file cannot be read past this place."""

    def __init__(self, mark: Mark, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.mark, self.path, self.message = mark, path, message


def scalar(text: str) -> Any:
    """Return what a plain scalar means: null, a boolean, an int, a float, or its own text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class TreeBuilder:
    """Builds one document's tree; what is wrong but can be read past is collected in ``faults``."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.faults: list[tuple[Mark, Fault]] = []
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def build(self) -> Node | None:
        """Return the document's root, or None if there is no document; raises UnreadableError and yaml.YAMLError."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, (), "a second document starts here; a configuration is one document")
        return root

    def _node(self, event: yaml.Event, path: KeyPath) -> Node:
        if len(path) > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        node = self._new(event, path)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _new(self, event: yaml.Event, path: KeyPath) -> Node:
        self._count(event, path, 1)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._fault(event, path, f"the tag {quote(tag)} is not used here; put text in quotes instead")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise TypeError(f"a node cannot begin with {event}")
        return Node(_mark(event), scalar(event.value) if event.implicit[0] else event.value)

    def _sequence(self, start: yaml.Event, path: KeyPath) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return _collection(_mark(start), items, items)

    def _mapping(self, start: yaml.Event, path: KeyPath) -> Node:
        entries: dict[str, Entry] = {}
        merged: list[Node] | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, is_plain = self._key(event, path)
            here = (*path, key)
            if key == "<<" and is_plain and merged is None:
                merged = self._merged(event, here)
                continue
            node = self._node(next(self._events), here)
            if key in entries:
                first = entries[key].mark.line
                self._fault(event, here, f"is a duplicate: the key stands already in line {first}")
            else:
                entries[key] = Entry(_mark(event), node)
        for mapping in merged or ():
            entries = mapping.value | entries
        return _collection(_mark(start), entries, [entry.node for entry in entries.values()])

    def _key(self, event: yaml.Event, path: KeyPath) -> tuple[str, bool]:
        """Return a key's text, and whether it stands without quotes."""
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, path, "a key must be text, not a collection or an alias")
        self._count(event, path, 1)
        if event.anchor is not None:
            self._stop(event, path, "a key cannot carry an anchor; put it on the value")
        return event.value, event.implicit[0]

    def _merged(self, key: yaml.Event, path: KeyPath) -> list[Node]:
        """Return the mappings that ``<<`` names, the strongest last; size is counted as if they stood here."""
        node = self._node(next(self._events), path)
        mappings = node.value if isinstance(node.value, list) else [node]
        if not all(isinstance(mapping.value, dict) for mapping in mappings):
            self._stop(key, path, "merges mappings only: write <<: *anchor of a mapping, or a list of them")
        return list(reversed(mappings))

    def _alias(self, event: yaml.AliasEvent, path: KeyPath) -> Node:
        if event.anchor not in self._anchors:
            self._stop(event, path, f"the alias {quote(event.anchor)} names no anchor above it")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, path, f"the alias {quote(event.anchor)} stands inside its own anchor")
        if len(path) + node.height > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} deep")
        self._count(event, path, node.size)
        return node

    def _count(self, event: yaml.Event, path: KeyPath, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, path, f"the file holds more than {MAX_NODES:,} values, aliases followed")

    def _fault(self, event: yaml.Event, path: KeyPath, message: str) -> None:
        self.faults.append((_mark(event), Fault(path, message, at_key=True)))

    def _stop(self, event: yaml.Event, path: KeyPath, message: str) -> NoReturn:
        raise UnreadableError(_mark(event), path, message)


def _collection(mark: Mark, value: Any, children: list[Node]) -> Node:
    size = 1 + sum(child.size for child in children)
    return Node(mark, value, size, 1 + max((child.height for child in children), default=0))


def _mark(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
