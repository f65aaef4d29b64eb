"""What plain scalars mean: what YAML 1.2 says and nothing more.

Only ``true`` and ``false`` are booleans, and only plain decimal numbers are numbers. Everything else (``yes``, ``on``,
``010``, ``1:30``, ``1_000``, dates) is the text that is written there, so that no value silently becomes another.
"""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(
    r"[-+]?((0|[1-9][0-9]{0,17})?\.[0-9]{1,17}([eE][-+]?[0-9]{1,2})?|(0|[1-9][0-9]{0,17})[eE][-+]?[0-9]{1,2})"
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def read_scalar(text: str) -> Any:
    """Return what a plain scalar means: null, a boolean, an int, a float, or its own text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class Readings(dict[str, Any]):
    """What plain scalars mean, each read once: most of a large configuration is the same few words."""

    def __missing__(self, text: str) -> Any:
        value = self[text] = read_scalar(text)
        return value
