"""Limits: calls in doubt, which count against max, what failing tasks leave, and messages about to be taken."""

from __future__ import annotations

from controller.core.decision import breaker, providers, scarcity
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import Policy, Steps
from controller.core.decision.slots import SKEW_SHARE
from controller.core.decision.state import Doubt, ScalerState

SIGNATURE_LIFETIME = 300.0
"""Seconds after which AWS refuses a signed request that arrives late."""


def keep_pending(policy: Policy, doubts: tuple[Doubt, ...], listed_at: float) -> tuple[Doubt, ...]:
    """Return the doubts that a listing, begun at ``listed_at``, need not show although they come true.

    A request can arrive until AWS refuses its signature, by a clock that is S apart from ours, and is listed within L.
    As with the window, when the listing *began* counts, and not when it is used.
    """
    if not doubts:
        return doubts
    lifetime = SIGNATURE_LIFETIME + policy.slots.consistency_window * (1 + SKEW_SHARE)
    return tuple(doubt for doubt in doubts if listed_at < doubt.last_sent_at + lifetime)


def count_unclaimed(queue: QueueCounts, fleet: Fleet) -> int:
    """Return how many visible messages no live container is about to take.

    A container that starts will take one; so will one that lives while nothing is in flight for it. ``queue.in_flight``
    are messages of live containers, as far as that is known.
    """
    about_to_take = max(len(fleet.starting), fleet.live - queue.in_flight)
    return max(0, queue.visible - about_to_take)


def find_most(policy: Policy) -> int:
    """Return the most containers that the scaler can ever want: those of its top step, within minimum and maximum."""
    most = policy.max_containers
    if isinstance(policy.demand, Steps):
        most = min(most, max((step.containers for step in policy.demand.steps), default=0))
    return max(most, policy.min_containers)


def count_allowed(
    policy: Policy, state: ScalerState, choice: providers.Choice, fleet: Fleet, in_doubt: int, now: float
) -> int | None:
    """Return how many containers tasks that fail, and tasks that find no place, leave to launch; None: any number."""
    by_capacity = (
        providers.count_chosen(policy.providers, choice)
        if policy.providers
        else scarcity.count_allowed(state.scarcity, fleet.newest_task_at, in_doubt, now)
    )
    by_ends = breaker.count_allowed(state.breaker, fleet.newest_task_at, in_doubt, now)
    if by_ends is None or by_capacity is None:
        return by_capacity if by_ends is None else by_ends
    return min(by_ends, by_capacity)
