"""The tally: the numbers of a poll, put together from what each rule has found, for whoever shows the decision."""

from __future__ import annotations

from controller.core.decision import busy, cooldown, hysteresis, limits, providers
from controller.core.decision.bounds import Bounds
from controller.core.decision.level import Level
from controller.core.decision.model import Fleet, Numbers
from controller.core.decision.policy import Policy
from controller.core.decision.state import ScalerState


def tally(policy: Policy, found: Level, bounds: Bounds, fleet: Fleet, state: ScalerState, left: int) -> Numbers:
    """Return the numbers of a poll; ``left`` are messages in flight of containers that have left."""
    level = found.state
    desired = min(max(level.level, policy.min_containers), policy.max_containers)
    shortfall = desired - fleet.live
    return Numbers(
        asked=found.asked,
        demand=found.demand,
        level=level.level,
        desired=desired,
        most=limits.find_most(policy),
        rising_polls=hysteresis.count_rising(level),
        falling_polls=hysteresis.count_falling(level),
        shortfall=shortfall,
        in_doubt=bounds.in_doubt,
        room=bounds.room,
        left=left,
        unclaimed=bounds.unclaimed,
        useful=bounds.useful,
        allowed=bounds.allowed,
        followed=bounds.followed,
        following=state.following,
        returned=state.lessons.returned,
        ended_empty=state.ended_empty,
        wanted=max(0, min(shortfall, bounds.most)),
        waiting_since=level.waiting_since,
        launch_cooldown_until=cooldown.launch_cooldown_until(policy, state),
        fall_cooldown_until=cooldown.fall_cooldown_until(policy, level),
        breaker=state.breaker,
        scarcity=providers.sum_up(policy.providers, state.shortages) if policy.providers else state.scarcity,
        contradicted_since=busy.date_lasting(state.contradiction),
        need=found.need,
        overdue_since=found.overdue_since,
        granted=None,
        choice=bounds.choice,
        shortages=state.shortages,
        stage=bounds.stage,
    )
