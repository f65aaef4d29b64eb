"""The record of a reconcile: one flat mapping that log, metrics, ``/status``, ``plan`` and ``status`` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from controller.core.copies.packing import Kind, Plan
from controller.core.copies.sizing import TaskSize
from controller.core.decision.model import Decision, Fleet, Numbers, Outcome, Reason
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.verdict import summarize, summarize_launch
from controller.core.frozen import frozen
from controller.core.printable import show

_TOLD_APART = {"breaker", "following", "need", "scarcity", "choice", "shortages", "stage"}
_NUMBERS = tuple(name for name in Numbers.__dataclass_fields__ if name not in _TOLD_APART)

_FLEET = (
    "live",
    "running_tasks",
    "starting_tasks",
    "draining",
    "draining_tasks",
    "ended",
    "ended_tasks",
    "unowned",
    "odd_tasks",
    "start_delay",
)
"""What of a fleet is told under its own name."""


@frozen
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
    sizes: Mapping[Kind, TaskSize] = field(default_factory=dict)
    """The CPU and memory that are paid for a task of the plan, by what it runs."""
    limit: str | None = None
    """Why its tasks hold fewer workers than they would by the configuration; None: they do not."""
    cut: str | None = None
    """Why the plan holds fewer workers than the decision; None: it does not."""
    refused_by: str | None = None
    """The capacity provider of an order that had no room for the call which ended the plan."""
    warnings: tuple[str, ...] = ()
    """What deserves a second look in the template, a sentence each."""
    refused_canary: str | None = None
    """Why canaries of the plan could not be launched, for a person to mend; None: they were, or there were none."""
    short_canary: CapacitySign | None = None
    """That RunTask had no room for a canary; None: it had, or there was none."""


@frozen
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
    """The newest hold for the slot after a launch that failed or is in doubt. It tried nothing: that launch stands."""
    repeated: int = 0
    """How often the same hold, or the same failure to launch, has come again since. Only a try fails again."""
    since: float | None = None
    """When it came first, if it was repeated."""
    condition_since: float | None = None
    """Since when the scaler has been in the condition that this tells of; None: not known yet."""
    said_at: float | None = None
    """When the log last said it; None: not yet."""

    @property
    def trouble(self) -> str | None:
        """What went wrong, as a sentence for a terminal: something could not be observed, or a launch went amiss."""
        trouble = (self.launch.error if self.launch else None) or self.problem
        return None if trouble is None else show(trouble)


def describe_breakage(scaler: str, error: str, at: float) -> Reconciled:
    """Return the record of a reconcile that ended in an error of our own: what it had seen by then is lost."""
    problem = f"scaler {scaler}: a fault of the controller itself, {error}; its log has the traceback"
    return Reconciled(scaler, Decision(at, Reason.BROKEN), problem=problem)


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
        **_describe_fleet(fleet),
        **_describe_numbers(numbers),
        "budget": asdict(decision.budget) if decision.budget else None,
        "launch": decision.launch,
        "slot": decision.slot,
        "look_again_at": decision.look_again_at,
        "plan": _describe_groups(launch),
        "plan_limit": _show(launch.limit) if launch else None,
        "plan_cut": _show(launch.cut) if launch else None,
        "plan_without": _show(launch.refused_canary) if launch else None,
        "plan_warnings": [show(warning) for warning in launch.warnings] if launch else [],
        "launched_tasks": len(launch.arns) if launch else 0,
        "launched_containers": launch.containers if launch else 0,
        "launched_in_doubt": launch.in_doubt if launch else 0,
        "fault": (launch.fault if launch else None) or done.fault,
        "error": done.trouble,
        "repeated": done.repeated,
        "since": done.since,
        "text": tell(done),
    }


def _describe_numbers(numbers: Numbers | None) -> dict[str, Any]:
    need = numbers.need if numbers else None
    return {
        **{name: getattr(numbers, name) if numbers else None for name in _NUMBERS},
        "bad_ends": numbers.breaker.bad_ends if numbers else None,
        "breaker_open_until": numbers.breaker.open_until if numbers else None,
        "breaker_cause": _show(numbers.breaker.cause) if numbers else None,
        "no_capacity_until": numbers.scarcity.until if numbers else None,
        "no_capacity_cause": _show(numbers.scarcity.cause) if numbers else None,
        "seconds_per_message": need.pace.seconds if need else None,
        "pace_source": need.pace.source.value if need else None,
        "pace_messages": need.pace.messages if need else None,
        "pace_error": need.pace.error if need else None,
        "takes_one": need.pace.takes_one if need else None,
        "found_nothing_since": numbers.following.since if numbers else None,
        "found_nothing_until": numbers.following.until if numbers else None,
        "provider": numbers.choice.plan if numbers else None,
        "probed_provider": numbers.choice.probe if numbers else None,
        "short_providers": _describe_shortages(numbers),
        "rollout": _describe_stage(numbers),
    }


def tell(done: Reconciled) -> str:
    """Return a reconcile in one line for a terminal: what was decided and why, and what came of a launch."""
    launch = done.launch
    if launch is None:
        return show(summarize(done.decision))
    dry = launch.outcome is Outcome.DRY_RUN
    started = launch.plan.containers if dry and launch.plan else launch.containers
    error = None if launch.error is None else launch.error.removeprefix(f"scaler {done.scaler}: ")
    return show(summarize_launch(done.decision, launch.outcome, started, launch.in_doubt, error))


def _show(text: str | None) -> str | None:
    return None if text is None else show(text)


def _describe_shortages(numbers: Numbers | None) -> dict[str, dict[str, Any]]:
    """Return until when which capacity providers of an order are short, by name, and ECS's words."""
    shortages = numbers.shortages if numbers else {}
    return {
        provider: {"until": scarcity.until, "turned_away": scarcity.turned_away, "cause": _show(scarcity.cause)}
        for provider, scarcity in shortages.items()
        if scarcity.until is not None
    }


def _describe_stage(numbers: Numbers | None) -> dict[str, Any] | None:
    """Return where a rollout stands; None: there is none, or it is not known."""
    stage = numbers.stage if numbers else None
    if stage is None:
        return None
    setback = stage.setback
    return {
        "newest": stage.newest,
        "trusted": stage.trusted,
        "standing": stage.standing.value,
        "canaries": stage.canaries,
        "unproven_tasks": stage.unproven,
        "cause": _show(setback.cause) if setback else None,
        "tried_again_from": setback.until if setback else None,
    }


def _describe_fleet(fleet: Fleet | None) -> dict[str, Any]:
    return {
        "running": fleet.running if fleet else None,
        "starting": len(fleet.starting) if fleet else None,
        **{name: getattr(fleet, name) if fleet else None for name in _FLEET},
    }


def _describe_groups(launch: LaunchResult | None) -> list[dict[str, Any]] | None:
    """Return the plan's groups; CPU units and MiB are those of one of their tasks."""
    if launch is None or launch.plan is None:
        return None
    return [
        {
            "tasks": group.tasks,
            "containers": group.containers,
            "provider": group.provider,
            "canary": group.is_canary,
            **_describe_size(launch.sizes.get(group.kind)),
        }
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
