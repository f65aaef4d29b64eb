"""Decide: from what was observed to what is launched now, and why.

The pipeline, each number in the decision under its name::

    queue --in hand, counted--> backlog --strategy--> asked --awake? tail? max--> demand
          --hysteresis--> level --min, max--> desired --less live--> shortfall
          --room, unclaimed, allowed--> wanted --cooldown--> proposed             propose
    ------------------- the budget of all scalers grants a part --------------------------
          granted --slot--> launch                                                settle

Both halves are pure. The budget between them is shared with other scalers, so whoever decides asks it: ``propose``,
grant, ``settle``. A decision launches, or holds for one reason of a closed set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.core.decision import breaker, busy, cooldown, hysteresis, limits, providers, scarcity
from controller.core.decision.demand import drain_demand, level_demand
from controller.core.decision.model import Decision, Doubt, Fleet, LevelState, Numbers, QueueCounts, Reason, ScalerState
from controller.core.decision.policy import DrainWithin, Policy
from controller.core.decision.slots import Slot, open_slot


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision that has not asked the budget and the slot yet, and the state that goes with it."""

    decision: Decision
    state: ScalerState

    @property
    def wanted(self) -> int | None:
        """The containers to ask the budget for: 0 for a hold, None where queue or fleet are unknown."""
        numbers = self.decision.numbers
        if numbers is None:
            return None
        return numbers.wanted if self.decision.reason is Reason.LAUNCH else 0


def propose(policy: Policy, queue: QueueCounts | None, fleet: Fleet | None, state: ScalerState, now: float) -> Proposal:
    """Return what the scaler itself would do now: a launch of ``wanted`` containers, or a hold.

    ``queue`` and ``fleet`` are None when they could not be observed: the scaler then holds, and its state stays.
    """
    if queue is None:
        return Proposal(Decision(at=now, reason=Reason.UNKNOWN_BACKLOG, fleet=fleet), state)
    if fleet is None:
        backlog = busy.count_alone(policy, queue)
        return Proposal(Decision(at=now, reason=Reason.UNKNOWN_FLEET, queue=queue, backlog=backlog), state)
    counts = busy.count_in_hand(policy, queue, fleet, now)
    numbers, state = _measure(policy, counts, fleet, state, now)
    reason = _hold(policy, fleet, numbers, state, now) or Reason.LAUNCH
    return Proposal(Decision(now, reason, queue, fleet, counts.backlog(policy.counted), numbers), state)


def settle(policy: Policy, proposal: Proposal, granted: int) -> tuple[Decision, ScalerState]:
    """Return the decision, and what the scaler remembers of it, once the budget has granted so many containers.

    A proposal that holds stays as it is. A decision to launch uses its slot up, whatever becomes of the launch.
    """
    decision, state = proposal.decision, proposal.state
    numbers, fleet = decision.numbers, decision.fleet
    if not proposal.wanted or numbers is None or fleet is None:
        return decision, state
    decision = replace(decision, numbers=replace(numbers, granted=granted))
    if granted == 0:
        return replace(decision, reason=Reason.BUDGET), state
    slot = open_slot(policy.slots, fleet.listed_at, state.last_slot, decision.at)
    if not isinstance(slot, Slot):
        return replace(decision, reason=Reason.SLOT, look_again_at=slot), state
    return replace(decision, launch=granted, slot=slot.number), replace(state, last_slot=slot.number)


def remember_launch(state: ScalerState, decision: Decision, *, started: bool, doubt: Doubt | None) -> ScalerState:
    """Return the state after a launch: its cooldown counts if it started something, its doubt until it is settled."""
    launched_at = decision.at if started else state.launched_at
    doubts = state.doubts if doubt is None else (*state.doubts, doubt)
    return replace(state, launched_at=launched_at, doubts=doubts)


def _measure(
    policy: Policy, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float
) -> tuple[Numbers, ScalerState]:
    """Return the numbers of this poll, and the state with its level moved. In flight is what is in hand."""
    asked, demand, level = _find_level(policy, queue, fleet, state.level, now)
    state = _carry_over(policy, state, level, queue, fleet, now)
    desired = min(max(level.level, policy.min_containers), policy.max_containers)
    shortfall = desired - fleet.live
    in_doubt = sum(doubt.containers for doubt in state.doubts)
    room = policy.max_containers - fleet.live - fleet.held - in_doubt
    unclaimed = limits.count_unclaimed(queue, fleet)
    # To reach the minimum, containers are launched whether or not a message waits for them.
    useful = max(unclaimed, policy.min_containers - fleet.live)
    choice = providers.choose(policy.providers, state.shortages, fleet.providers, in_doubt, now)
    allowed = _count_allowed(policy, state, choice, fleet, in_doubt, now)
    numbers = Numbers(
        asked=asked,
        demand=demand,
        level=level.level,
        desired=desired,
        most=limits.find_most(policy),
        rising_polls=hysteresis.count_rising(level),
        falling_polls=hysteresis.count_falling(level),
        shortfall=shortfall,
        in_doubt=in_doubt,
        room=room,
        unclaimed=unclaimed,
        useful=useful,
        allowed=allowed,
        wanted=max(0, min(shortfall, room, useful, useful if allowed is None else allowed)),
        waiting_since=level.waiting_since,
        launch_cooldown_until=cooldown.launch_cooldown_until(policy, state),
        fall_cooldown_until=cooldown.fall_cooldown_until(policy, level),
        breaker=state.breaker,
        scarcity=providers.sum_up(policy.providers, state.shortages) if policy.providers else state.scarcity,
        contradicted_since=busy.date_lasting(state.contradiction),
        granted=None,
        choice=choice,
        shortages=state.shortages,
    )
    return numbers, state


def _carry_over(
    policy: Policy, state: ScalerState, level: LevelState, queue: QueueCounts, fleet: Fleet, now: float
) -> ScalerState:
    """Return the state with its level moved, and what it remembers of launches as far as that still counts."""
    return replace(
        state,
        level=level,
        # After a restart ECS itself remembers the last launch: its tasks live, or nothing hangs on the cooldown.
        launched_at=fleet.newest_task_at if state.level is None else state.launched_at,
        # A listing from the future was begun before the clock stepped back: doubts may be younger than it.
        doubts=limits.keep_pending(policy, state.doubts, min(fleet.listed_at, now)),
        scarcity=scarcity.forget_old(state.scarcity, fleet.newest_task_at, now),
        shortages=providers.forget_providers(state.shortages, fleet.providers, now),
        contradiction=busy.watch_counts(policy, state.contradiction, queue, fleet, now),
    )


def _count_allowed(
    policy: Policy, state: ScalerState, choice: providers.Choice, fleet: Fleet, in_doubt: int, now: float
) -> int | None:
    """Return how many containers tasks that fail, and tasks that find no place, leave to launch; None: any number."""
    by_capacity = (
        providers.count_chosen(policy.providers, choice)
        if policy.providers
        else scarcity.count_allowed(state.scarcity, fleet.newest_task_at, in_doubt, now)
    )
    allowed = (breaker.count_allowed(state.breaker, fleet.newest_task_at, in_doubt, now), by_capacity)
    return min((each for each in allowed if each is not None), default=None)


def _find_level(
    policy: Policy, queue: QueueCounts, fleet: Fleet, state: LevelState | None, now: float
) -> tuple[int, int, LevelState]:
    """Return what the strategy asks for, what counts of it, and the level after this poll.

    ``state`` is None on a cold start. Then nothing tells for how long the backlog has asked for what it asks for, so
    the level begins with what lives, and not above the demand: it rises and falls from there as any other.
    """
    most = policy.max_containers
    if isinstance(policy.demand, DrainWithin):
        # The goal says by itself how much is enough, and live containers are part of its sum: no level to hold.
        asked = drain_demand(policy.demand, queue, fleet, now)
        demand = min(asked, most)
        return asked, demand, LevelState(level=demand, awake=demand > 0)
    backlog = queue.backlog(policy.counted)
    asked = level_demand(policy.demand, backlog)
    # A fall is judged by a backlog that is a little larger than it is, so that the level does not flutter at a step.
    asked_padded = level_demand(policy.demand, backlog * (1 + policy.hysteresis.dead_band))
    woken = hysteresis.wake(policy, state or hysteresis.start_cold(policy, fleet.live), backlog, now)
    demand = min(hysteresis.gate_demand(woken, asked), most)
    padded = min(hysteresis.gate_demand(woken, asked_padded), most)
    if state is None:
        woken = replace(woken, level=min(fleet.live, demand))
    level = hysteresis.move_level(policy, woken, demand, padded, now)
    return asked, demand, hysteresis.note_waiting(level, backlog, now)


def _hold(policy: Policy, fleet: Fleet, numbers: Numbers, state: ScalerState, now: float) -> Reason | None:
    """Return why the scaler holds; None if only the budget and the slot may still speak against a launch.

    Of several reasons the first counts: what lives already before what is in the way.
    """
    if policy.paused:
        return Reason.PAUSED
    if numbers.shortfall <= 0:
        return _explain_enough(policy, fleet, numbers)
    if numbers.room <= 0:
        return Reason.AT_MAX
    if numbers.useful <= 0:
        return Reason.NOTHING_WAITING
    if numbers.allowed == 0:
        return Reason.BACKING_OFF
    if not cooldown.may_launch(policy, state, now):
        return Reason.COOLDOWN
    return None


def _explain_enough(policy: Policy, fleet: Fleet, numbers: Numbers) -> Reason:
    """Return why what lives is enough."""
    if numbers.demand > max(numbers.level, fleet.live):
        return Reason.RISING
    if numbers.asked > policy.max_containers and fleet.live >= policy.max_containers:
        return Reason.AT_MAX
    if fleet.live == 0:
        return Reason.IDLE
    return Reason.SATISFIED
