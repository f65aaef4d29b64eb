"""What the controllers of a schedule are configured with: alike in the protocol, unlike in everything else."""

from __future__ import annotations

from dataclasses import replace

from controller.config import ScalerSpec
from controller.core.copies.packing import Packing
from controller.core.decision.policy import Busy, RolloutPolicy
from controller.core.decision.slots import SlotPolicy, slot_length
from controller.core.decision.timetable import Changes, TimeWindow
from tests.core.decision.windows import Every
from tests.support.controller import SLOTS, scaler_spec

L = SLOTS.consistency_window
S = L / 10
SLOT = slot_length(SLOTS)
PROVE = 40.0
"""Seconds for which a canary has to run: it lives on into the next slots."""


def configured(  # noqa: PLR0913 - what may differ between two controllers
    most: int,
    tasks: int,
    workers: int,
    packing: Packing = Packing.SPREAD,
    *,
    call_timeout: float = 5.0,
    at_least: int = 0,
    poll: float = 10.0,
    slots: SlotPolicy = SLOTS,
) -> ScalerSpec:
    """Return a scaler of one container a message, with its limits."""
    return scaler_spec(
        "cluster",
        "family",
        container="worker",
        run_task={"launchType": "EC2"},  # the template of the account names neither network nor size
        slots=SlotPolicy(slots.controller, slots.scaler, slots.consistency_window, call_timeout),
        max_containers=most,
        min_containers=at_least,
        max_tasks_per_launch=tasks,
        max_containers_per_task=workers,
        packing=packing,
        poll_interval=poll,
    )


def capacity(spec: ScalerSpec) -> int:
    """Return the containers that one plan can hold."""
    packing = spec.packing
    return min(spec.policy.max_containers, packing.max_tasks_per_launch * packing.max_containers_per_task)


def workers_delete_first(spec: ScalerSpec) -> ScalerSpec:
    """Return the same scaler for workers that delete a message as they take it."""
    return replace(spec, policy=replace(spec.policy, busy=Busy.RUNNING))


def in_order(spec: ScalerSpec, *providers: str) -> ScalerSpec:
    """Return the same scaler with capacity providers in order."""
    order = providers or ("spot", "on-demand")
    return replace(spec, policy=replace(spec.policy, providers=order), task=replace(spec.task, run_task={}))


def with_deadline(spec: ScalerSpec) -> ScalerSpec:
    """Return the same scaler with a deadline: a single worker of it has a keeper, and is registered, too."""
    keeper = replace(spec.task.keeper, deadline=7200)
    return replace(spec, policy=replace(spec.policy, deadline=7200), task=replace(spec.task, keeper=keeper))


def in_windows(spec: ScalerSpec, number: int) -> ScalerSpec:
    """Return the same scaler with windows that change its maximum, its minimum and its pause, some within a slot."""
    most = spec.policy.max_containers
    schedule = (
        TimeWindow(Every(4 * SLOT, number * SLOT / 2), SLOT / 3, Changes(paused=True)),
        TimeWindow(Every(3 * SLOT, SLOT / 2), SLOT, Changes(max_containers=max(1, most // 3), min_containers=1)),
        TimeWindow(Every(5 * SLOT), 2 * SLOT, Changes(max_containers=2 * most, min_containers=2, poll_interval=2.0)),
    )
    return replace(spec, schedule=schedule)


def proving(spec: ScalerSpec) -> ScalerSpec:
    """Return the same scaler with a rollout: a new revision of the template proves itself with one task."""
    return replace(spec, policy=replace(spec.policy, rollout=RolloutPolicy(canary=1, prove=PROVE)))


CONFIGURATIONS = (
    configured(25, 100, 1),
    configured(12, 4, 3),
    configured(12, 100, 3, Packing.DENSE),
    configured(6, 4, 2, call_timeout=1.0, poll=2.0),
    configured(25, 8, 3, call_timeout=10.0, at_least=3),
    configured(15, 100, 1, call_timeout=2.0),
)
"""The first is what a schedule has unless it needs another: 25 containers are three calls."""
