"""Decisions as the core makes them, for what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.core.decision.state import ScalerState
from tests.core.decision.deciding import decide

if TYPE_CHECKING:
    from controller.core.decision.model import Decision, Fleet, QueueCounts
    from controller.core.decision.policy import Policy

NOW = 2_000_000_000.0


def decided(
    policy: Policy,
    queue: QueueCounts | None,
    fleet: Fleet | None,
    *,
    state: ScalerState | None = None,
    later: float = 0.0,
    polls: int = 1,
) -> Decision:
    """Return the decision of the last of so many polls that saw the same, ``later`` seconds after NOW."""
    before = state or ScalerState()
    for poll in range(polls):
        decision, before = decide(policy, queue, fleet, before, NOW + later + poll * policy.poll_interval)
    return decision
