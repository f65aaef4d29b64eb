"""Edits: one key of a scaler changed in the text of a configuration file, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff

import yaml

INDENT = "  "


def edit(text: str, scaler: int, key: str, value: str) -> str:
    """Return a configuration's text with a dotted key of its ``scaler``-th scaler set to ``value``, as YAML.

    A key that is there gets the value in its place; one that is missing is added at the top of what it belongs to.
    Raises ValueError when the text has no such scaler, or something else than a mapping stands in the way.
    """
    node = _find_scaler(text, scaler)
    parts = key.split(".")
    while True:
        found = next((pair for pair in node.value if pair[0].value == parts[0]), None)
        if found is None:
            return _add(text, node, parts, value)
        if len(parts) == 1:
            start, end = found[1].start_mark.index, _end_of(found[1])
            return text[:start] + value + text[end:]
        node, parts = found[1], parts[1:]
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{key}: line {node.start_mark.line + 1} is no mapping")  # noqa: TRY004 - of a text


def list_changes(path: str, before: str, after: str) -> list[str]:
    """Return the lines of a unified diff of a file."""
    lines: Iterable[str] = unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="", n=2)
    return list(lines)


def _find_scaler(text: str, scaler: int) -> yaml.MappingNode:
    root = yaml.compose(text, yaml.SafeLoader)
    scalers = next((value for key, value in getattr(root, "value", ()) if key.value == "scalers"), None)
    found = scalers.value[scaler] if isinstance(scalers, yaml.SequenceNode) else None
    if not isinstance(found, yaml.MappingNode):
        raise ValueError("the file has no such scaler")  # noqa: TRY004 - of a text
    return found


def _end_of(node: yaml.Node) -> int:
    """Return where a value ends: of a block, without the lines and comments that follow what is last in it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return end


def _add(text: str, node: yaml.MappingNode, parts: list[str], value: str) -> str:
    """Return the text with a key added before the first of a mapping."""
    if node.flow_style:
        at = node.start_mark.index + 1
        inner = value
        for part in reversed(parts[1:]):
            inner = f"{{{part}: {inner}}}"
        return f"{text[:at]}{parts[0]}: {inner}{', ' if node.value else ''}{text[at:]}"
    at, column = node.start_mark.index, " " * node.start_mark.column
    lines = [f"{INDENT * depth}{part}:" for depth, part in enumerate(parts)]
    lines[-1] += f" {value}"
    return text[:at] + "".join(f"{line}\n{column}" for line in lines) + text[at:]
