"""``ecsq status``: what a running daemon last decided and why, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.daemon_status import fetch_status, not_a_daemon
from controller.core.decision.model import Outcome
from controller.core.words import format_clock, format_count, format_span

DEFAULT_URL = "http://127.0.0.1:8080"


@click.command("status")
@click.argument("url", default=DEFAULT_URL)
def command(url: str) -> None:
    """Show what the daemon at URL (default http://127.0.0.1:8080) last decided for every scaler, and why."""
    status = fetch_status(url)
    try:
        text = "\n".join(_draw(status))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_a_daemon(url) from error
    click.echo(text)


def _draw(status: Mapping[str, Any]) -> Iterator[str]:
    up = format_span(status["now"] - status["started_at"])
    dry = ", dry run" if status["dry_run"] else ""
    scalers = format_count(len(status["scalers"]), "scaler")
    yield f"{status['name']} {status['version']}, up {up}{dry}: {scalers}"
    config = status["config"]
    reload = config["last_reload"]
    if reload["successful"]:
        yield f"configuration {config['path']}, taken at {format_clock(reload['at'])}, hash {config['hash'][:12]}"
    else:
        at = format_clock(reload["at"])
        yield f"configuration {config['path']}: the reload at {at} was not taken, an earlier one stays"
        yield from (f"  {line}" for line in reload["error"].splitlines())
    for scaler in status["scalers"]:
        yield ""
        yield from _draw_scaler(scaler, status["now"])


def _draw_scaler(scaler: Mapping[str, Any], now: float) -> Iterator[str]:
    last = scaler["last_decision"]
    yield f"scaler {scaler['name']}: {last['text'] if last else 'not observed yet'}"
    if scaler["problem"]:
        yield f"  problem   {scaler['problem']}"
    if last is None:
        return
    yield f"  decided   {_say_when(last, now)}{_say_repeated(last)}"
    if scaler.get("held"):
        yield f"  now       {scaler['held']}"
    for about, what in scaler["explanation"][:-1]:
        yield f"  {about:<10}{what}"
    if last["outcome"]:
        yield f"  outcome   {_say_outcome(last)}"
    elif launch := scaler["last_launch"]:
        yield f"  launch    the last {_say_when(launch, now)}, {_say_outcome(launch)}"
    if last["error"] and last["error"] != scaler["problem"]:
        yield f"  error     {last['error']}"


def _say_when(decision: Mapping[str, Any], now: float) -> str:
    return f"{format_span(max(0.0, now - decision['at']))} ago, at {format_clock(decision['at'])}"


def _say_outcome(launch: Mapping[str, Any]) -> str:
    """Say what a launch has started, or what a dry run would have."""
    tasks, containers = launch["launched_tasks"], launch["launched_containers"]
    if launch["outcome"] == Outcome.DRY_RUN:
        tasks = sum(group["tasks"] for group in launch["plan"])
        containers = sum(group["tasks"] * group["containers"] for group in launch["plan"])
    cut = f"; {launch['plan_cut']}" if launch.get("plan_cut") else ""
    return f"{launch['outcome']}: {format_count(containers, 'container')} in {format_count(tasks, 'task')}{cut}"


def _say_repeated(last: Mapping[str, Any]) -> str:
    if not last["repeated"]:
        return ""
    return f"; the same since {format_clock(last['since'])}, {format_count(last['repeated'] + 1, 'poll')} in a row"
