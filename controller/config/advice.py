"""Warnings about configurations that work, but probably not as their author intends.

To add one, write a function that yields it and call it from ``find_warnings``. What must not run is an error: rules.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.config.problems import Finding
from controller.config.schema import Cooldown, Hysteresis
from controller.core.copies.packing import Packing
from controller.core.decision.policy import MessageState, StartWithin, Steps
from controller.core.decision.promise import UNKNOWN_START_DELAY
from controller.core.decision.slots import slot_numbered
from controller.core.decision.timetable import apply_changes
from controller.core.queue_names import split_queue
from controller.core.words import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.config.spec import AwsSpec, ControllerSpec, ScalerSpec

_IGNORED = "has no effect with start_within; remove it"


def find_warnings(spec: ControllerSpec) -> Iterator[Finding]:
    """Find what deserves a second look."""
    yield from _warn_of_needless_budget(spec)
    yield from _warn_of_shared_queues(spec)
    yield from _warn_of_shared_searches(spec)
    for scaler in spec.scalers:
        yield from _warn_of_slow_launch_rate(spec.aws, scaler)
        yield from _warn_of_low_top_step(scaler)
        yield from _warn_of_step_above_maximum(scaler)
        yield from _warn_of_uncounted_busy_containers(scaler)
        yield from _warn_of_minimum(scaler)
        yield from _warn_of_short_promise(scaler)
        yield from _warn_of_long_messages(scaler)
        yield from _warn_of_ignored_keys(scaler)
        yield from _warn_of_dense_packing(scaler)
        if scaler.schedule:
            yield from _warn_in_windows(scaler)


def _warn_in_windows(scaler: ScalerSpec) -> Iterator[Finding]:
    """Find what deserves a second look only while a window is in force, at its entry."""
    rules = (_warn_of_low_top_step, _warn_of_minimum, _warn_of_short_promise, _warn_of_long_messages)
    known = {finding.message for rule in rules for finding in rule(scaler)}
    for index, window in enumerate(scaler.schedule):
        changed = replace(scaler, policy=apply_changes(scaler.policy, window.changes), schedule=())
        for finding in (each for rule in rules for each in rule(changed)):
            if finding.message not in known:
                key = [finding.path[-1]] if finding.path[-1] in dict(window.changes.list_set()) else []
                yield Finding(("scalers", scaler.index, "schedule", index, *key), finding.message)


def _warn_of_needless_budget(spec: ControllerSpec) -> Iterator[Finding]:
    if any(scaler.search is not None and scaler.search.each for scaler in spec.scalers):
        return
    most = sum(scaler.most_containers for scaler in spec.scalers)
    if spec.budget is not None and spec.budget >= most:
        yield Finding(
            ("budget", "max_containers"),
            f"has no effect: the scalers' max_containers add up to {most}; lower it, or remove the budget",
        )


def _warn_of_shared_queues(spec: ControllerSpec) -> Iterator[Finding]:
    first: dict[tuple[object, ...], ScalerSpec] = {}
    active = [scaler for scaler in spec.scalers if not _is_always_paused(scaler)]
    for scaler, queue in ((each, queue) for each in active for queue in each.queues):
        other = first.setdefault((*scaler.queue_access.where, *split_queue(queue)), scaler)
        if other is not scaler:
            which = "" if scaler.queue_key == "queue" else f"{queue} "
            yield Finding(
                ("scalers", scaler.index, scaler.queue_key),
                f"{which}is also the queue of scalers[{other.index}] ({other.name}): both count the same messages and "
                "launch for all of them; give each its own queue, or make one scaler of the two",
            )


def _warn_of_shared_searches(spec: ControllerSpec) -> Iterator[Finding]:
    first: dict[tuple[object, object], ScalerSpec] = {}
    for scaler in spec.scalers:
        if scaler.search is None:
            continue
        other = first.setdefault((scaler.search.prefix, scaler.search.tags), scaler)
        if other is not scaler:
            yield Finding(
                ("scalers", scaler.index, "queues"),
                f"looks for the same queues as scalers[{other.index}] ({other.name}), which has them all; remove one",
            )


def _is_always_paused(scaler: ScalerSpec) -> bool:
    return scaler.policy.paused and not any(window.changes.paused is False for window in scaler.schedule)


def _warn_of_slow_launch_rate(aws: AwsSpec, scaler: ScalerSpec) -> Iterator[Finding]:
    slot = slot_numbered(scaler.policy.slots, 0)
    most = int(aws.launch_rate.burst + aws.launch_rate.per_second * (slot.last_send - slot.opens))
    asked = min(scaler.packing.max_tasks_per_launch, scaler.most_containers)
    if asked > most:
        yield Finding(
            ("scalers", scaler.index, "task", "max_tasks_per_launch"),
            f"allows plans of {asked} tasks, but aws.launch_rate lets only {most} start in one launch window: the rest "
            "waits for the next slot, and counts as throttled; lower it, or raise aws.launch_rate",
        )


def _warn_of_low_top_step(scaler: ScalerSpec) -> Iterator[Finding]:
    demand, most = scaler.policy.demand, scaler.policy.max_containers
    if isinstance(demand, Steps) and demand.steps[-1].containers < most:
        top = demand.steps[-1].containers
        yield Finding(
            ("scalers", scaler.index, "demand", "steps", len(demand.steps) - 1, "containers"),
            f"the top step asks for {format_count(top, 'container')}, so max_containers ({most}) is never reached; "
            "lower max_containers, or add a step",
        )


def _warn_of_step_above_maximum(scaler: ScalerSpec) -> Iterator[Finding]:
    demand, most = scaler.policy.demand, scaler.policy.max_containers
    steps = demand.steps if isinstance(demand, Steps) else ()
    above = next((index for index, step in enumerate(steps) if step.containers > most), None)
    if above is not None:
        yield Finding(
            ("scalers", scaler.index, "demand", "steps", above, "containers"),
            f"asks for {format_count(steps[above].containers, 'container')}, but max_containers is {most}: "
            "the rest is never launched; raise max_containers, or lower the step",
        )


def _warn_of_uncounted_busy_containers(scaler: ScalerSpec) -> Iterator[Finding]:
    # All live containers are deducted from the level, the busy ones, too: it must count the messages that they work on.
    policy = scaler.policy
    if not isinstance(policy.demand, StartWithin) and MessageState.IN_FLIGHT not in policy.counted:
        yield Finding(
            ("scalers", scaler.index, "backlog"),
            "does not count the messages in flight, but the containers that work on them are deducted from the visible "
            "ones: new work waits while they are busy; add in_flight",
        )


def _warn_of_minimum(scaler: ScalerSpec) -> Iterator[Finding]:
    if scaler.policy.min_containers > 0:
        yield Finding(
            ("scalers", scaler.index, "min_containers"),
            "is above 0: workers that exit on an empty queue are replaced for ever, which may cost more than the work",
        )


def _warn_of_short_promise(scaler: ScalerSpec) -> Iterator[Finding]:
    demand = scaler.policy.demand
    if isinstance(demand, StartWithin) and demand.start_within < 2 * UNKNOWN_START_DELAY:
        yield Finding(
            ("scalers", scaler.index, "demand", "start_within"),
            f"is below two start delays ({format_duration(UNKNOWN_START_DELAY)} each until measured): "
            "most of this time passes before a worker runs",
        )


def _warn_of_long_messages(scaler: ScalerSpec) -> Iterator[Finding]:
    demand = scaler.policy.demand
    if not isinstance(demand, StartWithin):
        return
    pace = demand.seconds_per_message if demand.seconds_per_message is not None else demand.at_first
    if pace is not None and pace > demand.start_within:
        key = ("seconds_per_message",) if demand.at_first is None else ("seconds_per_message", "at_first")
        yield Finding(
            ("scalers", scaler.index, "demand", *key),
            f"is above start_within ({format_duration(demand.start_within)}): no worker takes a second message in this "
            "time, so each message is given a container of its own",
        )


def _warn_of_ignored_keys(scaler: ScalerSpec) -> Iterator[Finding]:
    if not isinstance(scaler.policy.demand, StartWithin):
        return
    rules, cooldown, usual = scaler.policy.hysteresis, scaler.policy.cooldown, Hysteresis()
    for key in ("activate_at", "activate_within", "rise_after", "fall_after", "dead_band"):
        if getattr(rules, key) != getattr(usual, key):
            yield Finding(("scalers", scaler.index, "hysteresis", key), _IGNORED)
    if cooldown.fall != Cooldown().fall:
        yield Finding(("scalers", scaler.index, "cooldown", "fall"), _IGNORED)
    if MessageState.DELAYED in scaler.policy.counted:
        yield Finding(("scalers", scaler.index, "backlog"), f"{_IGNORED}: delayed messages cannot be taken yet")


def _warn_of_dense_packing(scaler: ScalerSpec) -> Iterator[Finding]:
    if isinstance(scaler.policy.demand, StartWithin) and scaler.packing.packing is Packing.DENSE:
        yield Finding(
            ("scalers", scaler.index, "task", "packing"),
            "dense: a task is paid for until its slowest copy has ended, which is twice as much for nine copies "
            "that take one message each of unequal length; spread is cheaper unless all take equally long",
        )
