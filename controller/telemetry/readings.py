"""What a scrape reads of a scaler, where it takes more than a field: one value, or one for each value of a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.core.copies.fargate import SPOT, SPOT_SAVES
from controller.core.decision.doctor import Ailment
from controller.core.decision.model import Fleet
from controller.core.decision.policy import StartWithin
from controller.core.decision.queue_sum import SummedCounts
from controller.core.decision.rollout import Stage, Standing
from controller.core.decision.scarcity import PLENTY
from controller.telemetry.series import Series

Values = dict[str, float] | float | None
"""One value, or one for each value of the label; None is unknown."""


def read_counts(counts: Mapping[str, int], known: Iterable[str]) -> Values:
    """Return the count of each known label; 0 for what has not happened."""
    return {label: counts.get(label, 0) for label in known}


def read_queue(series: Series) -> Values:
    """Return the messages by state; None: they could not be counted."""
    queue = series.decision and series.decision.queue
    return {"visible": queue.visible, "in_flight": queue.in_flight, "delayed": queue.delayed} if queue else None


def read_parts(series: Series) -> Values:
    """Return the visible messages of each queue, of a scaler with several; None: it has one, or they are unknown."""
    queue = series.decision and series.decision.queue
    return {name: part.visible for name, part in queue.parts} if isinstance(queue, SummedCounts) else None


def _fleet(series: Series) -> Fleet | None:
    return series.decision.fleet if series.decision else None


def read_containers(series: Series) -> Values:
    """Return the live worker containers by state."""
    fleet = _fleet(series)
    return {"running": fleet.running, "starting": len(fleet.starting)} if fleet else None


def read_tasks(series: Series) -> Values:
    """Return the tasks that are not gone yet by state."""
    if (fleet := _fleet(series)) is None:
        return None
    return {
        "running": fleet.running_tasks,
        "starting": fleet.starting_tasks,
        "draining": fleet.draining_tasks,
        "ended": fleet.ended_tasks,
    }


def read_held(series: Series) -> Values:
    """Return the worker containers that are not at work, but count against the maximum, by state."""
    fleet = _fleet(series)
    return {"draining": fleet.draining, "ended": fleet.ended, "unowned": fleet.unowned} if fleet else None


def read_oldest(series: Series) -> Values:
    """Return when the oldest live task was created, seconds since the epoch; None: none lives."""
    fleet = _fleet(series)
    return fleet.oldest_task_at if fleet else None


def read_desired(series: Series) -> Values:
    """Return the worker containers that should live."""
    numbers = series.decision and series.decision.numbers
    return numbers.desired if numbers else None


def read_cooldowns(series: Series) -> Values:
    """Return when each cooldown ends, seconds since the epoch; 0: there is none."""
    numbers = series.numbers
    launch, fall = (numbers.launch_cooldown_until, numbers.fall_cooldown_until) if numbers else (None, None)
    return {"launch": launch or 0, "fall": fall or 0}


def read_breaker(series: Series) -> Values:
    """Return until when failing tasks hold launches back, seconds since the epoch; 0: they do not.

    None: nothing was decided yet. A process that has just begun does not say that the breaker is closed.
    """
    return (series.numbers.breaker.open_until or 0) if series.numbers else None


def read_scarcity(series: Series) -> Values:
    """Return until when a lack of capacity holds launches back, likewise."""
    return (series.numbers.scarcity.until or 0) if series.numbers else None


def read_promise(series: Series) -> Values:
    """Return ``start_within`` in seconds; None: another strategy."""
    demand = series.policy.demand if series.policy else None
    return demand.start_within if isinstance(demand, StartWithin) else None


def read_minutes(series: Series) -> Values:
    """Return the minutes with work by whether the promise was kept; None: another strategy."""
    return None if read_promise(series) is None else read_counts(series.promise_minutes, ("yes", "no"))


def read_findings(series: Series) -> Values:
    """Return 1 for each ailment that the queue doctor has found, 0 for others; None: it has not looked yet."""
    if not series.checkups:
        return None
    found = {finding.ailment for checkup in series.checkups for finding in checkup.findings}
    return {ailment.value: ailment in found for ailment in Ailment}


def read_live_by_provider(series: Series) -> Values:
    """Return the live containers on each provider of the order, and on others where some live."""
    if (fleet := _fleet(series)) is None or series.policy is None:
        return None
    live = {use.provider: float(use.containers) for use in fleet.providers}
    return dict.fromkeys(series.policy.providers, 0.0) | live


def read_short_until(series: Series) -> Values:
    """Return until when each provider of the order gets no launch, seconds since the epoch; 0: it is not short."""
    if series.policy is None or not series.policy.providers or series.numbers is None:
        return None
    shortages = series.numbers.shortages
    return {each: shortages.get(each, PLENTY).until or 0 for each in series.policy.providers}


def read_saving(series: Series) -> Values:
    """Return the share of the price that live containers on Spot save, of what all would cost on demand."""
    fleet = _fleet(series)
    if fleet is None or not fleet.providers:
        return None
    live = sum(use.containers for use in fleet.providers)
    on_spot = sum(use.containers for use in fleet.providers if use.provider == SPOT)
    return SPOT_SAVES * on_spot / live if live else None


def read_revisions(series: Series) -> Values:
    """Return the newest revision of the template, and the trusted one if there is one; None: no rollout is known."""
    stage = _stage(series)
    if stage is None:
        return None
    return {"newest": float(stage.newest)} | ({} if stage.trusted is None else {"trusted": float(stage.trusted)})


def read_standing(series: Series) -> Values:
    """Return 1 for how the newest revision stands, 0 for others; None: no rollout is known."""
    stage = _stage(series)
    return None if stage is None else {each.value: each is stage.standing for each in Standing}


def _stage(series: Series) -> Stage | None:
    """Return where the rollout stood last; None: none is configured, or it is not known yet."""
    if series.numbers is None or series.policy is None or series.policy.rollout is None:
        return None
    return series.numbers.stage


def count_by_provider(series: Series, counts: Mapping[str, int]) -> Values:
    """Return the counts by provider, with each of the order; 0 for one of which nothing was counted."""
    return dict.fromkeys(series.policy.providers if series.policy else (), 0.0) | dict(counts)
