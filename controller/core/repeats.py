"""What a reconcile adds to the one before it: what of it is kept, and when the log says trouble again that lasts."""

from __future__ import annotations

import re

from controller.core.condition import Condition, judge
from controller.core.decision.model import Numbers, Outcome, Reason
from controller.core.frozen import change, frozen
from controller.core.record import Reconciled
from controller.core.words import format_age, format_clock

SAY_AGAIN_AFTER = 300.0
"""Seconds after which trouble that lasts is said again. The poll that is due then may come as much later as polls are
apart, so that a look at the last 10 minutes of the log finds it."""
MOST_KEPT = 50
LEAST_KEPT = 5
KEPT_OF_ALL = 50_000
"""Decisions of all scalers together; a thousand of them take a megabyte."""
PASSING = frozenset({"throttled", "unreachable", "server_error", "in_doubt"})
"""Kinds of failure, by ``controller.aws.faults.Fault``, that pass by themselves."""
_ONCE = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b\d{8}T\d{6}Z")
"""What AWS's words hold that is another one each time: the id of a request, a moment."""
_NOTHING_STARTED = frozenset({Outcome.FAILED, Outcome.IN_DOUBT})
_IN_ORDER = frozenset({Condition.WORKING, Condition.IDLE, Condition.PAUSED})
"""Conditions that nobody has to be reminded of."""


@frozen
class Followed:
    """A reconcile in its place after the one before it."""

    kept: Reconciled
    """With how often and since when it has come."""
    is_new: bool
    """Whether it stands beside the one before it; else it takes that one's place."""
    is_said: bool
    """Whether the log says it."""


def follow(before: Reconciled | None, done: Reconciled) -> Followed:
    """Return what is kept of a reconcile after the one ``before`` it, and whether the log says it."""
    at = done.decision.at
    is_new = before is None or not is_same_again(before, done)
    kept = done if before is None or is_new else repeat(before, done)
    condition, since = judge(kept), at
    if before is not None and before.condition_since is not None and judge(before) is condition:
        # The clock may have stepped back: what began in the future begins now.
        since = min(at, before.condition_since)
    said_at = None if before is None or is_new else before.said_at
    is_said = said_at is None or (condition not in _IN_ORDER and abs(at - said_at) >= SAY_AGAIN_AFTER)
    return Followed(change(kept, condition_since=since, said_at=at if is_said else said_at), is_new, is_said)


def follow_rest(before: Reconciled, at: float) -> Followed:
    """Return what ``follow`` does of a poll that found nothing to decide, so that its decision is the one ``before``.

    Most polls are such ones, and most of these tell nothing: then only what does change is looked at.
    """
    tells_nothing = before.launch is None and before.problem is None and before.said_at is not None
    if not tells_nothing or before.condition_since is None or judge(before) not in _IN_ORDER:
        return follow(before, Reconciled(before.scaler, change(before.decision, at=at)))
    kept = Reconciled(
        before.scaler,
        change(before.decision, at=at),
        repeated=before.repeated + 1,
        since=before.decision.at if before.since is None else before.since,
        condition_since=min(at, before.condition_since),
        said_at=before.said_at,
    )
    return Followed(kept, is_new=False, is_said=False)


def count_kept(scalers: int) -> int:
    """Return how many of its newest decisions each of so many scalers keeps."""
    return max(LEAST_KEPT, min(MOST_KEPT, KEPT_OF_ALL // max(1, scalers)))


def is_same_again(before: Reconciled, done: Reconciled) -> bool:
    """Say whether a reconcile tells nothing new: the same hold but for its times, or the same failure to launch.

    A launch in doubt of which nothing is known to have started is such a failure too: while ECS answers with errors one
    follows the other. A hold for the slot after a failure has tried nothing, so the failure is what still stands.
    """
    if _is_alike(before, done):
        return True
    if (failure := _find_failure(before)) is not None:
        return _find_failure(done) == failure or done.decision.reason is Reason.SLOT
    return not done.decision.launch and not before.decision.launch and _drop_times(before) == _drop_times(done)


def repeat(before: Reconciled, done: Reconciled) -> Reconciled:
    """Return a reconcile that tells nothing new, with how often and since when it has come.

    It is the newest, so that its numbers and its explanation are those of now. After a launch that failed, the holds
    for the slot are kept beside it: they tried nothing, so it is the failure that repeats.
    """
    if before.launch and not done.launch:
        return change(before, held=done.decision)
    since = before.decision.at if before.since is None else before.since
    return change(done, repeated=before.repeated + 1, since=since)


def say_lasting(seconds: float, repeated: int, *, tried: bool) -> str:
    """Say for how long the same has come again, and how often: tries of what fails, looks at what holds.

    Both can be fewer than polls, since what fails is tried slowly, and more, since a launch window is looked at again.
    """
    return f"the same for {format_age(seconds)}, {repeated + 1} {'tries' if tried else 'looks'} in a row"


def say_retry(at: float, now: float | None = None) -> str:
    """Say when what failed is tried again, on the clock; with the date if that is a day or more from ``now``."""
    return f"not before {format_clock(at, now)}: after a failure the daemon waits longer each time"


def _find_failure(done: Reconciled) -> tuple[str | None, str | None] | None:
    """Return why a launch started nothing, as far as anybody knows; None: it did start something, or there was none."""
    launch = done.launch
    if launch is None or launch.arns or launch.outcome not in _NOTHING_STARTED:
        return None
    return _sum_up(launch.fault, launch.error)


def _sum_up(fault: str | None, said: str | None) -> tuple[str | None, str | None]:
    """Return what of a failure stays the same for as long as it lasts.

    Of what passes by itself that is its kind: AWS's refusal, the rest that is kept after it and the connection that
    breaks meanwhile are one trouble in several words. Else it is what was said, without moments and request ids.
    """
    return fault, None if said is None or fault in PASSING else _ONCE.sub("", said)


def _is_alike(before: Reconciled, done: Reconciled) -> bool:
    """Say whether a hold is the one before but for its time, without a look into it: most polls are of idle queues."""
    one, other = before.decision, done.decision
    holds = before.launch is None and done.launch is None and before.problem is None and done.problem is None
    same = one.reason is other.reason and one.fleet is other.fleet and one.numbers is other.numbers
    return holds and same and not other.launch and one.queue == other.queue


def _drop_times(done: Reconciled) -> tuple[object, ...]:
    decision = done.decision
    numbers, fleet = decision.numbers, decision.fleet
    if done.problem is not None:
        return decision.reason, _sum_up(done.fault, done.problem)
    return (
        decision.reason,
        decision.queue,
        numbers
        and (numbers.level, numbers.desired, numbers.in_doubt, numbers.breaker, numbers.scarcity, _name_stage(numbers)),
        fleet
        and change(fleet, listed_at=0.0, newest_task_at=None, oldest_task_at=None, start_delay=None, providers=()),
    )


def _name_stage(numbers: Numbers) -> tuple[object, ...] | None:
    stage = numbers.stage
    return None if stage is None else (stage.newest, stage.trusted, stage.standing)
