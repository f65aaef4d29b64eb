"""Demand: how many worker containers a backlog asks for, before any limit."""

from __future__ import annotations

from math import ceil

from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import DrainWithin, PerContainer, Steps

UNKNOWN_START_DELAY = 60.0
"""Seconds from RunTask until a worker runs that count until a start was measured."""


def level_demand(strategy: Steps | PerContainer, backlog: float) -> int:
    """Return the containers that ``backlog`` messages ask for; it never falls as the backlog rises.

    The backlog may be fractional: the dead band stretches it.
    """
    match strategy:
        case Steps(steps):
            return max((step.containers for step in steps if step.backlog <= round(backlog, 9)), default=0)
        case PerContainer(messages_per_container):
            return _ceil(backlog / messages_per_container)


def drain_demand(goal: DrainWithin, queue: QueueCounts, fleet: Fleet, now: float) -> int:
    """Return the live containers with which everything waiting is started within the goal.

    The work that waits, in container-seconds, less what the live containers can take on until the goal; new
    containers share the rest, each from its start on.
    """
    delay = fleet.start_delay if fleet.start_delay is not None else UNKNOWN_START_DELAY
    until_goal = goal.drain_within
    waiting = queue.visible * goal.seconds_per_message
    half_done = min(queue.in_flight, fleet.running) * goal.seconds_per_message / 2
    still_to_start = (min(delay, max(0.0, delay - (now - born))) for born in fleet.starting)
    # A container that starts only after the goal takes nothing on; it does not add to the need.
    taken_by_starting = sum(max(0.0, until_goal - left) for left in still_to_start)
    need = waiting + half_done - fleet.running * until_goal - taken_by_starting
    extra = _ceil(max(0.0, need) / max(until_goal - delay, goal.seconds_per_message))
    at_least = 1 if queue.visible and not fleet.live else 0
    return max(at_least, fleet.live + extra)


def _ceil(quotient: float) -> int:
    """Round up, but not for what floating point added: 6.000000000000001 is 6."""
    return ceil(round(quotient, 9))
