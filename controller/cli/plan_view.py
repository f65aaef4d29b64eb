"""What ``ecsq plan`` shows of the coming turn of a scaler: its decision step by step, and its launch as it would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from controller.cli.saving import say_saving
from controller.config import ControllerSpec, Loaded
from controller.core.copies.copies import KEEPER, copy_names, derived_family
from controller.core.copies.copy_notes import describe_changes, describe_size
from controller.core.copies.packing import TaskGroup
from controller.core.decision.checkups import tell_checkups
from controller.core.decision.explain import Line, explain
from controller.core.decision.explain_schedule import explain_schedule, tell_schedule
from controller.core.decision.queue_sum import tell_parts
from controller.core.decision.timetable import TimeWindow
from controller.core.record import LaunchResult, record
from controller.core.repeats import say_retry
from controller.core.words import format_count, format_date
from controller.scaling.layout import Draft
from controller.scaling.preview import Preview


@dataclass(frozen=True, slots=True)
class View:
    """A configuration, and the time whose settings count."""

    loaded: Loaded
    at: float | None
    """Seconds since the epoch; None: now."""

    def settle(self, spec: ControllerSpec) -> ControllerSpec:
        """Return what runs of it; at another time than now with the settings of that time, and no schedule."""
        at = self.at
        return spec if at is None else replace(spec, scalers=tuple(scaler.at(at) for scaler in spec.scalers))

    def to_plain(self, plan: Preview) -> dict[str, Any]:
        """Return the record; a plan that waits for its window is told, and that nothing comes of it yet."""
        schedule, at = self._find_schedule(plan)
        told = record(plan.done) | {
            "explanation": [list(line) for line in self._explain(plan)],
            "schedule": tell_schedule(schedule, at),
            "elsewhere": plan.spec.elsewhere,
            "remembered": plan.memory is not None,
            "retry_at": plan.retry_at,
            "queues": tell_parts(plan.done.decision.queue),
            "doctor": tell_checkups(plan.checkups),
            "plan_warnings": list(plan.draft.warnings) if plan.draft else [],
        }
        return told if plan.done.decision.launch and plan.retry_at is None else told | {"outcome": None}

    def draw(self, plan: Preview) -> Iterator[str]:
        """Yield the lines of one scaler."""
        yield f"scaler {plan.done.scaler}"
        if plan.spec.elsewhere is not None:
            yield f"  where     {plan.spec.elsewhere}"
        if plan.done.problem:
            yield f"  problem   {plan.done.problem.removeprefix(f'scaler {plan.done.scaler}: ')}"
        for about, what in self._explain(plan):
            yield f"  {about:<10}{what}"
        if plan.retry_at is not None:
            yield f"  retry     {say_retry(plan.retry_at)}"
        for warning in plan.draft.warnings if plan.draft else ():
            yield f"  warning   {warning}"
        if plan.draft and plan.draft.plan.tasks:
            now = plan.done.decision.launch > 0 and plan.retry_at is None
            yield from (f"  {line}" for line in _draw_plan(plan.draft, plan.done.launch, now=now))
        for finding in (finding for checkup in plan.checkups for finding in checkup.findings):
            yield f"  doctor    the queue {finding.text}"

    def _find_schedule(self, plan: Preview) -> tuple[tuple[TimeWindow, ...], float]:
        """Return the schedule of a scaler, and the time at which it is looked at."""
        schedule = self.loaded.spec.scalers[plan.spec.index].schedule
        return schedule, plan.done.decision.at if self.at is None else self.at

    def _explain(self, plan: Preview) -> Iterator[Line]:
        """Yield the lines of a decision; where there is a schedule, the first is about its window."""
        schedule, at = self._find_schedule(plan)
        if schedule and self.at is not None:
            yield "schedule", f"at {format_date(at)}: {explain_schedule(schedule, at)}"
        yield from explain(plan.spec.policy, plan.done.decision, plan.spec.schedule)


def _draw_plan(draft: Draft, result: LaunchResult | None, *, now: bool) -> Iterator[str]:
    """Draw the tasks x containers of a plan, and say what copies change."""
    plan = draft.plan
    calls = format_count(len(plan.calls), "RunTask call")
    when = "would launch now" if now else "would launch when it may"
    layout = f"{format_count(plan.containers, 'container')} in {format_count(plan.tasks, 'task')}"
    yield f"plan      {when}: {layout}, {calls}"
    for group in plan.groups:
        yield f"          {_draw_boxes(draft, group)}"
    yield from (f"          {line}" for line in _say_sizes(draft))
    yield from (f"          {line}" for line in say_saving(draft))
    for limit in filter(None, (result.limit, result.cut) if result else ()):
        yield f"          {limit}"
    if draft.refused_canary is not None:
        yield f"          without a task of the new revision: {draft.refused_canary}"
    for note in describe_changes(draft.template, draft.worker, plan.groups[0].containers, draft.keeper):
        yield f"          - {note}"


def _say_sizes(draft: Draft) -> Iterator[str]:
    """Say what the tasks of each group are paid, what all are, and how much of the price is rounding."""
    plan, sizes = draft.plan, draft.sizes
    if any(size.cpu is None and size.memory is None for size in sizes.values()):
        return
    for group in plan.groups:
        yield f"each {_name_definition(draft, group)}: {describe_size(sizes[group.kind])}"
    all_tasks = [(group.tasks, sizes[group.kind]) for group in plan.groups]
    cpu = sum(tasks * (size.cpu or 0) for tasks, size in all_tasks)
    memory = sum(tasks * (size.memory or 0) for tasks, size in all_tasks)
    cost = sum(tasks * size.cost for tasks, size in all_tasks)
    rounding = sum(tasks * size.rounding for tasks, size in all_tasks)
    share = f"{100 * rounding / cost:.1f} % of the price is rounding" if rounding else "none of which is rounding"
    yield f"together {cpu} CPU units and {memory} MiB, {share}"


def _name_definition(draft: Draft, group: TaskGroup) -> str:
    """Return the revision or the derived family that the tasks of a group run."""
    template = draft.of(group.kind).template
    return derived_family(template, group.containers) if draft.keeper.keeps(group.containers) else template.label


def _draw_boxes(draft: Draft, group: TaskGroup) -> str:
    workers = copy_names(draft.of(group.kind).worker, group.containers)
    containers = (KEEPER, *workers) if draft.keeper.keeps(group.containers) else workers
    where = f" on {group.provider}" if group.provider else ""
    role = ", to prove itself" if group.is_canary else ""
    return f"{group.tasks} x [{' | '.join(containers)}]  {_name_definition(draft, group)}{where}{role}"
