"""The state machine: Hypothesis chooses the moves, and shrinks what breaks a promise to the shortest schedule."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from controller.config import ScalerSpec
from tests.proof.account import Starts
from tests.proof.configurations import CONFIGURATIONS, S, in_order, in_windows, proving, with_deadline
from tests.proof.process import Process
from tests.proof.world import Fate, Moment, World

WHO = st.integers(0, 2)
SKEWS = (0.0, -S / 2, S / 2)
NUDGES = (0.0, -S, S)
TO_STEP = st.sampled_from([Moment.NOW, Moment.A_SECOND, Moment.OVER, Moment.OPENS])
TO_POLL = st.sampled_from([Moment.NOW, Moment.OVER, Moment.OPENS, Moment.A_POLL, Moment.FORGOTTEN])
TO_LAUNCH = st.sampled_from([Moment.NOW, Moment.LAST_SEND, Moment.OPENS])
TO_ARRIVE = st.sampled_from([Moment.EXPIRES, Moment.NOW, Moment.OVER, Moment.OPENS])
A_BURST = 30
MOVES_BEFORE_CALM = 20


class Launches(RuleBasedStateMachine):
    """One to three controllers of one name, on an AWS that fails in every way that is known."""

    configurations: ClassVar[tuple[ScalerSpec, ...]] = CONFIGURATIONS
    controllers: ClassVar[tuple[int, int]] = (1, 3)
    """How few and how many."""
    serves: ClassVar[bool] = True
    """Whether faults may end, and the backlog then has to be served in time."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.moves = 0
        self.settled = False

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.end()

    def who(self, place: int) -> Process:
        """Return one of the processes that there are."""
        self.moves += 1
        return self.world.processes[place % len(self.world.processes)]

    @initialize(data=st.data(), messages=st.sampled_from([30, 5, 12]), binds_nothing=st.booleans())
    def begin(self, data: st.DataObject, messages: int, *, binds_nothing: bool) -> None:
        many = data.draw(st.integers(*self.controllers), label="controllers")
        alike = st.just((0,) * many)
        indices = st.integers(0, len(self.configurations) - 1)
        drawn = data.draw(alike | st.tuples(*[indices] * many), label="configurations")
        self.world = World([self.configurations[index] for index in drawn])
        self.world.account.binds_nothing = binds_nothing
        self.world.send(messages)

    @rule(who=WHO, at=TO_STEP, seams=st.sampled_from([1, 2, 3, 5]))
    def step(self, who: int, at: Moment, seams: int) -> None:
        process = self.who(who)
        self.world.pass_until(at)
        self.world.go(process, seams)

    @rule(who=WHO, at=TO_POLL, pace=st.sampled_from([0.0, 0.5, 2.0]))
    def reconcile(self, who: int, at: Moment, pace: float) -> None:
        process = self.who(who)
        self.world.pass_until(at)
        self.world.go_to(process, None, pace)

    @rule(
        who=WHO,
        at=TO_LAUNCH,
        nudge=st.sampled_from(NUDGES),
        fate=st.sampled_from(Fate),
        starts=st.sampled_from(Starts),
        afresh=st.booleans(),
    )
    def launch(self, who: int, at: Moment, nudge: float, fate: Fate, starts: Starts, *, afresh: bool) -> None:
        """Bring a process to its next request, if it comes to one, and decide about that.

        Afresh: when all work is done and a burst has come, so that there is something to launch.
        """
        process = self.who(who)
        self.world.pass_until(at, nudge)
        if afresh:
            self.world.finish(self.world.account.live)
            self.world.send(A_BURST)
        if self.world.bring_to_request(process):
            self.world.decide(process, fate, starts)

    @precondition(lambda self: self.world.late)
    @rule(place=st.integers(0, 3), at=TO_ARRIVE)
    def arrive_late(self, place: int, at: Moment) -> None:
        self.moves += 1
        self.world.pass_until(at)
        self.world.arrive_late(place)

    @rule(who=WHO, configuration=st.integers(0, 9))
    def crash(self, who: int, configuration: int) -> None:
        process = self.who(who)
        spec = process.spec if configuration >= len(self.configurations) else self.configurations[configuration]
        self.world.crash(process, spec)

    @rule(who=WHO, skew=st.sampled_from(SKEWS), fails=st.booleans())
    def disturb(self, who: int, skew: float, *, fails: bool) -> None:
        process = self.who(who)
        process.skew, process.fails = skew, fails

    @rule(hides=st.integers(0, 2**16 - 1), denies=st.booleans(), deploys=st.booleans())
    def lag(self, hides: int, *, denies: bool, deploys: bool) -> None:
        self.moves += 1
        self.world.account.hides, self.world.account.denies = ~hides, denies
        self.world.account.revision += deploys

    @rule(
        messages=st.sampled_from([0, 1, 8, 30]),
        claims=st.sampled_from([None, 0, 3, 40]),
        workers=st.sampled_from([0, 1, 12, 30]),
    )
    def work(self, messages: int, claims: int | None, workers: int) -> None:
        self.moves += 1
        self.world.send(messages, claims)
        self.world.finish(workers)

    @precondition(lambda self: self.serves and self.moves >= MOVES_BEFORE_CALM and not self.settled)
    @rule()
    def settle(self) -> None:
        self.settled = True
        self.world.settle()


class LaunchesThatChangeHands(Launches):
    """The same where scalers go from one controller to another, and come back: each time they begin anew.

    That two have one at the same time is what all schedules play.
    """

    @rule(who=WHO)
    def hand_over(self, who: int) -> None:
        process = self.who(who)
        begins_anew = process.hand_over()
        self.world.tell(process, "begins anew" if begins_anew else "keeps what is in doubt")


class LaunchesInOrder(Launches):
    """The same with capacity providers in order and deadlines, beside controllers without.

    What RunTask refuses, and what finds no place afterwards, marks a provider; the next one then gets what is missing.
    What is ended at its deadline gives its messages back.
    """

    configurations = tuple(
        with_deadline(in_order(spec)) if number % 3 else spec for number, spec in enumerate(CONFIGURATIONS, 1)
    )

    @rule(tasks=st.sampled_from([1, 4, 30]))
    def turn_away(self, tasks: int) -> None:
        self.moves += 1
        self.world.turn_away(tasks)

    @rule(tasks=st.sampled_from([1, 30]))
    def reach_deadline(self, tasks: int) -> None:
        self.moves += 1
        self.world.reach_deadline(tasks)


class LaunchesInWindows(Launches):
    """The same where windows raise and lower the maximum, and pause: in all controllers alike, but for their clocks."""

    configurations = tuple(in_windows(CONFIGURATIONS[0], number) for number in range(2))
    serves = False


class LaunchesThatProve(LaunchesThatChangeHands):
    """The same with rollouts: revisions come while launches are under way, and some of them fail.

    For safety alone: a canary is a task of one worker, so that a plan serves less than it could.
    """

    configurations = tuple(
        proving(with_deadline(spec)) if number % 2 else proving(spec) for number, spec in enumerate(CONFIGURATIONS)
    )
    serves = False

    @rule(fails=st.sampled_from([False, True]))
    def deploy(self, *, fails: bool) -> None:
        """Register a revision; the tasks of the one before fail if it has not proven itself."""
        self.moves += 1
        if fails:
            self.world.fail_newest()
        self.world.account.revision += 1

    @rule()
    def fail(self) -> None:
        """Let what runs the newest revision fail, unless it has proven itself."""
        self.moves += 1
        self.world.fail_newest()


def play(
    machine: type[Launches],
    schedules: int,
    moves: int = 40,
    seed: int | None = None,
    phases: Sequence[Phase] = tuple(Phase),
) -> None:
    """Play so many schedules of so many moves, the same ones each time. Raises what they break."""
    given = settings(
        max_examples=schedules,
        stateful_step_count=moves,
        phases=phases,
        derandomize=seed is None,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with _on_one_core():
        run_state_machine_as_test(machine if seed is None else with_seed(seed)(machine), settings=given)


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Keep to one core, where the system lets one choose: to pass the baton within it costs half as much."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
