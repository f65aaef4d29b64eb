"""The lines of a decision about what limits a launch or holds it: limits, cooldown, breaker, budget, slot."""

from __future__ import annotations

from controller.core.decision.breaker import is_probing
from controller.core.decision.budget import HOLDERS_NAMED, BudgetUse
from controller.core.decision.model import Decision, Fleet, Numbers, QueueCounts
from controller.core.decision.policy import Policy
from controller.core.decision.slots import slot_length, slot_numbered
from controller.core.decision.verdict import say_budget
from controller.core.words import as_clause, format_clock, format_count, format_span

_STEPPED_BACK = ": the last launch lies ahead, so the clock has stepped back since; a restart ends the wait"


def explain_limits(policy: Policy, queue: QueueCounts, fleet: Fleet, numbers: Numbers) -> str:
    """Say how many containers max_containers and the visible messages leave room for."""
    parts = {"live": fleet.live, "not gone yet": fleet.held, "in doubt": numbers.in_doubt}
    counted = ", ".join(f"{number} {what}" for what, number in parts.items() if number or what == "live")
    room = f"room for {max(0, numbers.room)} below max_containers {policy.max_containers} ({counted})"
    taken = queue.visible - numbers.unclaimed
    waits = f"{numbers.unclaimed} of {format_count(queue.visible, 'visible message')} without a container"
    return f"{room}; {waits} ({taken} about to be taken)"


def explain_cooldown(policy: Policy, numbers: Numbers, now: float) -> str:
    """Say whether the launch cooldown is over."""
    until = numbers.launch_cooldown_until
    if until is None:
        return "none: nothing was launched yet"
    if now >= until:
        return f"launch: over since {format_clock(until, now)}"
    if now >= until - policy.poll_interval / 2:
        return f"launch: over at {format_clock(until, now)}, which is near enough (half a poll)"
    if until - now > max(policy.cooldown.launch, slot_length(policy.slots)):
        return f"launch: until {format_clock(until, now)}{_STEPPED_BACK}"
    return f"launch: until {format_clock(until, now)}"


def explain_breaker(policy: Policy, numbers: Numbers, fleet: Fleet, now: float) -> str:
    """Say how often tasks have failed in a row, why, and when a single one probes."""
    breaker, within = numbers.breaker, policy.breaker.within
    soon = f", or failed within {format_span(within)} of their start" if within else ""
    bad = f"{format_count(breaker.bad_ends, 'task')} in a row failed to start{soon}"
    cause = f", the last: {as_clause(breaker.cause)}" if breaker.cause else ""
    if is_probing(breaker, fleet.newest_task_at):
        return f"{bad}{cause}; a single task was launched as a probe, and has not shown yet whether it works"
    until = breaker.open_until or 0.0
    if now >= until and numbers.in_doubt:
        return f"{bad}{cause}; a single task probes once nothing is in doubt"
    when = "a single task may probe now" if now >= until else f"a single task probes at {format_clock(until, now)}"
    return f"{bad}{cause}; {when}"


def explain_budget(numbers: Numbers, use: BudgetUse | None) -> str:
    """Say how much of what is wanted the budget of all scalers has granted, and who holds the rest."""
    why = say_budget(use, HOLDERS_NAMED) if use else "the budget of all scalers has no more room"
    return f"{numbers.granted} of {numbers.wanted} granted: {why}"


def explain_slot(policy: Policy, decision: Decision) -> str:
    """Say which slot a launch belongs to, or when the window of the next one opens."""
    if decision.slot is not None:
        last_send = slot_numbered(policy.slots, decision.slot).last_send
        return f"{decision.slot}: its window is open until {format_clock(last_send, decision.at)}"
    again = decision.look_again_at
    if again is None:
        return "the launch window is closed"
    if again - decision.at > 2 * slot_length(policy.slots):
        return f"closed until {format_clock(again, decision.at)}{_STEPPED_BACK}"
    return f"the launch window is closed; looks again at {format_clock(again, decision.at)}"
