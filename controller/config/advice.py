"""Warnings: configurations that work, though hardly as their author means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from controller.config.problems import Fault
from controller.core.decision.demand import UNKNOWN_START_DELAY
from controller.core.decision.policy import DrainWithin, MessageState, Steps
from controller.core.decision.slots import slot_numbered
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.config.spec import AwsSpec, ControllerSpec, ScalerSpec


def warnings(spec: ControllerSpec) -> Iterator[Fault]:
    """Find what is worth a second look."""
    yield from _budget(spec)
    yield from _shared_queues(spec)
    for scaler in spec.scalers:
        yield from _launch_rate(spec.aws, scaler)
        yield from _top_step(scaler)
        yield from _step_above_most(scaler)
        yield from _busy_containers(scaler)
        yield from _minimum(scaler)
        yield from _drain_goal(scaler)


def _budget(spec: ControllerSpec) -> Iterator[Fault]:
    most = sum(scaler.policy.max_containers for scaler in spec.scalers)
    if spec.budget is not None and spec.budget >= most:
        yield Fault(
            ("budget", "max_containers"),
            f"never holds anyone back: the scalers' max_containers add up to {most}",
        )
    for scaler in spec.scalers:
        if spec.budget is None and scaler.priority:
            yield Fault(("scalers", scaler.index, "priority"), "has no effect: there is no budget to go first in")


def _shared_queues(spec: ControllerSpec) -> Iterator[Fault]:
    first: dict[tuple[str, str], ScalerSpec] = {}
    for scaler in spec.scalers:
        if scaler.policy.paused:
            continue
        other = first.setdefault(_account_and_name(scaler.queue), scaler)
        if other is not scaler:
            yield Fault(
                ("scalers", scaler.index, "queue"),
                f"is read by scalers[{other.index}] ({other.name}), too: both count the same messages and launch for "
                "all of them; give each its own queue, or make one scaler of the two",
            )


def _account_and_name(queue: str) -> tuple[str, str]:
    """Return what tells queues apart within the controller's one region; the account is empty for a bare name."""
    *before, name = re.split("[:/]", queue)
    return (before[-1] if before else "", name)


def _launch_rate(aws: AwsSpec, scaler: ScalerSpec) -> Iterator[Fault]:
    slot = slot_numbered(scaler.policy.slots, 0)
    most = int(aws.launch_rate.burst + aws.launch_rate.per_second * (slot.last_send - slot.opens))
    asked = min(scaler.packing.max_tasks_per_launch, scaler.policy.max_containers)
    if asked > most:
        yield Fault(
            ("scalers", scaler.index, "task", "max_tasks_per_launch"),
            f"allows plans of {asked} tasks, but aws.launch_rate lets at most {most} go in one launch window: "
            "the rest waits for the next slot, and counts as throttled",
        )


def _top_step(scaler: ScalerSpec) -> Iterator[Fault]:
    demand, most = scaler.policy.demand, scaler.policy.max_containers
    if isinstance(demand, Steps) and demand.steps[-1].containers < most:
        top = demand.steps[-1].containers
        yield Fault(
            ("scalers", scaler.index, "demand", "steps", len(demand.steps) - 1, "containers"),
            f"the top step asks for {top} containers, so max_containers ({most}) is never reached",
        )


def _step_above_most(scaler: ScalerSpec) -> Iterator[Fault]:
    demand, most = scaler.policy.demand, scaler.policy.max_containers
    steps = demand.steps if isinstance(demand, Steps) else ()
    above = next((index for index, step in enumerate(steps) if step.containers > most), None)
    if above is not None:
        yield Fault(
            ("scalers", scaler.index, "demand", "steps", above, "containers"),
            f"asks for {steps[above].containers} containers, but max_containers is {most}: what is above is never "
            "launched; raise max_containers, or lower the step",
        )


def _busy_containers(scaler: ScalerSpec) -> Iterator[Fault]:
    """Tell of a level of visible work only: live containers are deducted from it, the busy ones too."""
    policy = scaler.policy
    if not isinstance(policy.demand, DrainWithin) and MessageState.IN_FLIGHT not in policy.counted:
        yield Fault(
            ("scalers", scaler.index, "backlog"),
            "leaves in_flight out, yet busy containers are deducted from the visible messages: new work waits while "
            "they are busy; add in_flight",
        )


def _minimum(scaler: ScalerSpec) -> Iterator[Fault]:
    if scaler.policy.min_containers > 0:
        yield Fault(
            ("scalers", scaler.index, "min_containers"),
            "is above 0: workers that exit on an empty queue are replaced for ever",
        )


def _drain_goal(scaler: ScalerSpec) -> Iterator[Fault]:
    demand = scaler.policy.demand
    if isinstance(demand, DrainWithin) and demand.drain_within < 2 * UNKNOWN_START_DELAY:
        yield Fault(
            ("scalers", scaler.index, "demand", "drain_within"),
            f"is below two start delays ({format_duration(UNKNOWN_START_DELAY)} each until measured): "
            "most of the goal passes before a worker runs",
        )
