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
from controller.cli.plan_view import View
from controller.clock import machine_clock
from controller.config import Loaded, ScalerSpec
from controller.core.address import Address
from controller.core.decision.slots import slot_length
from controller.core.moments import parse_moment
from controller.core.printable import make_printable, show
from controller.core.words import format_date
from controller.scaling.calls import explain_error
from controller.scaling.memory import Memory, read_memory
from controller.scaling.preview import Preview, preview
from controller.scaling.services import Services, connect

T = TypeVar("T")


@click.command("plan")
@config_option
@click.option("--scaler", metavar="NAME", help="Plan only this scaler.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--definition",
    "workers",
    type=click.IntRange(min=1),
    metavar="K",
    help="Show the task definition for K workers in one task, and how it differs from yours. Decides nothing.",
)
@click.option(
    "--from",
    "daemon",
    metavar="URL",
    help="Decide as the running daemon at URL would at its next poll, with all that it remembers.",
)
@click.option(
    "--at",
    metavar="TIME",
    help="Decide by the settings of this time, as 2026-12-24T09:00, which is UTC unless it carries an offset.",
)
def command(
    config: Address, scaler: str | None, daemon: str | None, at: str | None, *, as_json: bool, workers: int | None
) -> None:
    """Observe once, decide, and explain each step. Nothing is written to AWS.

    The decision is the one of a daemon that has just started; it keeps to the budget of all scalers, and knows which
    tasks keep failing. With --from it is the one of a running daemon at its next poll, with all that it remembers.
    With --at the windows of the schedules are those of another time; queues and tasks are those of now.
    """
    for option, given in (("--from", daemon), ("--at", at)):
        if workers is not None and given is not None:
            raise click.UsageError(f"{option} has no effect with --definition: leave one of the two out")
    moment = None if at is None else _read_time(at)
    loaded = load_or_exit(config)
    services = connect(loaded.spec, machine_clock(Event()), dry_run=True)
    if workers is None:
        _show_previews(View(loaded, moment), scaler, services, daemon, as_json=as_json)
        return
    chosen = choose(loaded.spec, loaded.spec, scaler, config)
    answers = [_show_definition(each, services, workers) for each in chosen]
    if as_json:
        _say_json(answers, definition.to_plain)
    else:
        # The template's own values stay as they are, so that what is shown can be registered by hand.
        _say([answer for answer in answers if isinstance(answer, definition.Shown)], _draw_definition, make_printable)
    _complain([answer.error for answer in answers if isinstance(answer, definition.Refused)])


def _read_time(text: str) -> float:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise click.UsageError(
            f"--at: {text!r} is not a time: write it as 2026-12-24T09:00, which is UTC, or 2026-12-24T09:00+09:00"
        ) from error


def _show_previews(view: View, scaler: str | None, services: Services, daemon: str | None, *, as_json: bool) -> None:
    loaded = view.loaded
    memories, is_other = ({}, False) if daemon is None else _fetch_memories(loaded, daemon)
    found, unfound = services.searches.run(loaded.spec)
    running = view.settle(found)
    previews = preview(running, choose(loaded.spec, running, scaler, loaded.path), services, memories)
    if as_json:
        _say_json(previews, view.to_plain)
    else:
        _say(previews, view.draw)
        say(["", *describe_found(loaded.spec, running, services.searches), *_describe_memory(previews, daemon)])
        if is_other:
            say([f"It runs another configuration than {loaded.path} holds now."])
        if view.at is not None:
            say([f"The settings are those of {format_date(view.at)}; queues and tasks are those of now."])
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
            f"the daemon at {base_url(daemon)} is the controller {name}, and this configuration is for {spec.name}"
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
        yield "Decided like a daemon that has just started. Only a running one knows levels,"
        yield "cooldowns, uncertain launches and whose turn it is: add --from URL."
        return
    yield f"Decided with what the daemon at {base_url(daemon)} remembers."
    if unknown := [each.spec.name for each in previews if each.memory is None]:
        yield f"It does not run {', '.join(unknown)}: decided as if just started."


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
        return definition.show(spec, services.launcher_of(spec).drafts, workers)
    except AwsError as error:
        return definition.Refused(spec.name, workers, explain_error(spec, error))


def _draw_definition(shown: definition.Shown) -> Iterator[str]:
    return definition.draw(shown, json.dumps(shown.definition, indent=2))
