"""Edits: keys of a scaler changed in the text of a configuration file, and nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from functools import lru_cache
from io import StringIO
from typing import Any, NamedTuple

import yaml

from controller.config.schema import Scaler

INDENT = "  "
NO_END = "\\ No newline at end of file"
"""What a diff says below a last line that no line feed ends."""
_ALIAS = re.compile(r"\*[^\s,\[\]{}]+")
WIDEST = 200
"""Spaces before a comment that stands in a column with others, at most."""


class _Span(NamedTuple):
    """A part of a text, and what takes its place."""

    start: int
    end: int
    text: str


def edit(text: str, scaler: int, changes: Mapping[str, str]) -> str:
    """Return a configuration's text with dotted keys of its ``scaler``-th scaler set to values, written as YAML.

    A key that is there gets the value in its place; one that is missing is added where the schema has it, after the
    keys that come before it. An item of a list is named by its number. Comments stay. Raises ValueError when the text
    has no such scaler, or something else than a mapping stands in the way.
    """
    node = _find_scaler(text, scaler)
    spans = sorted((_change(text, node, key, value) for key, value in changes.items()), reverse=True)
    for span in spans:
        text = text[: span.start] + span.text + text[span.end :]
    return text


def list_changes(path: str, before: str, after: str) -> list[str]:
    """Return the lines of a unified diff of a file, as ``patch`` takes it: lines end at line feeds alone."""
    lines: Iterable[str] = unified_diff(list(StringIO(before)), list(StringIO(after)), path, path, n=2)
    return [each for line in lines for each in (line.removesuffix("\n"), *([] if line.endswith("\n") else [NO_END]))]


def split_values(text: str) -> list[str]:
    """Return the values that stand in a text with commas between: numbers, words, or YAML or JSON in brackets.

    Raises ValueError when it is none of it.
    """
    written = f"[{text}]"
    try:
        root = yaml.compose(written, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        said = str(getattr(error, "problem", None) or "it is nested too deeply")
        raise ValueError(f"{text!r} cannot be read as values with commas between: {said}") from error
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise ValueError("there is no value")
    return [written[each.start_mark.index : each.end_mark.index] for each in root.value]


@lru_cache(maxsize=1)
def _find_scaler(text: str, scaler: int) -> yaml.MappingNode:
    root = yaml.compose(text, yaml.SafeLoader)
    scalers = next((value for key, value in getattr(root, "value", ()) if key.value == "scalers"), None)
    found = scalers.value[scaler] if isinstance(scalers, yaml.SequenceNode) else None
    if not isinstance(found, yaml.MappingNode):
        raise ValueError("the file has no such scaler")  # noqa: TRY004 - of a text
    return found


def _change(text: str, node: yaml.Node, key: str, value: str) -> _Span:
    """Return what is to be changed for one key."""
    above: list[str] = []
    *parents, last = key.split(".")
    for depth, part in enumerate(parents):
        found = _find(node, part)
        if found is None:
            return _add(text, _require_mapping(node, key), above, [*parents[depth:], last], value)
        node = found[1]
        above.append(part)
    found = _find(node, last)
    return (
        _add(text, _require_mapping(node, key), above, [last], value) if found is None else _replace(text, found, value)
    )


def _find(node: yaml.Node, part: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return a key of a mapping with its value, or an item of a list, twice; None: there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        return node.value[int(part)], node.value[int(part)]
    return None


def _require_mapping(node: yaml.Node, key: str) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{key}: line {node.start_mark.line + 1} is not a mapping")  # noqa: TRY004 - of a text
    return node


def _replace(text: str, found: tuple[yaml.Node, yaml.Node], value: str) -> _Span:
    key, node = found
    if (alias := _find_alias(text, node, key.end_mark.index)) is not None:
        return _keep_comment(text, _Span(*alias.span(), value))  # What it stands for is above, and stays.
    start, end = node.start_mark.index, _end_of(text, node)
    if start == end:
        return _Span(start, end, f" {value}")  # Nothing stands behind the colon.
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return _keep_comment(text, _Span(start, end, value))
    # A block goes, and the value stands behind the colon; comments between the two stay.
    colon = text.index(":", key.end_mark.index) + 1
    between = text[colon : _begin_of_line(text, start)].rstrip()
    return _Span(colon, end, f" {value}{between}")


def _keep_comment(text: str, span: _Span) -> _Span:
    """Return a span that leaves the comment behind it in its column, as long as there is room for a longer value."""
    rest = text[span.end : span.end + len(span.text) + WIDEST]
    gap = len(rest) - len(rest.lstrip(" "))
    left = gap - (len(span.text) - (span.end - span.start))
    if not rest[gap:].startswith("#") or left < 1:
        return span
    return _Span(span.start, span.end + gap, span.text + " " * left)


def _find_alias(text: str, node: yaml.Node, behind: int) -> re.Match[str] | None:
    """Return the alias that stands ``behind`` a place for a value; None: the value itself stands there."""
    return _ALIAS.search(text, behind) if node.start_mark.index < behind else None


def _end_of(text: str, node: yaml.Node, behind: int = 0) -> int:
    """Return where a value ends that stands ``behind`` a place, by itself or as an alias.

    Of a block that is without the lines and comments that follow what is last in it.
    """
    start = max(behind, node.start_mark.index)
    while (alias := _find_alias(text, node, behind)) is None:
        if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
            return max(start, len(text[: node.end_mark.index].rstrip()))
        last = node.value[-1]
        behind = last[0].end_mark.index if isinstance(last, tuple) else node.start_mark.index
        node = last[1] if isinstance(last, tuple) else last
    return alias.end()


def _add(text: str, node: yaml.MappingNode, above: Sequence[str], parts: Sequence[str], value: str) -> _Span:
    """Return the keys ``parts``, each within the one before, added to a mapping that is under the keys ``above``."""
    before = _find_end_before(text, node, _list_keys(above), parts[0])
    if node.flow_style:
        for part in reversed(parts[1:]):
            value = f"{{{part}: {value}}}"
        at = text.index("{", node.start_mark.index) + 1 if before is None else before
        return _Span(at, at, f"{'' if before is None else ', '}{parts[0]}: {value}")
    # A mapping begins with its anchor, which may stand on the line before.
    column = min(name.start_mark.column for name, _ in node.value)
    lines = [f"{' ' * column}{INDENT * depth}{part}:" for depth, part in enumerate(parts)]
    lines[-1] += f" {value}"
    end = "\r\n" if "\r\n" in text else "\n"
    at = _end_of_lines(text, _end_of(text, node) if before is None else before, column)
    opening = "" if text[:at].endswith("\n") else end
    return _Span(at, at, opening + end.join(lines) + end)


def _find_end_before(text: str, node: yaml.MappingNode, order: Sequence[str], key: str) -> int | None:
    """Return the end of the value after which a new key belongs, by the order of keys, else the last; None: none is."""
    if not node.value:
        return None
    places = {name: place for place, name in enumerate(order)}
    earlier = [pair for pair in node.value if places.get(pair[0].value, len(order)) < places.get(key, 0)]
    name, value = max(earlier, key=lambda pair: places[pair[0].value], default=node.value[-1])
    return _end_of(text, value, name.end_mark.index)


def _list_keys(above: Sequence[str]) -> Sequence[str]:
    """Return the keys of a scaler, or of a section of it, in the order of the schema; none if it is no section."""
    section: Any = Scaler
    for name in above:
        field = getattr(section, "model_fields", {}).get(name)
        section = None if field is None else field.annotation
    return list(getattr(section, "model_fields", ()))


def _end_of_lines(text: str, at: int, column: int) -> int:
    """Return where the line of a place ends, and the comments below it that are further in than a column."""
    end = at = _next_line(text, at)
    while at < len(text):
        following = _next_line(text, at)
        line = text[at:following].strip()
        if line and (not line.startswith("#") or text.index("#", at) - at <= column):
            break
        end, at = (following if line else end), following
    return end


def _next_line(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def _begin_of_line(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1
