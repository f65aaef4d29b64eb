"""Explaining a decision line by line, with every number, for whoever is on call.

The lines about what is wanted are in ``explain_demand``, those about what holds a launch in ``explain_holds``, and the
last one, what is done and why, in ``verdict``.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.busy import count_in_hand, explain_contradiction, is_contradictory
from controller.core.decision.explain_capacity import count_tried, explain_capacity
from controller.core.decision.explain_deadline import explain_deadline
from controller.core.decision.explain_demand import explain_demand, explain_desired, explain_level
from controller.core.decision.explain_following import explain_following
from controller.core.decision.explain_held import explain_held
from controller.core.decision.explain_holds import (
    explain_breaker,
    explain_budget,
    explain_cooldown,
    explain_limits,
    explain_slot,
)
from controller.core.decision.explain_promise import explain_lateness, explain_promise
from controller.core.decision.explain_providers import explain_providers
from controller.core.decision.explain_rollout import explain_rollout
from controller.core.decision.explain_schedule import explain_schedule
from controller.core.decision.model import Decision, Fleet, Numbers, QueueCounts, Reason
from controller.core.decision.policy import Busy, MessageState, Policy
from controller.core.decision.queue_sum import SummedCounts, explain_parts
from controller.core.decision.timetable import TimeWindow, policy_at
from controller.core.decision.verdict import summarize
from controller.core.printable import show
from controller.core.words import format_count

Line = tuple[str, str]
"""The subject of a line, and its text."""


def explain(policy: Policy, decision: Decision, schedule: tuple[TimeWindow, ...] = ()) -> tuple[Line, ...]:
    """Return the decision line by line, in the order of its steps. What AWS has said in it is fit for a terminal.

    With a ``schedule`` the policy is the scaler's own, and the one of that time is what is explained.
    """
    lines = [*_explain_steps(policy_at(policy, schedule, decision.at), decision)]
    if schedule:
        lines.insert(0, ("schedule", explain_schedule(schedule, decision.at)))
    return tuple((about, show(what)) for about, what in lines)


def _explain_steps(policy: Policy, decision: Decision) -> Iterator[Line]:
    queue, fleet, numbers = decision.queue, decision.fleet, decision.numbers
    if decision.reason is Reason.BROKEN:
        yield "decision", summarize(decision)
        return
    yield "queue", _explain_queue(policy, queue, fleet, decision.at)
    if isinstance(queue, SummedCounts):
        yield "queues", explain_parts(queue.parts)
    yield "fleet", _explain_fleet(fleet, is_asked=queue is not None)
    if fleet:
        yield from explain_held(fleet)
        yield from explain_deadline(policy.deadline, fleet, decision.at)
    if queue and fleet and numbers:
        if is_contradictory(policy, queue, fleet, decision.at):
            yield "busy", explain_contradiction(queue, fleet, numbers.contradicted_since, decision.at)
        yield from explain_promise(numbers, count_in_hand(policy, queue, fleet, decision.at), fleet)
        yield "demand", explain_demand(policy, decision, numbers)
        yield from explain_lateness(policy, numbers)
        yield "level", explain_level(policy, numbers, decision.at)
        yield "desired", explain_desired(policy, numbers, fleet)
        if numbers.shortfall > 0:
            yield "limits", explain_limits(policy, queue, fleet, numbers)
            yield "cooldown", explain_cooldown(policy, numbers, decision.at)
        if numbers.breaker.open_until is not None:
            yield "breaker", explain_breaker(policy, numbers, fleet, decision.at)
        yield from _explain_tries(policy, numbers, fleet, decision.at)
        yield from explain_rollout(policy.rollout, numbers, fleet, decision.at)
        if numbers.granted is not None and numbers.granted < numbers.wanted:
            yield "budget", explain_budget(numbers, decision.budget)
        if decision.slot is not None or decision.look_again_at is not None:
            yield "slot", explain_slot(policy, decision)
    yield "decision", summarize(decision)


def _explain_tries(policy: Policy, numbers: Numbers, fleet: Fleet, now: float) -> Iterator[Line]:
    """Yield what holds launches back until one more has shown that it finds a message, or a place."""
    if numbers.followed is not None:
        yield "followed", explain_following(numbers.following, numbers.returned, now)
    yield from explain_providers(policy.providers, numbers, fleet, now)
    if not policy.providers and count_tried(numbers, fleet, now) is not None:
        yield "capacity", explain_capacity(numbers, fleet, now)


def _explain_queue(policy: Policy, queue: QueueCounts | None, fleet: Fleet | None, now: float) -> str:
    if queue is None:
        return "unknown: it could not be read"
    by_running = policy.busy is Busy.RUNNING
    if fleet is None and by_running:
        return f"{queue.visible} visible, {queue.delayed} delayed; how many containers run, and so are busy, is unknown"
    counts = count_in_hand(policy, queue, fleet, now) if fleet else queue
    named = {state: f"{getattr(counts, state.value)} {_write_state(state, policy)}" for state in MessageState}
    parts = " + ".join(text for state, text in named.items() if state in policy.counted)
    left_out = [f"{queue.in_flight} in flight"] if by_running else []
    left_out += [text for state, text in named.items() if state not in policy.counted]
    rest = f"; not counted: {', '.join(left_out)}" if left_out else ""
    return f"{format_count(counts.backlog(policy.counted), 'message')} of backlog = {parts}{rest}"


def _write_state(state: MessageState, policy: Policy) -> str:
    if state is MessageState.IN_FLIGHT and policy.busy is Busy.RUNNING:
        return "in hand of running containers"
    return state.value.replace("_", " ")


def _explain_fleet(fleet: Fleet | None, *, is_asked: bool) -> str:
    if fleet is None:
        unknown = "unknown: the cluster could not be read"
        return unknown if is_asked else "not asked for: nothing is launched as long as the backlog is unknown"
    tasks = format_count(fleet.running_tasks + fleet.starting_tasks, "task")
    live = format_count(fleet.live, "live container")
    return f"{live} = {fleet.running} running + {len(fleet.starting)} starting, in {tasks}"
