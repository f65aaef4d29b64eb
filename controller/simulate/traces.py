"""Traces: arrivals from a file of rows with a time and a count, or a time and the seconds of its work."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, Self
from zlib import error as DamagedStream  # noqa: N812 - an exception is named as one

from controller.config.durations import MAX_DURATION
from controller.core.moments import parse_moment
from controller.core.words import DAY
from controller.simulate.world import Arrival

MAX_PROBLEMS = 20
"""Bad rows that are named; whoever has more has the wrong file."""
MAX_MESSAGES = 5_000_000
"""Messages of a simulation: more take gigabytes and many minutes."""
PACKED = b"\x1f\x8b"
"""How whatever is gzipped begins (RFC 1952)."""
HEADERS = (("time", "count"), ("time", "seconds"))


class TraceError(Exception):
    """A trace cannot be read; carries every problem, as ``FILE:LINE:COL: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Trace(NamedTuple):
    """What a file tells."""

    arrivals: list[Arrival]
    since: float
    """The time of its first row, seconds since the epoch."""
    until: float
    """That of its last row, or when that row's messages have all arrived."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    at: float
    value: float


def read_trace(path: Path, *, spread: bool = False) -> Trace:
    """Return what a file tells, gzipped or not, with a header ``time,count`` or ``time,seconds``.

    Times are seconds since the epoch, or ISO 8601, which is UTC where it names no zone. The messages of a row arrive at
    its time; with ``spread`` evenly until the next row's, as those of a sum over a period do, and the last row's
    within the period of the one before. Raises TraceError.
    """
    try:
        with _open(path) as lines:
            header, rows = _read_rows(path, lines)
    except (OSError, EOFError, UnicodeDecodeError, DamagedStream, csv.Error) as error:
        raise TraceError([f"{path}: cannot be read: {_say_why(error)}"]) from error
    since, until = rows[0].at, rows[-1].at
    if header == "seconds":
        if spread:
            raise TraceError([f"{path}:1:1: each row is one message: only those of time,count can be spread"])
        return Trace([Arrival(row.at, 1, row.value) for row in rows], since, until)
    counts = [(row.at, round(row.value)) for row in rows]
    require_few(sum(count for _, count in counts), str(path))
    if not spread:
        return Trace([Arrival(at, count) for at, count in counts if count], since, until)
    last = until - rows[-2].at if len(rows) > 1 else 0.0
    return Trace(spread_out(counts, last), since, until + last)


def require_few(messages: float, source: str) -> None:
    """Raise TraceError for more messages than a simulation takes, which names their source."""
    if messages > MAX_MESSAGES:
        raise TraceError([f"{source}: {messages:.0f} messages are more than a simulation takes, {MAX_MESSAGES}"])


def require_short(since: float, until: float, source: str) -> None:
    """Raise TraceError for more time than a simulation takes, a year, which names its source."""
    if until - since > MAX_DURATION:
        raise TraceError([f"{source}: {(until - since) / DAY:.0f} days are more than a simulation takes, a year"])


def spread_out(counts: Sequence[tuple[float, int]], last: float) -> list[Arrival]:
    """Return arrivals in which so many messages come evenly from each time until the next, and ``last`` s on."""
    arrivals = []
    ends = [*(at for at, _ in counts[1:]), *(at + last for at, _ in counts[-1:])]
    for (at, count), end in zip(counts, ends, strict=True):
        arrivals += [Arrival(at + (end - at) * (number + 0.5) / count) for number in range(count)]
    return arrivals


def _say_why(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile):
        return "its name ends in .gz, and it is not gzipped"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


@contextmanager
def _open(path: Path) -> Iterator[TextIOWrapper]:
    with path.open("rb") as stream:
        is_packed = path.suffix == ".gz" or stream.peek(len(PACKED)).startswith(PACKED)
        with TextIOWrapper(
            gzip.open(stream) if is_packed else stream,
            encoding="utf-8-sig",
            newline="",
        ) as lines:
            yield lines


def _read_rows(path: Path, lines: TextIOWrapper) -> tuple[str, list[_Row]]:
    told = _Told(lines)
    reader = csv.reader(told)
    header = tuple(cell.strip().lower() for cell in next(reader, []))
    if header not in HEADERS:
        found = f"this is {','.join(header)!r}" if header else "the file is empty"
        raise TraceError([f"{path}:1:1: the header must be time,count or time,seconds; {found}"])
    rows: list[_Row] = []
    problems: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) >= MAX_MESSAGES:
            raise TraceError([f"{path}:{reader.line_num}:1: more rows than a simulation takes, {MAX_MESSAGES}"])
        try:
            rows.append(_read_row(reader.line_num, cells, header[1], rows))
        except _BadCell as bad:
            problems.append(f"{path}:{reader.line_num}:{_find_column(told.line, bad.index)}: {bad}")
            if len(problems) == MAX_PROBLEMS:
                break
    if problems:
        raise TraceError(problems)
    if not rows:
        raise TraceError([f"{path}:2:1: there are no arrivals"])
    return header[1], rows


class _BadCell(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, index: int, why: str) -> None:
        super().__init__(why)
        self.index = index


def _read_row(line: int, cells: list[str], name: str, before: Sequence[_Row]) -> _Row:
    if len(cells) != len(HEADERS[0]):
        raise _BadCell(0, f"must have two cells, time and {name}, not {len(cells)}")
    try:
        at = parse_moment(cells[0].strip())
    except ValueError as error:
        raise _BadCell(0, f"{cells[0]!r} is not a time: write ISO 8601, or seconds since the epoch") from error
    if before and at < before[-1].at:
        raise _BadCell(0, f"is earlier than line {before[-1].line}: sort the rows by time")
    if before and at - before[0].at > MAX_DURATION:
        raise _BadCell(0, f"is more than a year after line {before[0].line}: a simulation takes a year at most")
    return _Row(line, at, _read_value(cells[1], name))


def _read_value(cell: str, name: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise _BadCell(1, f"{cell!r} is not a number") from error
    if not (math.isfinite(value) and value >= 0) or (name == "count" and value != round(value)):
        raise _BadCell(1, f"{cell.strip()} must be {'a whole number, ' if name == 'count' else ''}0 or more")
    if name == "seconds" and value > MAX_DURATION:
        raise _BadCell(1, f"{cell.strip()} must be at most a year")
    return value


class _Told:
    """The lines of a file, of which the last is kept to find the column in it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.line = ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        self.line = next(self._lines)
        return self.line


def _find_column(line: str, index: int) -> int:
    """Return the column in which a cell begins, from 1 on; a comma between quotes is part of its cell."""
    column, is_quoted = 0, False
    while index and column < len(line):
        is_quoted ^= line[column] == '"'
        index -= line[column] == "," and not is_quoted
        column += 1
    return column + 1
