from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.cli.progress import follow
from tests.support.aws import eventually


def test_off_a_terminal_a_line_is_said_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, also while nothing is done yet; and then no more."""
    said: list[str] = []

    def hear(line: str) -> bool:
        said.extend(capsys.readouterr().err.splitlines())
        return any(each.startswith(line) for each in said)

    def work() -> Iterator[int]:
        eventually(lambda: hear("simulating: 0 of 2 done after "))
        yield 1
        eventually(lambda: hear("simulating: 1 of 2 done after "))
        yield 2

    assert [1, 2] == list(follow(work(), 2, "simulating", every=0.01))
    capsys.readouterr()


def test_what_is_done_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has waited."""
    assert [1, 2, 3] == list(follow([1, 2, 3], 3, "simulating"))
    assert ("", "") == capsys.readouterr()
