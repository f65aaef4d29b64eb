"""Limits: what keeps a launch smaller than the shortfall."""

from __future__ import annotations

from controller.core.model import Doubt, Fleet, Policy, QueueCounts

SIGNATURE_LIFETIME = 300.0
"""Seconds after which AWS refuses a signed request that arrives late."""


def pending(policy: Policy, doubts: tuple[Doubt, ...], now: float) -> tuple[Doubt, ...]:
    """Return the doubts that can still come true: until AWS refuses the signature, and the listing shows it."""
    lifetime = SIGNATURE_LIFETIME + policy.slots.consistency_window
    return tuple(doubt for doubt in doubts if now < doubt.last_sent_at + lifetime)


def unclaimed(queue: QueueCounts, fleet: Fleet) -> int:
    """Return the visible messages that no live container is about to take.

    A container that starts will take one; so will one that lives while nothing is in flight for it.
    """
    about_to_take = max(len(fleet.starting), fleet.live - queue.in_flight)
    return max(0, queue.visible - about_to_take)
