"""Bounds: what a launch may not pass, however many containers are short."""

from __future__ import annotations

from controller.core.decision import following, limits, providers
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import Policy
from controller.core.decision.providers import Choice
from controller.core.decision.rollout import Stage, find_stage
from controller.core.decision.state import ScalerState
from controller.core.frozen import frozen


@frozen
class Bounds:
    """What bounds a launch, whatever is short: each number stands in the decision under its name."""

    in_doubt: int
    """Containers that calls of unknown outcome may yet start."""
    room: int
    """What max_containers leaves."""
    unclaimed: int
    """Visible messages that no live container is about to take."""
    useful: int
    """The same, or what the minimum still needs."""
    followed: int | None
    """How many workers the queue can occupy, as far as was seen; None: any number."""
    allowed: int | None
    """What tasks that fail, and tasks that find no place, leave; None: any number."""
    choice: Choice
    stage: Stage | None
    most: int
    """The least of them all, containers."""


def find_bounds(policy: Policy, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float) -> Bounds:
    """Return what bounds a launch. In flight is what the scaler's own containers have in hand."""
    in_doubt = sum([doubt.containers for doubt in state.doubts])
    room = policy.max_containers - fleet.live - fleet.held - in_doubt
    unclaimed = limits.count_unclaimed(queue, fleet)
    # To reach the minimum, containers are launched whether or not a message waits for them.
    useful = max(unclaimed, policy.min_containers - fleet.live)
    choice = providers.choose(policy.providers, state.shortages, fleet.providers, in_doubt, now)
    allowed = limits.count_allowed(policy, state, choice, fleet, in_doubt, now)
    takes_work = state.lessons.returned is None
    followed = following.count_followed(state.following, now, is_fifo=policy.is_fifo) if takes_work else 1
    beyond = useful if followed is None else max(followed - in_doubt, policy.min_containers) - fleet.live
    stage = find_stage(policy.rollout, state.rollout, fleet.revisions, in_doubt, now)
    proving = None if stage is None else stage.most
    most = min([bound for bound in (room, useful, beyond, allowed, proving) if bound is not None])
    return Bounds(in_doubt, room, unclaimed, useful, followed, allowed, choice, stage, most)
