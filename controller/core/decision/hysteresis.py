"""Hysteresis: from what each poll asks for to a level that does not flutter.

An idle scaler sleeps until its backlog reaches ``activate_at``; a smaller one is served once it has waited for
``activate_within``, with at least one container until the backlog is 0. The level rises to the lowest demand of the
last ``rise_after`` polls and falls to the highest of the last ``fall_after``, the latter measured with the dead band's
allowance and not before the fall cooldown is over.
"""

from __future__ import annotations

from controller.core.decision.cooldown import may_fall
from controller.core.decision.level_state import LevelState
from controller.core.decision.policy import Policy
from controller.core.frozen import change


def start_cold(policy: Policy, live: int) -> LevelState:
    """Return the state after a restart: whatever lives beyond the minimum was woken once, so the scaler is awake."""
    return LevelState(level=live, awake=live > policy.min_containers)


def wake(policy: Policy, state: LevelState, backlog: int, now: float) -> LevelState:
    """Return the state awake if the backlog is large enough, or has waited long enough for a level above 0."""
    if backlog == 0:
        return change(state, tail=False) if state.tail else state
    waited = 0.0 if state.waiting_since is None else now - state.waiting_since
    tail = state.tail or (state.level == 0 and waited >= policy.hysteresis.activate_within)
    awake = state.awake or tail or backlog >= policy.hysteresis.activate_at
    return state if (awake, tail) == (state.awake, state.tail) else change(state, awake=awake, tail=tail)


def note_waiting(state: LevelState, backlog: int, now: float) -> LevelState:
    """Return the state at the end of a poll: asleep if it is idle, and waiting if a backlog meets the level 0."""
    if state.level > 0 or backlog == 0:
        awake = state.level > 0
        is_so = state.awake is awake and state.waiting_since is None
        return state if is_so else change(state, awake=awake, waiting_since=None)
    # The clock may have stepped back: what began in the future begins now.
    since = now if state.waiting_since is None else min(now, state.waiting_since)
    return state if since == state.waiting_since else change(state, waiting_since=since)


def gate_demand(state: LevelState, asked: int) -> int:
    """Return the part of a demand that counts: nothing while asleep, at least 1 for a late tail."""
    return max(asked if state.awake else 0, 1 if state.tail else 0)


def move_level(policy: Policy, state: LevelState, demand: int, padded: int, now: float) -> LevelState:
    """Return the state after a poll that asks for ``demand``, or with the dead band for ``padded``.

    A look between two polls (less than half an interval after the last) is none of those that are counted; but a rise
    that no second poll has to agree to waits for none.
    """
    rules = policy.hysteresis
    if state.polled_at is not None and 0 <= now - state.polled_at < policy.poll_interval / 2:
        rises = rules.rise_after == 1 and demand > state.level
        return change(state, level=demand, rose_at=now) if rises else state
    kept = max(rules.rise_after, rules.fall_after)
    asked = (*state.asked, demand)[-kept:]
    asked_padded = (*state.asked_padded, padded)[-kept:]
    state = change(state, asked=asked, asked_padded=asked_padded, polled_at=now)
    if len(asked) >= rules.rise_after and (lowest := min(asked[-rules.rise_after :])) > state.level:
        return change(state, level=lowest, rose_at=now)
    if len(asked) < rules.fall_after or not may_fall(policy, state, now):
        return state
    highest = max(asked_padded[-rules.fall_after :])
    return change(state, level=highest) if highest < state.level else state


def count_rising(state: LevelState) -> int:
    """Return how many polls in a row, the last included, have asked for more than the level."""
    return _count_last([asked > state.level for asked in state.asked])


def count_falling(state: LevelState) -> int:
    """Return how many polls in a row, the last included, have asked for less, with the dead band's allowance."""
    return _count_last([asked < state.level for asked in state.asked_padded])


def _count_last(agree: list[bool]) -> int:
    """Return how many of the last polls agree, in a row."""
    return len(agree) if all(agree) else agree[::-1].index(False)
