"""A YAML document, built from the parser's events: as plain values, or as a tree whose nodes know their place.

A configuration of ten thousand scalers has half a million values, and places are asked for only where something is
wrong. So the values are built first, without places, and the tree when there is something to be located.

Depth and size are limited while the events arrive, and an alias counts as much as what it stands for. So neither deep
nesting nor a bomb of aliases costs more than the limits allow.

Duplicate keys are refused. Keys are always text; what plain scalars mean is in scalars.py.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml

from controller.config.problems import Finding, KeyPath
from controller.config.scalars import Readings
from controller.config.wording import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
"""Levels of nesting, with aliases followed. The deepest key of a real configuration is at level 8."""
MAX_NODES = 1_000_000
"""Keys, values and collections, with aliases followed. It is enough for 10,000 scalers with 45 keys each."""


class Mark(NamedTuple):
    """A place in the file, 1-based."""

    line: int
    column: int


@dataclass(slots=True)
class Node:
    """A value with its place. ``value`` is a scalar, a list of nodes, or a dictionary of entries."""

    mark: Mark
    value: Any


class Entry(NamedTuple):
    """A key of a mapping: its place, and the value under it."""

    mark: Mark
    node: Node


class _Anchored(NamedTuple):
    """What an alias stands for."""

    node: Any
    size: int
    """The number of nodes in it, itself included, with aliases followed."""
    height: int
    """The number of levels below it, with aliases followed."""


class UnreadableError(Exception):
    """The file cannot be read past this place."""

    def __init__(self, mark: Mark, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.mark, self.path, self.message = mark, path, message


class ValueBuilder:
    """Builds one document as dictionaries, lists and scalars. An alias is the very object that it stands for."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.is_flawed = False
        """Whether there is a mistake in it although it can be read: a TreeBuilder tells what and where."""
        self._events = events
        self._anchors: dict[str, _Anchored | None] = {}
        self._readings = Readings()
        self._nodes = 0
        self._deepest = 0

    def build(self) -> Any:
        """Return the document, or None if there is none. Raises UnreadableError and yaml.YAMLError."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._build_node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, (), "a second YAML document starts here: a configuration must be a single one")
        return root

    def _make(self, _event: yaml.Event, value: Any) -> Any:
        """Return the node of a value that begins with the event."""
        return value

    def _enter(self, _key: yaml.Event, node: Any) -> Any:
        """Return what stands in a mapping for a key and the node under it."""
        return node

    def _value_of(self, node: Any) -> Any:
        """Return the value of a node."""
        return node

    def _note_tag(self, _event: yaml.Event, _path: KeyPath, _tag: str) -> None:
        self.is_flawed = True

    def _note_duplicate(self, _key: yaml.Event, _path: KeyPath, _first: Any) -> None:
        self.is_flawed = True

    def _build_node(self, event: yaml.Event, path: KeyPath) -> Any:
        depth = len(path)
        if depth > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._follow_alias(event, path)
        anchor = getattr(event, "anchor", None)
        if anchor is None:
            self._deepest = max(self._deepest, depth)
            return self._build_new_node(event, path)
        self._anchors[anchor] = None
        nodes, deepest = self._nodes, self._deepest
        self._deepest = depth
        node = self._build_new_node(event, path)
        self._anchors[anchor] = _Anchored(node, self._nodes - nodes, self._deepest - depth)
        self._deepest = max(self._deepest, deepest)
        return node

    def _build_new_node(self, event: yaml.Event, path: KeyPath) -> Any:
        self._count(event, path, 1)
        if (tag := getattr(event, "tag", None)) is not None:
            self._note_tag(event, path, tag)
        if isinstance(event, yaml.ScalarEvent):
            return self._make(event, self._readings[event.value] if event.implicit[0] else event.value)
        if isinstance(event, yaml.MappingStartEvent):
            return self._make(event, self._build_mapping(path))
        if not isinstance(event, yaml.SequenceStartEvent):
            raise TypeError(f"a node cannot begin with {event}")
        return self._make(event, self._build_sequence(path))

    def _build_sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._build_node(event, (*path, len(items))))
        return items

    def _build_mapping(self, path: KeyPath) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        merged: list[Any] | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, is_plain = self._read_key(event, path)
            here = (*path, key)
            if key == "<<" and is_plain and merged is None:
                merged = self._build_merged(event, here)
                continue
            node = self._build_node(next(self._events), here)
            if key in entries:
                self._note_duplicate(event, here, entries[key])
            else:
                entries[key] = self._enter(event, node)
        for mapping in merged or ():
            entries = self._value_of(mapping) | entries
        return entries

    def _read_key(self, event: yaml.Event, path: KeyPath) -> tuple[str, bool]:
        """Return the text of a key, and whether it is written without quotes."""
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, path, "a key must be text, not a list, a mapping or an alias")
        self._count(event, path, 1)
        if event.anchor is not None:
            self._stop(event, path, "a key cannot have an anchor: put it on the value instead")
        return sys.intern(event.value), event.implicit[0]

    def _build_merged(self, key: yaml.Event, path: KeyPath) -> list[Any]:
        """Return the mappings that ``<<`` merges, the strongest last. They count as if they were written here."""
        deepest, self._deepest = self._deepest, 0
        node = self._build_node(next(self._events), path)
        value = self._value_of(node)
        is_list = isinstance(value, list)
        # What is merged is no level of its own, however it is written.
        self._deepest = max(deepest, self._deepest - (2 if is_list else 1))
        mappings = value if is_list else [node]
        if not all(isinstance(self._value_of(mapping), dict) for mapping in mappings):
            self._stop(key, path, "can only merge mappings: give it an alias of a mapping, or a list of such aliases")
        return list(reversed(mappings))

    def _follow_alias(self, event: yaml.AliasEvent, path: KeyPath) -> Any:
        if event.anchor not in self._anchors:
            self._stop(event, path, f"the alias {quote(event.anchor)} has no anchor above it")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._stop(event, path, f"the alias {quote(event.anchor)} is inside the value that it stands for")
        self._deepest = max(self._deepest, len(path) + anchored.height)
        if self._deepest > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} levels deep")
        self._count(event, path, anchored.size)
        return anchored.node

    def _count(self, event: yaml.Event, path: KeyPath, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, path, f"the file has more than {MAX_NODES:,} values when its aliases are followed")

    def _stop(self, event: yaml.Event, path: KeyPath, message: str) -> NoReturn:
        raise UnreadableError(_locate(event), path, message)


class TreeBuilder(ValueBuilder):
    """Builds the tree of one document, of nodes. ``findings`` collects what is wrong although it can be read."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        super().__init__(events)
        self.findings: list[tuple[Mark, Finding]] = []

    def _make(self, event: yaml.Event, value: Any) -> Node:
        return Node(_locate(event), value)

    def _enter(self, key: yaml.Event, node: Node) -> Entry:
        return Entry(_locate(key), node)

    def _value_of(self, node: Node) -> Any:
        return node.value

    def _note_tag(self, event: yaml.Event, path: KeyPath, tag: str) -> None:
        message = f"the tag {quote(tag)} is not supported: remove it, or put the text in quotes"
        self._add_finding(event, path, message)

    def _note_duplicate(self, key: yaml.Event, path: KeyPath, first: Entry) -> None:
        message = f"is a duplicate: the key is already in line {first.mark.line}; remove one of the two"
        self._add_finding(key, path, message)

    def _add_finding(self, event: yaml.Event, path: KeyPath, message: str) -> None:
        self.findings.append((_locate(event), Finding(path, message, at_key=True)))


def _locate(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
