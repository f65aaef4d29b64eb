"""``ecsq plan``: one real observation and decision from a cold start, explained; writes nothing.

With ``--definition K`` it shows the task definition of K workers a task instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import click

from controller.aws.errors import AwsError
from controller.cli import definition
from controller.cli.options import config_option
from controller.config import ConfigError, ControllerSpec, ScalerSpec, load
from controller.core.copies.copies import KEEPER, copy_names, derived_family
from controller.core.copies.copy_notes import notes, paid
from controller.core.copies.packing import TaskGroup
from controller.core.decision.breaker import CLOSED, heed
from controller.core.decision.decide import decide
from controller.core.decision.explain import Line, explain
from controller.core.decision.model import Outcome, ScalerState
from controller.core.record import LaunchResult, Reconciled, record
from controller.core.words import format_count
from controller.daemon.app import connect
from controller.scaling.draft import Draft
from controller.scaling.launch import described, named
from controller.scaling.observe import Observation, could_launch, observe, recall
from controller.scaling.reconcile import Services
from controller.telemetry.series import Series


@dataclass(frozen=True, slots=True)
class _Planned:
    """What one scaler would do now."""

    done: Reconciled
    explanation: tuple[Line, ...]
    draft: Draft | None


T = TypeVar("T")


@click.command("plan")
@config_option
@click.option("--scaler", metavar="NAME", help="Only this scaler.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option(
    "--definition",
    "workers",
    type=click.IntRange(min=1),
    metavar="K",
    help="Show the task definition of K workers a task, and how it differs from the template. Observes nothing.",
)
def command(config: Path, scaler: str | None, *, as_json: bool, workers: int | None) -> None:
    """Observe once, decide as after a restart, and explain each step. Nothing is written to AWS."""
    try:
        spec = load(config).spec
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from error
    chosen = _chosen(spec, scaler, config)
    services = connect(spec, Event(), dry_run=True)
    if workers is None:
        plans = _plans(chosen, services)
        if as_json:
            _say_json(plans, _plain)
        else:
            _say(plans, _lines)
        _complain([plan.done.problem for plan in plans if plan.done.problem])
    else:
        answers = [_definition(each, services, workers) for each in chosen]
        refused = [answer.error for answer in answers if isinstance(answer, definition.Refused)]
        if as_json:
            _say_json(answers, definition.plain)
        else:
            _say([answer for answer in answers if isinstance(answer, definition.Shown)], _definition_lines)
        _complain(refused)


def _chosen(spec: ControllerSpec, scaler: str | None, config: Path) -> list[ScalerSpec]:
    chosen = [each for each in spec.scalers if scaler in {None, each.name}]
    if not chosen:
        known = ", ".join(each.name for each in spec.scalers)
        raise click.ClickException(f"{config}: there is no scaler {scaler!r}; there are: {known}")
    return chosen


def _say_json(items: list[T], plain: Callable[[T], dict[str, Any]]) -> None:
    click.echo(json.dumps([plain(item) for item in items], indent=2))


def _say(items: list[T], lines: Callable[[T], Iterator[str]]) -> None:
    if items:
        click.echo("\n\n".join("\n".join(lines(item)) for item in items))


def _complain(problems: list[str]) -> None:
    """Say what went wrong, a line each, and end with 1 if anything did."""
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)


def _definition(spec: ScalerSpec, services: Services, workers: int) -> definition.Shown | definition.Refused:
    try:
        return definition.show(spec, services.launcher.drafts, workers)
    except AwsError as error:
        return definition.Refused(spec.name, workers, named(spec, error))


def _definition_lines(shown: definition.Shown) -> Iterator[str]:
    return definition.lines(shown, json.dumps(shown.definition, indent=2))


def _plans(chosen: list[ScalerSpec], services: Services) -> list[_Planned]:
    """Plan for all; scalers of one cluster share a listing, so each is enrolled before the first is taken."""
    for spec in chosen:
        series = Series(services.metrics, spec.name, ())
        services.clusters.of(spec.task.cluster).enrol(spec.name, spec.task.container, series)
    began = services.clock.now()
    return [_plan(spec, services, began) for spec in chosen]


def _plan(spec: ScalerSpec, services: Services, began: float) -> _Planned:
    seen, state = _observe(spec, services, began)
    decision, _ = decide(spec.policy, seen.queue, seen.fleet, state, services.clock.now())
    draft, problem = None, seen.problem
    wanted = max(0, decision.numbers.wanted) if decision.numbers else 0
    try:
        # The template is looked up even when nothing is launched: that it is there is part of the answer.
        draft = services.launcher.draft(spec, wanted)
    except AwsError as error:
        problem = problem or error
    result = None
    if draft and draft.plan.tasks:
        result = described(LaunchResult(Outcome.DRY_RUN, draft.plan), spec, draft, wanted)
    said = None if problem is None else named(spec, problem)
    return _Planned(Reconciled(spec.name, decision, result, said), explain(spec.policy, decision), draft)


def _observe(spec: ScalerSpec, services: Services, began: float) -> tuple[Observation, ScalerState]:
    """Return what is seen, and what a scaler that has just started makes of how its last tasks ended."""
    cluster = services.clusters.of(spec.task.cluster)
    seen = observe(spec, services.queue(spec.queue), cluster, began)
    if not could_launch(spec, seen):
        return seen, ScalerState()
    seen = recall(spec, seen, cluster)
    if seen.problem is not None:
        return seen, ScalerState()
    return seen, ScalerState(breaker=heed(CLOSED, cluster.signs(spec.name)))


def _plain(plan: _Planned) -> dict[str, Any]:
    """Return the record; a plan that waits for its window is told, and that nothing comes of it yet."""
    told = record(plan.done) | {"explanation": [list(line) for line in plan.explanation]}
    return told if plan.done.decision.launch else told | {"outcome": None}


def _lines(plan: _Planned) -> Iterator[str]:
    yield f"scaler {plan.done.scaler}"
    if plan.done.problem:
        yield f"  problem   {plan.done.problem}"
    for about, what in plan.explanation:
        yield f"  {about:<10}{what}"
    if plan.draft and plan.draft.plan.tasks:
        now = plan.done.decision.launch > 0
        yield from (f"  {line}" for line in _drawing(plan.draft, plan.done.launch, now=now))


def _drawing(draft: Draft, result: LaunchResult | None, *, now: bool) -> Iterator[str]:
    """Draw the tasks x containers of a plan, and say what copies change."""
    plan = draft.plan
    calls = format_count(len(plan.calls), "RunTask call")
    when = "would launch now" if now else "would launch when it may"
    layout = f"{format_count(plan.containers, 'container')} in {format_count(plan.tasks, 'task')}"
    yield f"plan      {when}: {layout}, {calls}"
    for group in plan.groups:
        yield f"          {_boxes(draft, group)}"
    yield from (f"          {line}" for line in _paid(draft))
    for limit in filter(None, (result.limit, result.cut) if result else ()):
        yield f"          {limit}"
    for note in notes(draft.template, draft.worker, plan.groups[0].containers):
        yield f"          - {note}"


def _paid(draft: Draft) -> Iterator[str]:
    """Say what the tasks of each group are paid, what all are, and how much of the price is rounding."""
    plan, sizes = draft.plan, draft.sizes
    if any(size.cpu is None and size.memory is None for size in sizes.values()):
        return
    for group in plan.groups:
        yield f"each {_label(draft, group)}: {paid(sizes[group.containers])}"
    all_tasks = [(group.tasks, sizes[group.containers]) for group in plan.groups]
    cpu = sum(tasks * (size.cpu or 0) for tasks, size in all_tasks)
    memory = sum(tasks * (size.memory or 0) for tasks, size in all_tasks)
    cost = sum(tasks * size.cost for tasks, size in all_tasks)
    rounding = sum(tasks * size.rounding for tasks, size in all_tasks)
    share = f"{100 * rounding / cost:.1f} % of the price is rounding" if rounding else "nothing of it rounding"
    yield f"together {cpu} CPU units and {memory} MiB, {share}"


def _label(draft: Draft, group: TaskGroup) -> str:
    """Return the revision or the derived family that the tasks of a group run."""
    return draft.template.label if group.containers == 1 else derived_family(draft.template, group.containers)


def _boxes(draft: Draft, group: TaskGroup) -> str:
    workers = copy_names(draft.worker, group.containers)
    containers = workers if group.containers == 1 else (KEEPER, *workers)
    return f"{group.tasks} x [{' | '.join(containers)}]  {_label(draft, group)}"
