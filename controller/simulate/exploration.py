"""Exploration: which key of a scaler to change. Each is tried at half and at double, or at values that are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, NamedTuple

from controller.config import ConfigError, Loaded, ScalerSpec, load_content
from controller.core.decision.policy import Steps
from controller.core.words import format_duration
from controller.simulate.edits import edit
from controller.simulate.measures import Row

NUMBERS = frozenset({"hysteresis.dead_band"})
"""Keys whose value is a plain number, and no duration, although it has a fraction."""
WRITTEN = {"at_first": "seconds_per_message.at_first"}
"""Members of a policy that the file has under another name."""
FACTORS = (0.5, 2.0)
WORSE = 2
"""From this rank on a variant is worse."""
SAME = 0.005
"""What a wait may differ by, as a share of it, and count as equal."""


class _Change(NamedTuple):
    """What makes a variant."""

    key: str
    """Dotted, within the scaler."""
    edits: Mapping[str, str]
    """What to write, by key: its value, or those of the members that it has."""
    called: str
    """The value as tables have it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A valid configuration with one key changed."""

    key: str
    """Dotted, within the scaler."""
    spec: ScalerSpec
    text: str
    """The file that it comes from."""
    change: str
    """The value as tables have it."""
    warnings: tuple[str, ...] = ()
    """What ``ecsq check`` warns of, which it does not of the configuration as it is."""

    @property
    def name(self) -> str:
        """How it is called in tables."""
        return f"{self.key}: {self.change}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A variant, and what it does against the configuration as it is."""

    variant: Variant
    row: Row
    is_frontier: bool
    """Whether no other is both cheaper and quicker."""
    is_better: bool
    """Whether it costs no more and waits no longer, or waits less."""


def list_variants(loaded: Loaded, spec: ScalerSpec, named: Mapping[str, Sequence[str]]) -> list[Variant]:
    """Return every variant of a scaler that is a valid configuration: each key halved and doubled, and what is named.

    Raises ConfigError for a value that is named and invalid, and ValueError for a key that the file cannot have.
    """
    variants = [
        variant
        for change in _halve_and_double(spec)
        if change.key not in named and (variant := _try(loaded, spec, change)) is not None
    ]
    for key, values in named.items():
        variants += [_make(loaded, spec, _Change(key, {key: value}, value)) for value in values]
    return [variant for variant in variants if variant.spec != spec]


def judge(this: Row, tried: Sequence[tuple[Variant, Row]]) -> tuple[list[Finding], list[str]]:
    """Return what was tried, the best first, and the keys that change nothing.

    Best is what costs least among those that wait no longer; then what shortens the wait most for a dollar; then the
    rest, by what they cost.
    """
    points = [this, *(row for _, row in tried)]
    idle = {variant.key for variant, _ in tried} - {variant.key for variant, row in tried if not _is_same(this, row)}
    found = [
        Finding(variant, row, not any(_beats(other, row) for other in points), _rank(this, row)[0] < WORSE)
        for variant, row in tried
        if not _is_same(this, row)
    ]
    return sorted(found, key=lambda finding: _rank(this, finding.row)), sorted(idle)


def _rank(this: Row, row: Row) -> tuple[int, float]:
    wait, before = _wait(row), _wait(this)
    dearer = row.dollars - this.dollars
    if row.left > this.left or wait > before * (1 + SAME) or wait == inf:
        return WORSE, row.dollars
    return (0, dearer) if dearer <= 0 else (1, -(before - wait) / dearer)


def _wait(row: Row) -> float:
    wait = row.wait["p99"]
    return inf if wait is None else wait


def _beats(other: Row, row: Row) -> bool:
    """Say whether another is as quick and as cheap, and better in one of them."""
    pairs = ((_wait(other), _wait(row)), (other.dollars, row.dollars))
    return all(theirs <= ours for theirs, ours in pairs) and any(theirs < ours for theirs, ours in pairs)


def _is_same(this: Row, row: Row) -> bool:
    return (this.wait, this.dollars, this.launches) == (row.wait, row.dollars, row.launches)


def _halve_and_double(spec: ScalerSpec) -> Iterator[_Change]:
    """Yield the changes of each key that is a number to half and to double."""
    policy, packing = spec.policy, spec.packing
    if isinstance(policy.demand, Steps):
        yield from (_scale_steps(policy.demand, factor) for factor in FACTORS)
    found: dict[str, Any] = {"poll_interval": policy.poll_interval}
    found |= {name: getattr(policy, name) for name in ("min_containers", "max_containers")}
    for group in ("demand", "hysteresis", "cooldown", "breaker"):
        record = getattr(policy, group)
        found |= {f"{group}.{WRITTEN.get(each.name, each.name)}": getattr(record, each.name) for each in fields(record)}
    found |= {f"task.{name}": getattr(packing, name) for name in ("max_tasks_per_launch", "max_containers_per_task")}
    for key, value in found.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value:
            written = dict.fromkeys(_write(key, value, factor) for factor in FACTORS)
            yield from (_Change(key, {key: each}, each) for each in written)


def _write(key: str, value: float, factor: float) -> str:
    """Return a value times a factor as the file has it."""
    if isinstance(value, int):
        return str(max(1, round(value * factor)))
    return f"{value * factor:g}" if key in NUMBERS else format_duration(value * factor)


def _scale_steps(demand: Steps, factor: float) -> _Change:
    """Return the change of the steps' containers, each step still above the one before."""
    edits, before = {}, 0
    for index, step in enumerate(demand.steps):
        before = max(before + 1, round(step.containers * factor))
        edits[f"demand.steps.{index}.containers"] = str(before)
    return _Change("demand.steps", edits, f"containers x {factor:g}")


def _try(loaded: Loaded, spec: ScalerSpec, change: _Change) -> Variant | None:
    try:
        return _make(loaded, spec, change)
    except (ConfigError, ValueError):
        # Beyond what the key allows: there is nothing to try.
        return None


def _make(loaded: Loaded, spec: ScalerSpec, change: _Change) -> Variant:
    text = edit(loaded.text, spec.index, change.edits)
    made = load_content(text.encode(), loaded.path)
    if replace(made.spec, scalers=_leave_out(made, spec)) != replace(loaded.spec, scalers=_leave_out(loaded, spec)):
        raise ValueError(f"{change.key}: the file has it in common with others, which would change as well")
    known = {problem.key for problem in loaded.warnings}
    warnings = tuple(f"{each.key}: {each.message}" for each in made.warnings if each.key not in known)
    return Variant(change.key, made.spec.scalers[spec.index], text, change.called, warnings)


def _leave_out(loaded: Loaded, spec: ScalerSpec) -> tuple[ScalerSpec, ...]:
    return tuple(each for each in loaded.spec.scalers if each.index != spec.index)
