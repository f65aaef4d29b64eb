"""The level: what the strategy asks for, what counts of it, and what is left of that after hysteresis.

A promise has no level to hold: it says by itself how much is enough, and live containers are part of its sum.
"""

from __future__ import annotations

from controller.core.decision import hysteresis
from controller.core.decision.demand import level_demand
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.need import Need
from controller.core.decision.pace import tell_pace
from controller.core.decision.policy import PerContainer, Policy, StartWithin, Steps
from controller.core.decision.progress import find_slower
from controller.core.decision.promise import count_asked, find_patience, find_time, measure_need
from controller.core.decision.standstill import find_overdue
from controller.core.decision.state import ScalerState
from controller.core.frozen import change, frozen


@frozen
class Level:
    """What is asked for, and the memory of hysteresis after this poll."""

    asked: int
    """The strategy's answer, before any limit; containers."""
    demand: int
    """What counts of it."""
    state: LevelState
    need: Need | None = None
    """The terms of the promise; None: another strategy."""
    overdue_since: float | None = None
    """Since when nothing has moved, for so long that one more is asked for; None: something has."""


def find_level(
    policy: Policy, queue: QueueCounts, own: QueueCounts, fleet: Fleet, state: ScalerState, now: float
) -> Level:
    """Return what the strategy asks for at this poll, and the level after it. In flight is what is in hand.

    ``own`` are the same counts without the messages in flight that were those of containers which have left since.
    """
    if isinstance(policy.demand, StartWithin):
        return _keep_promise(policy, policy.demand, own, fleet, state, now)
    return _follow_demand(policy, policy.demand, queue, fleet, state.level, now)


def _keep_promise(
    policy: Policy, goal: StartWithin, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float
) -> Level:
    need = measure_need(find_time(policy, goal), tell_pace(goal, state.lessons), queue, fleet, now)
    asked = count_asked(need, queue, fleet)
    slower = _measure_slower(need, queue, fleet, state, now)
    if slower is not None and (more := count_asked(slower, queue, fleet)) > asked:
        need, asked = slower, more
    overdue_since = find_overdue(state.standstill, state.launched_at, find_patience(need), now)
    if overdue_since is not None:
        asked = max(asked, fleet.live + 1)
    demand = min(asked, policy.max_containers)
    return Level(asked, demand, LevelState(level=demand, awake=demand > 0), need, overdue_since)


def _measure_slower(need: Need, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float) -> Need | None:
    """Return what is needed at the pace that is seen, in the time that is left; None: nothing says that it is slower.

    Once CloudWatch has told of enough messages, it knows better. Where it tells nothing, what is given is believed
    after a while: messages that come unseen would else be paid for at every burst.
    """
    progress = state.progress
    if progress is None or need.takes_one or not state.lessons.awaits_first_word(now):
        return None
    pace = find_slower(progress, need.pace)
    left = max(0.0, need.promise - (now - progress.since))
    return None if pace is None else measure_need(left, pace, queue, fleet, now)


def _follow_demand(
    policy: Policy,
    strategy: Steps | PerContainer,
    queue: QueueCounts,
    fleet: Fleet,
    state: LevelState | None,
    now: float,
) -> Level:
    """Return the level by hysteresis.

    ``state`` is None on a cold start. Then nothing tells for how long the backlog has asked for what it asks for, so
    the level begins with what lives, and not above the demand: it rises and falls from there as any other.
    """
    most, backlog = policy.max_containers, queue.backlog(policy.counted)
    asked = level_demand(strategy, backlog)
    # A fall is judged by a backlog that is a little larger than it is, so that the level does not flutter at a step.
    asked_padded = level_demand(strategy, backlog * (1 + policy.hysteresis.dead_band))
    woken = hysteresis.wake(policy, state or hysteresis.start_cold(policy, fleet.live), backlog, now)
    demand = min(hysteresis.gate_demand(woken, asked), most)
    padded = min(hysteresis.gate_demand(woken, asked_padded), most)
    if state is None:
        woken = change(woken, level=min(fleet.live, demand))
    level = hysteresis.move_level(policy, woken, demand, padded, now)
    return Level(asked, demand, hysteresis.note_waiting(level, backlog, now))
