"""The metrics of scalers: their names, and where a scrape reads each value.

A value that could not be observed is absent. Known sets of labels are whole from the start, with 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from controller.core.copies.fargate import SPOT, SPOT_SAVES
from controller.core.decision.model import Fleet, Reason
from controller.core.decision.scarcity import PLENTY
from controller.core.decision.task import StopOutcome
from controller.telemetry.assessment import RECONCILE_OUTCOMES
from controller.telemetry.series import Series

_REASONS = tuple(reason.value for reason in Reason)
_STOP_OUTCOMES = tuple(outcome.value for outcome in StopOutcome)

Values = dict[str, float] | float | None
"""One value, or one for each value of the label; None is unknown."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric that every scaler has."""

    name: str
    """Without the prefix; a counter's without ``_total``."""
    text: str
    label: str | None
    """Beside ``scaler``."""
    read: Callable[[Series], Values]


def _read_counts(counts: Mapping[str, int], known: Iterable[str]) -> Values:
    return {label: counts.get(label, 0) for label in known}


def _read_queue(series: Series) -> Values:
    queue = series.decision and series.decision.queue
    return {"visible": queue.visible, "in_flight": queue.in_flight, "delayed": queue.delayed} if queue else None


def _fleet(series: Series) -> Fleet | None:
    return series.decision.fleet if series.decision else None


def _read_containers(series: Series) -> Values:
    fleet = _fleet(series)
    return {"running": fleet.running, "starting": len(fleet.starting)} if fleet else None


def _read_tasks(series: Series) -> Values:
    if (fleet := _fleet(series)) is None:
        return None
    return {
        "running": fleet.running_tasks,
        "starting": fleet.starting_tasks,
        "draining": fleet.draining_tasks,
        "ended": fleet.ended_tasks,
    }


def _read_held(series: Series) -> Values:
    fleet = _fleet(series)
    return {"draining": fleet.draining, "ended": fleet.ended, "unowned": fleet.unowned} if fleet else None


def _read_oldest(series: Series) -> Values:
    fleet = _fleet(series)
    return fleet.oldest_task_at if fleet else None


def _read_desired(series: Series) -> Values:
    numbers = series.decision and series.decision.numbers
    return numbers.desired if numbers else None


def _read_cooldowns(series: Series) -> Values:
    numbers = series.numbers
    launch, fall = (numbers.launch_cooldown_until, numbers.fall_cooldown_until) if numbers else (None, None)
    return {"launch": launch or 0, "fall": fall or 0}


def _read_breaker(series: Series) -> Values:
    return (series.numbers.breaker.open_until or 0) if series.numbers else 0


def _read_live_by_provider(series: Series) -> Values:
    """Return the live containers on each provider of the order, and on others where some live."""
    if (fleet := _fleet(series)) is None or series.policy is None:
        return None
    live = {use.provider: float(use.containers) for use in fleet.providers}
    return dict.fromkeys(series.policy.providers, 0.0) | live


def _read_short_until(series: Series) -> Values:
    if series.policy is None or not series.policy.providers:
        return None
    shortages = series.numbers.shortages if series.numbers else {}
    return {each: shortages.get(each, PLENTY).until or 0 for each in series.policy.providers}


def _read_saving(series: Series) -> Values:
    """Return the share of the price that live containers on Spot save, of what all would cost on demand."""
    fleet = _fleet(series)
    if fleet is None or not fleet.providers:
        return None
    live = sum(use.containers for use in fleet.providers)
    on_spot = sum(use.containers for use in fleet.providers if use.provider == SPOT)
    return SPOT_SAVES * on_spot / live if live else None


def _count_by_provider(series: Series, counts: Mapping[str, int]) -> Values:
    return dict.fromkeys(series.policy.providers if series.policy else (), 0.0) | dict(counts)


GAUGES = (
    Family("queue_messages", "Messages in the queue, as SQS counts them.", "state", _read_queue),
    Family("containers", "Live worker containers.", "state", _read_containers),
    Family("tasks", "Tasks that are not gone yet.", "state", _read_tasks),
    Family(
        "containers_held",
        "Worker containers of tasks that are not at work, but count against the maximum.",
        "state",
        _read_held,
    ),
    Family("containers_desired", "Worker containers that should live.", None, _read_desired),
    Family(
        "containers_min",
        "min_containers of the configuration.",
        None,
        lambda series: series.policy.min_containers if series.policy else None,
    ),
    Family(
        "containers_max",
        "max_containers of the configuration.",
        None,
        lambda series: series.policy.max_containers if series.policy else None,
    ),
    Family("cooldown_until_timestamp_seconds", "When the cooldown ends; 0: there is none.", "kind", _read_cooldowns),
    Family(
        "breaker_open_until_timestamp_seconds",
        "Until when failing tasks hold launches back, then a single task probes; 0: they do not.",
        None,
        _read_breaker,
    ),
    Family(
        "no_capacity_until_timestamp_seconds",
        "Until when a lack of capacity holds launches back, then a single task is tried; 0: it does not.",
        None,
        lambda series: (series.numbers.scarcity.until or 0) if series.numbers else 0,
    ),
    Family(
        "provider_containers",
        "Live worker containers by the capacity provider that they were launched on.",
        "provider",
        _read_live_by_provider,
    ),
    Family(
        "provider_short_until_timestamp_seconds",
        "Until when a capacity provider of the order gets no launch, then a single task probes; 0: it is not short.",
        "provider",
        _read_short_until,
    ),
    Family(
        "saving_ratio",
        "About what share of the on-demand price live containers save by Spot; absent if none is on a provider.",
        None,
        _read_saving,
    ),
    Family(
        "last_successful_reconcile_timestamp_seconds",
        "When a reconcile last showed that the way to a launch works; 0: none has yet.",
        None,
        lambda series: series.last_success,
    ),
    Family(
        "oldest_task_start_timestamp_seconds",
        "When the oldest live task was created; absent if none lives.",
        None,
        _read_oldest,
    ),
    Family(
        "task_deadline_seconds",
        "How long after the start of its last copy a task is ended; absent without a deadline.",
        None,
        lambda series: series.policy.deadline if series.policy else None,
    ),
    Family(
        "budget_held_containers",
        "Containers of the budget that the scaler takes up: live, in doubt or reserved; absent without a budget.",
        None,
        lambda series: series.budget_held,
    ),
    Family(
        "scaler_paused",
        "Whether the configuration pauses the scaler.",
        None,
        lambda series: series.policy.paused if series.policy else None,
    ),
)
COUNTERS = (
    Family(
        "reconciles",
        "Reconciles.",
        "outcome",
        lambda series: _read_counts(series.reconciles, RECONCILE_OUTCOMES),
    ),
    Family(
        "decisions",
        "Decisions.",
        "reason",
        lambda series: _read_counts(series.decisions, _REASONS),
    ),
    Family(
        "provider_tasks_launched",
        "Tasks launched on a capacity provider of the order.",
        "provider",
        lambda series: _count_by_provider(series, series.launched_on),
    ),
    Family(
        "provider_refusals",
        "Launches that a capacity provider of the order had no room for, at RunTask or afterwards.",
        "provider",
        lambda series: _count_by_provider(series, series.refused_by),
    ),
    Family("containers_launched", "Worker containers launched.", None, lambda series: series.containers_launched),
    Family("tasks_launched", "Tasks launched.", None, lambda series: series.tasks_launched),
    Family(
        "tasks_stopped",
        "Tasks that have ended.",
        "outcome",
        lambda series: _read_counts(series.stops, _STOP_OUTCOMES),
    ),
    Family(
        "launch_failures",
        "Launches that did not go through.",
        "reason",
        lambda series: _read_counts(series.failures, series.faults),
    ),
    Family("task_definitions_registered", "Derived revisions registered.", None, lambda series: series.registrations),
)
