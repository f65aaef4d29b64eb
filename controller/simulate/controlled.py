"""Controlled: the world with our controller in it, whose every decision the daemon's own cycle takes."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf

from controller.config import ScalerSpec
from controller.core.copies.packing import pack
from controller.core.decision.budget import BudgetUse
from controller.core.decision.model import Decision, Outcome
from controller.core.decision.rest import rests
from controller.core.decision.slots import spread
from controller.core.record import LaunchResult
from controller.scaling.cycle import Aim, BudgetOfAll, Cycle
from controller.simulate.outcome import Account, Poll
from controller.simulate.sight import SeenDeleted, SeenQueue, SeenTasks
from controller.simulate.world import World

MOST_COPIES = 9
"""Workers that a task of a template without limits of its own may hold."""

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
    """One scaler of our controller: polls, looks again when a window opens, and launches."""

    skips_quiet = True
    """Whether polls are left out that would come to the same hold as the one before."""

    def __init__(
        self,
        spec: ScalerSpec,
        world: World,
        account: Account,
        seed: int,
        budget: BudgetOfAll,
        watch: Watch | None = None,
    ) -> None:
        self._spec = spec
        self._world = world
        self._account = account
        self._watch = watch
        self._tasks = SeenTasks(world, spec.name)
        self._aim = Aim(spec, SeenQueue(world, seed), self._tasks, SeenDeleted(world))
        self._cycle = Cycle(budget, lambda: world.now)
        self._next_poll = world.now + spread(spec.name) * spec.policy.poll_interval
        self.first_look = self._next_poll

    def look(self) -> float:
        """Take one turn at the world's time, and return when to take the next; inf: never."""
        turn = self._cycle.run(self._aim, self._launch)
        decision = turn.decision
        self._account.enter(Poll.of(decision))
        if self._watch is not None:
            self._watch(decision)
        interval = self._spec.policy.poll_interval
        if self._world.now >= self._next_poll:
            self._next_poll += interval
            self._skip_quiet_polls(decision, interval)
        again = decision.look_again_at
        return self._next_poll if again is None else max(self._world.now, min(again, self._next_poll))

    def _skip_quiet_polls(self, decision: Decision, interval: float) -> None:
        """Leave out the polls that would come to the same hold, as the daemon leaves out the rest of them."""
        world, name = self._world, self._spec.name
        if decision.queue is None or not (self.skips_quiet and world.is_quiet) or not self._tasks.is_idle(name):
            return
        if not rests(self._spec.policy, self._cycle.state, decision, decision.queue):
            return
        if world.next_arrival == inf:
            self._next_poll = inf
            return
        quiet = max(0, ceil((world.next_arrival - self._next_poll) / interval))
        self._account.count_rests(decision, quiet)
        self._next_poll += quiet * interval

    def _launch(self, spec: ScalerSpec, decision: Decision) -> LaunchResult:
        plan = pack(decision.launch, spec.packing, MOST_COPIES)
        tasks = [self._world.launch(call.containers) for call in plan.calls for _ in range(call.count)]
        self._tasks.enter(tasks)
        self._account.enter_launch(decision.at, plan)
        return LaunchResult(Outcome.LAUNCHED, plan, tuple(task.arn for task in tasks), plan.containers)
