"""Rest: a scaler that has nothing to do, and whose next poll changes nothing if it sees an empty queue again.

Ten thousand queues are empty most of the time. Whoever polls them asks here first, and spares the whole decision: it
would come to the same hold, and leave the same state.
"""

from __future__ import annotations

from controller.core.decision.following import FREE
from controller.core.decision.model import Decision, QueueCounts, Reason
from controller.core.decision.paused import find_pause
from controller.core.decision.policy import Policy, StartWithin
from controller.core.decision.scarcity import PLENTY
from controller.core.decision.state import ScalerState


def rests(policy: Policy, state: ScalerState, last: Decision, queue: QueueCounts) -> bool:
    """Say whether a poll that sees ``queue`` comes to the hold that the ``last`` decision was, and changes no state.

    So long as no task of the scaler's is known to live, which whoever asks has to know.
    """
    return (
        last.reason is (find_pause(policy) or Reason.IDLE)
        and last.queue == queue
        and not last.backlog
        and policy.min_containers == 0
        and _is_settled(policy, state)
    )


def _is_quiet(state: ScalerState) -> bool:
    """Say whether nothing is watched of messages that wait and of workers that come and go."""
    lessons = state.lessons
    is_watched = state.standstill is not None or state.progress is not None or bool(state.sightings.seen)
    return (
        not is_watched
        and state.following == FREE
        and lessons.looked_at is None
        and not lessons.pending
        and not lessons.staying
    )


def _is_settled(policy: Policy, state: ScalerState) -> bool:
    """Say whether nothing of the state would move, or be forgotten, at a poll that asks for nothing."""
    level = state.level
    if level is None or level.level or level.awake or level.tail or level.waiting_since is not None:
        return False
    if state.doubts or state.scarcity != PLENTY or state.contradiction is not None or not _is_quiet(state):
        return False
    if isinstance(policy.demand, StartWithin):  # which has no polls in a row to count
        return True
    kept = max(policy.hysteresis.rise_after, policy.hysteresis.fall_after)
    return len(level.asked) == kept and not any(level.asked) and not any(level.asked_padded)
