"""Reading a document that may be incomplete, or hold values of the wrong types: the rules share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from controller.config.durations import parse_duration
from controller.config.problems import Finding, KeyPath
from controller.config.wording import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from controller.config.fields import Section

T = TypeVar("T")


def get(data: Any, kind: type[T], *keys: str) -> T | None:
    """Return the value under ``keys`` if it exists and is of that kind, else None."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    value: T | None = data if type(data) is kind else None
    return value


def get_or_default(data: Any, kind: type[T], section: type[Section], key: str) -> T | None:
    """Return the value of a key of a section, or the section's default if the key is left out.

    None if the value is not of that kind, or if ``data`` is no mapping.
    """
    if isinstance(data, dict) and key not in data:
        default: T = section.model_fields[key].default
        return default
    return get(data, kind, key)


def get_duration(data: Any, *keys: str, default: float | None = None) -> float | None:
    """Return the duration under ``keys`` in seconds, the default if it is left out, or None if it is no duration."""
    for key in keys[:-1]:
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, dict) or keys[-1] not in data:
        return default
    try:
        return parse_duration(data[keys[-1]])
    except ValueError:
        return None


def find_repeated(places: Iterable[tuple[KeyPath, Any]]) -> Iterator[Finding]:
    """Find the words of a list that are in it twice, each once, at its second place."""
    seen: set[str] = set()
    reported: set[str] = set()
    for path, word in places:
        if isinstance(word, str):
            if word in seen and word not in reported:
                reported.add(word)
                yield Finding(path, f"{quote(word)} is listed twice: remove one of the two")
            seen.add(word)
