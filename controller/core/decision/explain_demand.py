"""The lines of a decision about how many containers are wanted: demand, level, desired."""

from __future__ import annotations

from controller.core.decision.explain_promise import explain_asked
from controller.core.decision.model import Decision, Fleet, Numbers
from controller.core.decision.policy import PerContainer, Policy, StartWithin, Steps
from controller.core.words import format_clock, format_count, format_span


def explain_demand(policy: Policy, decision: Decision, numbers: Numbers) -> str:
    """Say how many containers the strategy asks for, why, and what counts of it."""
    asked, backlog = format_count(numbers.asked, "container"), decision.backlog or 0
    match policy.demand:
        case Steps(steps):
            reached = [step.backlog for step in steps if step.backlog <= backlog]
            why = f"the step at {format_count(max(reached), 'message')}" if reached else "no step is reached"
        case PerContainer(messages_per_container):
            share = "message" if messages_per_container == 1 else format_count(messages_per_container, "message")
            why = f"one for every {share} of {backlog}"
        case StartWithin() as goal:
            why = explain_asked(goal, numbers.need, numbers, decision.at) if numbers.need else "unknown"
    return f"{asked}: {why}{_explain_gate(policy, numbers, decision.at)}"


def _explain_gate(policy: Policy, numbers: Numbers, now: float) -> str:
    """Say what makes demand differ from what the strategy asks for."""
    if numbers.demand == numbers.asked:
        return ""
    rules = policy.hysteresis
    if numbers.demand > numbers.asked:
        waited = format_span(rules.activate_within)
        return f"; but {format_count(numbers.demand, 'container')}: some messages have waited {waited}"
    if numbers.demand:
        return f"; but at most {numbers.demand} (max_containers)"
    since = numbers.waiting_since
    late = f" or at {format_clock(since + rules.activate_within, now)}" if since else ""
    return f"; but it sleeps until there are {format_count(rules.activate_at, 'message')}{late}"


def explain_level(policy: Policy, numbers: Numbers, now: float) -> str:
    """Say what the level is, and when it follows the demand."""
    if isinstance(policy.demand, StartWithin):
        return f"{numbers.level}: the demand itself: hysteresis does not apply with start_within"
    if numbers.demand > numbers.level:
        return f"{numbers.level}: it rises {_say_when(policy.hysteresis.rise_after, numbers.rising_polls, 'more')}"
    if numbers.demand == numbers.level:
        return f"{numbers.level}: the demand"
    until = numbers.fall_cooldown_until
    held = f", from {format_clock(until, now)} on (fall cooldown)" if until is not None and until > now else ""
    return f"{numbers.level}: it falls {_say_when(policy.hysteresis.fall_after, numbers.falling_polls, 'less')}{held}"


def _say_when(polls: int, so_far: int, what: str) -> str:
    """Say how many polls move the level, and how many of them there were."""
    if polls == 1:
        return f"when a poll asks for {what}"
    return f"when {polls} polls in a row have asked for {what} ({min(so_far, polls)} so far)"


def explain_desired(policy: Policy, numbers: Numbers, fleet: Fleet) -> str:
    """Say how many containers should live, beside those that do."""
    bounds = f"the level within {policy.min_containers} and {policy.max_containers}"
    if numbers.shortfall > 0:
        return f"{numbers.desired}: {bounds}; {numbers.shortfall} more than the {fleet.live} live"
    return f"{numbers.desired}: {bounds}; {fleet.live} live are enough"
