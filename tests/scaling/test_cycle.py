"""The cycle on a world of its own: a queue, a cluster and a launcher in virtual time, without AWS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.decision.breaker import Sign
from controller.core.decision.lessons import Left
from controller.core.decision.model import Decision, Fleet, Outcome, QueueCounts, Reason
from controller.core.decision.past import PastMinute
from controller.core.decision.policy import StartWithin
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.slots import slot_numbered
from controller.core.decision.state import Doubt, ScalerState
from controller.core.record import LaunchResult
from controller.scaling.budget import SharedBudget
from controller.scaling.cycle import Aim, Cycle, Turn
from tests.core.decision.builders import settled
from tests.support.controller import SLOTS, scaler_spec

SLOT = slot_numbered(SLOTS, 56_000_000)
POLL, TAKES = 10.0, 60.0
BAD = [
    Sign(good=False, at=SLOT.start - age, born_at=SLOT.start - age - 30, cause="no image")
    for age in (50, 45, 40, 35, 30)
]


@dataclass
class World:
    """A queue of messages that one container each works off in a minute; whatever is asked for is noted."""

    now: float = SLOT.opens + 1
    visible: int = 0
    ends: list[float] = field(default_factory=list)
    """When each live container ends."""
    listed_at: float | None = None
    asked: list[str] = field(default_factory=list)
    ended_before: list[Sign] = field(default_factory=list)
    """What tasks have told before this process."""
    problem: AwsError | None = None
    listing_costs: float = 0.0

    def read_counts(self) -> QueueCounts:
        self.asked.append("counts")
        if self.problem:
            raise self.problem
        return QueueCounts(visible=self.visible, in_flight=self.live(), delayed=0)

    @property
    def is_listed(self) -> bool:
        return self.listed_at is not None

    @property
    def is_known(self) -> bool:
        return self.is_listed

    def live(self) -> int:
        return sum(end > self.now for end in self.ends)

    def is_idle(self, _scaler: str) -> bool:
        return self.is_listed and not self.live()

    def refresh(self, began_after: float) -> None:
        if self.listed_at is None or self.listed_at < began_after:
            self.asked.append("listing")
            self.listed_at = self.now

    def fleet_of(self, _scaler: str) -> Fleet:
        return Fleet(listed_at=self.listed_at or 0.0, running=self.live())

    def read_history(self, _families: Iterable[str]) -> None:
        self.asked.append("history")

    def take_signs(self, _scaler: str) -> list[Sign]:
        signs, self.ended_before = self.ended_before, []
        return signs

    def take_left(self, _scaler: str) -> list[Left]:
        return []

    def take_capacity_signs(self, _scaler: str) -> list[CapacitySign]:
        return []

    def launch(self, _spec: ScalerSpec, decision: Decision) -> LaunchResult:
        taken = min(self.visible, decision.launch)
        self.visible -= taken
        self.ends += [self.now + TAKES] * taken
        return LaunchResult(Outcome.LAUNCHED, None, arns=("task",) * taken, containers=taken)


def cycle_in(world: World, remembered: ScalerState | None = None, budget: int | None = None) -> Cycle:
    """Return a cycle in a world, with so many containers for all scalers."""
    shared = SharedBudget()
    shared.configure(budget, [scaler_spec("main", "worker")])
    return Cycle(shared, lambda: world.now, remembered)


def aim_at(world: World, **changes: object) -> Aim:
    """Return a scaler of that world, of one container a message and at most 10."""
    return Aim(scaler_spec("main", "worker", **changes), world, world)


def run_for(world: World, cycle: Cycle, aim: Aim, seconds: float) -> list[Turn]:
    """Let the scaler poll, and look again when it wants to; return every turn."""
    turns, end = [], world.now + seconds
    next_poll = world.now
    while world.now < end:
        turns.append(cycle.run(aim, world.launch))
        if world.now >= next_poll:
            next_poll += POLL
        look = turns[-1].decision.look_again_at
        world.now = min(next_poll, look) if look is not None and look > world.now else next_poll
    return turns


def test_a_world_without_aws_is_served() -> None:
    """Thirty messages, ten containers at a time: three launches, and then nothing lives."""
    world = World(visible=30)
    turns = run_for(world, cycle_in(world), aim_at(world), 600)
    launches = [turn.decision.launch for turn in turns if turn.decision.launch]
    assert (30, [10, 10, 10]) == (len(world.ends), launches)
    assert (0, 0, Reason.IDLE) == (world.visible, world.live(), turns[-1].decision.reason)


def test_an_idle_scaler_asks_for_its_counts_alone() -> None:
    """Once a listing has shown that nothing lives."""
    world = World()
    cycle, aim = cycle_in(world), aim_at(world)
    cycle.run(aim, world.launch)
    world.asked.clear()
    run_for(world, cycle, aim, 5 * POLL)
    assert {"counts"} == set(world.asked)


def test_history_is_read_once_before_the_first_launch_that_may_come() -> None:
    """Not for an idle queue, and not again after."""
    world = World()
    cycle, aim = cycle_in(world), aim_at(world)
    run_for(world, cycle, aim, 3 * POLL)
    assert "history" not in world.asked
    world.visible = 20
    run_for(world, cycle, aim, 600)
    assert 1 == world.asked.count("history")


def test_history_is_read_in_each_cluster() -> None:
    """A scaler that a reload has moved knows nothing of what drains, or has failed, where it is now."""
    before, after = World(visible=3), World(visible=3, ended_before=BAD)
    cycle = cycle_in(before)
    cycle.run(aim_at(before), before.launch)
    assert Reason.BACKING_OFF == cycle.decide(aim_at(after)).decision.reason
    cycle.decide(aim_at(after))
    assert (1, 1) == (before.asked.count("history"), after.asked.count("history"))


def test_a_listing_from_before_the_window_is_taken_again() -> None:
    """When the window is open by now, in the same turn: the launch does not wait for another poll."""
    world = World(now=SLOT.opens - 1, visible=3)
    cycle, aim = cycle_in(world), aim_at(world)
    held = cycle.run(aim, world.launch).decision
    assert (Reason.SLOT, SLOT.opens) == (held.reason, held.look_again_at)
    world.now = SLOT.opens + 0.5
    world.asked.clear()
    assert Reason.LAUNCH == cycle.run(aim, world.launch).decision.reason
    assert ["counts", "counts", "listing"] == world.asked


@pytest.mark.parametrize(("costs", "listings"), [(0.0, 6), (1.0, 6), (4.0, 3)], ids=["nothing", "little", "much"])
def test_a_large_cluster_is_listed_for_a_quarter_of_the_time(costs: float, listings: int) -> None:
    """However often its scalers poll; a launch takes a listing of its window all the same."""
    world = World(ends=[1e12], listing_costs=costs)
    cycle, aim = cycle_in(world), aim_at(world)
    run_for(world, cycle, aim, 6 * POLL)
    assert listings == world.asked.count("listing")
    world.visible, world.now, world.listed_at = 3, SLOT.start + 60 + 7, SLOT.start + 60 + 5
    assert Reason.LAUNCH == cycle.run(aim, world.launch).decision.reason
    assert SLOT.start + 60 + 7 == world.listed_at


def test_who_comes_back_after_a_look_asks_for_no_other() -> None:
    """What was late enough when it was asked for still is, however long the look took."""
    world = World(visible=3, now=SLOT.opens + 1)
    cycle, aim = cycle_in(world), aim_at(world)
    began_after, world.listed_at = world.now - POLL, world.now - POLL + 1
    world.now += 2 * POLL - 5
    cycle.decide(replace(aim, spec=scaler_spec("main", "worker", paused=True)), began_after)
    assert 0 == world.asked.count("listing")


def test_signs_of_before_are_heeded() -> None:
    """Tasks that failed under the process before hold its successor back as well."""
    world = World(visible=3, ended_before=BAD)
    assert Reason.BACKING_OFF == cycle_in(world).decide(aim_at(world)).decision.reason


def test_a_memory_that_is_given_is_taken_as_it_is() -> None:
    """Its breaker too: which signs went into it nobody can tell here, so none is heeded twice."""
    world = World(visible=3, ended_before=BAD)
    remembered = settled(level=2, doubts=(Doubt(8, SLOT.start),), history_read=True)
    numbers = cycle_in(world, remembered).decide(aim_at(world)).decision.numbers
    assert numbers is not None
    assert (8, 2, 0) == (numbers.in_doubt, numbers.room, numbers.breaker.bad_ends)
    assert "history" not in world.asked


def test_a_memory_without_a_history_reads_it() -> None:
    """A daemon that has just started, or was idle since, has heeded no end yet, and will before its first launch."""
    world = World(visible=3, ended_before=BAD)
    assert Reason.BACKING_OFF == cycle_in(world, settled()).decide(aim_at(world)).decision.reason
    assert "history" in world.asked


def test_a_decision_alone_launches_nothing() -> None:
    """Whoever only wants to know calls ``decide``."""
    world = World(visible=3)
    decision = cycle_in(world).decide(aim_at(world)).decision
    assert (Reason.LAUNCH, 3, []) == (decision.reason, decision.launch, world.ends)


@pytest.mark.parametrize(
    ("budget", "reason", "launched"),
    [(None, Reason.LAUNCH, 5), (5, Reason.LAUNCH, 5), (2, Reason.LAUNCH, 2), (0, Reason.BUDGET, 0)],
    ids=["none", "enough", "a part", "nothing"],
)
def test_the_budget_is_asked_between_proposal_and_decision(budget: int | None, reason: Reason, launched: int) -> None:
    """The part that it grants is launched; without any the scaler holds."""
    world = World(visible=5)
    decision = cycle_in(world, budget=budget).run(aim_at(world), world.launch).decision
    assert (reason, launched) == (decision.reason, decision.launch)


def test_an_unknown_queue_holds_and_is_told() -> None:
    """The fleet is looked at once all the same: the budget counts it."""
    world = World(visible=5, problem=AwsError(Fault.UNREACHABLE, "no answer"))
    turn = cycle_in(world).run(aim_at(world), world.launch)
    assert (Reason.UNKNOWN_BACKLOG, world.problem, None) == (turn.decision.reason, turn.seen.problem, turn.result)
    assert ["counts", "listing"] == world.asked


def test_a_launch_in_doubt_counts_until_it_is_settled() -> None:
    """What may yet start leaves that much less room."""
    world = World(visible=10)
    cycle, aim = cycle_in(world), aim_at(world)
    unknown = LaunchResult(Outcome.IN_DOUBT, None, in_doubt=4, doubtful_since=world.now)
    cycle.run(aim, lambda _spec, _decision: unknown)
    world.now += POLL
    numbers = cycle.decide(aim).decision.numbers
    assert numbers is not None
    assert (4, 6) == (numbers.in_doubt, numbers.room)


class ReadBack:
    """Tells once of an hour with three messages in flight and six deleted a minute."""

    def __init__(self) -> None:
        self.past: dict[float, PastMinute] | None = {60.0 * minute: PastMinute(3, 6) for minute in range(60)}

    def take(self) -> dict[float, float]:
        return {}

    def take_past(self) -> dict[float, PastMinute] | None:
        past, self.past = self.past, None
        return past


def test_what_was_learned_before_this_process_counts_at_its_first_look() -> None:
    """A burst right after a restart is shared out by what a message takes, and not given a container each."""
    told, unknown = (
        replace(aim_at(World(visible=40), demand=StartWithin(300.0), max_containers=100), **changes)
        for changes in ({"deleted": ReadBack()}, {})
    )
    asked = []
    for aim in (told, unknown):
        decision = cycle_in(aim.queue).decide(aim).decision  # type: ignore[arg-type]  # the queue is the world
        assert decision.numbers is not None
        asked.append(decision.numbers.asked)
    assert [7, 40] == asked
