"""The record of a reconcile: one flat mapping that log, metrics, ``/status``, ``plan`` and ``status`` share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core.copies.packing import Plan
from controller.core.copies.sizing import TaskSize
from controller.core.decision.explain import summarize
from controller.core.decision.model import Decision, Numbers, Outcome, Reason

PASSING = frozenset({"throttled", "unreachable", "server_error"})
"""Kinds of failure, by ``controller.aws.errors.Fault``, that pass by themselves."""
_ONCE = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b\d{8}T\d{6}Z")
"""What AWS's words hold that is another one each time: the id of a request, a moment."""
_NUMBERS = tuple(name for name in Numbers.__dataclass_fields__ if name not in {"breaker", "scarcity"})

_HELD = ("draining", "draining_tasks", "ended", "ended_tasks", "unowned", "odd_tasks")
"""What of a fleet is neither starting nor running, and what is only guessed."""


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How a launch went."""

    outcome: Outcome
    plan: Plan | None
    """None: it failed before there was one."""
    arns: tuple[str, ...] = ()
    """The tasks that were started."""
    containers: int = 0
    """Worker containers in them."""
    in_doubt: int = 0
    """Containers that a call of unknown outcome may yet start."""
    doubtful_since: float | None = None
    """When the call of unknown outcome last left."""
    fault: str | None = None
    """The kind of failure that ended the plan."""
    error: str | None = None
    """The same as a sentence."""
    sizes: Mapping[int, TaskSize] = field(default_factory=dict)
    """The CPU and memory that are paid for a task of the plan, by its worker containers."""
    limit: str | None = None
    """Why its tasks hold fewer workers than they would by the configuration; None: they do not."""
    cut: str | None = None
    """Why the plan holds fewer workers than the decision; None: it does not."""
    warnings: tuple[str, ...] = ()
    """What deserves a second look in the template, a sentence each."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One reconcile: the decision, and what came of it."""

    scaler: str
    decision: Decision
    launch: LaunchResult | None = None
    problem: str | None = None
    """Why something could not be observed, as a sentence."""
    fault: str | None = None
    """The kind of that failure."""
    held: Decision | None = None
    """The newest hold for the slot after a launch that failed. It tried nothing, so the failure still stands."""
    repeated: int = 0
    """How often the same hold, or the same failure to launch, has come again since."""
    since: float | None = None
    """When it came first, if it was repeated."""


def record(done: Reconciled) -> dict[str, Any]:
    """Return the record as plain data; None is unknown, times are seconds since the epoch."""
    decision, launch = done.decision, done.launch
    queue, fleet, numbers = decision.queue, decision.fleet, decision.numbers
    return {
        "scaler": done.scaler,
        "at": decision.at,
        "reason": decision.reason.value,
        "outcome": launch.outcome.value if launch else None,
        "visible": queue.visible if queue else None,
        "in_flight": queue.in_flight if queue else None,
        "delayed": queue.delayed if queue else None,
        "backlog": decision.backlog,
        "running": fleet.running if fleet else None,
        "starting": len(fleet.starting) if fleet else None,
        "live": fleet.live if fleet else None,
        "running_tasks": fleet.running_tasks if fleet else None,
        "starting_tasks": fleet.starting_tasks if fleet else None,
        **{name: getattr(fleet, name) if fleet else None for name in _HELD},
        "start_delay": fleet.start_delay if fleet else None,
        **{name: getattr(numbers, name) if numbers else None for name in _NUMBERS},
        "bad_ends": numbers.breaker.bad_ends if numbers else None,
        "breaker_open_until": numbers.breaker.open_until if numbers else None,
        "breaker_cause": numbers.breaker.cause if numbers else None,
        "no_capacity_until": numbers.scarcity.until if numbers else None,
        "no_capacity_cause": numbers.scarcity.cause if numbers else None,
        "launch": decision.launch,
        "slot": decision.slot,
        "look_again_at": decision.look_again_at,
        "plan": _describe_groups(launch),
        "plan_limit": launch.limit if launch else None,
        "plan_cut": launch.cut if launch else None,
        "plan_warnings": list(launch.warnings) if launch else [],
        "launched_tasks": len(launch.arns) if launch else 0,
        "launched_containers": launch.containers if launch else 0,
        "error": (launch.error if launch else None) or done.problem,
        "repeated": done.repeated,
        "since": done.since,
        "text": summarize(decision),
    }


def is_same_again(before: Reconciled, done: Reconciled) -> bool:
    """Say whether a reconcile tells nothing new: the same hold but for its times, or the same failure to launch.

    A hold for the slot after such a failure has tried nothing, so the failure is what still stands.
    """
    if (failure := _find_failure(before)) is not None:
        return _find_failure(done) == failure or done.decision.reason is Reason.SLOT
    return not done.decision.launch and not before.decision.launch and _drop_times(before) == _drop_times(done)


def repeat(before: Reconciled, done: Reconciled) -> Reconciled:
    """Return a reconcile that tells nothing new, with how often and since when it has come.

    It is the newest, so that its numbers and its explanation are those of now. After a launch that failed, the holds
    for the slot are kept beside it: they tried nothing, so it is the failure that repeats.
    """
    since = before.decision.at if before.since is None else before.since
    if before.launch and not done.launch:
        return replace(before, held=done.decision, repeated=before.repeated + 1, since=since)
    return replace(done, repeated=before.repeated + 1, since=since)


def _find_failure(done: Reconciled) -> tuple[str | None, str | None] | None:
    """Return why a launch started nothing; None: it did, may have, or there was none."""
    launch = done.launch
    return _sum_up(launch.fault, launch.error) if launch and launch.outcome is Outcome.FAILED else None


def _sum_up(fault: str | None, said: str | None) -> tuple[str | None, str | None]:
    """Return what of a failure stays the same for as long as it lasts.

    Of what passes by itself that is its kind: AWS's refusal, the rest that is kept after it and the connection that
    breaks meanwhile are one trouble in several words. Else it is what was said, without moments and request ids.
    """
    return fault, None if said is None or fault in PASSING else _ONCE.sub("", said)


def _drop_times(done: Reconciled) -> tuple[object, ...]:
    decision = done.decision
    numbers, fleet = decision.numbers, decision.fleet
    if done.problem is not None:
        return decision.reason, _sum_up(done.fault, done.problem)
    return (
        decision.reason,
        decision.queue,
        numbers and (numbers.level, numbers.desired, numbers.in_doubt, numbers.breaker, numbers.scarcity),
        fleet and replace(fleet, listed_at=0.0, newest_task_at=None, oldest_task_at=None, start_delay=None),
    )


def _describe_groups(launch: LaunchResult | None) -> list[dict[str, int | None]] | None:
    """Return the plan's groups; CPU units and MiB are those of one of their tasks."""
    if launch is None or launch.plan is None:
        return None
    return [
        {"tasks": group.tasks, "containers": group.containers, **_describe_size(launch.sizes.get(group.containers))}
        for group in launch.plan.groups
    ]


def _describe_size(size: TaskSize | None) -> dict[str, int | None]:
    """Return the CPU and memory that are paid for a task, and how much of them is rounding; empty if unknown."""
    if size is None:
        return {}
    return {
        "cpu": size.cpu,
        "memory": size.memory,
        "cpu_rounding": size.cpu_rounding,
        "memory_rounding": size.memory_rounding,
    }
