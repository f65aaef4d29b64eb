"""The difference of a derived revision from its template, in lines that read like a unified diff.

A diff of the two as text would show k copies as k new containers. Here each container is held against the one that
it is made from, so that only what a copy changes is left.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import copy_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_VALUE_LENGTH: Final = 160
"""Characters of a value that are shown; the keeper's script, say, is cut."""

_CONTAINERS: Final = "containerDefinitions"


def difference(template: Mapping[str, Any], derived: Mapping[str, Any], worker: str, k: int) -> tuple[str, ...]:
    """Return what ``derived`` has (``+``) and ``template`` has not (``-``), both in RegisterTaskDefinition's form.

    Sections begin with ``@@``: the task, then each container that differs from the one it is made from. Lists are
    compared item by item, their order apart. Nothing for k = 1, which is the template itself.
    """
    if k == 1:
        return ()
    return (
        *_section("task", _without_containers(template), _without_containers(derived)),
        *_containers(template, derived, worker, k),
    )


def _containers(template: Mapping[str, Any], derived: Mapping[str, Any], worker: str, k: int) -> Iterator[str]:
    originals = {container["name"]: container for container in template[_CONTAINERS]}
    copies = copy_names(worker, k)
    unchanged = []
    for container in derived[_CONTAINERS]:
        name = container["name"]
        if name in copies:
            lines = _section(f"container {name}, a copy of {worker}", originals[worker], container)
        elif name in originals:
            lines = _section(f"container {name}", originals[name], container)
        else:
            lines = _section(f"container {name}, new", {}, container)
        if not lines:
            unchanged.append(name)
        yield from lines
    if unchanged:
        yield f"@@ unchanged: {', '.join(unchanged)} @@"


def _without_containers(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != _CONTAINERS}


def _section(title: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a heading and the lines below it; nothing if there is no difference."""
    had, has = Counter(_leaves(before)), Counter(_leaves(after))
    removed, added = had - has, has - had
    lines: list[str] = []
    for path in dict.fromkeys(path for path, _ in (*had, *has)):
        for sign, leaves in (("-", removed), ("+", added)):
            lines += [f"{sign}{path}: {value}" for where, value in leaves.elements() if where == path]
    return (f"@@ {title} @@", *lines) if lines else ()


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value with its path. Lists are at one path: an empty one is as good as none."""
    if isinstance(value, dict) and (value or not path):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield path, _shown(item)
    else:
        yield path, _shown(value)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    return f"{text[:MAX_VALUE_LENGTH]}... ({len(text)} characters)"
