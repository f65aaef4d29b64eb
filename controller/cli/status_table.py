"""``ecsq status``: every scaler in a row, trouble first, and below them what is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from controller.core.condition import TROUBLE, Condition
from controller.core.printable import show
from controller.core.status_lines import read_condition, tell_trouble
from controller.core.words import DAY, format_clock, format_count

TROUBLES_TOLD = 5
"""Of the scalers in trouble, so many have what is wrong told below the table: it has to fit a screen."""
MIN_NAME = 8
"""The columns that a scaler's name keeps on the narrowest terminal."""
_TITLES = ("scaler", "state", "reason", "visible", "in flight", "live/desired/max", "since")
_LEFT = frozenset({"scaler", "state", "reason"})
_NOT_OBSERVED = "new"
_ORDER = (*Condition, None)
_COLOURS = dict.fromkeys(TROUBLE, "red") | {
    Condition.SHORT: "yellow",
    Condition.WAITING: "yellow",
    Condition.WORKING: "green",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A scaler as the table shows it."""

    condition: Condition | None
    """None: it was not observed yet."""
    since: float
    """Seconds since the epoch; infinite if it is not known."""
    cells: tuple[str, ...]
    """In the order of the titles."""
    wrong: str | None
    """What is wrong, in words; None: nothing that somebody has to look at."""


def draw_table(status: Mapping[str, Any], width: int, rows_shown: int | None, *, colour: bool) -> Iterator[str]:
    """Yield the lines of the table, none wider than ``width`` columns, and of ``rows_shown`` rows at most.

    Raises ValueError, KeyError and the like for what is no status of a daemon.
    """
    now = status["now"]
    rows = sorted((_read_row(scaler, now) for scaler in status["scalers"]), key=_rank)
    shown = rows[:rows_shown]
    yield from _lay_out(shown, width, colour=colour)
    if left_out := len(rows) - len(shown):
        yield f"and {format_count(left_out, 'more scaler')}"
    yield from _tell_troubles(rows, width, colour=colour)


def wrap(text: str, width: int) -> list[str]:
    """Return a text in lines of at most ``width`` columns, all but the first indented."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) or [""]


def _read_row(scaler: Mapping[str, Any], now: float) -> Row:
    condition, since = read_condition(scaler), scaler["condition_since"]
    last = scaler["last_decision"]
    name, reason, seen = show(scaler["name"]), "", last or {}
    state = _NOT_OBSERVED if condition is None else condition.value
    if condition in TROUBLE:
        state = state.upper()
    if last:
        reason = show(last["fault"] or last["reason"]) if condition is Condition.FAILED else show(last["reason"])
    containers = (seen.get("live"), seen.get("desired"), scaler["max_containers"])
    cells = (
        name,
        state,
        reason,
        _write(seen.get("visible")),
        _write(seen.get("in_flight")),
        "/".join(map(_write, containers)),
        "" if since is None else _write_time(since, now),
    )
    told = tell_trouble(scaler)
    wrong = None if told is None else f"{name}: {told}"
    return Row(condition, float("inf") if since is None else since, cells, wrong)


def _rank(row: Row) -> tuple[int, float, str]:
    """Order the rows: the worst first, and of equals what has lasted the longest if it is trouble."""
    return (_ORDER.index(row.condition), row.since if row.condition in TROUBLE else 0.0, row.cells[0])


def _write(number: object) -> str:
    """Return a number, or ``?`` for one that is unknown. Raises TypeError for what is none."""
    if number is None:
        return "?"
    if not isinstance(number, int):
        raise TypeError(f"{number!r} is no number")
    return str(number)


def _write_time(at: float, now: float) -> str:
    """Return the hour and minute of a time, or its day if that is further away."""
    clock = format_clock(at, now)
    return clock[len("2026-") : len("2026-11-25")] if abs(now - at) >= DAY else f"{clock[: len('09:41')]}Z"


def _lay_out(rows: Sequence[Row], width: int, *, colour: bool) -> Iterator[str]:
    """Yield the title and the rows. Names are cut to what the other columns leave, in the middle."""
    table = [_TITLES, *(row.cells for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_TITLES))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= width else " "
    widths[0] = min(widths[0], max(MIN_NAME, width - sum(widths[1:]) - len(gap) * (len(widths) - 1)))
    yield _style(_write_line(_TITLES, widths, gap), colour and {"bold": True})
    for row in rows:
        line = _write_line(row.cells, widths, gap)
        fg = _COLOURS.get(row.condition) if row.condition else None
        yield _style(line, colour and fg and {"fg": fg})


def _write_line(cells: Iterable[str], widths: Sequence[int], gap: str) -> str:
    aligned = (
        _cut(cell, width).ljust(width) if title in _LEFT else cell.rjust(width)
        for title, cell, width in zip(_TITLES, cells, widths, strict=True)
    )
    return gap.join(aligned).rstrip()


def _cut(text: str, width: int) -> str:
    """Return a text cut in its middle: names that begin alike differ at their ends."""
    if len(text) <= width:
        return text
    kept = width - 2
    return f"{text[: kept - kept // 2]}..{text[len(text) - kept // 2 :]}"


def _style(line: str, style: Any) -> str:
    return click.style(line, **style) if style else line


def _tell_troubles(rows: Iterable[Row], width: int, *, colour: bool) -> Iterator[str]:
    troubles = [row.wrong for row in rows if row.wrong]
    for wrong in troubles[:TROUBLES_TOLD]:
        yield ""
        first, *rest = wrap(wrong, width)
        yield _style(first, colour and {"fg": "red"})
        yield from rest
    if len(troubles) > TROUBLES_TOLD:
        yield ""
        yield f"and {len(troubles) - TROUBLES_TOLD} more in trouble: --scaler NAME says what is wrong with one"
