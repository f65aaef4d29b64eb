"""The verdict: what was decided, why, and what came of it, in one line."""

from __future__ import annotations

from controller.core.decision.budget import BudgetUse
from controller.core.decision.explain_capacity import count_tried, explain_trial
from controller.core.decision.explain_following import explain_following
from controller.core.decision.explain_rollout import explain_stage
from controller.core.decision.model import Decision, Fleet, Numbers, Outcome, QueueCounts, Reason
from controller.core.decision.rollout import LEFT_OUT, Stage
from controller.core.words import as_clause, format_count

HOLDERS_IN_A_LINE = 2
"""Of those that hold the budget: the line ``budget`` of the explanation names more."""

_ASLEEP = "hold: asleep, the backlog has not woken it yet"
_AT_MAX_IN_DOUBT = (
    "hold: max_containers is reached if the launches in doubt have started everything, and {visible} wait"
)
_AT_MAX_HELD = "hold: max_containers is reached with {held} of tasks that are not gone yet, and {visible} wait"
_BROKEN = "hold: the reconcile broke, by a fault of the controller itself"
_NO_CAPACITY = "hold: {missing} short, but there is no capacity: {trial}"
_NOTHING_VISIBLE = "hold: {missing} short of the level, but no message is visible"
_NOT_COUNTED = "hold: nothing to do: {waiting}, not counted as backlog"
_ALL_STEPS = "hold: {live} live, all that the top step asks for, and {visible} wait"
_ALL_MAX = "hold: {live} live, all that max_containers allows, and {visible} wait"
_VERDICTS = {
    Reason.LAUNCH: "launch {launch}",
    Reason.SATISFIED: "hold: enough containers live",
    Reason.IDLE: "hold: nothing to do",
    Reason.RISING: "hold: {demand} asked for, but not for enough polls in a row yet: {polls} so far",
    Reason.COOLDOWN: "hold: {missing} short, but the last launch was too recent",
    Reason.SLOT: "hold: {missing} short, but the launch window is closed",
    Reason.AT_MAX: "hold: max_containers is reached, and {visible} wait",
    Reason.NOTHING_WAITING: "hold: {missing} short, but live containers are about to take every visible message",
    Reason.PAUSED: "hold: paused in the configuration",
    Reason.PAUSED_BY_SCHEDULE: "hold: paused by a window of its schedule",
    Reason.BACKING_OFF: "hold: {missing} short, but its tasks keep failing{cause}",
    Reason.FOUND_NOTHING: "hold: {missing} short, but {found}",
    Reason.PROVING: "hold: {missing} short, but {stage}",
    Reason.BUDGET: "hold: {missing} short, but {budget}",
    Reason.UNKNOWN_TEMPLATE: "hold: {missing} short, but the template's revisions could not be listed",
}


def summarize(decision: Decision) -> str:
    """Return the decision and its cause in one line."""
    if decision.reason is Reason.BROKEN:
        return _BROKEN
    if decision.queue is None:
        return "hold: the queue could not be read, so the backlog is unknown"
    if decision.numbers is None or decision.fleet is None:
        return "hold: the cluster could not be read, so what lives is unknown"
    return f"{_say_cause(decision, decision.queue, decision.numbers, decision.fleet)}{_say_seen(decision)}"


def summarize_launch(decision: Decision, outcome: Outcome, started: int, in_doubt: int, error: str | None) -> str:
    """Return in one line what came of a decision to launch.

    ``started`` and ``in_doubt`` are containers; of a dry run, ``started`` are those that it would have started.
    """
    seen, why = _say_seen(decision), f": {error}" if error else ""
    part = format_count(decision.launch, "container")
    if started != decision.launch:
        part = f"{started} of {part}"
    match outcome:
        case Outcome.LAUNCHED:
            return f"launch {part}{seen}"
        case Outcome.DRY_RUN:
            return f"would launch {part}, but this is a dry run{seen}"
        case Outcome.PARTLY_LAUNCHED:
            return f"launched only {part}{why}{seen}"
        case Outcome.FAILED:
            return f"launch FAILED{why}{seen}"
        case Outcome.IN_DOUBT:
            return f"launch IN DOUBT, {started} of {decision.launch} started, {in_doubt} more may have{why}{seen}"


def say_budget(use: BudgetUse, named: int) -> str:
    """Say how large a budget is and who holds it, of the holders as many by name."""
    holders = [
        f"{holder.scaler} {holder.taken}"
        + ("" if holder.is_known else " (its maximum, until its cluster can be listed)")
        for holder in use.holders[:named]
    ]
    rest = use.holders[named:]
    if others := len(rest) + use.others:
        held = sum(holder.taken for holder in rest) + use.taken_by_others
        holders.append(f"{format_count(others, 'other scaler')} {held}")
    free = f", and {use.free} are kept for scalers that come first" if use.free else ""
    return f"{_name_budget(use)} is held by {', '.join(holders) or 'nobody'}{free}"


def _name_budget(use: BudgetUse) -> str:
    """Return which budget it is; of one that is divided, what the other controllers have of it."""
    division = use.division
    if division is None:
        return f"the budget of {format_count(use.limit, 'container')}"
    whole = f"the budget of {format_count(division.whole, 'container')}"
    share = f"this controller's share of {use.limit}"
    if division.waits:
        return f"the controllers have changed, so for a slot nothing more of {whole} is given out; {share}"
    elsewhere = f", of which {division.elsewhere} live elsewhere," if division.elsewhere else ""
    return f"{share} of {whole}{elsewhere}"


def _say_cause(decision: Decision, queue: QueueCounts, numbers: Numbers, fleet: Fleet) -> str:
    return _choose_words(decision, queue, numbers, fleet).format(
        launch=format_count(decision.launch, "container"),
        missing=format_count(numbers.shortfall, "container"),
        demand=format_count(numbers.demand, "container"),
        polls=numbers.rising_polls,
        live=format_count(fleet.live, "container"),
        visible=format_count(queue.visible, "message"),
        waiting=_say_not_counted(queue),
        held=format_count(fleet.held, "container"),
        cause=f": {as_clause(numbers.breaker.cause)}" if numbers.breaker.cause else "",
        found=explain_following(numbers.following, numbers.returned, decision.at),
        trial=explain_trial(numbers, fleet, decision.at),
        stage=explain_stage(numbers.stage, decision.at) if numbers.stage else "",
        budget=say_budget(decision.budget, HOLDERS_IN_A_LINE) if decision.budget else "the budget leaves none",
    )


def _choose_words(decision: Decision, queue: QueueCounts, numbers: Numbers, fleet: Fleet) -> str:
    """Return the words for a reason; some reasons read differently where the difference matters."""
    reason = decision.reason
    if reason is Reason.IDLE and decision.backlog:
        return _ASLEEP
    if reason is Reason.IDLE and (queue.in_flight or queue.delayed):
        return _NOT_COUNTED
    if reason is Reason.NOTHING_WAITING and not queue.visible:
        return _NOTHING_VISIBLE
    if reason is Reason.AT_MAX:
        return _choose_words_at_max(numbers, fleet)
    if reason is Reason.BACKING_OFF and count_tried(numbers, fleet, decision.at) == 0:
        return _NO_CAPACITY
    if is_all_there_may_be(decision):
        max_containers = fleet.live + fleet.held + numbers.in_doubt + numbers.room
        return _ALL_STEPS if numbers.most < max_containers else _ALL_MAX
    return _VERDICTS[reason]


def _choose_words_at_max(numbers: Numbers, fleet: Fleet) -> str:
    """Return the words for what fills max_containers besides what lives, as far as that alone does not."""
    if numbers.room + numbers.in_doubt > 0:
        return _AT_MAX_IN_DOUBT
    return _AT_MAX_HELD if numbers.room + numbers.in_doubt + fleet.held > 0 else _VERDICTS[Reason.AT_MAX]


def is_all_there_may_be(decision: Decision) -> bool:
    """Say whether a scaler has all that it can ever want, and messages wait that no container is about to take."""
    numbers = decision.numbers
    if numbers is None or decision.reason is not Reason.SATISFIED:
        return False
    return numbers.desired >= numbers.most and numbers.unclaimed > 0


def _say_not_counted(queue: QueueCounts) -> str:
    """Say what is in a queue without a backlog."""
    counts = ((queue.in_flight, "in flight"), (queue.delayed, "delayed"))
    return " and ".join(f"{format_count(count, 'message')} {state}" for count, state in counts if count)


def _say_seen(decision: Decision) -> str:
    numbers, fleet = decision.numbers, decision.fleet
    if numbers is None or fleet is None:
        return ""
    seen = f"{format_count(decision.backlog or 0, 'message')}, {fleet.live} live of {numbers.desired} desired"
    return f" ({seen}{_say_left_out(decision.reason, numbers.stage)})"


def _say_left_out(reason: Reason, stage: Stage | None) -> str:
    """Say that the newest revision of the template is left out: whatever the scaler does meanwhile, somebody waits."""
    if stage is None or stage.standing not in LEFT_OUT or reason is Reason.PROVING:
        return ""
    if stage.trusted is None:
        # There is no other: what is launched is this one's canary.
        return ""
    return f"; revision {stage.newest} is left out"
