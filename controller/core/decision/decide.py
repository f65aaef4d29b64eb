"""Decide: from what was observed to what is launched now, and why.

The pipeline, each number in the decision under its name::

    queue --counted--> backlog --strategy--> asked --awake? tail? max--> demand
          --hysteresis--> level --min, max--> desired --less live--> shortfall
          --room, unclaimed, breaker--> wanted --cooldown--> --budget--> granted --slot--> launch

A decision launches, or holds for one reason of a closed set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.core.decision import cooldown, hysteresis, limits
from controller.core.decision.breaker import allowance
from controller.core.decision.demand import drain_demand, level_demand
from controller.core.decision.model import Decision, Fleet, LevelState, Numbers, QueueCounts, Reason, ScalerState
from controller.core.decision.policy import DrainWithin, Policy
from controller.core.decision.slots import Slot, open_slot

Grant = Callable[[int], int]
"""Says what of so many containers the budget of all scalers allows."""


def decide(
    policy: Policy,
    queue: QueueCounts | None,
    fleet: Fleet | None,
    state: ScalerState,
    now: float,
    grant: Grant = int,
) -> tuple[Decision, ScalerState]:
    """Return the decision and what the scaler remembers of it.

    ``queue`` and ``fleet`` are None when they could not be observed: the scaler then holds and remembers what it
    remembered. ``grant`` is asked only when nothing but the slot can still speak against a launch; without a budget
    everything is granted. A decision to launch uses its slot up, whatever becomes of the launch.
    """
    if queue is None:
        return Decision(at=now, reason=Reason.UNKNOWN_BACKLOG, fleet=fleet), state
    if fleet is None:
        backlog = queue.backlog(policy.counted)
        return Decision(at=now, reason=Reason.UNKNOWN_FLEET, queue=queue, backlog=backlog), state
    numbers, state = _measure(policy, queue, fleet, state, now)
    reason = _hold(policy, fleet, numbers, state, now)
    if reason is None:
        numbers = replace(numbers, granted=grant(numbers.wanted))
        reason = None if numbers.granted else Reason.BUDGET
    decision = Decision(
        at=now,
        reason=reason or Reason.LAUNCH,
        queue=queue,
        fleet=fleet,
        backlog=queue.backlog(policy.counted),
        numbers=numbers,
    )
    if reason is not None:
        return decision, state
    slot = open_slot(policy.slots, fleet.listed_at, state.last_slot, now)
    if not isinstance(slot, Slot):
        return replace(decision, reason=Reason.SLOT, look_again_at=slot), state
    return replace(decision, launch=numbers.granted or 0, slot=slot.number), replace(state, last_slot=slot.number)


def launched(state: ScalerState, decision: Decision) -> ScalerState:
    """Return the state after a launch that started something: the launch cooldown counts from its decision."""
    return replace(state, launched_at=decision.at)


def _measure(
    policy: Policy, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float
) -> tuple[Numbers, ScalerState]:
    """Return the numbers of this poll, and the state with its level moved."""
    asked, demand, level = _level(policy, queue, fleet, state.level, now)
    state = replace(
        state,
        level=level,
        launched_at=fleet.newest_task_at if state.level is None else state.launched_at,
        # A listing from the future was begun before the clock stepped back: doubts may be younger than it.
        doubts=limits.pending(policy, state.doubts, min(fleet.listed_at, now)),
    )
    desired = min(max(level.level, policy.min_containers), policy.max_containers)
    shortfall = desired - fleet.live
    # Reaching min is not held back by the work there is.
    useful = max(limits.unclaimed(queue, fleet), policy.min_containers - fleet.live)
    in_doubt = sum(doubt.containers for doubt in state.doubts)
    room = policy.max_containers - fleet.live - in_doubt
    probe = allowance(state.breaker, fleet.newest_task_at, in_doubt, now)
    numbers = Numbers(
        asked=asked,
        demand=demand,
        level=level.level,
        desired=desired,
        shortfall=shortfall,
        in_doubt=in_doubt,
        room=room,
        unclaimed=limits.unclaimed(queue, fleet),
        wanted=min(shortfall, room, useful, probe or useful),
        waiting_since=level.waiting_since,
        launch_cooldown_until=cooldown.launch_cooldown_until(policy, state),
        fall_cooldown_until=cooldown.fall_cooldown_until(policy, level),
        breaker=state.breaker,
        granted=None,
    )
    return numbers, state


def _level(
    policy: Policy, queue: QueueCounts, fleet: Fleet, state: LevelState | None, now: float
) -> tuple[int, int, LevelState]:
    """Return what the strategy asks for, what counts of it, and the level after this poll."""
    most = policy.max_containers
    if isinstance(policy.demand, DrainWithin):
        asked = drain_demand(policy.demand, queue, fleet, now)
        demand = min(asked, most)
        return asked, demand, LevelState(level=demand, awake=demand > 0)
    backlog = queue.backlog(policy.counted)
    asked = level_demand(policy.demand, backlog)
    padded = level_demand(policy.demand, backlog * (1 + policy.hysteresis.dead_band))
    woken = hysteresis.wake(policy, state or hysteresis.cold(policy, fleet.live), backlog, now)
    demand = min(hysteresis.heeded(woken, asked), most)
    if state is None:
        woken = replace(woken, level=min(fleet.live, demand))
    padded = min(hysteresis.heeded(woken, padded), most)
    level = hysteresis.advance(policy, woken, demand, padded, now)
    return asked, demand, hysteresis.settle(level, backlog, now)


def _hold(policy: Policy, fleet: Fleet, numbers: Numbers, state: ScalerState, now: float) -> Reason | None:
    """Return why nothing is launched, the slot apart; None if nothing speaks against it."""
    if policy.paused:
        return Reason.PAUSED
    if numbers.shortfall <= 0:
        return _content(policy, fleet, numbers)
    if numbers.room <= 0:
        return Reason.AT_MAX
    if numbers.wanted <= 0:
        return Reason.NOTHING_WAITING
    if allowance(numbers.breaker, fleet.newest_task_at, numbers.in_doubt, now) == 0:
        return Reason.BACKING_OFF
    if not cooldown.may_launch(policy, state, now):
        return Reason.COOLDOWN
    return None


def _content(policy: Policy, fleet: Fleet, numbers: Numbers) -> Reason:
    """Name why enough lives already."""
    if numbers.demand > max(numbers.level, fleet.live):
        return Reason.RISING
    if numbers.asked > policy.max_containers and fleet.live >= policy.max_containers:
        return Reason.AT_MAX
    if fleet.live == 0:
        return Reason.IDLE
    return Reason.SATISFIED
