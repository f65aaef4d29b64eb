"""Hysteresis: from what each poll asks for to a level that does not flutter.

An idle scaler sleeps until its backlog reaches ``activate_at``; a smaller one is served once it has waited for
``activate_within``, with at least one container until the backlog is 0. The level rises to the lowest demand of the
last ``rise_after`` polls and falls to the highest of the last ``fall_after``, the latter measured with the dead band's
allowance and not before the fall cooldown is over.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.cooldown import may_fall
from controller.core.model import LevelState, Policy


def cold(live: int) -> LevelState:
    """Return what a restarted controller starts from: what lives was asked for once."""
    return LevelState(level=live, awake=live > 0)


def wake(policy: Policy, state: LevelState, backlog: int, asked: int, now: float) -> LevelState:
    """Return the state with the scaler awake or asleep and a late tail noticed."""
    rules = policy.hysteresis
    if backlog == 0:
        return replace(state, awake=state.level > 0, tail=False, waiting_since=None)
    awake = state.awake or backlog >= rules.activate_at
    if awake and asked > 0:
        return replace(state, awake=True, waiting_since=None)
    since = state.waiting_since if state.waiting_since is not None else now
    tail = state.tail or now - since >= rules.activate_within
    return replace(state, awake=awake, tail=tail, waiting_since=since)


def heeded(state: LevelState, asked: int) -> int:
    """Return what counts of a demand: nothing while asleep, at least 1 for a late tail."""
    return max(asked if state.awake else 0, 1 if state.tail else 0)


def advance(policy: Policy, state: LevelState, demand: int, padded: int, now: float) -> LevelState:
    """Return the state after a poll that asks for ``demand``, or with the dead band for ``padded``.

    A look between two polls (less than half an interval after the last) changes nothing: rises and falls are counted
    in polls.
    """
    if state.polled_at is not None and 0 <= now - state.polled_at < policy.poll_interval / 2:
        return state
    rules = policy.hysteresis
    kept = max(rules.rise_after, rules.fall_after)
    asked = (*state.asked, demand)[-kept:]
    asked_padded = (*state.asked_padded, padded)[-kept:]
    state = replace(state, asked=asked, asked_padded=asked_padded, polled_at=now)
    if len(asked) >= rules.rise_after and (lowest := min(asked[-rules.rise_after :])) > state.level:
        return replace(state, level=lowest, rose_at=now)
    if len(asked) < rules.fall_after or not may_fall(policy, state, now):
        return state
    return replace(state, level=min(state.level, max(asked_padded[-rules.fall_after :])))
