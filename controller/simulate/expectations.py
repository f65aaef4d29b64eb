"""Expectations: what a pull request promises of a configuration: ``wait_p99 <= 5m``, ``cost <= 1.1 * old``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from controller.config.durations import parse_argument
from controller.core.words import format_span
from controller.simulate.measures import Row, say_amount

FORMS = 'write it as "wait_p99 <= 5m", "late_share <= 1%", or against another row "cost <= 1.1 * old"'

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_LINE = re.compile(
    r"\s*(?P<what>\w+)\s*(?P<how><=|>=|<|>)\s*(?:(?P<factor>\d+(?:\.\d+)?)\s*\*\s*)?"
    r"(?P<than>[^\s*+<>=]+(?: [^\s*+<>=]+)*)\s*"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ALIASES = {"cost": "dollars", "late": "late_share"}
_COUNTED = (
    "dollars", "late_share", "container_hours", "vcpu_hours", "gb_hours", "empty", "killed", "containers", "tasks",
    "launches", "run_task_calls", "revisions", "peak", "minutes_at_max", "left",
)  # fmt: skip
MEASURES = (*(f"wait_{name}" for name in ("p50", "p95", "p99", "max")), "cost", *_COUNTED)
"""What can be promised of a row."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One promise."""

    line: str
    what: str
    how: str
    factor: float
    than: str


def parse_expectation(line: str) -> Expectation:
    """Return the promise that a line makes. Raises ValueError, which says how to write one."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r}: {FORMS}")
    what = _ALIASES.get(match["what"], match["what"])
    if what not in MEASURES:
        raise ValueError(f"{line!r}: there is no {match['what']}; there are: {', '.join(MEASURES)}")
    return Expectation(line, what, match["how"], float(match["factor"] or 1), match["than"].replace(" %", "%"))


def require_limit(expectation: Expectation, names: Collection[str]) -> None:
    """Raise ValueError unless a promise compares with a row of one of these names, or with a limit of its own."""
    if expectation.than not in names:
        _read_limit(expectation, names)


def find_broken(expectation: Expectation, rows: Mapping[str, Row], this: str) -> str | None:
    """Return the sentence that says by how much a promise is broken; None: it is kept.

    Raises ValueError when it compares with a row that there is not, or something that cannot be told.
    """
    value = read_measure(rows[this], expectation.what)
    limit = expectation.factor * _find_limit(expectation, rows)
    if value is None:
        why = "messages are never taken" if rows[this].left else "it cannot be told"
        return f"{expectation.line}: {why}"
    if _COMPARISONS[expectation.how](value, limit):
        return None
    if value == limit:
        return f"{expectation.line}: it is {_say(expectation.what, value)}, exactly that"
    is_part = 0 < limit < inf
    over = f", {abs(value / limit - 1) * 100:.1f} % {'more' if value > limit else 'less'}" if is_part else ""
    return f"{expectation.line}: it is {_say(expectation.what, value)} and not {_say(expectation.what, limit)}{over}"


def read_measure(row: Row, what: str) -> float | None:
    """Return a measure of a row by its name."""
    if what.startswith("wait_"):
        return row.wait[what.removeprefix("wait_")]
    value: float | None = getattr(row, what)
    return value


def _find_limit(expectation: Expectation, rows: Mapping[str, Row]) -> float:
    """Return what a promise compares with; inf: a wait that has no end, since messages are never taken there."""
    than = expectation.than
    if (row := rows.get(than)) is not None:
        value = read_measure(row, expectation.what)
        if value is None and row.left and expectation.what.startswith("wait_"):
            return inf
        if value is None:
            raise ValueError(f"{expectation.line!r}: row {than} has no {expectation.what}")
        return value
    return _read_limit(expectation, rows)


def _read_limit(expectation: Expectation, names: Collection[str]) -> float:
    """Return the number, share or duration that a promise names. Raises ValueError for what is none."""
    than, is_wait = expectation.than, expectation.what.startswith("wait_")
    if than.endswith("%") and _NUMBER.fullmatch(than[:-1]):
        return float(than[:-1]) / 100
    if _NUMBER.fullmatch(than):
        return float(than)
    if is_wait:
        with suppress(ValueError):
            return parse_argument(than)
    kind = "duration" if is_wait else "number"
    raise ValueError(
        f"{expectation.line!r}: {than} is not a {kind}, and there is no row {than}; there are: {', '.join(names)}"
    )


def _say(what: str, value: float) -> str:
    if what.startswith("wait_"):
        return format_span(value) if value < inf else "never"
    if what == "late_share":
        return f"{value * 100:.2f} %"
    return f"${say_amount(value, 2)}" if what == "dollars" else f"{value:g}"
