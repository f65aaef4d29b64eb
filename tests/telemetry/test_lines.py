from __future__ import annotations

import os
import resource
import sys
from contextlib import contextmanager, suppress
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from controller.telemetry.lines import Lines
from tests.support.aws import eventually
from tests.support.daemon import SOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def piped() -> Iterator[int]:
    """Put a pipe in the place of standard error, and give the end that is read.

    No fixture: pytest's own capturing comes between a fixture and its test.
    """
    read_end, write_end = os.pipe()
    before = sys.stderr
    sys.stderr = os.fdopen(write_end, "w")
    try:
        yield read_end
    finally:
        sys.stderr.close()
        sys.stderr = before
        with suppress(OSError):
            os.close(read_end)


def started(most: int = 100_000) -> Lines:
    lines = Lines(most)
    lines.start()
    lines.start()
    return lines


def test_lines_are_written_in_order() -> None:
    """What is written arrives whole and in its order, whatever its characters."""
    with piped() as pipe:
        lines = started()
        for line in ("one\n", "zwei \N{SNOWMAN}\n", "three \udc80\n"):
            lines.write(line)
        assert lines.drain(SOON)
        assert "one\nzwei \N{SNOWMAN}\nthree \\udc80\n".encode() == os.read(pipe, 1000)
        assert 0 == lines.dropped


def test_a_reader_that_reads_nothing_costs_the_oldest_lines() -> None:
    """Whoever writes never waits for a full pipe: the oldest lines that wait are lost and counted, the newest come."""
    with piped() as pipe:
        lines = started(most=10_000)
        count = 2000
        for number in range(count):
            lines.write(f"{number:099}\n")
        assert not lines.drain(0)
        assert 0 < lines.dropped < count
        arrived = b""
        while len(arrived) < (count - lines.dropped) * 100:
            arrived += os.read(pipe, 1 << 16)
        assert lines.drain(SOON)
        numbers = [int(line) for line in arrived.splitlines()]
        assert sorted(numbers) == numbers
        assert list(range(count - 100, count)) == numbers[-100:]
        assert count == len(numbers) + lines.dropped


def test_a_reader_that_is_gone_costs_lines() -> None:
    """A pipe whose reader has ended loses lines, one after the other, and raises nothing."""
    with piped() as pipe:
        os.close(pipe)
        lines = started()
        lines.write("one\n")
        lines.write("two\n")
        assert lines.drain(SOON)
        assert 2 == lines.dropped


def test_a_reader_that_comes_late() -> None:
    """A pipe that does not block, as whoever started us may have made it, is waited for."""
    with piped() as pipe:
        os.set_blocking(sys.stderr.fileno(), False)
        lines = started(most=1_000_000)
        text = "x" * 200_000 + "\n"
        lines.write(text)
        arrived = b""
        while len(arrived) < len(text):
            arrived += os.read(pipe, 1 << 16)
        assert text.encode() == arrived
        assert lines.drain(SOON)


@pytest.mark.parametrize("stream", [None, StringIO()], ids=["closed before we began", "in memory"])
def test_other_streams(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """A standard error that is no file gets the lines if it can, and breaks nothing if there is none."""
    monkeypatch.setattr(sys, "stderr", stream)
    lines = started()
    lines.write("one\n")
    eventually(lambda: lines.drain(0), within=SOON)
    assert (1, None) == (lines.dropped, stream) if stream is None else "one\n" == stream.getvalue()


def test_a_line_that_is_cut_spoils_no_other(tmp_path: Path) -> None:
    """Where a disk fills up in the middle of a line, the next one that it takes begins a line of its own."""
    path = tmp_path / "log"
    before, limits = sys.stderr, resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("w") as log:
        sys.stderr = log
        try:
            # Python ignores SIGXFSZ, so that a file which may not grow is as good as a disk that is full.
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
            lines = started()
            lines.write("one\n")
            lines.write("a line that is too long\n")
            lines.write("lost\n")
            assert lines.drain(SOON)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            lines.write("two\n")
            lines.write("three\n")
            assert lines.drain(SOON)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            sys.stderr = before
    assert ["one", "a line", "two", "three"] == path.read_text().splitlines()
    assert 2 == lines.dropped
