"""Queues that more workers cannot drain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from controller.core.decision.decide import heed_left, remember_launch
from controller.core.decision.following import FREE, Following, Workers, count_followed, follow
from controller.core.decision.lessons import Left, Lessons
from controller.core.decision.model import Fleet, QueueCounts, Reason
from controller.core.decision.state import ScalerState
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

POLL = 10.0
START = 40.0
LAST_POLL = 20.0


@dataclass
class Groups:
    """A queue of so many groups, each of which one worker at a time works on; the rest of the workers find nothing."""

    rules: object
    messages: int
    groups: int
    seconds: float
    fresh: bool = True
    now: float = NOW
    state: ScalerState = field(default_factory=settled)
    born: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """When the message that is worked on is done."""
    idle: dict[float, float] = field(default_factory=dict)
    launched: int = 0

    def poll(self) -> None:
        """Let ten seconds pass, and the controller look."""
        self.now += POLL
        self.ends = [end for end in self.ends if end > self.now]
        running = [born for born in self.born if self.now - born >= START]
        while self.messages and len(self.ends) < min(self.groups, len(running)):
            self.messages -= 1
            self.ends.append(self.now + self.seconds)
        spare = sorted(running, reverse=True)[: len(running) - len(self.ends)]
        gone = [born for born in spare if self.now - self.idle.setdefault(born, self.now) >= LAST_POLL]
        for born in gone:
            self.born.remove(born)
            self.state = heed_left(self.state, [Left(self.now, 1, self.now - born - START)])
        running = [born for born in running if born not in gone]
        alive = Fleet(
            self.now,
            running=len(running),
            starting=tuple(born for born in self.born if self.now - born < START),
            began=tuple(born + START for born in running),
        )
        counts = QueueCounts(self.messages, len(self.ends), 0)
        decision, self.state = decide(self.rules, counts, alive, self.state, self.now)
        if decision.launch:
            self.launched += decision.launch
            self.born += [self.now + number / 1000 for number in range(decision.launch)]
            self.state = remember_launch(self.state, decision, started=True, doubt=None)

    def run(self, minutes: float) -> None:
        """Let so many minutes pass."""
        for _ in range(round(minutes * 6)):
            self.poll()


FIFO = policy(is_fifo=True, max_containers=90)


@pytest.mark.parametrize("seconds", [20.0, 600.0])
def test_a_single_group_gets_a_single_worker(seconds: float) -> None:
    """Sixty messages of one group launch a handful of workers, and not one after the other."""
    world = Groups(FIFO, 60, 1, seconds)
    world.run(60 * seconds / 60 + 5 if seconds < 60 else 120)
    assert 2 <= world.launched <= 9


def test_one_that_comes_back_empty_between_two_looks_is_a_try() -> None:
    """It starts at once, finds nothing and exits: no look ever sees more than the one that works."""
    state, launched, now = replace(settled(), following=FREE), 0, NOW
    for _ in range(60):
        now += 30
        alive = fleet(1, listed_at=now, began=(NOW,))
        decision, state = decide(FIFO, queue(59, 1), alive, state, now)
        if decision.launch:
            launched += decision.launch
            state = remember_launch(state, decision, started=True, doubt=None)
            state = heed_left(state, [Left(now + 5, decision.launch, 1.0)])
    assert 2 <= launched <= 6


def test_who_comes_back_late_from_a_try_counts_once() -> None:
    """The next pause is twice as long after the next try, and not after the end of the last one."""
    braked = Following(width=1, visible=9, still_since=NOW - 500, fruitless=1, since=NOW - 99, until=NOW + 40, empty=1)
    waiting = follow(braked, Workers(1, 1, 1, NOW - 500, 9), NOW, is_fifo=True)
    assert (0, None, NOW + 40) == (waiting.empty, waiting.tried_at, waiting.until)


def test_many_groups_are_followed() -> None:
    """From one worker on twice as many each time, until all groups are worked on."""
    world = Groups(FIFO, 2000, 32, 600.0)
    world.run(15)
    assert 32 <= len(world.born) <= 64


def test_a_queue_that_stands_still_is_braked_and_another_is_not() -> None:
    """Two long messages at once, whatever is launched: three launches, and from then on one more now and then."""
    rules = policy(max_containers=90, cooldown=NO_COOLDOWN)
    blocked, open_to_all = Groups(rules, 40, 2, 7200.0), Groups(rules, 40, 40, 7200.0)
    blocked.run(120)
    open_to_all.run(120)
    assert blocked.launched <= 3 * 40 + 9
    assert 40 == open_to_all.launched


@pytest.mark.parametrize(
    ("following", "is_fifo", "followed"),
    [
        pytest.param(FREE, False, None, id="free"),
        pytest.param(FREE, True, 1, id="fifo-at-first"),
        pytest.param(Following(width=4), True, 8, id="fifo-twice-what-has-followed"),
        pytest.param(Following(width=4, until=NOW + 1), False, 4, id="braked"),
        pytest.param(Following(width=4, until=NOW), False, 5, id="one-more-is-tried"),
        pytest.param(Following(width=4, until=NOW), True, 5, id="fifo-one-more"),
    ],
)
def test_how_many_may_live(following: Following, is_fifo: bool, followed: int | None) -> None:  # noqa: FBT001
    """As many as have found a message at once, and one more when the pause is over."""
    assert followed == count_followed(following, NOW, is_fifo=is_fifo)


def test_tries_that_find_nothing_come_seldom() -> None:
    """After 1, 2, 4 minutes and so on, up to 30."""
    following, pauses, now = Following(width=1, visible=9, still_since=NOW - 999), [], NOW
    for _ in range(8):
        tried = follow(following, Workers(1, 2, 2, now, 9), now, is_fifo=True)
        following = follow(tried, Workers(1, 2, 2, now, 9), now + 70, is_fifo=True)
        pauses.append((following.until or 0) - (now + 70))
        now = following.until or now
    assert [60, 120, 240, 480, 960, 1800, 1800, 1800] == pauses


@pytest.mark.parametrize(
    ("seen", "is_fifo"),
    [
        pytest.param(Workers(2, 2, 2, NOW - 100, 9), True, id="fifo-in-flight-rises"),
        pytest.param(Workers(2, 2, 2, NOW - 100, 9), False, id="in-flight-rises"),
        pytest.param(Workers(1, 1, 1, NOW - 100, 8), False, id="visible-falls"),
        pytest.param(Workers(0, 1, 1, NOW - 100, 0), True, id="the-queue-is-empty"),
    ],
)
def test_what_is_found_ends_the_brake(seen: Workers, is_fifo: bool) -> None:  # noqa: FBT001
    """Any rise of what is done, or in flight, and an empty queue."""
    braked = Following(width=1, visible=9, still_since=NOW - 500, fruitless=3, since=NOW - 400, until=NOW + 400)
    after = follow(braked, seen, NOW, is_fifo=is_fifo)
    assert (0, None) == (after.fruitless, after.until)


def test_work_that_comes_back_is_braked() -> None:
    """Twenty containers have ended while nothing was deleted: one at a time is left, and the minimum."""
    state = settled(lessons=Lessons(fruitless=20))
    alone, _ = decide(policy(), queue(9), fleet(), state, NOW)
    beside, _ = decide(policy(), queue(9, 1), fleet(1), state, NOW)
    minimum, _ = decide(policy(min_containers=3), queue(9, 1), fleet(1), state, NOW)
    assert (1, Reason.FOUND_NOTHING, 2) == (alone.launch, beside.reason, minimum.launch)


def test_the_brake_outranks_the_guard() -> None:
    """Nothing has moved for long, and one more was tried already."""
    braked = Following(width=1, visible=9, still_since=NOW - 500, since=NOW - 400, until=NOW + 400)
    state = replace(settled(), following=braked)
    decision, _ = decide(policy(), queue(9, 1), fleet(1), state, NOW)
    assert (Reason.FOUND_NOTHING, 0) == (decision.reason, decision.launch)


def test_containers_that_found_nothing_are_counted() -> None:
    """Those during whose run others were always idle; not those that exited by order, or ran when all were busy."""
    state = replace(ScalerState(), following=Following(full_at=NOW - 30))
    left = [Left(NOW, 2, 20.0), Left(NOW, 4, 40.0), Left(NOW, 8, None)]
    after = heed_left(heed_left(state, left), [Left(NOW, 1, 5.0)])
    assert 3 == after.ended_empty
