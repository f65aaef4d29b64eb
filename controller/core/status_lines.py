"""``/status`` in lines, for ``ecsq status`` and the pages: what runs, and how one scaler came to its last decision.

They read a document, perhaps that of another version: what is missing raises KeyError, what is odd ValueError and such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.condition import TROUBLE, Condition
from controller.core.decision.model import Outcome
from controller.core.printable import show
from controller.core.repeats import say_lasting, say_retry
from controller.core.words import format_age, format_clock, format_count

_NOTHING_STARTED = "nothing was started"


def draw_head(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about the daemon: what runs, since when, and on which configuration."""
    now = status["now"]
    dry = ", dry run" if status["dry_run"] else ""
    scalers = format_count(len(status["scalers"]), "scaler")
    troubles = count_troubles(status)
    trouble = f", {troubles} in trouble" if troubles else ""
    up = f"up {format_age(now - status['started_at'])}{dry}{say_shard(status['shard'])}"
    yield f"{status['name']} {status['version']}, {up}: {scalers}{trouble}"
    if status["shard"] and status["shard"]["problem"]:
        yield f"other controllers not found: {status['shard']['problem']}"
    # A daemon of an earlier version has none.
    for search in status.get("searches", ()):
        if search["problem"]:
            yield f"scaler {search['scaler']}: {search['problem']}"
    config = status["config"]
    reload = config["last_reload"]
    at = format_clock(reload["at"], now)
    if reload["successful"]:
        yield f"configuration {config['path']}, taken at {at}, hash {config['hash'][:12]}"
    else:
        yield f"configuration {config['path']}: the reload at {at} was not taken, an earlier one stays"
        yield from (f"  {line}" for line in reload["error"].split("\n"))


def say_shard(shard: Mapping[str, Any] | None) -> str:
    """Return which of several controllers it is; nothing where it is the only one."""
    if shard is None:
        return ""
    if shard["of"] is None:
        return ", looking for the other controllers"
    if shard["index"] is None:
        return f", none of the {shard['of']} live controllers"
    return f", controller {shard['index']} of {shard['of']}"


def say_where_else(shard: Mapping[str, Any] | None) -> str:
    """Return where a scaler may be that a controller does not have; nothing where it is the only one."""
    return "" if shard is None else "; several controllers share the scalers, so ask the others too"


def count_troubles(status: Mapping[str, Any]) -> int:
    """Return how many scalers are in trouble."""
    return sum(read_condition(scaler) in TROUBLE for scaler in status["scalers"])


def read_condition(scaler: Mapping[str, Any]) -> Condition | None:
    """Return the condition of a scaler of ``/status``; None: it was not observed yet."""
    return None if scaler["condition"] is None else Condition(scaler["condition"])


def tell_trouble(scaler: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a scaler, as far as a line or a few can tell; None: nothing that is trouble."""
    condition, last = read_condition(scaler), scaler["last_decision"]
    if not last or condition not in TROUBLE:
        return None
    if condition is Condition.UNKNOWN and scaler["problem"]:
        return show(scaler["problem"].removeprefix(f"scaler {scaler['name']}: "))
    text, cause = show(last["text"]), show(last["breaker_cause"] or "")
    # A scaler that holds for another reason now has an open breaker all the same.
    return text if condition is not Condition.FAILING or cause in text else f"{text}; tasks failed: {cause}"


def draw_scaler(scaler: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines of one scaler of ``/status``; ``now`` is the daemon's, seconds since the epoch."""
    last = scaler["last_decision"]
    text = last["text"] if last else "not observed yet"
    yield f"scaler {scaler['name']}: {text}"
    # A daemon of an earlier version tells none of it.
    if elsewhere := scaler.get("elsewhere"):
        yield f"  where     {show(elsewhere)}"
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
    # A daemon of an earlier version has none.
    for finding in (scaler.get("doctor") or {"findings": ()})["findings"]:
        yield f"  doctor    the queue {show(finding['text'])}"
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
