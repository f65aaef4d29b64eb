"""``ecsq plan``: one real observation and decision from a cold start, explained; writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import time
from typing import Any

import click

from controller.app import connect
from controller.aws.errors import AwsError
from controller.cli.options import config_option
from controller.config import ConfigError, ScalerSpec, load
from controller.core.breaker import CLOSED, heed
from controller.core.copies import KEEPER, copy_names, derived_family
from controller.core.copy_notes import notes
from controller.core.decide import decide
from controller.core.explain import Line, counted, explain
from controller.core.model import Outcome, ScalerState
from controller.core.packing import TaskGroup
from controller.core.record import LaunchResult, Reconciled, record
from controller.launch import Draft, named
from controller.reconcile import Services, may_launch, observe, recall
from controller.telemetry.series import Series


@dataclass(frozen=True, slots=True)
class _Planned:
    """What one scaler would do now."""

    done: Reconciled
    explanation: tuple[Line, ...]
    draft: Draft | None
    problem: str | None


@click.command("plan")
@config_option
@click.option("--scaler", metavar="NAME", help="Only this scaler.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def command(config: Path, scaler: str | None, *, as_json: bool) -> None:
    """Observe once, decide as after a restart, and explain each step. Nothing is written to AWS."""
    try:
        spec = load(config).spec
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from error
    chosen = [each for each in spec.scalers if scaler in {None, each.name}]
    if not chosen:
        known = ", ".join(each.name for each in spec.scalers)
        raise click.ClickException(f"{config}: there is no scaler {scaler!r}; there are: {known}")
    services = connect(spec, Event(), dry_run=True)
    plans = [_plan(each, services) for each in chosen]
    click.echo(json.dumps([_plain(plan) for plan in plans], indent=2) if as_json else _text(plans))
    problems = [plan.problem for plan in plans if plan.problem]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)


def _plan(spec: ScalerSpec, services: Services) -> _Planned:
    cluster = services.clusters.of(spec.task.cluster)
    cluster.enrol(spec.name, spec.task.container, Series(services.metrics, spec.name, ()))
    seen = observe(spec, services.queue(spec.queue), cluster, began_after=time())
    if may_launch(spec, seen):
        seen = recall(spec, seen, cluster)
    state = ScalerState(breaker=heed(CLOSED, cluster.signs(spec.name)))
    decision, _ = decide(spec.policy, seen.queue, seen.fleet, state, time())
    draft, problem = None, seen.problem
    try:
        # The template is looked up even when nothing is launched: that it is there is part of the answer.
        wanted = decision.numbers.wanted if decision.numbers else 0
        draft = services.launcher.draft(spec, max(0, wanted))
    except AwsError as error:
        problem = problem or error
    result = LaunchResult(Outcome.DRY_RUN, draft.plan) if draft and decision.launch else None
    said = None if problem is None else named(spec, problem)
    return _Planned(Reconciled(spec.name, decision, result, said), explain(spec.policy, decision), draft, said)


def _plain(plan: _Planned) -> dict[str, Any]:
    return record(plan.done) | {"explanation": [list(line) for line in plan.explanation]}


def _text(plans: list[_Planned]) -> str:
    return "\n\n".join("\n".join(_lines(plan)) for plan in plans)


def _lines(plan: _Planned) -> Iterator[str]:
    yield f"scaler {plan.done.scaler}"
    for about, what in plan.explanation:
        yield f"  {about:<10}{what}"
    if plan.draft and plan.draft.plan.tasks:
        now = plan.done.decision.launch > 0
        yield from (f"  {line}" for line in _drawing(plan.draft, now=now))


def _drawing(draft: Draft, *, now: bool) -> Iterator[str]:
    """Draw the tasks x containers of a plan, and say what copies change."""
    plan = draft.plan
    calls = counted(len(plan.calls), "RunTask call")
    when = "would launch now" if now else "would launch when it may"
    yield f"plan      {when}: {counted(plan.containers, 'container')} in {counted(plan.tasks, 'task')}, {calls}"
    for group in plan.groups:
        yield f"          {_boxes(draft, group)}"
    if draft.most > 1 or plan.groups[0].containers == draft.most:
        yield f"          at most {draft.most} a task: {draft.why_not_more}"
    for note in notes(draft.template, draft.worker, plan.groups[0].containers):
        yield f"          - {note}"


def _boxes(draft: Draft, group: TaskGroup) -> str:
    workers = copy_names(draft.worker, group.containers)
    if group.containers == 1:
        return f"{group.tasks} x [{draft.worker}]  {draft.template.label}"
    return f"{group.tasks} x [{KEEPER} | {' | '.join(workers)}]  {derived_family(draft.template, group.containers)}"
