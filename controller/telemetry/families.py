"""The metrics of scalers: their names, and where a scrape reads each value.

A value that could not be observed is absent. Known sets of labels are whole from the start, with 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.core.decision.checkups import count_dead_letters
from controller.core.decision.model import Reason
from controller.core.decision.stopped import StopOutcome
from controller.telemetry.assessment import RECONCILE_OUTCOMES
from controller.telemetry.readings import (
    Values,
    count_by_provider,
    read_breaker,
    read_containers,
    read_cooldowns,
    read_counts,
    read_desired,
    read_findings,
    read_held,
    read_live_by_provider,
    read_minutes,
    read_oldest,
    read_parts,
    read_promise,
    read_queue,
    read_revisions,
    read_saving,
    read_scarcity,
    read_short_until,
    read_standing,
    read_tasks,
)
from controller.telemetry.series import Series

_REASONS = tuple(reason.value for reason in Reason)
_STOP_OUTCOMES = tuple(outcome.value for outcome in StopOutcome)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric that every scaler has."""

    name: str
    """Without the prefix; a counter's without ``_total``."""
    text: str
    label: str | None
    """Beside ``scaler``."""
    read: Callable[[Series], Values]


GAUGES = (
    Family("queue_messages", "Messages in the queue, as SQS counts them.", "state", read_queue),
    Family("queue_visible_messages", "Visible messages in each of several queues.", "queue", read_parts),
    Family("containers", "Live worker containers.", "state", read_containers),
    Family("tasks", "Tasks that are not gone yet.", "state", read_tasks),
    Family(
        "containers_held",
        "Worker containers of tasks that are not at work, but count against the maximum.",
        "state",
        read_held,
    ),
    Family("containers_desired", "Worker containers that should live.", None, read_desired),
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
    Family("cooldown_until_timestamp_seconds", "When the cooldown ends; 0: there is none.", "kind", read_cooldowns),
    Family(
        "breaker_open_until_timestamp_seconds",
        "Until when failing tasks hold launches back, then a single task probes; 0: they do not.",
        None,
        read_breaker,
    ),
    Family(
        "no_capacity_until_timestamp_seconds",
        "Until when a lack of capacity holds launches back, then a single task is tried; 0: it does not.",
        None,
        read_scarcity,
    ),
    Family(
        "provider_containers",
        "Live worker containers by the capacity provider that they were launched on.",
        "provider",
        read_live_by_provider,
    ),
    Family(
        "provider_short_until_timestamp_seconds",
        "Until when a provider of task.capacity gets no launch, then a single task probes; 0: it is not short.",
        "provider",
        read_short_until,
    ),
    Family(
        "template_revision",
        "Revisions of the template, of a scaler with a rollout: the newest, and the one that is trusted.",
        "which",
        read_revisions,
    ),
    Family(
        "rollout_standing",
        "How the newest revision of the template stands, 1 for the one that is true; absent without a rollout.",
        "standing",
        read_standing,
    ),
    Family(
        "saving_ratio",
        "About what share of the on-demand price the live containers save by Spot; absent if none is on a provider.",
        None,
        read_saving,
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
        read_oldest,
    ),
    Family(
        "promise_seconds",
        "start_within of the configuration; absent with another strategy.",
        None,
        read_promise,
    ),
    Family(
        "seconds_per_message",
        "How long a message occupies a container, as given or learned; absent as long as nobody knows.",
        None,
        lambda series: series.numbers.need.pace.seconds if series.numbers and series.numbers.need else None,
    ),
    Family(
        "learned_messages",
        "How many messages, or runs of workers, the learned time is based on; 0: nothing was learned.",
        None,
        lambda series: series.numbers.need.pace.messages if series.numbers and series.numbers.need else None,
    ),
    Family(
        "returned_containers",
        "Containers that ended while no message was deleted, if too many for chance; else 0.",
        None,
        lambda series: (series.numbers.returned or 0) if series.numbers else None,
    ),
    Family(
        "oldest_message_age_seconds",
        "Age of the queue's oldest message as CloudWatch told it last; absent without work or aws.message_age.",
        None,
        lambda series: series.oldest_message_age,
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
        "queue_findings",
        "1 for each setting of the queue that does not fit its work and should be changed.",
        "finding",
        read_findings,
    ),
    Family(
        "dead_letter_messages",
        "Messages in the queue's dead-letter queue, of several in all; absent without one.",
        None,
        lambda series: count_dead_letters(series.checkups),
    ),
    Family(
        "scaler_paused",
        "Whether the configuration pauses the scaler.",
        None,
        lambda series: series.policy.paused if series.policy else None,
    ),
    Family(
        "schedule_window_in_force",
        "Whether a window of the scaler's schedule is in force; absent without a schedule.",
        None,
        lambda series: series.is_in_window,
    ),
)
COUNTERS = (
    Family(
        "reconciles",
        "Reconciles.",
        "outcome",
        lambda series: read_counts(series.reconciles, RECONCILE_OUTCOMES),
    ),
    Family(
        "decisions",
        "Decisions.",
        "reason",
        lambda series: read_counts(series.decisions, _REASONS),
    ),
    Family(
        "provider_tasks_launched",
        "Tasks launched on a capacity provider of task.capacity.",
        "provider",
        lambda series: count_by_provider(series, series.launched_on),
    ),
    Family(
        "provider_refusals",
        "Launches that a capacity provider of task.capacity had no room for, at RunTask or afterwards.",
        "provider",
        lambda series: count_by_provider(series, series.refused_by),
    ),
    Family("containers_launched", "Worker containers launched.", None, lambda series: series.containers_launched),
    Family(
        "containers_empty",
        "Worker containers that seem to have ended without a message: an estimate.",
        None,
        lambda series: series.numbers.ended_empty if series.numbers else 0,
    ),
    Family("promise_minutes", "Minutes with work, by whether the promise was kept.", "kept", read_minutes),
    Family("tasks_launched", "Tasks launched.", None, lambda series: series.tasks_launched),
    Family(
        "tasks_stopped",
        "Tasks that have ended.",
        "outcome",
        lambda series: read_counts(series.stops, _STOP_OUTCOMES),
    ),
    Family(
        "launch_failures",
        "Launches that did not go through.",
        "reason",
        lambda series: read_counts(series.failures, series.faults),
    ),
    Family("task_definitions_registered", "Derived revisions registered.", None, lambda series: series.registrations),
)
