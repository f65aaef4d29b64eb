"""Tables: the answer as text for a terminal, as Markdown for a pull request, and as plain data; and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from controller.core.words import format_count, format_span
from controller.simulate.exploration import Finding, Variant
from controller.simulate.measures import Row, say_amount
from controller.simulate.prices import Tariff
from controller.simulate.tasks import Workers

SHARE_OF_ALL = 0.9999
"""From here on a share that is not whole would be shown as if it were."""
FEW = 1e-9
GAP = "  "

Cell = Callable[[Row], str]


def _wait(name: str) -> Cell:
    return lambda row: "never" if row.wait[name] is None and row.left else _or_dash(row.wait[name], format_span)


def _or_dash(value: Any, write: Callable[[Any], str] = str) -> str:
    return "-" if value is None else write(value)


COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("wait p50", _wait("p50")),
    ("p95", _wait("p95")),
    ("p99", _wait("p99")),
    ("max", _wait("max")),
    ("late", lambda row: _or_dash(row.late_share, say_share)),
    ("container-h", lambda row: say_amount(row.container_hours, 1)),
    ("vCPU-h", lambda row: say_amount(row.vcpu_hours, 1)),
    ("GB-h", lambda row: say_amount(row.gb_hours, 1)),
    ("dollars", lambda row: say_amount(row.dollars, 2)),
    ("containers", lambda row: _or_dash(row.containers)),
    ("empty", lambda row: _or_dash(row.empty)),
    ("killed", lambda row: _or_dash(row.killed)),
    ("launches", lambda row: _or_dash(row.launches)),
    ("calls", lambda row: _or_dash(row.run_task_calls)),
    ("revisions", lambda row: _or_dash(row.revisions)),
    ("peak", lambda row: _or_dash(row.peak)),
    ("min at max", lambda row: _or_dash(row.minutes_at_max, lambda minutes: f"{minutes:.0f}")),
)


def draw_table(rows: Sequence[Row], width: int | None = None) -> list[str]:
    """Return the rows as lines of text, the columns lined up.

    Where that is wider than ``width``, in several tables below each other, each with the names of the rows.
    """
    names, *columns = (_line_up(column) for column in zip(*_fill(rows), strict=True))
    blocks: list[list[list[str]]] = [[names]]
    for column in columns:
        taken = sum(len(each[0]) + len(GAP) for each in blocks[-1])
        if width is not None and len(blocks[-1]) > 1 and taken + len(column[0]) > width:
            blocks.append([names])
        blocks[-1].append(column)
    tables = [[GAP.join(line) for line in zip(*block, strict=True)] for block in blocks]
    drawn = [["", table[0], "─" * len(table[0]), *table[1:]] for table in tables]
    return [line for table in drawn for line in table][1:]


def _line_up(column: Sequence[str]) -> list[str]:
    """Return the cells of a column, all as wide as the widest; the names of the rows, under no head, at the left."""
    width = max(map(len, column))
    return [cell.rjust(width) if column[0] else cell.ljust(width) for cell in column]


def draw_markdown(rows: Sequence[Row]) -> list[str]:
    """Return the rows as a table in Markdown."""
    header, *lines = _fill(rows)
    return [_bar(header), _bar(["---", *["--:"] * (len(header) - 1)]), *map(_bar, lines)]


def _fill(rows: Sequence[Row]) -> list[list[str]]:
    header = ["", *(name for name, _ in COLUMNS)]
    return [header, *([row.name, *(cell(row) for _, cell in COLUMNS)] for row in rows)]


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def draw_polls(row: Row) -> str:
    """Return a row's polls by reason, in one line."""
    shares = sorted(row.polls.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {count}" for reason, count in shares)


def say_assumptions(workers: Workers, tariff: Tariff, seed: int, *, is_work_told: bool) -> str:
    """Say in a sentence what no arrivals tell. ``is_work_told``: but they do tell how long each message takes."""
    work = "as the file has it" if is_work_told else str(workers.work)
    takes = "takes one" if workers.takes_one else "drains"
    return (
        f"assumed: work {work}, a worker {takes}, starts {workers.start}, last poll "
        f"{format_span(workers.last_poll)}, counts up to {format_span(workers.stale)} old, prices {tariff.name}, "
        f"seed {seed}"
    )


def say_share(share: float) -> str:
    """Return a share in percent, and never a whole one that is not."""
    if FEW < share < 1 - SHARE_OF_ALL:
        return "<0.01 %"
    if SHARE_OF_ALL < share < 1 - FEW:
        return ">99.99 %"
    return f"{share * 100:.2f} %" if 0 < share < 1 else f"{share * 100:.0f} %"


def _warn(variant: Variant) -> str:
    return f"`ecsq check` warns of `{variant.name}`: {'; '.join(variant.warnings)}"


def give_verdict(this: Row, goal: float, bound: Row | None, remedy: Finding | None) -> str:
    """Say in words what this configuration does, and what would do better; without a bound, nothing else was tried."""
    if this.late_share is None:
        return "No message has come."
    if not this.containers:
        return f"Nothing is launched: {format_count(this.left, 'message')} would never be taken."
    kept = say_share(1 - this.late_share)
    said = f"The goal of {format_span(goal)} is kept for {'all' if not this.late_share else kept + ' of'} messages"
    if this.left:
        said += f", and {format_count(this.left, 'message')} would never be taken"
    if remedy is not None:
        said += f"; {_say_remedy(this, remedy)}"
    elif this.late_share and bound is not None:
        said += "; nothing that was tried would keep it for more"
    said += "."
    if bound is not None and this.container_hours > 0:
        share = bound.container_hours / this.container_hours
        least = f"{share * 100:.0f} % of these container-hours"
        said += f" Even with every message known in advance, waits no longer than these would take at least {least}."
    if this.empty and this.containers:
        said += f" {say_share(this.empty / this.containers)} of its containers found nothing to do."
    return f"{said} {_warn(remedy.variant)}." if remedy is not None and remedy.variant.warnings else said


def _say_remedy(this: Row, remedy: Finding) -> str:
    row = remedy.row
    share = "all" if not row.late_share else say_share(1 - row.late_share)
    more = row.dollars / this.dollars - 1 if this.dollars else 0.0
    price = f"for {abs(more) * 100:.0f} % {'more' if more >= 0 else 'less'}"
    none = "none of what was tried keeps it for all; " if row.late_share else ""
    return f"{none}`{remedy.variant.name}` would keep it for {share}, {price}"


def draw_findings(this: Row, findings: Sequence[Finding], idle: Sequence[str], width: int | None = None) -> list[str]:
    """Return what was explored as lines of text, the best first, with what ``ecsq check`` warns of.

    A * is on the frontier of cost against p99, and ! is warned of. Sentences are as wide as ``width``.
    """
    cells = [["", "key", "wait p99", "late", "dollars", "against this"]]
    for each in findings:
        row = each.row
        more = (row.dollars / this.dollars - 1) * 100 if this.dollars else 0.0
        late = _or_dash(row.late_share, say_share)
        wait = _wait("p99")(row)
        mark = ("*" if each.is_frontier else " ") + ("!" if each.variant.warnings else "")
        cells.append([mark, each.variant.name, wait, late, say_amount(row.dollars, 2), f"{more:+.1f} %"])
    widths = [max(len(line[index]) for line in cells) for index in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    marked = ["* nothing else is both cheaper and quicker"] if any(each.is_frontier for each in findings) else []
    warned = [f"! {_warn(each.variant)}" for each in findings if each.variant.warnings]
    unchanged = [f"change nothing here: {', '.join(idle)}"] if idle else []
    notes = [[line for note in notes for line in wrap(note, width)] for notes in (marked, warned, unchanged) if notes]
    shown = [lines, *notes] if findings else notes
    return [line for part in shown for line in ("", *part)][1:]


def wrap(text: str, width: int | None) -> list[str]:
    """Return a text in lines as wide as a terminal; None: there is none, and it stays one line."""
    if width is None:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def to_plain(rows: Sequence[Row], verdict: str) -> dict[str, Any]:
    """Return the answer as plain data: seconds, dollars and numbers."""
    return {"rows": [row.to_plain() for row in rows], "verdict": verdict}
