"""``ecsq plan``: one real observation and decision, explained; writes nothing.

With ``--definition K`` it shows the task definition of K workers a task instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any, TypeVar

import click

from controller.aws.errors import AwsError
from controller.cli import definition
from controller.cli.configuration import load_or_exit
from controller.cli.daemon_status import base_url, fetch_status, not_a_daemon
from controller.cli.found import choose, describe_found
from controller.cli.options import config_option
from controller.cli.output import say, say_json, say_safe
from controller.cli.saving import say_saving
from controller.clock import machine_clock
from controller.config import Loaded, ScalerSpec
from controller.core.address import Address
from controller.core.copies.copies import KEEPER, copy_names, derived_family
from controller.core.copies.copy_notes import describe_changes, describe_size
from controller.core.copies.packing import TaskGroup
from controller.core.decision.checkups import tell_checkups
from controller.core.decision.explain import explain
from controller.core.decision.queue_sum import tell_parts
from controller.core.decision.slots import slot_length
from controller.core.printable import make_printable, show
from controller.core.record import LaunchResult, record
from controller.core.repeats import say_retry
from controller.core.words import format_count
from controller.scaling.calls import explain_error
from controller.scaling.draft import Draft
from controller.scaling.memory import Memory, read_memory
from controller.scaling.preview import Preview, preview
from controller.scaling.services import Services, connect

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
@click.option(
    "--from",
    "daemon",
    metavar="URL",
    help="Preview the coming poll of the running daemon at URL, with all that it remembers.",
)
def command(config: Address, scaler: str | None, daemon: str | None, *, as_json: bool, workers: int | None) -> None:
    """Observe once, decide, and explain each step. Nothing is written to AWS.

    The decision is that of a daemon which has just started, with the budget of all scalers and with tasks that keep
    failing. With --from it is that of a running daemon at its coming poll, with what that one remembers.
    """
    if workers is not None and daemon is not None:
        raise click.UsageError("--from has no effect with --definition: leave one of the two out")
    loaded = load_or_exit(config)
    services = connect(loaded.spec, machine_clock(Event()), dry_run=True)
    if workers is None:
        _show_previews(loaded, scaler, services, daemon, as_json=as_json)
        return
    chosen = choose(loaded.spec, loaded.spec, scaler, config)
    answers = [_show_definition(each, services, workers) for each in chosen]
    if as_json:
        _say_json(answers, definition.to_plain)
    else:
        # The template's own values stay as they are, so that what is shown can be registered by hand.
        _say([answer for answer in answers if isinstance(answer, definition.Shown)], _draw_definition, make_printable)
    _complain([answer.error for answer in answers if isinstance(answer, definition.Refused)])


def _show_previews(
    loaded: Loaded, scaler: str | None, services: Services, daemon: str | None, *, as_json: bool
) -> None:
    memories, is_other = ({}, False) if daemon is None else _fetch_memories(loaded, daemon)
    running, unfound = services.searches.run(loaded.spec)
    previews = preview(running, choose(loaded.spec, running, scaler, loaded.path), services, memories)
    if as_json:
        _say_json(previews, _to_plain)
    else:
        _say(previews, _draw)
        say(["", *describe_found(loaded.spec, running, services.searches), *_describe_memory(previews, daemon)])
        if is_other:
            say([f"It runs another configuration than {loaded.path} as it is now."])
    _complain(
        [
            *(f"scaler {name}: {why}" for name, why in unfound.items()),
            *(each.done.problem for each in previews if each.done.problem),
        ]
    )


def _fetch_memories(loaded: Loaded, daemon: str) -> tuple[dict[str, Memory], bool]:
    """Return what the daemon remembers, by scaler, and whether it runs another configuration than this."""
    status = fetch_status(daemon)
    try:
        name, is_other = status["name"], status["config"]["hash"] != loaded.hash
        memories = {scaler["name"]: read_memory(scaler["memory"]) for scaler in status["scalers"]}
    except (ValueError, KeyError, TypeError) as error:
        raise not_a_daemon(daemon) from error
    spec = loaded.spec
    if name != spec.name:
        raise click.ClickException(
            f"the daemon at {base_url(daemon)} is the controller {name}, and this configuration is that of {spec.name}"
        )
    lengths = {slot_length(scaler.policy.slots) for scaler in spec.scalers}
    if any(memory.slot_length not in lengths for memory in memories.values()):
        raise click.ClickException(
            f"the daemon at {base_url(daemon)} has another aws.consistency_window, which only a restart can change: "
            "plan without --from"
        )
    return memories, is_other


def _describe_memory(previews: list[Preview], daemon: str | None) -> Iterator[str]:
    """Say what the decisions know besides what SQS and ECS tell."""
    if daemon is None:
        yield "Decided as by a daemon that has just started. Only a running one knows levels,"
        yield "cooldowns, launches in doubt and places in the budget's line: add --from URL."
        return
    yield f"Decided with what the daemon at {base_url(daemon)} remembers."
    if unknown := [each.spec.name for each in previews if each.memory is None]:
        yield f"It does not run {', '.join(unknown)}: decided as after a restart."


def _say_json(items: list[T], plain: Callable[[T], dict[str, Any]]) -> None:
    say_json([plain(item) for item in items])


def _say(items: list[T], lines: Callable[[T], Iterator[str]], convert: Callable[[str], str] = show) -> None:
    for index, item in enumerate(items):
        say_safe(map(convert, ["", *lines(item)] if index else lines(item)))


def _complain(problems: list[str]) -> None:
    """Say what went wrong, a line each, and end with 1 if anything did."""
    say(problems, err=True)
    if problems:
        raise SystemExit(1)


def _show_definition(spec: ScalerSpec, services: Services, workers: int) -> definition.Shown | definition.Refused:
    try:
        return definition.show(spec, services.launcher.drafts, workers)
    except AwsError as error:
        return definition.Refused(spec.name, workers, explain_error(spec, error))


def _draw_definition(shown: definition.Shown) -> Iterator[str]:
    return definition.draw(shown, json.dumps(shown.definition, indent=2))


def _to_plain(plan: Preview) -> dict[str, Any]:
    """Return the record; a plan that waits for its window is told, and that nothing comes of it yet."""
    explanation = [list(line) for line in explain(plan.spec.policy, plan.done.decision)]
    told = record(plan.done) | {
        "explanation": explanation,
        "remembered": plan.memory is not None,
        "retry_at": plan.retry_at,
        "queues": tell_parts(plan.done.decision.queue),
        "doctor": tell_checkups(plan.checkups),
        "plan_warnings": list(plan.draft.warnings) if plan.draft else [],
    }
    return told if plan.done.decision.launch and plan.retry_at is None else told | {"outcome": None}


def _draw(plan: Preview) -> Iterator[str]:
    yield f"scaler {plan.done.scaler}"
    if plan.done.problem:
        yield f"  problem   {plan.done.problem.removeprefix(f'scaler {plan.done.scaler}: ')}"
    for about, what in explain(plan.spec.policy, plan.done.decision):
        yield f"  {about:<10}{what}"
    if plan.retry_at is not None:
        yield f"  retry     {say_retry(plan.retry_at)}"
    for warning in plan.draft.warnings if plan.draft else ():
        yield f"  warning   {warning}"
    if plan.draft and plan.draft.plan.tasks:
        now = plan.done.decision.launch > 0 and plan.retry_at is None
        yield from (f"  {line}" for line in _draw_plan(plan.draft, plan.done.launch, now=now))
    for finding in (finding for checkup in plan.checkups for finding in checkup.findings):
        yield f"  doctor    the queue {finding.text}"


def _draw_plan(draft: Draft, result: LaunchResult | None, *, now: bool) -> Iterator[str]:
    """Draw the tasks x containers of a plan, and say what copies change."""
    plan = draft.plan
    calls = format_count(len(plan.calls), "RunTask call")
    when = "would launch now" if now else "would launch when it may"
    layout = f"{format_count(plan.containers, 'container')} in {format_count(plan.tasks, 'task')}"
    yield f"plan      {when}: {layout}, {calls}"
    for group in plan.groups:
        yield f"          {_draw_boxes(draft, group)}"
    yield from (f"          {line}" for line in _say_sizes(draft))
    yield from (f"          {line}" for line in say_saving(draft))
    for limit in filter(None, (result.limit, result.cut) if result else ()):
        yield f"          {limit}"
    for note in describe_changes(draft.template, draft.worker, plan.groups[0].containers, draft.keeper):
        yield f"          - {note}"


def _say_sizes(draft: Draft) -> Iterator[str]:
    """Say what the tasks of each group are paid, what all are, and how much of the price is rounding."""
    plan, sizes = draft.plan, draft.sizes
    if any(size.cpu is None and size.memory is None for size in sizes.values()):
        return
    for group in plan.groups:
        yield f"each {_name_definition(draft, group)}: {describe_size(sizes[group.containers])}"
    all_tasks = [(group.tasks, sizes[group.containers]) for group in plan.groups]
    cpu = sum(tasks * (size.cpu or 0) for tasks, size in all_tasks)
    memory = sum(tasks * (size.memory or 0) for tasks, size in all_tasks)
    cost = sum(tasks * size.cost for tasks, size in all_tasks)
    rounding = sum(tasks * size.rounding for tasks, size in all_tasks)
    share = f"{100 * rounding / cost:.1f} % of the price is rounding" if rounding else "none of which is rounding"
    yield f"together {cpu} CPU units and {memory} MiB, {share}"


def _name_definition(draft: Draft, group: TaskGroup) -> str:
    """Return the revision or the derived family that the tasks of a group run."""
    return (
        derived_family(draft.template, group.containers)
        if draft.keeper.keeps(group.containers)
        else draft.template.label
    )


def _draw_boxes(draft: Draft, group: TaskGroup) -> str:
    workers = copy_names(draft.worker, group.containers)
    containers = (KEEPER, *workers) if draft.keeper.keeps(group.containers) else workers
    where = f" on {group.provider}" if group.provider else ""
    return f"{group.tasks} x [{' | '.join(containers)}]  {_name_definition(draft, group)}{where}"
