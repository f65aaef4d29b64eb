"""The preview: a scaler's next turn as it would be now, up to the launch and without it. ``ecsq plan`` shows it.

Where the scalers share a budget, all of them are looked at, since each takes its part: the higher priority first, as
in the daemon when none has waited longer than the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from controller.aws.errors import AwsError
from controller.config import ControllerSpec, ScalerSpec
from controller.core.decision.model import Decision, Outcome, ScalerState
from controller.core.record import LaunchResult, Reconciled
from controller.scaling.cycle import Cycle, report_fleet
from controller.scaling.draft import Draft
from controller.scaling.launch import annotate, explain_error
from controller.scaling.reconcile import Services
from controller.telemetry.series import Series


@dataclass(frozen=True, slots=True)
class Preview:
    """The next turn of one scaler; nothing was written for it."""

    spec: ScalerSpec
    done: Reconciled
    """The decision; with a launch, or one that still waits, a result like that of a dry run."""
    draft: Draft | None
    """The layout of that launch; None: the template could not be looked up."""
    remembered: bool
    """Whether the memory of a running daemon went into it; without, it is decided as after a restart."""


def preview(
    spec: ControllerSpec, chosen: Iterable[ScalerSpec], services: Services, remembered: Mapping[str, ScalerState]
) -> list[Preview]:
    """Return the next turn of the chosen scalers of a configuration, in their order.

    ``remembered`` is the memory of a running daemon by scaler; it may lack some, or all.
    """
    chosen = list(chosen)
    services.budget.configure(spec.budget, spec.scalers)
    # Scalers of one cluster share a listing, so all are on the roster before the first is taken.
    for scaler in spec.scalers:
        services.cluster_of(scaler).roster.enrol(
            scaler.name, scaler.task.container, Series(services.metrics, scaler.name, ())
        )
    looked_at = chosen if spec.budget is None else sorted(spec.scalers, key=lambda each: (-each.priority, each.name))
    if spec.budget is not None:
        _count_everyone(looked_at, services, remembered)
    previews = {scaler.name: _preview(scaler, services, remembered.get(scaler.name)) for scaler in looked_at}
    return [previews[scaler.name] for scaler in chosen]


def _count_everyone(scalers: Iterable[ScalerSpec], services: Services, remembered: Mapping[str, ScalerState]) -> None:
    """Tell the budget what every scaler has before the first asks for its part; an unknown one counts its maximum."""
    began = services.clock.now()
    for scaler in scalers:
        cluster = services.cluster_of(scaler)
        with suppress(AwsError):
            cluster.refresh(began)
        state = remembered.get(scaler.name, ScalerState())
        report_fleet(services.budget, scaler, cluster, state, services.clock.now())


def _preview(spec: ScalerSpec, services: Services, remembered: ScalerState | None) -> Preview:
    cycle = Cycle(services.budget, services.clock.now, remembered)
    turn = cycle.decide(services.aim_at(spec))
    containers = _count_to_launch(turn.decision)
    draft, problem = None, turn.seen.problem
    try:
        # The template is looked up even when nothing is launched: that it is there is part of the answer.
        draft = services.launcher.draft(spec, containers)
    except AwsError as error:
        problem = problem or error
    result = None
    if draft and draft.plan.tasks:
        result = annotate(LaunchResult(Outcome.DRY_RUN, draft.plan), spec, draft, containers)
    told = None if problem is None else explain_error(spec, problem)
    done = Reconciled(spec.name, turn.decision, result, told)
    return Preview(spec, done, draft, remembered=remembered is not None)


def _count_to_launch(decision: Decision) -> int:
    """Return the containers of a launch, or of one that waits for budget, cooldown or slot."""
    if decision.numbers is None:
        return 0
    return decision.launch or decision.numbers.granted or decision.numbers.wanted
