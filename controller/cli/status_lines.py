"""``ecsq status --scaler NAME``: the last decision of one scaler, and the way to it, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.decision.model import Outcome
from controller.core.repeats import say_lasting, say_retry
from controller.core.words import format_age, format_clock, format_count

_NOTHING_STARTED = "nothing was started"


def draw_scaler(scaler: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines of one scaler of ``/status``; ``now`` is the daemon's, seconds since the epoch."""
    last = scaler["last_decision"]
    text = last["text"] if last else "not observed yet"
    yield f"scaler {scaler['name']}: {text}"
    problem = (scaler["problem"] or "").removeprefix(f"scaler {scaler['name']}: ")
    if problem not in text:
        yield f"  problem   {problem}"
    if last is None:
        return
    yield f"  decided   {_say_when(last, now)}{_say_repeated(last, now)}"
    if scaler.get("held"):
        yield f"  now       {scaler['held']}"
    if (retry_at := scaler["memory"]["retry_at"]) is not None:
        yield f"  retry     {say_retry(retry_at, now)}"
    for about, what in scaler["explanation"][:-1]:
        yield f"  {about:<10}{what}"
    if last["outcome"]:
        yield f"  outcome   {_say_outcome(last)}"
    elif launch := scaler["last_launch"]:
        yield f"  launch    the last {_say_when(launch, now)}, {_say_outcome(launch)}"


def _say_when(decision: Mapping[str, Any], now: float) -> str:
    return f"{format_age(now - decision['at'])} ago, at {format_clock(decision['at'], now)}"


def _say_outcome(launch: Mapping[str, Any]) -> str:
    """Say what a launch has started, or what a dry run would have."""
    tasks, containers = launch["launched_tasks"], launch["launched_containers"]
    if launch["outcome"] == Outcome.DRY_RUN:
        tasks = sum(group["tasks"] for group in launch["plan"])
        containers = sum(group["tasks"] * group["containers"] for group in launch["plan"])
    started = f"{format_count(containers, 'container')} in {format_count(tasks, 'task')}" if tasks else _NOTHING_STARTED
    if launch["outcome"] == Outcome.IN_DOUBT:
        started = f"{format_count(launch['launched_in_doubt'], 'container')} may have started; of the rest, {started}"
    cut = f"; {launch['plan_cut']}" if launch.get("plan_cut") else ""
    return f"{launch['outcome']}: {started}{cut}"


def _say_repeated(last: Mapping[str, Any], now: float) -> str:
    if not last["repeated"]:
        return ""
    lasting = say_lasting(now - last["since"], last["repeated"], tried=bool(last["error"]))
    return f"; {lasting}, since {format_clock(last['since'], now)}"
