"""One simulation, from arrivals and workers to what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Protocol

from controller.config import ScalerSpec
from controller.simulate.controlled import BudgetOfOne, Controlled, Watch
from controller.simulate.outcome import Account, SimulatedRun
from controller.simulate.prices import DEFAULT_SHAPE, Shape
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival, World

PATIENCE = 86_400.0
"""Seconds after the end of the period until it is given up that the messages left are ever taken."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to whoever decides."""

    arrivals: Sequence[Arrival]
    """In the order of their times."""
    workers: Workers
    seed: int = 1
    since: float | None = None
    """When the period begins that is looked at, seconds since the epoch; None: with the first arrival."""
    until: float | None = None
    """When it is over; None: with the last arrival. The run goes on for as long as it takes to work everything off."""

    shape: Shape = DEFAULT_SHAPE
    """The size of a task with one worker: it says how many fit into one, and what is rounded up."""

    def build_world(self) -> World:
        """Return the world at its beginning."""
        return World(self.arrivals, self.workers, self.seed, self.since)


class Decider(Protocol):
    """Whoever looks at the world from time to time, and launches."""

    first_look: float
    """When it looks first."""

    def look(self) -> float:
        """Look at the world as it is now, act, and return when to look next; inf: never."""


def simulate(
    spec: ScalerSpec,
    scenario: Scenario,
    *,
    budget: int | None = None,
    watch: Watch | None = None,
    first_poll: float | None = None,
    skips_quiet: bool = True,
    tells_deleted: bool = True,
) -> SimulatedRun:
    """Return what becomes of a scenario under a scaler's configuration.

    ``budget`` is the most containers that the scaler may have beside its own maximum. ``watch`` is told every decision.
    ``first_poll`` is when it polls first; None: soon after the beginning, as the scaler's name says. Without
    ``skips_quiet`` the polls of a quiet queue are decided one by one, which comes to the same. ``tells_deleted`` is
    whether it asks CloudWatch how many messages were deleted, to learn how long they take.
    """
    world, account = scenario.build_world(), Account()
    decider = Controlled(spec, scenario.shape, world, account, scenario.seed, BudgetOfOne(budget))
    if tells_deleted:
        decider.tell_deleted()
    decider.watch = watch
    decider.skips_quiet, decider.period_ends = skips_quiet, scenario.until
    if first_poll is not None:
        decider.first_look = first_poll
    return run(world, decider, account, scenario.until)


def run(world: World, decider: Decider, account: Account, until: float | None = None) -> SimulatedRun:
    """Let a world go on, and somebody look at it, until every message is done and the period is over."""
    began, look_at = world.now, decider.first_look
    while True:
        over = max(world.last_arrival, began if until is None else until)
        if look_at > over and (world.is_done or (world.next_arrival == inf and look_at > over + PATIENCE)):
            break
        world.advance(look_at)
        look_at = decider.look()
    # What lives still ends by itself; nobody looks any more.
    world.advance(inf)
    return SimulatedRun(
        began_at=began,
        # The end of the period, or of the work if that is later; nan, of what is never done, is never later.
        ended_at=max(chain((over,), world.done)),
        sent=world.sent,
        taken=world.taken,
        done=world.done,
        work=world.work,
        tasks=world.tasks,
        polls=account.polls,
        reasons=account.reasons,
        launches=account.launches,
    )
