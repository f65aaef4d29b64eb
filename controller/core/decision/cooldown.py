"""Cooldowns: the least time between two launches, and between a rise of the level and its next fall."""

from __future__ import annotations

from controller.core.decision.level_state import LevelState
from controller.core.decision.policy import Policy
from controller.core.decision.slots import slot_length
from controller.core.decision.state import ScalerState


def launch_cooldown_until(policy: Policy, state: ScalerState) -> float | None:
    """Return when the next launching decision may be taken; None if none was taken yet.

    Counted from decision to decision, and only after launches that started something. A slot is the least.
    """
    if state.launched_at is None:
        return None
    return state.launched_at + max(policy.cooldown.launch, slot_length(policy.slots))


def may_launch(policy: Policy, state: ScalerState, now: float) -> bool:
    """Say whether the launch cooldown is over, with half a poll of tolerance.

    Without the tolerance a cooldown of three polls would now and then last four, for a poll that came early by the
    blink of an eye.
    """
    until = launch_cooldown_until(policy, state)
    return until is None or now >= until - policy.poll_interval / 2


def fall_cooldown_until(policy: Policy, state: LevelState) -> float | None:
    """Return when the level may fall; None if it never rose."""
    return None if state.rose_at is None else state.rose_at + policy.cooldown.fall


def may_fall(policy: Policy, state: LevelState, now: float) -> bool:
    """Say whether the fall cooldown is over."""
    until = fall_cooldown_until(policy, state)
    return until is None or now >= until
