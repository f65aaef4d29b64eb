"""What ``ecsq simulate`` has computed: the rows, the verdict, what was explored, and the pictures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller.cli.configuration import read_or_exit
from controller.config import ConfigError, Loaded, ScalerSpec
from controller.simulate.comparison import NEIGHBOURS, THIS, Candidate, compare
from controller.simulate.edits import list_changes
from controller.simulate.exploration import Finding, Variant, judge, list_variants
from controller.simulate.measures import Row, Terms
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario
from controller.simulate.tables import give_verdict, say_assumptions

SMALL = 20_000
"""Messages times candidates below which starting processes takes longer than they save."""
REMEDIES = ("max_containers", "demand.")
"""Keys, or beginnings of them, that are tried for the verdict when the goal is missed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    loaded: Loaded
    scaler: ScalerSpec
    scenario: Scenario
    terms: Terms
    target: int | None
    against: Mapping[str, ScalerSpec]
    is_alone: bool
    explores: bool
    varied: Mapping[str, Sequence[str]]
    html: Path | None
    png: Path | None
    processes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out."""

    rows: Sequence[Row]
    """This configuration's first; the bound's last."""
    verdict: str
    lasted: float
    """Seconds from the beginning of the period to its end, or to that of the work."""
    findings: Sequence[Finding] = ()
    idle: Sequence[str] = ()
    """Keys that change nothing."""
    diff: Sequence[str] = ()
    """The edit that keeps the goal, else that of the best finding, as a diff of the file."""


def answer(asked: Asked) -> Answer:
    """Simulate what is asked for, and return what came out. Raises ModuleNotFoundError without the extra."""
    if not asked.is_alone:
        from controller.simulate.bounded import measure_bound  # noqa: PLC0415 - optional, and slow to import
    rows, run = _simulate(asked, _list_candidates(asked), "simulating")
    this = rows[THIS]
    if run is None:
        raise ValueError("this configuration could not be simulated")
    bound = None if asked.is_alone else measure_bound(run, this, asked.scenario.workers, asked.terms)
    findings, idle, remedy = _explore(asked, this)
    shown = [*rows.values(), *([bound] if bound else [])]
    verdict = give_verdict(this, asked.terms.goal, bound, remedy)
    lasted = run.ended_at - run.began_at
    if asked.explores or asked.varied:
        best = next((each for each in findings if each.is_better), None)
        found = Answer(shown, verdict, lasted, findings, idle, _draw_edit(asked, remedy or best))
    else:
        found = Answer(shown, verdict, lasted, diff=_draw_edit(asked, remedy))
    if asked.html or asked.png:
        _paint(asked, found, run)
    return found


def _list_candidates(asked: Asked) -> list[Candidate]:
    budget = asked.loaded.spec.budget
    candidates = [Candidate(THIS, asked.scaler, budget=budget)]
    if asked.is_alone:
        return candidates
    candidates += [Candidate(name, spec) for name, spec in asked.against.items()]
    return candidates + [Candidate(name, asked.scaler, name, asked.target) for name in NEIGHBOURS]


def _simulate(asked: Asked, candidates: Sequence[Candidate], label: str) -> tuple[dict[str, Row], SimulatedRun | None]:
    """Return the rows of candidates by name, in their order, and the run of this configuration if it is among them."""
    messages = sum(arrival.messages for arrival in asked.scenario.arrivals)
    processes = asked.processes if messages * len(candidates) > SMALL else 1
    rows: dict[str, Row] = {}
    this = None
    judged = compare(candidates, asked.scenario, asked.terms, processes)
    is_shown = sys.stderr is not None and sys.stderr.isatty()
    with click.progressbar(judged, len(candidates), label, file=sys.stderr, hidden=not is_shown) as bar:
        for name, row, run in bar:
            rows[name] = row
            this = run or this
    return {candidate.name: rows[candidate.name] for candidate in candidates}, this


def _explore(asked: Asked, this: Row) -> tuple[list[Finding], list[str], Finding | None]:
    """Return what was tried, the keys that change nothing, and what keeps a goal that is missed."""
    misses = not asked.is_alone and bool(this.late_share)
    if not (asked.explores or asked.varied or misses):
        return [], [], None
    text = read_or_exit(asked.loaded.path).decode()
    try:
        variants = list_variants(asked.loaded, text, asked.scaler, asked.varied)
    except ConfigError as error:
        # Their lines are those of the edited text, which nobody has.
        problems = "; ".join(f"{problem.key}: {problem.message}" for problem in error.problems)
        raise click.ClickException(f"--vary: {problems}") from error
    except ValueError as error:
        raise click.ClickException(f"--vary: {error}") from error
    if not asked.explores:
        variants = [each for each in variants if each.key in asked.varied or (misses and each.key.startswith(REMEDIES))]
    by_name: dict[str, Variant] = {variant.name: variant for variant in variants}
    budget = asked.loaded.spec.budget
    candidates = [Candidate(name, each.spec, budget=budget) for name, each in by_name.items()]
    rows, _ = _simulate(asked, candidates, "exploring")
    findings, idle = judge(this, [(by_name[name], row) for name, row in rows.items()])
    return findings, idle, _find_remedy(this, findings) if misses else None


def _find_remedy(this: Row, findings: Sequence[Finding]) -> Finding | None:
    """Return what keeps the goal for the most messages, the cheapest of those; None: nothing does better."""
    better = [each for each in findings if (each.row.late_share or 0.0) < (this.late_share or 0.0)]
    return min(better, key=lambda each: (each.row.late_share or 0.0, each.row.dollars), default=None)


def _draw_edit(asked: Asked, chosen: Finding | None) -> list[str]:
    if chosen is None:
        return []
    path = asked.loaded.path
    return list_changes(str(path), read_or_exit(path).decode(), chosen.variant.text)


def _paint(asked: Asked, found: Answer, run: SimulatedRun) -> None:
    from controller.simulate.pictures import paint  # noqa: PLC0415 - optional, and slow to import
    from controller.simulate.report import write_pngs, write_report  # noqa: PLC0415

    subject: Any = paint(
        found.rows, [each.row for each in found.findings], run, asked.scaler, asked.scenario, asked.terms
    )
    try:
        if asked.png:
            write_pngs(asked.png, subject)
        if asked.html:
            assumptions = say_assumptions(asked.scenario.workers, asked.terms.tariff, asked.scenario.seed)
            write_report(asked.html, asked.scaler.name, found.rows, [found.verdict, assumptions], subject)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: cannot be written: {error.strerror}") from error
