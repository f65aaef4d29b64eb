"""Text from outside, made fit to be shown: of AWS, of a configuration, of another machine's answer.

Whatever is not a letter, a sign or a plain space is written as its escape, so that no text can move the cursor, colour
what follows, turn its direction round, or begin a line of its own. A user and a password in a URL are masked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_USER_INFO = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]*://)
    (?!(?:\[[0-9a-f:.]*\]|[\w.-]*)(?::\d*)?(?:[/?\#\s"'<>]|$))  # a plain host is no user
    [^\s"'<>]*@""",
    re.IGNORECASE | re.VERBOSE,
)
"""What stands before the last @ of a URL. A password with a raw slash in it is masked too, though no URL allows it."""


def show(text: str) -> str:
    """Return a text from outside as one line that may go to a terminal, to a log and into ``/status``."""
    return make_printable(mask_user_info(text))


def show_source(line: str) -> str:
    """Return a line of a file as it may go to a terminal, and still be the file's line.

    Tabs and wide spaces stay, and the carriage return that ends a line on Windows: none of them moves the cursor back
    over anything.
    """
    shown = (
        each if each == "\t" or _is_space(each) else _escape(each) for each in mask_user_info(line.removesuffix("\r"))
    )
    return "".join(shown) + "\r" * line.endswith("\r")


def make_printable(text: str) -> str:
    r"""Return the text on one line: what cannot be seen is written as ``\n``, ``\x1b``, ``\u2028``."""
    if text.isprintable():
        return text
    return "".join(map(_escape, text))


def mask_user_info(text: str) -> str:
    """Return the text with ``***`` for the user and the password of each URL in it."""
    return _USER_INFO.sub(r"\g<scheme>***@", text) if "@" in text else text


def convert_texts(value: Any, convert: Callable[[str], str]) -> Any:
    """Return plain data with every text in it converted, keys too."""
    if isinstance(value, str):
        return convert(str(value))
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {convert_texts(key, convert): convert_texts(inner, convert) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [convert_texts(inner, convert) for inner in value]
    return value


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    # No-break and ideographic spaces do no harm, and people write them.
    return " " if _is_space(character) else character.encode("unicode_escape").decode("ascii")


def _is_space(character: str) -> bool:
    return unicodedata.category(character) == "Zs"
