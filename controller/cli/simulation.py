"""What ``ecsq simulate`` has computed: the rows, the verdict, what was explored, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller.cli.arrivals import is_work_told
from controller.cli.progress import follow
from controller.config import ConfigError, Loaded, ScalerSpec
from controller.simulate.comparison import NEIGHBOURS, THIS, Candidate, compare
from controller.simulate.edits import list_changes
from controller.simulate.exploration import Finding, Variant, judge, list_variants
from controller.simulate.measures import Row, Terms
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario
from controller.simulate.tables import draw_findings, give_verdict, say_assumptions

PAPER = 100
"""Columns of what was explored in the report."""
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
    against: Sequence[Candidate]
    """Other configurations, each under the name of its row."""
    is_alone: bool
    explores: bool
    varied: Mapping[str, Sequence[str]]
    html: Path | None
    png: Path | None
    processes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out, of which pictures can be drawn."""

    rows: Sequence[Row]
    """This configuration's first; the bound's last."""
    verdict: str
    run: SimulatedRun
    """That of this configuration."""
    findings: Sequence[Finding] = ()
    idle: Sequence[str] = ()
    """Keys that change nothing."""
    diff: Sequence[str] = ()
    """The edit that keeps the goal, else that of the best finding, as a diff of the file."""

    @property
    def lasted(self) -> float:
        """Seconds from the beginning of the period to its end, or to that of the work."""
        return self.run.ended_at - self.run.began_at


def answer(asked: Asked) -> Answer:
    """Simulate what is asked for, and return what came out. Raises ModuleNotFoundError without the extra."""
    if not asked.is_alone:
        from controller.simulate.bounded import measure_bound  # noqa: PLC0415 - optional, and slow to import
    if asked.html or asked.png:
        import controller.simulate.pictures  # noqa: F401, PLC0415 - so that what lacks is said at once
    # What cannot be tried is said before anything is simulated.
    variants = _list_variants(asked) if asked.explores or asked.varied else None
    rows, run = _simulate(asked, _list_candidates(asked), "simulating")
    this = rows[THIS]
    if run is None:
        raise ValueError("this configuration could not be simulated")
    bound = None if asked.is_alone else measure_bound(run, asked.scenario.workers, asked.terms)
    findings, idle, remedy = _explore(asked, this, variants)
    shown = [*rows.values(), *([bound] if bound else [])]
    verdict = give_verdict(this, asked.terms.goal, bound, remedy)
    if asked.explores or asked.varied:
        best = next((each for each in findings if each.is_better), None)
        return Answer(shown, verdict, run, findings, idle, _draw_edit(asked, remedy or best))
    return Answer(shown, verdict, run, diff=_draw_edit(asked, remedy))


def _list_candidates(asked: Asked) -> list[Candidate]:
    this = configured(THIS, asked.loaded, asked.scaler)
    if asked.is_alone:
        return [this]
    return [this, *asked.against, *(Candidate(name, asked.scaler, name, asked.target) for name in NEIGHBOURS)]


def configured(name: str, loaded: Loaded, scaler: ScalerSpec) -> Candidate:
    """Return a scaler of ours as a candidate, with what its whole configuration says of it."""
    spec = loaded.spec
    return Candidate(name, scaler, budget=spec.budget, asks_cloudwatch=spec.aws.asks_cloudwatch)


def _simulate(asked: Asked, candidates: Sequence[Candidate], label: str) -> tuple[dict[str, Row], SimulatedRun | None]:
    """Return the rows of candidates by name, in their order, and the run of this configuration if it is among them."""
    messages = sum(arrival.messages for arrival in asked.scenario.arrivals)
    processes = asked.processes if messages * len(candidates) > SMALL else 1
    rows: dict[str, Row] = {}
    this = None
    judged = compare(candidates, asked.scenario, asked.terms, processes)
    try:
        for name, row, run in follow(judged, len(candidates), label):
            rows[name] = row
            this = run or this
    except BrokenProcessPool as error:
        raise click.ClickException(
            "a process of the simulation was ended, perhaps for want of memory: try fewer with --processes 1"
        ) from error
    return {candidate.name: rows[candidate.name] for candidate in candidates}, this


def _list_variants(asked: Asked) -> list[Variant]:
    try:
        return list_variants(asked.loaded, asked.scaler, asked.varied)
    except ConfigError as error:
        # Their lines are those of the edited text, which nobody has.
        problems = "; ".join(f"{problem.key}: {problem.message}" for problem in error.problems)
        raise click.ClickException(f"--vary: {problems}") from error
    except ValueError as error:
        raise click.ClickException(f"--vary: {error}") from error


def _explore(
    asked: Asked, this: Row, variants: Sequence[Variant] | None
) -> tuple[list[Finding], list[str], Finding | None]:
    """Return what was tried, the keys that change nothing, and what keeps a goal that is missed."""
    misses = not asked.is_alone and bool(this.late_share)
    if variants is None and not misses:
        return [], [], None
    variants = _list_variants(asked) if variants is None else variants
    if not asked.explores:
        variants = [each for each in variants if each.key in asked.varied or (misses and each.key.startswith(REMEDIES))]
    by_name: dict[str, Variant] = {variant.name: variant for variant in variants}
    candidates = [configured(name, asked.loaded, each.spec) for name, each in by_name.items()]
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
    return list_changes(str(asked.loaded.path), asked.loaded.text, chosen.variant.text)


def describe_assumptions(asked: Asked) -> str:
    """Say in a sentence what no arrivals tell."""
    scenario = asked.scenario
    return say_assumptions(
        scenario.workers, asked.terms.tariff, scenario.seed, is_work_told=is_work_told(scenario.arrivals)
    )


def paint(asked: Asked, found: Answer) -> None:
    """Write the report and the pictures that are asked for. Raises click.ClickException when they cannot be written."""
    if not (asked.html or asked.png):
        return
    from controller.simulate.pictures import paint as draw  # noqa: PLC0415 - optional, and slow to import
    from controller.simulate.report import write_pngs, write_report  # noqa: PLC0415

    explored_rows = [each.row for each in found.findings]
    pictures: Any = draw(found.rows, explored_rows, found.run, asked.scaler, asked.scenario, asked.terms)
    if asked.png:
        with _writing(asked.png):
            write_pngs(asked.png, pictures)
    if asked.html:
        assumptions = describe_assumptions(asked)
        explored = (
            draw_findings(found.rows[0], found.findings, found.idle, PAPER) if found.findings or found.idle else []
        )
        explored += ["", *found.diff] if explored and found.diff else []
        with _writing(asked.html):
            write_report(asked.html, asked.scaler.name, found.rows, [found.verdict, assumptions], pictures, explored)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename or path}: cannot be written: {error.strerror or error}") from error
