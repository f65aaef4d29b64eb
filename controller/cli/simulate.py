"""``ecsq simulate``: what a configuration will do, and what others would, before it does it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from controller.cli.arrivals import Source, is_work_told, read_arrivals
from controller.cli.configuration import load_or_exit
from controller.cli.extras import explain_missing
from controller.cli.options import config_option
from controller.cli.output import say, say_json, say_safe
from controller.cli.simulate_options import DEFAULT_WORK, simulation_options
from controller.cli.simulation import Answer, Asked, answer, configured, describe_assumptions, paint
from controller.config import Loaded, ScalerSpec
from controller.core.address import Address
from controller.core.decision.policy import Busy, StartWithin
from controller.core.printable import show_source
from controller.core.words import format_count, format_span
from controller.simulate.comparison import BOUND, NEIGHBOURS, THIS, Candidate
from controller.simulate.draws import Draw, parse_draw
from controller.simulate.expectations import Expectation, find_broken, require_limit
from controller.simulate.measures import Terms
from controller.simulate.prices import TARIFFS, find_spot_share
from controller.simulate.run import Scenario
from controller.simulate.tables import (
    draw_findings,
    draw_markdown,
    draw_polls,
    draw_table,
    to_plain,
    wrap,
)
from controller.simulate.tasks import Workers

OPTIONAL = frozenset({"numpy", "scipy", "matplotlib"})
"""The packages that the simulation needs and the daemon does not."""
SOURCES = ("file", "arrivals", "log", "status", "prometheus", "cloudwatch")
DEFAULT_GOAL = 300.0
"""Seconds, for a scaler that has none of its own."""


@click.command("simulate")
@config_option
@simulation_options
def command(**options: Any) -> None:
    """Simulate a scaler with past or invented arrivals: waits, containers and dollars, beside what others would do.

    The daemon's own rules decide, in virtual time. AWS is not asked, except with --cloudwatch for the queue's metrics.
    Exactly one of --file, --arrivals, --log, --status, --prometheus and --cloudwatch says what arrives.
    docs/simulating.md says what is assumed.
    """
    _require_writable(options)
    loaded = load_or_exit(options["config"])
    scaler = _choose(loaded, options["scaler"])
    asked = _ask(loaded, scaler, options)
    _require_limits(asked, options["expect"])
    try:
        found = answer(asked)
    except ModuleNotFoundError as error:
        without = "; --alone without pictures does not need it"
        raise explain_missing(error, "the simulation", "simulate", OPTIONAL, without) from error
    _show(asked, found, as_json=options["as_json"], markdown=options["markdown"])
    # Once the answer is shown: what took minutes is not lost to a full disk.
    paint(asked, found)
    _judge(found, options["expect"])


def _require_writable(options: Mapping[str, Any]) -> None:
    """End before anything is simulated if the answer could not be shown, or written."""
    if options["as_json"] and options["markdown"]:
        raise click.UsageError("--json and --markdown are two ways to show the answer: give one of them")
    html: Path | None = options["html"]
    if html is not None and not html.absolute().parent.is_dir():
        raise click.ClickException(f"{html}: cannot be written: there is no folder {html.parent}")


def _choose(loaded: Loaded, name: str | None) -> ScalerSpec:
    scalers = loaded.spec.scalers
    chosen = [each for each in scalers if name in {None, each.name}]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(each.name for each in scalers)
    if name is None:
        raise click.UsageError(f"{loaded.path} has {len(scalers)} scalers: choose one with --scaler, of {known}")
    raise click.ClickException(f"{loaded.path}: there is no scaler {name!r}; there are: {known}")


def _choose_source(options: Mapping[str, Any]) -> Source:
    given = [name for name in SOURCES if options[name] is not None]
    if len(given) > 1:
        raise click.UsageError(
            f"{' and '.join(f'--{name}' for name in given)} each say what arrives: give only one of them"
        )
    if not given:
        raise click.UsageError(f"say what arrives, with one of {', '.join(f'--{name}' for name in SOURCES)}")
    if options["spread"] and given != ["file"]:
        raise click.UsageError("--spread is for the rows of --file")
    return Source(given[0], options[given[0]], options["lasts"], options["spread"])


def _ask(loaded: Loaded, scaler: ScalerSpec, options: Mapping[str, Any]) -> Asked:
    source = _choose_source(options)
    if options["alone"] and (options["against"] or options["explore"] or options["vary"]):
        raise click.UsageError("--alone compares with nothing: leave out --against, --explore and --vary")
    try:
        told = read_arrivals(source, loaded.spec, scaler, options["work"], _default_work(scaler), options["seed"])
    except ValueError as error:
        raise click.UsageError(f"--{source.kind}: {error}") from error
    if options["work"] is not None and is_work_told(told.arrivals):
        raise click.UsageError(f"{source.value} tells how long each message takes: leave out --work")
    workers = Workers(
        work=told.work,
        takes_one=options["worker"] == "one",
        deletes_first=scaler.policy.busy is Busy.RUNNING,
        start=options["start"],
        last_poll=options["last_poll"],
        stale=options["stale"],
    )
    return Asked(
        loaded=loaded,
        scaler=scaler,
        scenario=Scenario(told.arrivals, workers, options["seed"], told.since, told.until, options["size"]),
        terms=_find_terms(scaler, options),
        target=options["target"],
        against=_read_others(options["against"], scaler.name),
        is_alone=options["alone"],
        explores=options["explore"],
        varied=_collect(options["vary"]),
        html=options["html"],
        png=options["png"],
        processes=options["processes"] or os.cpu_count() or 1,
    )


def _collect(variations: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return the values to try by their key, which may be named more than once."""
    varied: dict[str, list[str]] = {}
    for key, values in variations:
        varied.setdefault(key, []).extend(values)
    return varied


def _read_others(addresses: Sequence[Address], scaler: str) -> list[Candidate]:
    """Return the scalers to compare with; their rows are called like their files, short where that is enough."""
    others: list[Candidate] = []
    for address in dict.fromkeys(addresses):
        short = address.stem if isinstance(address, Path) else str(address)
        is_taken = short in {*(other.name for other in others), THIS, BOUND, *NEIGHBOURS}
        loaded = load_or_exit(address)
        others.append(configured(str(address) if is_taken else short, loaded, _find_same(loaded, scaler)))
    return others


def _find_same(other: Loaded, name: str) -> ScalerSpec:
    for scaler in other.spec.scalers:
        if scaler.name == name or len(other.spec.scalers) == 1:
            return scaler
    raise click.ClickException(f"{other.path}: there is no scaler {name!r} to compare with")


def _default_work(scaler: ScalerSpec) -> Draw:
    demand = scaler.policy.demand
    seconds = demand.seconds_per_message or demand.at_first if isinstance(demand, StartWithin) else None
    return parse_draw(DEFAULT_WORK if not seconds else f"exp({max(1, round(seconds))}s)")


def _find_terms(scaler: ScalerSpec, options: Mapping[str, Any]) -> Terms:
    demand = scaler.policy.demand
    own = demand.start_within if isinstance(demand, StartWithin) else DEFAULT_GOAL
    tariff = TARIFFS[options["arch"]]
    if options["price"]:
        tariff = replace(tariff, name="as given", vcpu=options["price"][0], gb=options["price"][1])
    on_spot = find_spot_share(scaler.task.run_task, scaler.policy.providers)
    return Terms(options["goal"] or own, options["size"], tariff, on_spot)


def _require_limits(asked: Asked, expectations: Sequence[Expectation]) -> None:
    """End with 1, before anything is simulated, if a promise compares with what there will not be."""
    names = [THIS] if asked.is_alone else [THIS, *(other.name for other in asked.against), *NEIGHBOURS, BOUND]
    try:
        for each in expectations:
            require_limit(each, names)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _show(asked: Asked, found: Answer, *, as_json: bool, markdown: bool) -> None:
    if as_json:
        plain = [{**each.row.to_plain(), "warnings": each.variant.warnings} for each in found.findings]
        explored = {"explored": plain} if plain else {}
        say_json({**to_plain(found.rows, found.verdict), **explored})
        return
    width = None if markdown else shutil.get_terminal_size().columns
    lines: Sequence[str] = draw_markdown(found.rows) if markdown else draw_table(found.rows, width)
    messages = sum(arrival.messages for arrival in asked.scenario.arrivals)
    say(
        [
            f"scaler {asked.scaler.name}: {format_count(messages, 'message')} in {format_span(found.lasted)}",
            *wrap(describe_assumptions(asked), width),
            "",
            *lines,
            "",
            *wrap(f"polls of this: {draw_polls(found.rows[0])}", width),
            "",
            *wrap(found.verdict, width),
        ]
    )
    if found.findings or found.idle:
        say(["", *_fence(draw_findings(found.rows[0], found.findings, found.idle, width), "text", is_fenced=markdown)])
    if found.diff:
        say_safe(["", *_fence([*map(show_source, found.diff)], "diff", is_fenced=markdown)])


def _fence(lines: Sequence[str], language: str, *, is_fenced: bool) -> Sequence[str]:
    return [f"```{language}", *lines, "```"] if is_fenced else lines


def _judge(found: Answer, expectations: Sequence[Expectation]) -> None:
    """End with 1 if a promise is broken, and say which one and by how much."""
    rows = {row.name: row for row in found.rows}
    try:
        broken = [line for each in expectations if (line := find_broken(each, rows, THIS)) is not None]
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    say((f"broken: {line}" for line in broken), err=True)
    if broken:
        sys.exit(1)
