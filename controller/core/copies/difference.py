"""The difference between a derived revision and its template, in lines that read like a unified diff.

A textual diff of the two would show k copies as k new containers. Here each container is compared with the one that
it was made from, so only what a copy changes is left.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import copy_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_VALUE_LENGTH: Final = 160
"""Characters of a value that are shown; a longer one, such as the keeper's script, is cut."""

_CONTAINERS: Final = "containerDefinitions"


def compare_definitions(
    template: Mapping[str, Any], derived: Mapping[str, Any], worker: str, k: int
) -> tuple[str, ...]:
    """Return a line for each value that only ``template`` (``-``) or only ``derived`` (``+``) has.

    Both are in RegisterTaskDefinition's form. Sections begin with ``@@``: the task, then each container that differs
    from the one it was made from. Lists are compared item by item, whatever their order. The template itself
    has no lines.
    """
    if derived == template:
        return ()
    return (
        *_compare("task", _drop_containers(template), _drop_containers(derived)),
        *_compare_containers(template, derived, worker, k),
    )


def _compare_containers(template: Mapping[str, Any], derived: Mapping[str, Any], worker: str, k: int) -> Iterator[str]:
    originals = {container["name"]: container for container in template[_CONTAINERS]}
    copies = copy_names(worker, k)
    unchanged = []
    for container in derived[_CONTAINERS]:
        name = container["name"]
        if name in copies and name != worker:
            lines = _compare(f"container {name}, a copy of {worker}", originals[worker], container)
        elif name in originals:
            lines = _compare(f"container {name}", originals[name], container)
        else:
            lines = _compare(f"container {name}, new", {}, container)
        if not lines:
            unchanged.append(name)
        yield from lines
    if unchanged:
        yield f"@@ unchanged: {', '.join(unchanged)} @@"


def _drop_containers(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != _CONTAINERS}


def _compare(title: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a heading and the lines below it; nothing if there is no difference."""
    had, has = Counter(_list_leaves(before)), Counter(_list_leaves(after))
    removed, added = had - has, has - had
    lines: list[str] = []
    for path in dict.fromkeys(path for path, _ in (*had, *has)):
        for sign, leaves in (("-", removed), ("+", added)):
            lines += [f"{sign}{path}: {value}" for where, value in leaves.elements() if where == path]
    return (f"@@ {title} @@", *lines) if lines else ()


def _list_leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value; all items of a list have the path of the list."""
    if isinstance(value, dict) and (value or not path):
        for name, member in value.items():
            yield from _list_leaves(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        # An empty list yields nothing, since ECS describes many members that were never set as empty lists.
        for item in value:
            yield path, _format_value(item)
    else:
        yield path, _format_value(value)


def _format_value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    return f"{text[:MAX_VALUE_LENGTH]}... ({len(text)} characters)"
