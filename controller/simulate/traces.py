"""Traces: arrivals from a file of rows with a time and a count, or a time and the seconds of its work."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from zlib import error as DamagedStream  # noqa: N812 - an exception is named as one

from controller.simulate.world import Arrival

MAX_PROBLEMS = 20
"""Bad rows that are named; whoever has more has the wrong file."""
MAX_MESSAGES = 5_000_000
"""Messages of a simulation: more take gigabytes and many minutes."""
LATEST = 253_402_300_799.0
"""The end of the year 9999, seconds since the epoch: what is later counts in milliseconds."""
HEADERS = (("time", "count"), ("time", "seconds"))


class TraceError(Exception):
    """A trace cannot be read; carries every problem, as ``FILE:LINE:COL: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    at: float
    value: float


def read_trace(path: Path, *, spread: bool = False) -> list[Arrival]:
    """Return the arrivals of a file, gzipped or not, with a header ``time,count`` or ``time,seconds``.

    Times are seconds since the epoch, or ISO 8601, which is UTC where it names no zone. The messages of a row arrive at
    its time; with ``spread`` evenly until the next row's, as those of a sum over a period do, and the last row's
    within the period of the one before. Raises TraceError.
    """
    try:
        with _open(path) as lines:
            header, rows = _read_rows(path, lines)
    except (OSError, EOFError, UnicodeDecodeError, DamagedStream, csv.Error) as error:
        raise TraceError([f"{path}: cannot be read: {_say_why(error)}"]) from error
    if header == "seconds":
        return [Arrival(row.at, 1, row.value) for row in rows]
    counts = [(row.at, round(row.value)) for row in rows]
    require_few(sum(count for _, count in counts), str(path))
    return spread_out(counts) if spread else [Arrival(at, count) for at, count in counts if count]


def require_few(messages: float, source: str) -> None:
    """Raise TraceError for more messages than a simulation takes, which names their source."""
    if messages > MAX_MESSAGES:
        raise TraceError([f"{source}: {messages:.0f} messages are more than a simulation takes, {MAX_MESSAGES}"])


def spread_out(counts: list[tuple[float, int]], last: float | None = None) -> list[Arrival]:
    """Return arrivals in which so many messages come evenly from each time until the next.

    ``last`` is how long the last one's take, seconds; None: as long as those of the one before.
    """
    arrivals = []
    ends = [after for _, (after, _) in pairwise(counts)]
    if counts:
        before = ends[-1] - counts[-2][0] if ends else 0.0
        ends.append(counts[-1][0] + (before if last is None else last))
    for (at, count), end in zip(counts, ends, strict=True):
        arrivals += [Arrival(at + (end - at) * (number + 0.5) / count) for number in range(count)]
    return arrivals


def parse_time(text: str) -> float:
    """Return seconds since the epoch. Raises ValueError for what is no such number, nor ISO 8601."""
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not abs(seconds) <= LATEST:
        raise ValueError("must be a number of seconds")
    return seconds


def _say_why(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile):
        return "its name ends in .gz, and it is not gzipped"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _open(path: Path) -> TextIOWrapper:
    if path.suffix == ".gz":
        return TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_rows(path: Path, lines: TextIOWrapper) -> tuple[str, list[_Row]]:
    reader = csv.reader(lines)
    header = tuple(cell.strip().lower() for cell in next(reader, []))
    if header not in HEADERS:
        raise TraceError([f"{path}:1:1: the header must be time,count or time,seconds"])
    rows: list[_Row] = []
    problems: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(_read_row(reader.line_num, cells, header[1], rows[-1] if rows else None))
        except _BadCell as bad:
            problems.append(f"{path}:{reader.line_num}:{_column(cells, bad.index)}: {bad}")
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


def _read_row(line: int, cells: list[str], name: str, before: _Row | None) -> _Row:
    if len(cells) != len(HEADERS[0]):
        raise _BadCell(0, f"must have two cells, time and {name}, not {len(cells)}")
    try:
        at = parse_time(cells[0].strip())
    except (ValueError, OverflowError) as error:
        raise _BadCell(0, f"{cells[0]!r} is no time: write ISO 8601, or seconds since the epoch") from error
    if before is not None and at < before.at:
        raise _BadCell(0, f"is earlier than line {before.line}: sort the rows by time")
    return _Row(line, at, _read_value(cells[1], name))


def _read_value(cell: str, name: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise _BadCell(1, f"{cell!r} is no number") from error
    if not (math.isfinite(value) and value >= 0) or (name == "count" and value != round(value)):
        raise _BadCell(1, f"{cell.strip()} must be {'a whole number, ' if name == 'count' else ''}0 or more")
    return value


def _column(cells: list[str], index: int) -> int:
    return 1 + sum(len(cell) + 1 for cell in _before(cells, index))


def _before(cells: list[str], index: int) -> Iterator[str]:
    return iter(cells[:index])
