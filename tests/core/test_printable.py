"""What comes from outside, on its way to a terminal, a log or ``/status``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.printable import convert_texts, mask_user_info, show, show_source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no room", "no room"),
        ("x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m", r"x\n\x1b[31mscaler s0: launch 99 containers\x1b[0m"),
        ("a\r\tb\x00", r"a\r\tb\x00"),
        ("\x7f\x85\x9b31m", r"\x7f\x85\x9b31m"),
        ("one\u2028two\u2029", r"one\u2028two\u2029"),
        ("\u202egnp.exe\u2066\u200f", r"\u202egnp.exe\u2066\u200f"),
        ("half a pair \ud800", r"half a pair \ud800"),
        ("You\u2019ve reached the limit, \u00fcber\u00a0all", "You\u2019ve reached the limit, \u00fcber all"),
    ],
    ids=["plain", "escape sequence", "controls", "C1", "line separators", "direction", "surrogate", "letters"],
)
def test_what_cannot_be_seen_is_written_as_its_escape(text: str, expected: str) -> None:
    """Letters and signs of any script stay."""
    assert expected == show(text)


def test_a_line_of_a_file_stays_what_it_is() -> None:
    """Tabs, wide spaces and the carriage return at its end do no harm; all else does, and passwords are not shown."""
    assert "a\tb\u3000c\r" == show_source("a\tb\u3000c\r")
    assert r"a\rb\x1b[2J\u2028" == show_source("a\rb\x1b[2J\u2028")
    assert "http://***@host" == show_source("http://me:secret@host")


@given(st.text(st.characters()))
def test_any_text_is_one_printable_line(text: str) -> None:
    """Whatever it is made of."""
    shown = show(text)
    assert (True, 1) == (shown.isprintable(), len(f"{shown}.".splitlines()))


@given(st.text(st.characters()))
def test_what_was_shown_is_shown_alike(text: str) -> None:
    """Text that passes twice is not changed the second time."""
    assert show(text) == show(show(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://user:secret@proxy:3128", "http://***@proxy:3128"),
        ('to "https://user:secret@host/1/q" and ftp://u:p@h', 'to "https://***@host/1/q" and ftp://***@h'),
        ("HTTPS://user@host", "HTTPS://***@host"),
        ("http://:secret@host", "http://***@host"),
        ("http://user:p@ss@host/a", "http://***@host/a"),
        ("http://user:pa/ss@host", "http://***@host"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("https://sqs.us-east-1.amazonaws.com/1/q", "https://sqs.us-east-1.amazonaws.com/1/q"),
        ("ada@example.com", "ada@example.com"),
        ("registry/image@sha256:ab", "registry/image@sha256:ab"),
    ],
)
def test_who_logs_in_with_what_is_masked(text: str, expected: str) -> None:
    """A user and a password before the host of a URL; an @ behind the host is none."""
    assert expected == mask_user_info(text)


def test_every_text_of_a_document_is_converted() -> None:
    """Keys too, however deep they are; numbers and what is unknown stay."""
    document = {"a\n": ["b\x1b", {"c": ("http://u:p@h", 1, None, True)}]}
    assert {r"a\n": [r"b\x1b", {"c": ["http://***@h", 1, None, True]}]} == convert_texts(document, show)
