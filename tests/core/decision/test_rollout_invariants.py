"""What holds of rollouts whatever happens: revisions come, tasks end in every way, controllers restart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.decision.breaker import Sign
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import (
    NOTHING_KNOWN,
    RevisionUse,
    Rollout,
    Stage,
    find_stage,
    note_active,
    note_refusal,
    note_shortages,
    note_signs,
)
from controller.core.decision.scarcity import CapacitySign
from tests.core.decision.builders import NOW

REMEMBERED = 3600.0
"""Seconds for which ECS lists a stopped task."""


class Event(Enum):
    """What happens between two looks."""

    NOTHING = "time passes"
    REGISTERED = "a revision is registered"
    DEREGISTERED = "the newest revision is deregistered"
    LAST_LEFT = "all but the newest revision are deregistered"
    ENDS_WELL = "the oldest task ends well"
    FAILS = "the oldest task fails"
    VANISHES = "the oldest task ends, and nobody knows how"
    CANARY_FAILS = "the youngest task fails"
    REFUSED = "RunTask refuses a canary"
    TURNED_AWAY = "RunTask has no room for a canary"
    RESTART = "another process takes over"


@dataclass
class Task:
    """One task."""

    revision: int
    born_at: float
    is_canary: bool
    ended_at: float | None = None
    good: bool | None = None


@dataclass
class World:
    """One scaler that launches a container at every look."""

    policy: RolloutPolicy
    now: float = NOW
    active: list[int] = field(default_factory=lambda: [1])
    tasks: list[Task] = field(default_factory=list)
    known: Rollout = NOTHING_KNOWN
    event: Event = Event.NOTHING

    @property
    def live(self) -> list[Task]:
        """The tasks that live, the oldest first."""
        return [task for task in self.tasks if task.ended_at is None]

    def signs(self) -> dict[int, list[Sign]]:
        """Return what can be seen of tasks now."""
        signs: dict[int, list[Sign]] = {}
        for task in self.tasks:
            at, good = task.ended_at, task.good
            if at is None:
                at, good = task.born_at + self.policy.prove, True
            if good is not None and self.now - REMEMBERED <= at <= self.now:
                signs.setdefault(task.revision, []).append(Sign(good, at, task.born_at))
        return signs

    def happen(self, event: Event) -> None:
        """Let something happen."""
        self.event = event
        if event is Event.REGISTERED:
            self.active = [max([*self.active, *(task.revision for task in self.tasks)]) + 1, *self.active]
        elif event is Event.DEREGISTERED and len(self.active) > 1:
            self.active = self.active[1:]
        elif event is Event.LAST_LEFT:
            self.active = self.active[:1]
        elif event is Event.RESTART:
            self.known = NOTHING_KNOWN
        elif self.live and event in _ENDS:
            task = self.live[-1] if event is Event.CANARY_FAILS else self.live[0]
            task.ended_at, task.good = self.now, _ENDS[event]

    def look(self) -> Stage:
        """Look, and take in what is seen, as often as one likes."""
        signs, active = self.signs(), tuple(self.active)
        before = self.known
        self.known = note_signs(self.policy, note_active(before, active), signs)
        assert self.known == note_signs(self.policy, note_active(self.known, active), signs)
        if before.active and before.active[0] == active[0] and active[0] in before.proven:
            assert active[0] == self.known.trusted, "a proven revision stays proven while no newer one exists"
        uses = Counter(task.revision for task in self.live)
        stage = find_stage(self.policy, self.known, [RevisionUse(*use) for use in uses.items()], 0, self.now)
        assert stage is not None
        return stage

    def launch(self, stage: Stage) -> None:
        """Launch a few containers, as a plan would."""
        for number in range(3):
            if number < stage.canaries and self.event is Event.REFUSED:
                self.known = note_refusal(self.known, stage.newest, None, self.now)
            elif number < stage.canaries and self.event is Event.TURNED_AWAY:
                no_room = CapacitySign(found=False, at=self.now, born_at=self.now)
                self.known = note_shortages(self.known, {stage.newest: [no_room]})
            elif number < stage.canaries:
                self.tasks.append(Task(stage.newest, self.now, is_canary=True))
            elif stage.trusted is not None:
                self.tasks.append(Task(stage.trusted, self.now, is_canary=False))


_ENDS = {Event.ENDS_WELL: True, Event.FAILS: False, Event.CANARY_FAILS: False, Event.VANISHES: None}


@settings(max_examples=150)
@given(
    st.builds(RolloutPolicy, canary=st.integers(1, 3), prove=st.sampled_from([1.0, 120.0, 600.0])),
    st.lists(st.tuples(st.sampled_from(Event), st.sampled_from([1.0, 30.0, 120.0, 3600.0])), max_size=40),
)
def test_no_more_than_the_canaries_run_what_has_not_proven_itself(
    policy: RolloutPolicy, events: list[tuple[Event, float]]
) -> None:
    """And whatever else is launched is what was proven, or was there before."""
    world = World(policy)
    for event, seconds in events:
        world.now += seconds
        world.happen(event)
        stage = world.look()
        world.launch(stage)
        unproven = {task.revision for task in world.live} - {*world.known.proven, *range(1, (stage.trusted or 0) + 1)}
        canaries = [task for task in world.live if task.is_canary and task.revision in unproven]
        # After a restart more may live than it would have launched; what is launched beside them counts.
        assert len(canaries) <= policy.canary or all(task.born_at < world.now for task in canaries)
        launched = {task.revision for task in world.live if task.born_at == world.now and not task.is_canary}
        assert launched <= {stage.trusted}
        assert stage.trusted != stage.newest or stage.newest in {*world.known.proven, world.known.assumed}
        assert stage.trusted is None or stage.trusted in world.active


@settings(max_examples=80)
@given(
    st.dictionaries(
        st.integers(1, 4),
        st.lists(
            st.builds(
                Sign,
                good=st.booleans(),
                at=st.integers(0, 500).map(lambda each: NOW + each),
                born_at=st.integers(0, 500).map(lambda each: NOW - each),
            ),
            max_size=5,
        ),
    ),
    st.randoms(use_true_random=False),
)
def test_what_is_known_follows_from_what_is_seen(signs: dict[int, list[Sign]], random: st.randoms) -> None:  # type: ignore[valid-type]
    """In whatever order it is told."""
    policy = RolloutPolicy(canary=1, prove=120.0)
    start = note_active(NOTHING_KNOWN, (4, 3, 2, 1))
    items = list(signs.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    shuffled = {}
    for revision, told in items:
        random.shuffle(told := list(told))  # type: ignore[attr-defined]
        shuffled[revision] = told
    assert note_signs(policy, start, signs) == note_signs(policy, start, shuffled)
    assert replace(start, assumed=3) == note_signs(policy, start, {})
