"""A decision in one go: proposed, granted, settled."""

from collections.abc import Callable

from controller.core.decision.decide import propose, settle
from controller.core.decision.model import Decision, Fleet, QueueCounts
from controller.core.decision.policy import Policy
from controller.core.decision.state import ScalerState


def decide(
    rules: Policy,
    counts: QueueCounts | None,
    alive: Fleet | None,
    state: ScalerState,
    now: float,
    grant: Callable[[int], int] = int,
) -> tuple[Decision, ScalerState]:
    """Return the decision and the state after it, where ``grant`` stands for the budget: without it, all is granted."""
    proposal = propose(rules, counts, alive, state, now)
    return settle(rules, proposal, grant(proposal.wanted or 0))
