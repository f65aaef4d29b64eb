"""The listers: who waits for a look at a cluster, and for how long."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import AwsError, Fault
from controller.aws.tasks import Round, SupersededError
from controller.scaling.fleet import Cluster
from controller.scaling.lister import LATE_AFTER, WORTH_WAITING, Listers
from controller.scaling.look import Look, LookWanted
from tests.support.aws import eventually
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.aws.descriptions import FindOutline
    from controller.core.decision.ledger import Ledger
    from controller.core.decision.stopped import StoppedTask
    from controller.core.decision.task import LiveTask

NOW = 1_000_000.0
WITHIN = 20.0


@dataclass
class Slow:
    """A cluster of no tasks, in which each listing takes until it is let go."""

    began: list[float] = field(default_factory=list)
    """When each listing began."""
    histories: list[str] = field(default_factory=list)
    given_up: int = 0
    answers: int = 0
    """How often a listing has come on."""
    stands: bool = False
    """Whether no answer comes."""
    reads_slowly: bool = False
    """Whether a history has many pages."""
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    lets_go: Event = field(default_factory=Event)
    fails: AwsError | None = None

    def observe(self, _known: Ledger, _find: FindOutline, is_needed: Callable[[], bool]) -> Round:
        self.began.append(self.clock.now)
        while not self.lets_go.wait(0.005):
            if self.stands:
                continue
            self.answers += 1
            if not is_needed():
                self.given_up += 1
                raise SupersededError
        if self.fails:
            raise self.fails
        return Round((), ())

    def list_stopping(
        self, family: str, _find: FindOutline, note_answer: Callable[[], object]
    ) -> tuple[LiveTask | StoppedTask, ...]:
        self.histories.append(family)
        while self.reads_slowly and not self.lets_go.wait(0.005):
            self.answers += 1
            note_answer()
        return ()


@dataclass
class Waiting:
    """Those who wait for looks at one slow cluster, and how often each was let go on."""

    slow: Slow
    cluster: Cluster
    listers: Listers
    went_on: Counter[str] = field(default_factory=Counter)

    def ask(self, who: str, began_after: float | None = None, *families: str) -> None:
        """Wait for a listing, or for the history of families."""
        look = Look(self.cluster, None if families else (began_after or self.slow.clock.now), families)
        self.listers.ask(look, lambda: self.went_on.update([who]))

    def begin(self) -> None:
        """Wait until one more listing has begun."""
        before = len(self.slow.began)
        eventually(lambda: len(self.slow.began) > before or self.slow.began, within=WITHIN)

    def all_went_on(self, *who: str) -> bool:
        """Say whether these were let go on, once each, and nobody else was."""
        return eventually(lambda: set(who) <= set(self.went_on), within=WITHIN) and Counter(who) == self.went_on


@pytest.fixture
def waiting() -> Waiting:
    """Give a slow cluster that nobody waits for yet."""
    slow = Slow()
    cluster = Cluster(slow, slow.clock.handed_in())
    return Waiting(slow, cluster, Listers(slow.clock.handed_in()))


def test_one_listing_serves_all_who_wait_for_it(waiting: Waiting) -> None:
    """Those who come while it is under way as well, if it began late enough for them."""
    waiting.ask("first")
    waiting.begin()
    for who in ("second", "third"):
        waiting.ask(who, NOW)
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second", "third")
    assert [NOW] == waiting.slow.began


def test_who_needs_a_later_listing_gets_the_next(waiting: Waiting) -> None:
    """The one under way began too early."""
    waiting.ask("first")
    waiting.begin()
    waiting.slow.clock.now += 1
    waiting.ask("second")
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second")
    assert [NOW, NOW + 1] == waiting.slow.began


def test_a_listing_that_has_long_to_go_is_given_up_for_one_that_is_needed_now(waiting: Waiting) -> None:
    """Once, and not again for the next who needs a later one: however many ask, a listing comes to its end."""
    waiting.cluster.listing_took = WORTH_WAITING + 10.0
    waiting.ask("first")
    waiting.begin()
    waiting.slow.clock.now += 1
    waiting.ask("second")
    eventually(lambda: len(waiting.slow.began) == 2, within=WITHIN)
    waiting.slow.clock.now += 1
    waiting.ask("third")
    assert not eventually_given_up_twice(waiting)
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second", "third")
    assert (1, [NOW, NOW + 1, NOW + 2]) == (waiting.slow.given_up, waiting.slow.began)


@pytest.mark.parametrize(("open_for", "given_up"), [(9.0, 0), (10.0, 1), (5.0, 1)], ids=["open", "long", "short"])
def test_a_listing_that_alone_is_in_time_for_a_window_is_not_given_up(
    waiting: Waiting, open_for: float, given_up: int
) -> None:
    """One that begins now would end after it has closed. If it is open for that too, or for neither, it makes way."""
    waiting.cluster.listing_took = 8.0
    waiting.listers.ask(Look(waiting.cluster, NOW, until=NOW + open_for), lambda: waiting.went_on.update(["first"]))
    waiting.begin()
    waiting.slow.clock.now += 2
    waiting.ask("second")
    eventually(lambda: waiting.slow.given_up == given_up, within=WITHIN)
    assert not eventually_given_up_twice(waiting)
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second")
    assert (given_up, 2) == (waiting.slow.given_up, len(waiting.slow.began))


def test_many_clusters_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no more threads than a few, and nobody is forgotten, though every cluster is always asked for."""
    monkeypatch.setattr("controller.scaling.lister.MOST_THREADS", 2)
    clock = ManualClock(NOW)
    listers, seen = Listers(clock.handed_in()), Counter[int]()
    slow = [Slow(clock=clock) for _ in range(10)]
    clusters = [Cluster(each, clock.handed_in()) for each in slow]

    def want_another(number: int) -> None:
        seen[number] += 1
        if seen[number] < 5:
            listers.ask(Look(clusters[number], NOW + seen[number]), lambda: want_another(number))

    for number, cluster in enumerate(clusters):
        listers.ask(Look(cluster, NOW), lambda number=number: want_another(number))
    eventually(lambda: sum(len(each.began) for each in slow) == 2, within=WITHIN)
    for each in slow:
        each.lets_go.set()
    assert eventually(lambda: [5] * 10 == [seen[number] for number in range(10)], within=WITHIN)


def test_an_account_or_region_that_hardly_answers_holds_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its looks take its own threads, however many of its clusters wait."""
    monkeypatch.setattr("controller.scaling.lister.MOST_THREADS", 2)
    clock = ManualClock(NOW)
    listers, stuck, free = Listers(clock.handed_in()), [Slow(clock=clock) for _ in range(5)], Slow(clock=clock)
    free.lets_go.set()
    went_on = Counter[str]()
    for each in stuck:
        cluster = Cluster(each, clock.handed_in(), ("222222222222", "eu-west-1"))
        listers.ask(Look(cluster, NOW), lambda: went_on.update(["stuck"]))
    listers.ask(Look(Cluster(free, clock.handed_in()), NOW), lambda: went_on.update(["free"]))
    assert eventually(lambda: went_on["free"], within=WITHIN)
    assert 0 == went_on["stuck"]
    for each in stuck:
        each.lets_go.set()
    eventually(lambda: went_on["stuck"] == len(stuck), within=WITHIN)


def eventually_given_up_twice(waiting: Waiting) -> bool:
    """Ask the listing under way some times more whether it is needed; says whether it was given up for that."""
    for _ in range(20):
        waiting.slow.lets_go.wait(0.005)
    return waiting.slow.given_up > 1


def test_a_listing_that_soon_ends_is_waited_for(waiting: Waiting) -> None:
    """To begin anew would take longer."""
    waiting.cluster.listing_took = WORTH_WAITING
    waiting.ask("first")
    waiting.begin()
    waiting.slow.clock.now += 1
    waiting.ask("second")
    assert not eventually_given_up_twice(waiting)
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second")
    assert (0, 2) == (waiting.slow.given_up, len(waiting.slow.began))


def test_listings_and_histories_take_turns(waiting: Waiting) -> None:
    """However many listings are wanted one after the other, a scaler that needs a history comes to its turn."""
    told: list[str] = []

    def want_another() -> None:
        waiting.slow.clock.now += 1
        told.append("listing")
        if told.count("listing") < 20:
            waiting.listers.ask(Look(waiting.cluster, waiting.slow.clock.now), want_another)

    waiting.ask("first")
    waiting.begin()
    for family in ("one", "two"):
        waiting.listers.ask(Look(waiting.cluster, families=(family,)), lambda family=family: told.append(family))
    waiting.listers.ask(Look(waiting.cluster, NOW + 1), want_another)
    waiting.slow.clock.now += 1
    waiting.slow.lets_go.set()
    eventually(lambda: told.count("listing") == 20, within=WITHIN)
    assert ["one", "listing", "two", "listing", "listing"] == told[:5]


def test_what_nobody_wants_any_more_is_not_asked_for(waiting: Waiting) -> None:
    """As when a scaler was removed that waited for its history; it goes on, and ends."""
    is_wanted = [True]
    waiting.ask("first")
    waiting.begin()
    look = Look(waiting.cluster, families=("one",), is_wanted=lambda: is_wanted[0])
    waiting.listers.ask(look, lambda: waiting.went_on.update(["history"]))
    is_wanted[0] = False
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "history")
    assert [] == waiting.slow.histories


def test_nobody_waits_longer_than_a_while(waiting: Waiting) -> None:
    """Each is told why, and whoever asks meanwhile is told at once; when the look ends after all, it counts."""
    waiting.ask("first")
    waiting.begin()
    waiting.listers.find_late()
    assert Counter() == waiting.went_on
    waiting.slow.stands = True
    eventually_given_up_twice(waiting)
    waiting.slow.clock.now += LATE_AFTER + 1
    waiting.ask("second", NOW)
    waiting.listers.find_late()
    assert Counter(["first", "second"]) == waiting.went_on
    with pytest.raises(AwsError, match="its cluster has not moved for 10s: AWS answers too slowly") as caught:
        waiting.cluster.refresh(waiting.slow.clock.now)
    assert Fault.UNREACHABLE is caught.value.fault
    waiting.slow.lets_go.set()
    eventually(lambda: waiting.cluster.is_listed, within=WITHIN)
    waiting.cluster.refresh(NOW)
    assert Counter(["first", "second"]) == waiting.went_on


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch, waiting: Waiting) -> Waiting:
    """Give a cluster whose turn comes after that of ``waiting``."""
    monkeypatch.setattr("controller.scaling.lister.MOST_THREADS", 1)
    slow = Slow(clock=waiting.slow.clock)
    slow.lets_go.set()
    return Waiting(slow, Cluster(slow, slow.clock.handed_in()), waiting.listers)


def test_nobody_waits_longer_for_a_turn_either(waiting: Waiting, behind: Waiting) -> None:
    """When no look comes on, those are told as well whose turn it is not yet; once it is, whoever asks waits again."""
    waiting.slow.stands = True
    waiting.ask("first")
    waiting.begin()
    behind.ask("second")
    waiting.slow.clock.now += LATE_AFTER + 1
    waiting.listers.find_late()
    assert (Counter(["first"]), Counter(["second"])) == (waiting.went_on, behind.went_on)
    with pytest.raises(AwsError, match="AWS answers too slowly"):
        behind.cluster.refresh(waiting.slow.clock.now)
    waiting.slow.lets_go.set()
    eventually(lambda: not waiting.listers._at_work, within=WITHIN)
    with pytest.raises(LookWanted):
        behind.cluster.refresh(waiting.slow.clock.now)
    assert [] == behind.slow.began
    behind.ask("third")
    assert behind.all_went_on("second", "third")


def test_whoever_waits_for_a_turn_does_so_while_answers_come(waiting: Waiting, behind: Waiting) -> None:
    """A thousand clusters take their time at the account's rate."""
    waiting.ask("first")
    waiting.begin()
    behind.ask("second")
    for _ in range(3):
        waiting.slow.clock.now += LATE_AFTER
        before = waiting.slow.answers
        eventually(lambda before=before: waiting.slow.answers > before + 1, within=WITHIN)
        waiting.listers.find_late()
    assert Counter() == behind.went_on
    waiting.slow.lets_go.set()
    assert behind.all_went_on("second")


def test_a_lister_that_comes_too_late_for_all_ends(
    waiting: Waiting, behind: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause of the whole process: nobody is left to look for, and the next turn comes."""
    begins = Event()

    class Held(Thread):
        def run(self) -> None:
            begins.wait(WITHIN)
            super().run()

    monkeypatch.setattr("controller.scaling.lister.Thread", Held)
    waiting.ask("first")
    behind.ask("second")
    waiting.slow.clock.now += LATE_AFTER + 1
    waiting.listers.find_late()
    begins.set()
    eventually(lambda: not waiting.listers._at_work, within=WITHIN)
    behind.ask("third")
    assert behind.all_went_on("second", "third")
    assert waiting.all_went_on("first")


def test_a_look_that_ends_as_it_is_found_late_is_not_waited_out(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks after its end has the next one taken, or none would ever be again."""
    note_late = waiting.cluster.note_late

    def end_first(error: AwsError | None) -> None:
        if error is not None:
            waiting.slow.lets_go.set()
            _wait_a_moment_for(lambda: not waiting.listers._at_work)
        note_late(error)

    monkeypatch.setattr(waiting.cluster, "note_late", end_first)
    waiting.slow.stands = True
    waiting.ask("first")
    waiting.begin()
    waiting.slow.clock.now += LATE_AFTER + 1
    waiting.listers.find_late()
    eventually(lambda: not waiting.listers._at_work, within=WITHIN)
    with pytest.raises(LookWanted):
        waiting.cluster.refresh(waiting.slow.clock.now)


def _wait_a_moment_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so, but not for long: it may never be."""
    for _ in range(100):
        if condition():
            return
        Event().wait(0.005)


@pytest.mark.parametrize("families", [(), ("one", "two")], ids=["listing", "history"])
def test_what_many_tasks_take_may_take_its_time(waiting: Waiting, families: tuple[str, ...]) -> None:
    """As long as answers come it goes on."""
    waiting.slow.reads_slowly = True
    waiting.ask("first", None, *families)
    eventually(lambda: waiting.slow.answers > 0, within=WITHIN)
    for _ in range(4):
        waiting.slow.clock.now += LATE_AFTER
        before = waiting.slow.answers
        eventually(lambda before=before: waiting.slow.answers > before + 1, within=WITHIN)
        waiting.listers.find_late()
    assert Counter() == waiting.went_on
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first")


def test_a_failure_is_told_to_all_who_waited(waiting: Waiting) -> None:
    """And is not followed by another try for each."""
    waiting.slow.fails = AwsError(Fault.ACCESS_DENIED, "no")
    for who in ("first", "second"):
        waiting.ask(who)
    waiting.slow.lets_go.set()
    assert waiting.all_went_on("first", "second")
    for _ in range(2):
        with pytest.raises(AwsError, match="no"):
            waiting.cluster.refresh(NOW)
    assert len(waiting.slow.began) <= 2
