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

from collections.abc import Mapping, Sequence

from controller.core.decision import busy, cooldown, limits, providers, scarcity
from controller.core.decision.bounds import find_bounds
from controller.core.decision.following import Workers, follow, note_empty
from controller.core.decision.learning import note_deleted, note_ends, note_look
from controller.core.decision.lessons import Left
from controller.core.decision.level import find_level
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Decision, Fleet, Numbers, QueueCounts, Reason
from controller.core.decision.pace import see_workers, tell_pace
from controller.core.decision.past import PastMinute, note_past
from controller.core.decision.paused import find_pause
from controller.core.decision.policy import Policy, StartWithin
from controller.core.decision.progress import note_progress
from controller.core.decision.sightings import count_busy, count_left_since, note_age, note_left, note_running
from controller.core.decision.slots import Slot, open_slot
from controller.core.decision.standstill import watch_visible
from controller.core.decision.state import Doubt, ScalerState
from controller.core.decision.tally import tally
from controller.core.frozen import change, frozen

FRESH_LISTING = 2.0
"""Seconds for which containers are those that ran when the queue was counted."""


@frozen
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
    numbers, state = _measure(policy, counts, fleet, _look(policy, state, counts, fleet, now), now)
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
    decision = change(decision, numbers=change(numbers, granted=granted))
    if granted == 0:
        return change(decision, reason=Reason.BUDGET), state
    slot = open_slot(policy.slots, fleet.listed_at, state.last_slot, decision.at)
    if not isinstance(slot, Slot):
        return change(decision, reason=Reason.SLOT, look_again_at=slot), state
    return change(decision, launch=granted, slot=slot.number), change(state, last_slot=slot.number)


def remember_launch(state: ScalerState, decision: Decision, *, started: bool, doubt: Doubt | None) -> ScalerState:
    """Return the state after a launch: its cooldown counts if it started something, its doubt until it is settled."""
    launched_at = decision.at if started else state.launched_at
    doubts = state.doubts if doubt is None else (*state.doubts, doubt)
    return change(state, launched_at=launched_at, doubts=doubts)


def heed_left(state: ScalerState, left: Sequence[Left]) -> ScalerState:
    """Return the state after it was seen that containers have left, in the order of their times."""
    if not left:
        return state
    containers = sum(each.containers for each in left)
    found = state.following
    for each in left:
        if each.ran_for is not None:
            found = note_empty(found, each.at, each.ran_for, each.containers)
    return change(
        state,
        sightings=note_left(state.sightings, containers),
        lessons=note_ends(state.lessons, left),
        following=found,
        ended_empty=state.ended_empty + found.empty - state.following.empty,
    )


def heed_deleted(state: ScalerState, deleted: Mapping[float, float]) -> ScalerState:
    """Return the state after it was told how many messages were deleted, by the beginning of each minute."""
    return change(state, lessons=note_deleted(state.lessons, deleted)) if deleted else state


def heed_past(state: ScalerState, past: Mapping[float, PastMinute], most: int) -> ScalerState:
    """Return the state after what CloudWatch has of the hours before was read back."""
    return change(state, lessons=note_past(state.lessons, past, most))


def _measure(
    policy: Policy, queue: QueueCounts, fleet: Fleet, state: ScalerState, now: float
) -> tuple[Numbers, ScalerState]:
    """Return the numbers of this poll, and the state with its level moved. In flight is what is in hand."""
    # Of the messages in flight those of containers that have left since are done by now, and nobody's.
    left = count_left_since(state.sightings, queue.in_flight)
    own = change(queue, in_flight=queue.in_flight - left) if left else queue
    found = find_level(policy, queue, own, fleet, state, now)
    state = _carry_over(policy, state, found.state, queue, fleet, now)
    bounds = find_bounds(policy, own, fleet, state, now)
    return tally(policy, found, bounds, fleet, state, left), state


def _look(policy: Policy, state: ScalerState, queue: QueueCounts, fleet: Fleet, now: float) -> ScalerState:
    """Return the state with what this look tells of counts and workers. In flight is what is in hand."""
    lessons, progress = state.lessons, state.progress
    sightings = note_running(state.sightings, fleet.running, now)
    if now - fleet.listed_at < FRESH_LISTING:
        sightings = note_age(sightings, queue.in_flight, now, waits=queue.visible > 0)
    if isinstance(policy.demand, StartWithin):
        progress = note_progress(progress, queue.visible, fleet.running, now)
        busy = count_busy(sightings, queue.in_flight)
        pace = tell_pace(policy.demand, lessons)
        lessons = note_look(lessons, see_workers(lessons, pace, queue.visible, busy, fleet, now), now)
    workers = Workers(
        busy=min(queue.in_flight, fleet.running),
        running=fleet.running,
        live=fleet.live,
        newest_began=max(fleet.began, default=None),
        visible=queue.visible,
    )
    return change(
        state,
        standstill=watch_visible(state.standstill, queue.visible, now),
        progress=progress,
        following=follow(state.following, workers, now, is_fifo=policy.is_fifo),
        sightings=sightings,
        lessons=lessons,
    )


def _carry_over(
    policy: Policy, state: ScalerState, level: LevelState, queue: QueueCounts, fleet: Fleet, now: float
) -> ScalerState:
    """Return the state with its level moved, and what it remembers of launches as far as that still counts."""
    return change(
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


def _hold(policy: Policy, fleet: Fleet, numbers: Numbers, state: ScalerState, now: float) -> Reason | None:
    """Return why the scaler holds; None if only the budget and the slot may still speak against a launch.

    Of several reasons the first counts: what lives already before what is in the way.
    """
    if (pause := find_pause(policy)) is not None:
        return pause
    if numbers.shortfall <= 0:
        return _explain_enough(policy, fleet, numbers)
    if numbers.room <= 0:
        return Reason.AT_MAX
    if numbers.useful <= 0:
        return Reason.NOTHING_WAITING
    if (reason := _explain_doubtful(numbers)) is not None:
        return reason
    if not cooldown.may_launch(policy, state, now):
        return Reason.COOLDOWN
    is_unknown = policy.rollout is not None and numbers.stage is None
    return Reason.UNKNOWN_TEMPLATE if is_unknown else None


def _explain_doubtful(numbers: Numbers) -> Reason | None:
    """Return why more are not launched until those of before have shown that they work; None: they may be."""
    if numbers.allowed == 0:
        return Reason.BACKING_OFF
    if numbers.stage is not None and numbers.stage.most == 0:
        return Reason.PROVING
    return Reason.FOUND_NOTHING if numbers.wanted <= 0 else None


def _explain_enough(policy: Policy, fleet: Fleet, numbers: Numbers) -> Reason:
    """Return why what lives is enough."""
    if numbers.demand > max(numbers.level, fleet.live):
        return Reason.RISING
    if numbers.asked > policy.max_containers and fleet.live >= policy.max_containers:
        return Reason.AT_MAX
    if fleet.live == 0:
        return Reason.IDLE
    return Reason.SATISFIED
