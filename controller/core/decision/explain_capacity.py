"""Explaining a lack of capacity in words: which tasks found no place, and when the next one is tried."""

from __future__ import annotations

from controller.core.decision.model import Fleet, Numbers
from controller.core.decision.scarcity import count_allowed, is_trying
from controller.core.words import as_clause, format_clock, format_count


def count_tried(numbers: Numbers, fleet: Fleet, now: float) -> int | None:
    """Return how many containers may be launched at ``now`` for a lack of capacity; None: there is no lack."""
    return count_allowed(numbers.scarcity, fleet.newest_task_at, numbers.in_doubt, now)


def explain_capacity(numbers: Numbers, fleet: Fleet, now: float) -> str:
    """Return what is known of a lack of capacity, and what comes next."""
    known = numbers.scarcity
    cause = f", the last: {as_clause(known.cause)}" if known.cause else ""
    turned_away = format_count(known.turned_away, "task")
    return f"no capacity: {turned_away} found no place to run{cause}; {explain_trial(numbers, fleet, now)}"


def explain_trial(numbers: Numbers, fleet: Fleet, now: float) -> str:
    """Say when one task is tried, or that it was."""
    if is_trying(numbers.scarcity, fleet.newest_task_at):
        return "one task was launched to try, and does not run yet"
    until = numbers.scarcity.until or 0.0
    if now < until:
        return f"one task is tried at {format_clock(until, now)}"
    return "one task is tried once nothing is in doubt" if numbers.in_doubt else "one task may be tried now"
