"""Explaining a decision in words, with every number, for whoever is on call."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.breaker import is_probing
from controller.core.decision.busy import count_in_hand, explain_contradiction, is_contradictory
from controller.core.decision.demand import UNKNOWN_START_DELAY
from controller.core.decision.explain_capacity import count_tried, explain_capacity, explain_trial
from controller.core.decision.held import explain_held
from controller.core.decision.model import Decision, Fleet, Numbers, QueueCounts, Reason
from controller.core.decision.policy import Busy, DrainWithin, MessageState, PerContainer, Policy, Steps
from controller.core.decision.slots import slot_numbered
from controller.core.words import as_clause, format_clock, format_count, format_span

Line = tuple[str, str]
"""The subject of a line, and its text."""

_ASLEEP = "hold: asleep, the backlog has not woken it yet"
_BROKEN = "hold: the reconcile broke, by a fault of the controller itself"
_AT_MAX_IN_DOUBT = "hold: max_containers is reached if the launches in doubt have started everything"
_AT_MAX_HELD = "hold: max_containers is reached with {held} of tasks that are not gone yet"
_NOTHING_VISIBLE = "hold: {missing} short of the level, but no message is visible"
_NO_CAPACITY = "hold: {missing} short, but there is no capacity: {trial}"
_VERDICTS = {
    Reason.LAUNCH: "launch {launch}",
    Reason.SATISFIED: "hold: enough containers live",
    Reason.IDLE: "hold: nothing to do",
    Reason.RISING: "hold: {demand} are asked for, but not for enough polls in a row yet",
    Reason.COOLDOWN: "hold: {missing} short, but the last launch was too recent",
    Reason.SLOT: "hold: {missing} short, but the launch window is closed",
    Reason.AT_MAX: "hold: max_containers is reached",
    Reason.NOTHING_WAITING: "hold: {missing} short, but live containers are about to take every visible message",
    Reason.PAUSED: "hold: paused in the configuration",
    Reason.BACKING_OFF: "hold: {missing} short, but its tasks keep failing",
    Reason.BUDGET: "hold: {missing} short, but the budget of all scalers leaves none",
}


def summarize(decision: Decision) -> str:
    """Return the decision and its cause in one line."""
    numbers, fleet = decision.numbers, decision.fleet
    if decision.reason is Reason.BROKEN:
        return _BROKEN
    if decision.queue is None:
        return "hold: the queue could not be read, so the backlog is unknown"
    if numbers is None or fleet is None:
        return "hold: the cluster could not be read, so what lives is unknown"
    seen = f"{format_count(decision.backlog or 0, 'message')}, {fleet.live} live of {numbers.desired} desired"
    said = _choose_verdict(decision.reason, decision.queue, fleet, numbers, asleep=bool(decision.backlog))
    if decision.reason is Reason.BACKING_OFF and count_tried(numbers, fleet, decision.at) == 0:
        said = _NO_CAPACITY
    said = said.format(
        launch=format_count(decision.launch, "container"),
        missing=format_count(numbers.shortfall, "container"),
        demand=numbers.demand,
        held=format_count(fleet.held, "container"),
        trial=explain_trial(numbers, fleet, decision.at),
    )
    return f"{said} ({seen})"


def _choose_verdict(reason: Reason, queue: QueueCounts, fleet: Fleet, numbers: Numbers, *, asleep: bool) -> str:
    """Return the words for a reason; some reasons read differently where the difference matters."""
    if reason is Reason.IDLE and asleep:
        return _ASLEEP
    if reason is Reason.NOTHING_WAITING and not queue.visible:
        return _NOTHING_VISIBLE
    if reason is Reason.AT_MAX and numbers.in_doubt:
        return _AT_MAX_IN_DOUBT
    if reason is Reason.AT_MAX and numbers.room + fleet.held > 0:
        return _AT_MAX_HELD
    return _VERDICTS[reason]


def explain(policy: Policy, decision: Decision) -> tuple[Line, ...]:
    """Return the decision line by line, in the order of its steps."""
    return tuple(_explain_steps(policy, decision))


def _explain_steps(policy: Policy, decision: Decision) -> Iterator[Line]:
    queue, fleet, numbers = decision.queue, decision.fleet, decision.numbers
    if decision.reason is Reason.BROKEN:
        yield "decision", summarize(decision)
        return
    yield "queue", _explain_queue(policy, queue, fleet, decision.at)
    yield "fleet", _explain_fleet(fleet) if queue else "not asked for: without a backlog nothing is launched"
    if fleet:
        yield from explain_held(fleet)
    if queue and fleet and numbers:
        if is_contradictory(policy, queue, fleet, decision.at):
            yield "busy", explain_contradiction(queue, fleet, numbers.contradicted_since)
        yield "demand", _explain_demand(policy, queue, fleet, decision.backlog or 0, numbers)
        yield "level", _explain_level(policy, numbers, decision.at)
        yield "desired", _explain_desired(policy, numbers, fleet)
        if numbers.shortfall > 0:
            yield "limits", _explain_limits(policy, queue, fleet, numbers)
            yield "cooldown", _explain_cooldown(policy, numbers, decision.at)
        if numbers.breaker.open_until is not None:
            yield "breaker", _explain_breaker(policy, numbers, fleet, decision.at)
        if count_tried(numbers, fleet, decision.at) is not None:
            yield "capacity", explain_capacity(numbers, fleet, decision.at)
        if numbers.granted is not None and numbers.granted < numbers.wanted:
            yield "budget", f"{numbers.granted} of {numbers.wanted} granted: the budget of all scalers has no more room"
        if decision.slot is not None or decision.look_again_at is not None:
            yield "slot", _explain_slot(policy, decision)
    yield "decision", summarize(decision)


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


def _explain_fleet(fleet: Fleet | None) -> str:
    if fleet is None:
        return "unknown: the cluster could not be read"
    tasks = format_count(fleet.running_tasks + fleet.starting_tasks, "task")
    live = format_count(fleet.live, "live container")
    return f"{live} = {fleet.running} running + {len(fleet.starting)} starting, in {tasks}"


def _explain_demand(policy: Policy, queue: QueueCounts, fleet: Fleet, backlog: int, numbers: Numbers) -> str:
    asked = format_count(numbers.asked, "container")
    match policy.demand:
        case Steps(steps):
            reached = [step.backlog for step in steps if step.backlog <= backlog]
            why = f"the step at {format_count(max(reached), 'message')}" if reached else "no step is reached"
        case PerContainer(messages_per_container):
            why = f"one for every {format_count(messages_per_container, 'message')} of {backlog}"
        case DrainWithin() as goal:
            why = _explain_drain(goal, queue, fleet)
    return f"{asked}: {why}{_explain_gate(policy, numbers)}"


def _explain_gate(policy: Policy, numbers: Numbers) -> str:
    """Say what makes demand differ from what the strategy asks for."""
    if numbers.demand == numbers.asked:
        return ""
    rules = policy.hysteresis
    if numbers.demand > numbers.asked:
        waited = format_span(rules.activate_within)
        return f"; but {format_count(numbers.demand, 'container')}: some messages have waited {waited}"
    if numbers.demand:
        return f"; but at most {numbers.demand} (max_containers)"
    late = f" or at {format_clock(numbers.waiting_since + rules.activate_within)}" if numbers.waiting_since else ""
    return f"; but it sleeps until there are {format_count(rules.activate_at, 'message')}{late}"


def _explain_drain(goal: DrainWithin, queue: QueueCounts, fleet: Fleet) -> str:
    measured = "measured" if fleet.start_delay is not None else "assumed until one was seen"
    delay = fleet.start_delay if fleet.start_delay is not None else UNKNOWN_START_DELAY
    return (
        f"{queue.visible} visible x {format_span(goal.seconds_per_message)} of work, to be started within "
        f"{format_span(goal.drain_within)} by {format_count(fleet.live, 'live container')} and new ones, "
        f"which take {format_span(delay)} to start ({measured})"
    )


def _explain_level(policy: Policy, numbers: Numbers, now: float) -> str:
    if isinstance(policy.demand, DrainWithin):
        return f"{numbers.level}: the demand itself: hysteresis does not apply with drain_within"
    if numbers.demand > numbers.level:
        polls = format_count(policy.hysteresis.rise_after, "poll")
        return f"{numbers.level}: it rises when {polls} in a row have asked for more"
    if numbers.demand == numbers.level:
        return f"{numbers.level}: the demand"
    until = numbers.fall_cooldown_until
    held = f", from {format_clock(until)} on (fall cooldown)" if until is not None and until > now else ""
    polls = format_count(policy.hysteresis.fall_after, "poll")
    return f"{numbers.level}: it falls when {polls} in a row have asked for less{held}"


def _explain_desired(policy: Policy, numbers: Numbers, fleet: Fleet) -> str:
    bounds = f"the level within {policy.min_containers} and {policy.max_containers}"
    if numbers.shortfall > 0:
        return f"{numbers.desired}: {bounds}; {numbers.shortfall} more than the {fleet.live} live"
    return f"{numbers.desired}: {bounds}; {fleet.live} live are enough"


def _explain_limits(policy: Policy, queue: QueueCounts, fleet: Fleet, numbers: Numbers) -> str:
    parts = {"live": fleet.live, "not gone yet": fleet.held, "in doubt": numbers.in_doubt}
    counted = ", ".join(f"{number} {what}" for what, number in parts.items() if number or what == "live")
    room = f"room for {max(0, numbers.room)} below max_containers {policy.max_containers} ({counted})"
    taken = queue.visible - numbers.unclaimed
    waits = f"{numbers.unclaimed} of {format_count(queue.visible, 'visible message')} without a container"
    return f"{room}; {waits} ({taken} about to be taken)"


def _explain_cooldown(policy: Policy, numbers: Numbers, now: float) -> str:
    until = numbers.launch_cooldown_until
    if until is None:
        return "none: nothing was launched yet"
    state = "over since" if now >= until - policy.poll_interval / 2 else "until"
    return f"launch: {state} {format_clock(until)}"


def _explain_breaker(policy: Policy, numbers: Numbers, fleet: Fleet, now: float) -> str:
    breaker, within = numbers.breaker, policy.breaker.within
    soon = f", or failed within {format_span(within)} of their start" if within else ""
    bad = f"{format_count(breaker.bad_ends, 'task')} in a row failed to start{soon}"
    cause = f", the last: {as_clause(breaker.cause)}" if breaker.cause else ""
    if is_probing(breaker, fleet.newest_task_at):
        return f"{bad}{cause}; a single task was launched as a probe, and has not shown yet whether it works"
    until = breaker.open_until or 0.0
    if now >= until and numbers.in_doubt:
        return f"{bad}{cause}; a single task probes once nothing is in doubt"
    when = "a single task may probe now" if now >= until else f"a single task probes at {format_clock(until)}"
    return f"{bad}{cause}; {when}"


def _explain_slot(policy: Policy, decision: Decision) -> str:
    if decision.slot is not None:
        last_send = slot_numbered(policy.slots, decision.slot).last_send
        return f"{decision.slot}: its window is open until {format_clock(last_send)}"
    again = f"looks again at {format_clock(decision.look_again_at)}" if decision.look_again_at is not None else ""
    return f"the launch window is closed; {again}"
