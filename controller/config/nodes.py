"""A YAML document as a tree whose nodes know their place in the file, built from the parser's events.

Depth and size are limited while the events arrive, and an alias counts as much as what it stands for. So neither deep
nesting nor a bomb of aliases costs more than the limits allow.

Duplicate keys are refused. Plain scalars mean what YAML 1.2 says and nothing more: only ``true`` and ``false`` are
booleans, and only plain decimal numbers are numbers. Everything else (``yes``, ``on``, ``010``, ``1:30``, ``1_000``,
dates) is the text that is written there, so that no value silently becomes another. Keys are always text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml

from controller.config.problems import Finding, KeyPath
from controller.config.wording import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 32
"""Levels of nesting, with aliases followed. The deepest key of a real configuration is at level 8."""
MAX_NODES = 100_000
"""Keys, values and collections, with aliases followed. It is enough for some 900 scalers with every key set."""

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
    """A value with its place. ``value`` is a scalar, a list of nodes, or a dictionary of entries."""

    mark: Mark
    value: Any
    size: int = 1
    """The number of nodes in it, itself included, with aliases followed."""
    height: int = 0
    """The number of levels below it, with aliases followed."""

    def to_plain(self) -> Any:
        """Return the value as dictionaries, lists and scalars, without places."""
        if isinstance(self.value, list):
            return [item.to_plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: entry.node.to_plain() for key, entry in self.value.items()}
        return self.value


class Entry(NamedTuple):
    """A key of a mapping: its place, and the value under it."""

    mark: Mark
    node: Node


class UnreadableError(Exception):
    """The file cannot be read past this place."""

    def __init__(self, mark: Mark, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.mark, self.path, self.message = mark, path, message


def read_scalar(text: str) -> Any:
    """Return what a plain scalar means: null, a boolean, an int, a float, or its own text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class TreeBuilder:
    """Builds the tree of one document. ``findings`` collects what is wrong with it although it can be read."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.findings: list[tuple[Mark, Finding]] = []
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def build(self) -> Node | None:
        """Return the root of the document, or None if there is none. Raises UnreadableError and yaml.YAMLError."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._build_node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, (), "a second YAML document starts here: a configuration must be a single one")
        return root

    def _build_node(self, event: yaml.Event, path: KeyPath) -> Node:
        if len(path) > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._follow_alias(event, path)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        node = self._build_new_node(event, path)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _build_new_node(self, event: yaml.Event, path: KeyPath) -> Node:
        self._count(event, path, 1)
        tag = getattr(event, "tag", None)
        if tag is not None:
            message = f"the tag {quote(tag)} is not supported: remove it, or put the text in quotes"
            self._add_finding(event, path, message)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._build_sequence(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._build_mapping(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise TypeError(f"a node cannot begin with {event}")
        return Node(_locate(event), read_scalar(event.value) if event.implicit[0] else event.value)

    def _build_sequence(self, start: yaml.Event, path: KeyPath) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._build_node(event, (*path, len(items))))
        return _build_collection(_locate(start), items, items)

    def _build_mapping(self, start: yaml.Event, path: KeyPath) -> Node:
        entries: dict[str, Entry] = {}
        merged: list[Node] | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, is_plain = self._read_key(event, path)
            here = (*path, key)
            if key == "<<" and is_plain and merged is None:
                merged = self._build_merged(event, here)
                continue
            node = self._build_node(next(self._events), here)
            if key in entries:
                first = entries[key].mark.line
                message = f"is a duplicate: the key is already in line {first}; remove one of the two"
                self._add_finding(event, here, message)
            else:
                entries[key] = Entry(_locate(event), node)
        for mapping in merged or ():
            entries = mapping.value | entries
        return _build_collection(_locate(start), entries, [entry.node for entry in entries.values()])

    def _read_key(self, event: yaml.Event, path: KeyPath) -> tuple[str, bool]:
        """Return the text of a key, and whether it is written without quotes."""
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, path, "a key must be text, not a list, a mapping or an alias")
        self._count(event, path, 1)
        if event.anchor is not None:
            self._stop(event, path, "a key cannot have an anchor: put it on the value instead")
        return event.value, event.implicit[0]

    def _build_merged(self, key: yaml.Event, path: KeyPath) -> list[Node]:
        """Return the mappings that ``<<`` merges, the strongest last. They count as if they were written here."""
        node = self._build_node(next(self._events), path)
        mappings = node.value if isinstance(node.value, list) else [node]
        if not all(isinstance(mapping.value, dict) for mapping in mappings):
            self._stop(key, path, "can only merge mappings: give it an alias of a mapping, or a list of such aliases")
        return list(reversed(mappings))

    def _follow_alias(self, event: yaml.AliasEvent, path: KeyPath) -> Node:
        if event.anchor not in self._anchors:
            self._stop(event, path, f"the alias {quote(event.anchor)} has no anchor above it")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, path, f"the alias {quote(event.anchor)} is inside the value that it stands for")
        if len(path) + node.height > MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} levels deep")
        self._count(event, path, node.size)
        return node

    def _count(self, event: yaml.Event, path: KeyPath, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, path, f"the file has more than {MAX_NODES:,} values when its aliases are followed")

    def _add_finding(self, event: yaml.Event, path: KeyPath, message: str) -> None:
        self.findings.append((_locate(event), Finding(path, message, at_key=True)))

    def _stop(self, event: yaml.Event, path: KeyPath, message: str) -> NoReturn:
        raise UnreadableError(_locate(event), path, message)


def _build_collection(mark: Mark, value: Any, children: list[Node]) -> Node:
    size = 1 + sum(child.size for child in children)
    return Node(mark, value, size, 1 + max((child.height for child in children), default=0))


def _locate(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
