"""What live workers have in hand: by the messages in flight, or by the workers that run.

A worker that deletes its message as it takes it leaves nothing in flight for as long as it works, and so looks as if it
were free to take another. With ``busy: running`` every worker container that runs counts as one message in hand, and
stands for the messages in flight wherever a rule asks for those. Everything else goes by the counts that
``count_in_hand`` returns, so this is the only place that knows the difference.

Without it the counts of such a queue contradict each other: workers run, none has a message in flight, and messages
stay visible. ``watch_counts`` remembers since when, so that it is told once it lasts.
"""

from __future__ import annotations

from controller.core.decision.contradiction import Contradiction
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import Busy, MessageState, Policy
from controller.core.frozen import change
from controller.core.words import format_clock, format_count

TAKES_WITHIN = 10.0
"""Seconds that a worker which has begun to run may need until it takes its first message."""
LOOKS = 3
"""Looks that must agree before counts are said to contradict each other: SQS's are approximate."""
LASTS = 60.0
"""Seconds from the first of these looks to the last, at least."""


def count_in_hand(policy: Policy, queue: QueueCounts, fleet: Fleet, now: float) -> QueueCounts:
    """Return the counts that a decision goes by: what is in flight in them is what live workers have in hand.

    With ``busy: running`` that is one message for each container that runs. One that has only just begun to may not
    have taken its own yet: as long as there are visible ones, that message is among them, and is not counted twice.
    """
    if policy.busy is Busy.IN_FLIGHT:
        return queue
    return change(queue, in_flight=fleet.running - min(queue.visible, _count_fresh(fleet, now)))


def count_alone(policy: Policy, queue: QueueCounts) -> int | None:
    """Return the backlog while the fleet is unknown; None: it cannot be told without."""
    if policy.busy is Busy.RUNNING and MessageState.IN_FLIGHT in policy.counted:
        return None
    return queue.backlog(policy.counted)


def is_quiet(policy: Policy, queue: QueueCounts) -> bool:
    """Say whether there is no work if nothing lives; with ``busy: running`` what is in flight is then nobody's."""
    counts = queue if policy.busy is Busy.IN_FLIGHT else change(queue, in_flight=0)
    return counts.backlog(policy.counted) == 0


def is_contradictory(policy: Policy, queue: QueueCounts, fleet: Fleet, now: float) -> bool:
    """Say whether workers run that have had time to take a message, none has one in flight, and some are visible."""
    if policy.busy is not Busy.IN_FLIGHT or queue.in_flight or not queue.visible:
        return False
    return fleet.running > _count_fresh(fleet, now)


def watch_counts(
    policy: Policy, before: Contradiction | None, queue: QueueCounts, fleet: Fleet, now: float
) -> Contradiction | None:
    """Return since when the counts contradict each other; None: they do not.

    Messages that get fewer are being taken, however short they are in flight: then the time begins anew.
    """
    if not is_contradictory(policy, queue, fleet, now):
        return None
    if before is None or queue.visible < before.visible or now < before.seen_at:
        return Contradiction(since=now, seen_at=now, looks=1, visible=queue.visible)
    return change(before, seen_at=now, looks=before.looks + 1)


def date_lasting(contradiction: Contradiction | None) -> float | None:
    """Return since when counts contradict each other, if that is long enough to be told; None: it is not."""
    if contradiction is None or contradiction.looks < LOOKS:
        return None
    return contradiction.since if contradiction.seen_at - contradiction.since >= LASTS else None


def explain_contradiction(queue: QueueCounts, fleet: Fleet, contradicted_since: float | None, now: float) -> str:
    """Say in a sentence what contradicts what, and what to do. Without ``contradicted_since`` it has not lasted yet."""
    seen = f"{format_count(fleet.running, 'container')} running, none with a message in flight"
    waits = f"{format_count(queue.visible, 'message')} visible"
    advice = (
        "workers that delete a message as they take it need busy: running, or they look free while they work; "
        "any others take nothing, and their log tells why"
    )
    if contradicted_since is None:
        return f"{seen}, and {waits}: if that stays so, {advice}"
    return f"since {format_clock(contradicted_since, now)} {seen}, and {waits} that do not get fewer: {advice}"


def _count_fresh(fleet: Fleet, now: float) -> int:
    """Return the running containers that may not have taken their first message yet."""
    return sum(now - began < TAKES_WITHIN for began in fleet.began)
