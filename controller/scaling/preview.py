"""The preview: a scaler's coming turn as if it were due now, up to the launch and without it, for ``ecsq plan``.

Where the scalers share a budget, all of them are looked at, since each takes its part, in the order of the line. A
scaler that waits after a failure comes last: the daemon leaves it out until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from controller.aws.errors import AwsError
from controller.config import ControllerSpec, ScalerSpec
from controller.core.decision.doctor import Checkup
from controller.core.decision.model import Decision, Outcome
from controller.core.decision.providers import NO_CHOICE
from controller.core.decision.state import ScalerState
from controller.core.decision.task import LiveTask
from controller.core.record import LaunchResult, Reconciled
from controller.scaling.calls import explain_error
from controller.scaling.checkup import check_queues
from controller.scaling.cycle import Cycle, Turn, report_fleet
from controller.scaling.launch import annotate
from controller.scaling.layout import Draft
from controller.scaling.look import LookWanted
from controller.scaling.memory import Memory, name_cluster
from controller.scaling.services import Services
from controller.telemetry.series import Series


@dataclass(frozen=True, slots=True)
class Preview:
    """The coming turn of one scaler; nothing was written for it."""

    spec: ScalerSpec
    done: Reconciled
    """The decision; with a launch, or one that still waits, a result like that of a dry run."""
    draft: Draft | None
    """The layout of that launch; None: the template could not be looked up."""
    checkups: tuple[Checkup, ...]
    """What the queue doctor has to say of each queue that could be read."""
    memory: Memory | None
    """The memory of a running daemon; None: the turn is that of a daemon which has just started."""

    @property
    def retry_at(self) -> float | None:
        """When the daemon tries again after a failure; None: at the coming poll."""
        return self.memory.retry_at if self.memory else None


def preview(
    spec: ControllerSpec, chosen: Iterable[ScalerSpec], services: Services, memories: Mapping[str, Memory]
) -> list[Preview]:
    """Return the coming turn of the chosen scalers of a configuration, in their order.

    ``memories`` are those of a running daemon by scaler; some may be missing, or all.
    """
    chosen = list(chosen)
    # Scalers of one cluster share a listing, so all are on the roster before the first is taken.
    for scaler in spec.scalers:
        _introduce(scaler, services, memories.get(scaler.name))
    services.budget.configure(spec.budget, spec.scalers)
    looked_at = _line_up(chosen if spec.budget is None else spec.scalers, services, memories)
    states = {name: _await_poll(memory.state) for name, memory in memories.items()}
    if spec.budget is not None:
        _count_everyone(looked_at, services, states)
    turns = {scaler.name: _decide(scaler, services, states.get(scaler.name)) for scaler in looked_at}
    return [_draft(scaler, services, turns[scaler.name], memories.get(scaler.name)) for scaler in chosen]


def _decide(spec: ScalerSpec, services: Services, remembered: ScalerState | None) -> Turn:
    """Decide as the daemon would, with each look at the cluster taken at once."""
    cycle, began_after = Cycle(services.budget, services.clock.now, remembered), None
    while True:
        try:
            return cycle.decide(services.aim_at(spec), began_after)
        except LookWanted as wanted:
            wanted.look.take()
            began_after = wanted.look.began_after or began_after


def _introduce(spec: ScalerSpec, services: Services, memory: Memory | None) -> None:
    """Put a scaler on the roster of its cluster, with the tasks and the start delay that a daemon knows."""
    cluster = services.cluster_of(spec)
    cluster.roster.enrol(spec, Series(services.metrics, spec.name, ()))
    if memory is not None and memory.cluster == name_cluster(spec):
        cluster.roster.tell_start_delay(spec.name, memory.start_delay)
        cluster.enter(
            LiveTask(
                task.arn,
                spec.name,
                task.running,
                task.starting,
                task.created_at,
                missing_since=task.missing_since,
                stopped=task.stopped,
                draining=task.draining,
                provider=task.provider,
            )
            for task in memory.tasks
        )


def _line_up(scalers: Iterable[ScalerSpec], services: Services, memories: Mapping[str, Memory]) -> list[ScalerSpec]:
    """Return the scalers in the order in which the budget is asked for them."""
    line = services.budget.line_up({name: memory.place for name, memory in memories.items()}, services.clock.now())
    resting = {name for name, memory in memories.items() if memory.retry_at is not None}
    by_name = {scaler.name: scaler for scaler in scalers}
    in_order = [by_name[name] for name in line if name in by_name]
    return sorted(in_order, key=lambda scaler: scaler.name in resting)


def _await_poll(state: ScalerState) -> ScalerState:
    """Return the state for a turn that counts as a poll, however little time has passed since the daemon's last."""
    return state if state.level is None else replace(state, level=replace(state.level, polled_at=None))


def _count_everyone(scalers: Iterable[ScalerSpec], services: Services, states: Mapping[str, ScalerState]) -> None:
    """Tell the budget what every scaler has before the first asks for its part; an unknown one counts its maximum."""
    began = services.clock.now()
    for scaler in scalers:
        cluster = services.cluster_of(scaler)
        cluster.list_anew(began)
        state = states.get(scaler.name, ScalerState())
        report_fleet(services.budget, scaler, cluster, state, services.clock.now())


def _draft(spec: ScalerSpec, services: Services, turn: Turn, memory: Memory | None) -> Preview:
    """Lay out the launch of a turn. The template is looked up without one too: that it is there is an answer."""
    containers = _count_to_launch(turn.decision)
    draft, problem = None, turn.seen.problem
    try:
        numbers = turn.decision.numbers
        choice, stage = (numbers.choice, numbers.stage) if numbers else (NO_CHOICE, None)
        draft = services.launcher_of(spec).draft(spec, containers, choice, stage)
    except AwsError as error:
        problem = problem or error
    result = None
    if draft and draft.plan.tasks:
        result = annotate(LaunchResult(Outcome.DRY_RUN, draft.plan), spec, draft, containers)
    told = None if problem is None else explain_error(spec, problem)
    done = Reconciled(spec.name, turn.decision, result, told)
    return Preview(spec, done, draft, check_queues(spec, services, turn.decision.queue), memory)


def _count_to_launch(decision: Decision) -> int:
    """Return the containers of a launch, or of one that waits for budget, cooldown or slot."""
    if decision.numbers is None:
        return 0
    return decision.launch or decision.numbers.granted or decision.numbers.wanted
