"""The rules by which the keys of a configuration must fit together.

Where to add a check, or a warning:

- of one key: its type in schema.py, or in task_schema.py for the keys of ``task``;
- of several keys of one scaler: ``_check_scaler`` below, or task_rules.py for the keys of ``task``, queue_rules.py for
  its queues and schedule_rules.py for those of ``schedule``;
- of several scalers, or of the sections above them: ``find_contradictions`` below;
- a warning: advice.py.

The rules read the document as the user wrote it, even if it is incomplete or has values of the wrong types, so that one
run finds everything. The schema reports a value of the wrong type, and a rule ignores it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from controller.config.access import check_access
from controller.config.aws_schema import Aws
from controller.config.document import find_repeated, get, get_duration, get_or_default
from controller.config.event_rules import check_events
from controller.config.problems import Finding, KeyPath
from controller.config.queue_rules import check_budget, check_queues
from controller.config.schedule_rules import check_budget_in_windows, check_schedule
from controller.config.schema import Rollout, Scaler
from controller.config.task_rules import check_task
from controller.config.wording import quote
from controller.core.copies.copies import split_revision
from controller.core.decision.policy import MAX_CALL_WINDOWS
from controller.core.decision.slots import WINDOWS_PER_SLOT
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRATEGIES = ("start_within", "steps", "messages_per_container")


def find_contradictions(data: Any) -> Iterator[Finding]:
    """Find the keys of a document that contradict each other."""
    window = get_duration(data, "aws", "consistency_window", default=Aws().consistency_window)
    yield from _check_call_timeout(data, window)
    scalers = get(data, list, "scalers") or []
    yield from _check_names(scalers)
    yield from _check_budget(data, scalers)
    yield from check_budget(data, scalers)
    yield from check_budget_in_windows(get(data, int, "budget", "max_containers"), scalers)
    yield from check_events(data)
    for index, scaler in enumerate(scalers):
        yield from _check_scaler(scaler, ("scalers", index), window)
        yield from check_access(data, scaler, ("scalers", index))


def _check_call_timeout(data: Any, window: float | None) -> Iterator[Finding]:
    timeout = get_duration(data, "aws", "call_timeout")
    if timeout is not None and window is not None and timeout > MAX_CALL_WINDOWS * window:
        yield Finding(
            ("aws", "call_timeout"),
            f"must be at most {MAX_CALL_WINDOWS} x aws.consistency_window = "
            f"{format_duration(MAX_CALL_WINDOWS * window)}, not {format_duration(timeout)}",
        )


def _check_names(scalers: list[Any]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, scaler in enumerate(scalers):
        name = get(scaler, str, "name")
        if name is not None and first.setdefault(name, index) != index:
            yield Finding(
                ("scalers", index, "name"), f"must be unique: scalers[{first[name]}] is already named {quote(name)}"
            )


def _check_budget(data: Any, scalers: list[Any]) -> Iterator[Finding]:
    budget = get(data, int, "budget", "max_containers")
    least = sum(get(scaler, int, "min_containers") or 0 for scaler in scalers)
    if budget is not None and budget < least:
        yield Finding(
            ("budget", "max_containers"),
            f"must be at least {least}, the sum of the scalers' min_containers, not {budget}",
        )


def _check_scaler(scaler: Any, path: KeyPath, window: float | None) -> Iterator[Finding]:
    yield from check_queues(scaler, path)
    yield from _check_limits(scaler, path)
    yield from _check_backlog(scaler, path)
    yield from _check_launch_cooldown(scaler, path, window)
    yield from _check_demand(get(scaler, dict, "demand"), (*path, "demand"))
    yield from _check_rollout(scaler, path)
    yield from check_task(scaler, path)
    yield from check_schedule(scaler, path)


def _check_limits(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    least = get(scaler, int, "min_containers")
    most = get_or_default(scaler, int, Scaler, "max_containers")
    if least is not None and most is not None and least > most:
        yield Finding((*path, "min_containers"), f"must be at most max_containers ({most}), not {least}")


def _check_backlog(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    states = get(scaler, list, "backlog")
    if not states:
        return
    if "visible" not in states:
        yield Finding((*path, "backlog"), "must contain visible: visible messages always count")
    yield from find_repeated(((*path, "backlog", index), state) for index, state in enumerate(states))


def _check_launch_cooldown(scaler: Any, path: KeyPath, window: float | None) -> Iterator[Finding]:
    launch = get_duration(scaler, "cooldown", "launch")
    if launch is not None and window is not None and launch < WINDOWS_PER_SLOT * window:
        yield Finding(
            (*path, "cooldown", "launch"),
            f"must be at least one slot, {WINDOWS_PER_SLOT} x aws.consistency_window = "
            f"{format_duration(WINDOWS_PER_SLOT * window)}, not {format_duration(launch)}",
        )


def _check_rollout(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find a rollout that could never come to an end, or never begin."""
    if (rollout := get(scaler, dict, "rollout")) is None:
        return
    definition = get(scaler, str, "task", "definition") or ""
    _family, revision = split_revision(definition)
    if revision is not None:
        message = (
            f"has no effect: task.definition is {quote(definition)}, which is always revision {revision}; leave the "
            f"revision out there, or remove this key"
        )
        yield Finding((*path, "rollout"), message, at_key=True)
    prove = get_duration(rollout, "prove", default=Rollout().prove)
    deadline = get_duration(get(scaler, dict, "task"), "deadline")
    if prove is not None and deadline is not None and prove > deadline:
        where = (*path, "rollout", "prove") if "prove" in rollout else (*path, "rollout")
        yield Finding(
            where,
            f"must be at most task.deadline ({format_duration(deadline)}), not {format_duration(prove)}: no task would "
            "run for long enough",
        )
    canary, most = rollout.get("canary"), get_or_default(scaler, int, Scaler, "max_containers")
    if type(canary) is int and most is not None and canary > most:
        yield Finding((*path, "rollout", "canary"), f"must be at most max_containers ({most}), not {canary}")


def _check_demand(demand: dict[str, Any] | None, path: KeyPath) -> Iterator[Finding]:
    if demand is None:
        return
    chosen = [strategy for strategy in _STRATEGIES if demand.get(strategy) is not None]
    if len(chosen) > 1:
        yield Finding(path, f"must have one strategy, not {len(chosen)}: keep one of {', '.join(chosen)}")
    paced = demand.get("seconds_per_message") is not None
    if not chosen and not paced:
        yield Finding(path, f"has no strategy: set one of {', '.join(_STRATEGIES)}")
    if paced and "start_within" not in chosen:
        message = "has no effect without start_within: set that, too, or remove this key"
        yield Finding((*path, "seconds_per_message"), message)
    yield from _check_steps(get(demand, list, "steps") or [], (*path, "steps"))


def _check_steps(steps: list[Any], path: KeyPath) -> Iterator[Finding]:
    for index, (lower, upper) in enumerate(pairwise(steps), start=1):
        for key in ("backlog", "containers"):
            below, here = get(lower, int, key), get(upper, int, key)
            if below is not None and here is not None and here <= below:
                yield Finding((*path, index, key), f"must be more than in the step before ({below}), not {here}")
