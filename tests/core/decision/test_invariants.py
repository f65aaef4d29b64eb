"""What holds whatever happens: sequences of polls on a simulated queue and fleet, and single decisions."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.core.decision.decide import remember_launch
from controller.core.decision.demand import level_demand
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Decision, Fleet, QueueCounts, Reason
from controller.core.decision.policy import (
    BreakerPolicy,
    Busy,
    CooldownPolicy,
    HysteresisPolicy,
    MessageState,
    PerContainer,
    Policy,
    StartWithin,
    Step,
    Steps,
)
from controller.core.decision.queue_sum import add_up
from controller.core.decision.slots import slot_at
from controller.core.decision.state import Doubt, ScalerState
from tests.core.decision.builders import NO_COOLDOWN, NOW, SLOTS, fleet, hysteresis, levels, policy, queue, settled
from tests.core.decision.deciding import decide

SLOT_LENGTH = 30.0
ROUNDING = 1e-6
"""What adding to a time of some 10^9 s may lose, seconds."""
LAG = SLOTS.consistency_window
COUNTS = st.integers(0, 200)


@st.composite
def staircases(draw: st.DrawFn) -> Steps:
    """Draw steps that rise in both numbers."""
    height = draw(st.integers(1, 5))
    backlogs = draw(st.sets(st.integers(1, 150), min_size=height, max_size=height))
    containers = draw(st.sets(st.integers(1, 120), min_size=height, max_size=height))
    return Steps(tuple(Step(*pair) for pair in zip(sorted(backlogs), sorted(containers), strict=True)))


LEVEL_STRATEGIES = staircases() | st.builds(PerContainer, st.integers(1, 20))
GOALS = st.builds(
    StartWithin,
    st.integers(1, 600).map(float),
    st.none() | st.integers(1, 300).map(float),
    st.none() | st.integers(1, 300).map(float),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw from everything that a configuration allows, in small numbers."""
    most = draw(st.sampled_from([1, 3, 10, 20, 100]))
    return Policy(
        slots=SLOTS,
        demand=draw(LEVEL_STRATEGIES | GOALS),
        is_fifo=draw(st.booleans()),
        counted=frozenset({MessageState.VISIBLE}) | draw(st.frozensets(st.sampled_from(MessageState))),
        busy=draw(st.sampled_from(Busy)),
        poll_interval=draw(st.sampled_from([1.0, 5.0, 10.0, 30.0, 60.0])),
        min_containers=draw(st.integers(0, most) | st.just(0)),
        max_containers=most,
        hysteresis=HysteresisPolicy(
            activate_at=draw(st.integers(1, 20)),
            activate_within=draw(st.sampled_from([0.0, 60.0, 300.0])),
            rise_after=draw(st.integers(1, 4)),
            fall_after=draw(st.integers(1, 4)),
            dead_band=draw(st.sampled_from([0.0, 0.2, 0.5])),
        ),
        cooldown=CooldownPolicy(
            launch=draw(st.sampled_from([0.0, 30.0, 90.0])), fall=draw(st.sampled_from([0.0, 60.0, 300.0]))
        ),
        breaker=BreakerPolicy(after=draw(st.integers(1, 9)), within=draw(st.sampled_from([0.0, 1.0, 60.0]))),
        paused=False,
        providers=(),
        deadline=None,
        rollout=None,
    )


class Fate(Enum):
    """What becomes of a launch."""

    ALL = "every container starts"
    SOME = "half of them do, the rest is refused"
    NONE = "it is refused"
    LATE = "no answer comes, and they start later"
    LOST = "no answer comes, and nothing ever starts"


@dataclass(frozen=True)
class Tick:
    """What happens from one reconcile to the next."""

    sent: int
    finished: int
    started: int
    taken: int
    fate: Fate
    late: int
    """Seconds until a late launch takes effect."""
    clock_back: int
    """Seconds that the clock steps back."""
    known: bool
    """Whether queue and fleet can be observed."""
    lingers: int
    """Seconds for which the tasks of workers that finish are not gone yet."""
    drain: bool
    """Whether those were told to stop."""


TICKS = st.lists(
    st.builds(
        Tick,
        sent=st.sampled_from([0, 1, 5, 50]),
        finished=st.sampled_from([0, 0, 1, 3, 40]),
        started=st.sampled_from([0, 1, 10, 100]),
        taken=st.sampled_from([0, 1, 10, 100]),
        fate=st.sampled_from(Fate),
        late=st.integers(0, 300),
        clock_back=st.sampled_from([0] * 27 + [1, 20, 90]),
        known=st.sampled_from([True] * 9 + [False]),
        lingers=st.sampled_from([0, 0, 30, 100_000]),
        drain=st.booleans(),
    ),
    min_size=30,
    max_size=60,
)


@dataclass
class World:
    """A queue, a fleet, and one process that polls; what starts lives until it finishes at random."""

    rules: Policy
    state: ScalerState = field(default_factory=ScalerState)
    true_time: float = NOW
    clock_behind: float = 0.0
    visible: int = 0
    in_hand: int = 0
    running: int = 0
    starting: list[float] = field(default_factory=list)
    unlisted: list[tuple[float, int]] = field(default_factory=list)
    """When a call of unknown outcome takes effect, and how many containers it then starts."""
    leaving: list[tuple[float, bool]] = field(default_factory=list)
    """When the task of a worker that has finished is gone, and whether it was told to stop."""

    @property
    def present(self) -> int:
        """Containers of tasks that exist, listed or not."""
        arrived = sum(count for due, count in self.unlisted if due <= self.true_time)
        return self.running + len(self.starting) + arrived + len(self.leaving)

    def poll(self, tick: Tick) -> Decision:
        """Let the world go on to the next poll, or to the look that the decision before has asked for."""
        self._pass_time(tick)
        now = self.true_time - self.clock_behind
        draining = sum(told for _, told in self.leaving)
        ended = len(self.leaving) - draining
        starting = tuple(self.starting)
        fleet_now = Fleet(listed_at=now, running=self.running, starting=starting, draining=draining, ended=ended)
        # Workers are as the policy says: those of ``busy: running`` have deleted what they have in hand.
        counts = QueueCounts(self.visible, self.in_hand if self.rules.busy is Busy.IN_FLIGHT else 0, 0)
        observed = (counts, fleet_now) if tick.known else (counts, None)
        decision, self.state = decide(self.rules, *observed, self.state, now)
        self._launch(decision, tick)
        self.true_time += self._until_next(decision)
        return decision

    def _until_next(self, decision: Decision) -> float:
        interval = self.rules.poll_interval
        return interval if decision.look_again_at is None else min(interval, decision.look_again_at - decision.at)

    def _pass_time(self, tick: Tick) -> None:
        self.clock_behind += tick.clock_back
        listed = [each for each in self.unlisted if each[0] + LAG <= self.true_time]
        self.unlisted = [each for each in self.unlisted if each not in listed]
        self.starting += [due for due, count in listed for _ in range(count)]
        self.running += len(self.starting[: tick.started])
        self.starting = self.starting[tick.started :]
        finished = min(tick.finished, self.running)
        self.running -= finished
        self.leaving += [(self.true_time + tick.lingers, tick.drain)] * finished
        self.leaving = [each for each in self.leaving if each[0] > self.true_time]
        self.visible += tick.sent
        taken = min(tick.taken, self.visible, max(0, self.running - self.in_hand))
        self.visible -= taken
        self.in_hand = min(self.in_hand + taken, self.running)

    def _launch(self, decision: Decision, tick: Tick) -> None:
        if decision.reason is not Reason.LAUNCH:
            return
        if tick.fate in (Fate.LATE, Fate.LOST):
            doubt = Doubt(containers=decision.launch, last_sent_at=decision.at)
            self.state = replace(self.state, doubts=(*self.state.doubts, doubt))
            if tick.fate is Fate.LATE:
                self.unlisted.append((self.true_time + tick.late, decision.launch))
            return
        containers = {Fate.ALL: decision.launch, Fate.SOME: decision.launch // 2, Fate.NONE: 0}[tick.fate]
        self.starting += [self.true_time] * containers
        if containers:
            self.state = remember_launch(self.state, decision, started=True, doubt=None)


def _reconciles(rules: Policy, ticks: list[Tick]) -> Iterator[tuple[World, Tick, Decision]]:
    world = World(rules)
    for tick in ticks:
        decision = world.poll(tick)
        yield world, tick, decision


@settings(max_examples=50)
@given(rules=policies(), ticks=TICKS)
def test_live_containers_never_exceed_max(rules: Policy, ticks: list[Tick]) -> None:
    """Nor do those whose tasks are not gone yet, whatever starts late, is refused or unknown."""
    for world, _, _ in _reconciles(rules, ticks):
        assert world.present <= rules.max_containers


@settings(max_examples=50)
@given(rules=policies(), ticks=TICKS)
def test_launches_keep_their_distance(rules: Policy, ticks: list[Tick]) -> None:
    """No launch inside the cooldown of one that started something, half a poll of tolerance apart."""
    cooldown = max(rules.cooldown.launch, SLOT_LENGTH) - rules.poll_interval / 2
    launched_at: float | None = None
    for _, tick, decision in _reconciles(rules, ticks):
        if not decision.launch:
            continue
        assert launched_at is None or decision.at - launched_at >= cooldown - ROUNDING
        if tick.fate is Fate.ALL or (tick.fate is Fate.SOME and decision.launch > 1):
            launched_at = decision.at


@settings(max_examples=50)
@given(rules=policies(), ticks=TICKS)
def test_a_process_launches_once_a_slot_and_never_goes_back(rules: Policy, ticks: list[Tick]) -> None:
    """Whatever became of the launch before, and whatever the clock does."""
    slots = [decision.slot for _, _, decision in _reconciles(rules, ticks) if decision.slot is not None]
    assert sorted(set(slots)) == slots


@settings(max_examples=50)
@given(rules=policies(), ticks=TICKS)
def test_every_launch_stands_in_its_window(rules: Policy, ticks: list[Tick]) -> None:
    """Its listing began L + S after its slot's start, and its first call can leave T before the slot's end."""
    for _, _, decision in _reconciles(rules, ticks):
        if decision.slot is None or decision.fleet is None:
            continue
        start = slot_at(rules.slots, decision.at).start
        assert decision.fleet.listed_at >= start + 1.1 * LAG - ROUNDING
        assert decision.at <= start + SLOT_LENGTH - rules.slots.call_timeout + ROUNDING


@st.composite
def level_states(draw: st.DrawFn) -> LevelState:
    """Draw what hysteresis may remember."""
    times = st.none() | st.integers(-1000, 0).map(lambda ago: NOW + ago)
    history = draw(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20)), max_size=4))
    return LevelState(
        level=draw(st.integers(0, 100)),
        awake=draw(st.booleans()),
        tail=draw(st.booleans()),
        waiting_since=draw(times),
        polled_at=draw(times),
        asked=tuple(asked for asked, _ in history),
        asked_padded=tuple(asked + more for asked, more in history),
        rose_at=draw(times),
    )


STATES = st.builds(
    ScalerState,
    level=st.none() | level_states(),
    launched_at=st.none() | st.integers(-200, 20).map(lambda ago: NOW + ago),
    last_slot=st.none() | st.integers(-2, 2).map(lambda ahead: slot_at(SLOTS, NOW).number + ahead),
    doubts=st.lists(st.builds(Doubt, st.integers(1, 50), st.integers(-400, 0).map(lambda ago: NOW + ago))).map(tuple),
)
SINGLE_QUEUES = st.builds(QueueCounts, COUNTS, COUNTS, COUNTS)
QUEUES = SINGLE_QUEUES | st.lists(SINGLE_QUEUES, min_size=2, max_size=3).map(
    lambda several: add_up((f"queue-{number}", counts) for number, counts in enumerate(several))
)
FLEETS = st.builds(
    fleet,
    running=st.integers(0, 120),
    starting=st.integers(0, 60),
    listed_at=st.integers(-40, 0).map(lambda ago: NOW + ago),
    start_delay=st.none() | st.floats(1, 200),
    draining=st.sampled_from([0, 0, 0, 1, 9]),
    ended=st.sampled_from([0, 0, 0, 1, 40]),
    unowned=st.sampled_from([0, 0, 0, 9]),
)


@given(rules=policies(), counts=QUEUES, alive=FLEETS, state=STATES)
def test_a_launch_never_exceeds_what_it_may(
    rules: Policy, counts: QueueCounts, alive: Fleet, state: ScalerState
) -> None:
    """Not the shortfall, not the room below max with what is in doubt, not what waits unless for reaching min."""
    decision, _ = decide(rules, counts, alive, state, NOW)
    in_doubt = sum(doubt.containers for doubt in state.doubts if NOW - doubt.last_sent_at < 300 + LAG)
    in_hand = counts.in_flight if rules.busy is Busy.IN_FLIGHT else alive.running
    about_to_take = max(len(alive.starting), alive.live - in_hand)
    assert (decision.launch > 0) == (decision.reason is Reason.LAUNCH)
    assert decision.launch >= 0
    if decision.launch:
        assert rules.min_containers <= decision.numbers.desired <= rules.max_containers
        assert decision.launch <= decision.numbers.desired - alive.live
        assert decision.launch <= rules.max_containers - alive.live - alive.held - in_doubt
        assert decision.launch <= max(counts.visible - about_to_take, rules.min_containers - alive.live)


@given(rules=policies(), counts=QUEUES, alive=FLEETS, state=STATES)
def test_a_paused_scaler_launches_nothing_and_goes_on_measuring(
    rules: Policy, counts: QueueCounts, alive: Fleet, state: ScalerState
) -> None:
    """Its numbers are those it would have without the pause; the budget is not asked."""
    awake, _ = decide(rules, counts, alive, state, NOW)
    paused, _ = decide(replace(rules, paused=True), counts, alive, state, NOW)
    assert awake.numbers is not None
    assert (0, None, replace(awake.numbers, granted=None)) == (paused.launch, paused.slot, paused.numbers)


@given(rules=policies(), counts=QUEUES, others=COUNTS, alive=FLEETS, state=STATES)
def test_what_runs_stands_for_what_is_in_flight(
    rules: Policy, counts: QueueCounts, others: int, alive: Fleet, state: ScalerState
) -> None:
    """With ``busy: running`` all is decided as if so many were in flight, however many SQS says are."""
    by_flight, _ = decide(
        replace(rules, busy=Busy.IN_FLIGHT), replace(counts, in_flight=alive.running), alive, state, NOW
    )
    by_running, _ = decide(replace(rules, busy=Busy.RUNNING), replace(counts, in_flight=others), alive, state, NOW)
    assert replace(by_flight, queue=by_running.queue) == by_running


@given(rules=policies(), counts=st.none() | QUEUES, alive=st.none() | FLEETS, state=STATES)
def test_the_same_input_gives_the_same_decision(
    rules: Policy, counts: QueueCounts | None, alive: Fleet | None, state: ScalerState
) -> None:
    """Nothing but its arguments enters a decision, in whatever order they hold their parts."""
    again = replace(rules, counted=frozenset(sorted(rules.counted, reverse=True)))
    assert decide(rules, counts, alive, state, NOW) == decide(again, counts, alive, state, NOW)


@given(rules=policies(), counts=QUEUES, alive=FLEETS, state=STATES, lost=st.sampled_from(["queue", "fleet", "both"]))
def test_what_is_unknown_never_launches_and_never_changes_the_state(
    rules: Policy, counts: QueueCounts, alive: Fleet, state: ScalerState, lost: str
) -> None:
    """A poll that failed leaves no trace in what the next one decides."""
    seen = counts if lost == "fleet" else None, alive if lost == "queue" else None
    decision, after = decide(rules, *seen, state, NOW)
    reason = Reason.UNKNOWN_FLEET if lost == "fleet" else Reason.UNKNOWN_BACKLOG
    assert (reason, 0, None) == (decision.reason, decision.launch, decision.slot)
    assert state == after


@given(strategy=LEVEL_STRATEGIES, backlog=st.floats(0, 500), more=st.floats(0, 500))
def test_level_strategies_never_ask_for_less_with_more_backlog(
    strategy: Steps | PerContainer, backlog: float, more: float
) -> None:
    """They are monotone, and ask for nothing without a backlog."""
    assert level_demand(strategy, backlog) <= level_demand(strategy, backlog + more)
    assert level_demand(strategy, 0) == 0


@given(
    strategy=LEVEL_STRATEGIES,
    top=st.integers(5, 500),
    shares=st.lists(st.floats(0, 1), max_size=20),
    fall_after=st.integers(1, 4),
)
def test_the_level_does_not_flutter_within_the_dead_band(
    strategy: Steps | PerContainer, top: int, shares: list[float], fall_after: int
) -> None:
    """A backlog that moves between B / 1.2 and B keeps the level that B has asked for."""
    least = -(-5 * top // 6)
    backlogs = [top, *(least + round(share * (top - least)) for share in shares)]
    rules = policy(
        demand=strategy,
        max_containers=1000,
        hysteresis=hysteresis(fall_after=fall_after, dead_band=0.2),
        cooldown=NO_COOLDOWN,
    )
    assert levels(rules, backlogs) == [level_demand(strategy, top)] * len(backlogs)


@given(rules=policies(), backlogs=st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_the_level_rises_to_nothing_that_no_poll_has_asked_for(rules: Policy, backlogs: list[int]) -> None:
    """The dead band holds a level up but never raises it; a late tail is worth 1; an empty queue nothing."""
    assume(not isinstance(rules.demand, StartWithin))
    most = max(min(1, max(backlogs)), *(level_demand(rules.demand, backlog) for backlog in backlogs))
    assert all(0 <= level <= min(most, rules.max_containers) for level in levels(rules, backlogs))


@given(
    rise_after=st.integers(1, 4),
    activate_within=st.sampled_from([0.0, 7.0, 60.0, 300.0]),
    poll_interval=st.sampled_from([1.0, 10.0, 60.0]),
    strategy=LEVEL_STRATEGIES,
    activate_at=st.integers(1, 100),
    backlog=st.integers(1, 100),
    phase=st.integers(0, 29),
)
def test_a_late_tail_is_always_served(
    *, rise_after, activate_within, poll_interval, strategy, activate_at, backlog, phase
) -> None:
    """Within ``activate_within``, the polls that a rise takes, and at most 10.5 s until the window is open."""
    rules = policy(
        demand=strategy,
        poll_interval=poll_interval,
        hysteresis=hysteresis(activate_at=activate_at, activate_within=activate_within, rise_after=rise_after),
    )
    state, now, decision = settled(), NOW + phase, None
    limit = activate_within + rise_after * poll_interval + 10.5 + ROUNDING
    while decision is None or (not decision.launch and now - NOW - phase <= limit):
        decision, state = decide(rules, queue(backlog), fleet(listed_at=now), state, now)
        served_at = now
        now = min(now + poll_interval, decision.look_again_at or now + poll_interval)
    assert decision.launch >= 1
    assert served_at - NOW - phase <= limit
