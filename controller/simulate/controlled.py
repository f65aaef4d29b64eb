"""Controlled: the world with our controller in it, whose every decision the daemon's own cycle takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, floor, inf

from controller.config import ScalerSpec
from controller.core.copies.packing import pack
from controller.core.decision.budget import BudgetUse
from controller.core.decision.model import Decision, Outcome
from controller.core.decision.policy import Policy
from controller.core.decision.rest import rests
from controller.core.decision.slots import spread
from controller.core.decision.timetable import find_stretch
from controller.core.record import LaunchResult
from controller.scaling.cycle import Aim, BudgetOfAll, Cycle
from controller.simulate.outcome import Account, Poll
from controller.simulate.prices import Shape
from controller.simulate.sight import SeenDeleted, SeenQueue, SeenTasks
from controller.simulate.world import World

Watch = Callable[[Decision], None]
"""Is told every decision as the cycle has taken it."""


class BudgetOfOne:
    """The budget of a scaler that shares it with nobody; None is no limit."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._held = 0

    def report(self, _scaler: str, held: int) -> None:
        """Take down how many containers the scaler has."""
        self._held = held

    def grant(self, _scaler: str, wanted: int | None, _now: float) -> int:
        """Return the part of ``wanted`` containers that may be launched."""
        if not wanted or self._limit is None:
            return wanted or 0
        return max(0, min(wanted, self._limit - self._held))

    def find_refusal(self, _scaler: str) -> BudgetUse | None:
        """Return who else holds the budget: nobody does."""
        return None

    def book(self, _scaler: str, _containers: int, _now: float) -> None:
        """Do nothing: what a launch has started is reported before the next is granted."""


class Controlled:
    """One scaler of our controller: polls, looks when a window of a slot or of its schedule opens, and launches."""

    watch: Watch | None = None
    """Is told every decision."""
    skips_quiet = True
    """Whether polls are left out that would come to the same hold as the one before."""
    period_ends: float | None = None
    """Until when it polls though nothing comes any more; None: until nothing does."""

    def __init__(
        self,
        spec: ScalerSpec,
        shape: Shape,
        world: World,
        account: Account,
        seed: int,
        budget: BudgetOfAll,
    ) -> None:
        # Nobody registers a revision in this world: all tasks run the same.
        spec = replace(spec, policy=replace(spec.policy, rollout=None))
        self._spec = spec
        self._world = world
        self._account = account
        self._shape = shape
        self._tasks = SeenTasks(world, spec.name)
        self._aim = Aim(spec, SeenQueue(world, seed), self._tasks)
        self._cycle = Cycle(budget, lambda: world.now)
        self._interval = spec.at(world.now).policy.poll_interval
        self.first_look = world.now + spread(spec.name) * self._interval
        self._next_poll: float | None = None
        """None: it has not polled yet."""

    def tell_deleted(self) -> None:
        """Let it be told from now on how many messages were deleted, as CloudWatch tells it."""
        self._aim = replace(self._aim, deleted=SeenDeleted(self._world))

    def look(self) -> float:
        """Take one turn at the world's time, and return when to take the next; inf: never."""
        turn = self._cycle.run(self._aim, self._launch)
        decision = turn.decision
        self._account.enter(Poll.of(decision))
        if self.watch is not None:
            self.watch(decision)
        policy = self._spec.at(self._world.now).policy
        interval, changes_at = policy.poll_interval, self._find_change()
        is_new_rhythm, self._interval = interval != self._interval, interval
        if self._next_poll is None:
            self._next_poll = self.first_look
        if self._world.now >= self._next_poll:
            self._next_poll = self._find_next_poll(policy, decision, self._next_poll + interval, changes_at)
        elif is_new_rhythm:
            self._next_poll = min(self._next_poll, self._world.now + interval)
        again = decision.look_again_at
        return max(self._world.now, min(self._next_poll, changes_at, inf if again is None else again))

    def _find_change(self) -> float:
        """Return when another window of the schedule comes into force, or none; inf: at no time."""
        until = find_stretch(self._spec.schedule, self._world.now).until if self._spec.schedule else None
        return inf if until is None else until

    def _find_next_poll(self, policy: Policy, decision: Decision, following: float, changes_at: float) -> float:
        """Return the next poll that may come to another hold: the daemon leaves out the rest of a quiet queue's too."""
        world, name = self._world, self._spec.name
        if decision.queue is None or not (self.skips_quiet and world.is_quiet) or not self._tasks.is_idle(name):
            return following
        if not rests(policy, self._cycle.state, decision, decision.queue):
            return following
        until, interval = min(world.next_arrival, changes_at), policy.poll_interval
        if until == inf and self.period_ends is None:
            return inf
        if self.period_ends is not None and self.period_ends < until:
            # The period goes on, and nothing comes any more: the polls that are left of it.
            quiet = max(0, floor((self.period_ends - following) / interval) + 1)
        else:
            quiet = max(0, ceil((until - following) / interval))
        self._account.count_rests(decision, quiet)
        return following + quiet * interval

    def _launch(self, spec: ScalerSpec, decision: Decision) -> LaunchResult:
        plan = pack(decision.launch, spec.packing, self._shape.most, self._shape.price_rounding)
        tasks = [self._world.launch(call.containers) for call in plan.calls for _ in range(call.count)]
        self._tasks.enter(tasks)
        self._account.enter_launch(decision.at, plan)
        return LaunchResult(Outcome.LAUNCHED, plan, tuple(task.arn for task in tasks), plan.containers)
