from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from controller.aws.errors import Fault
from controller.aws.pace import MAX_BACK_OFF, BackOff, ListingPace, RestingError
from controller.clock import Clock
from controller.core.decision.rate import Rate

if TYPE_CHECKING:
    from tests.support.clock import ManualClock

RATE = Rate(20.0, 100)
FOREVER = float("inf")


def rests(back_off: BackOff, operation: str = "ListTasks") -> bool:
    """Say whether the operation may not be asked for now."""
    try:
        back_off.check(operation)
    except RestingError:
        return True
    return False


def rest_of(back_off: BackOff, clock: ManualClock) -> float:
    """Let the operation's rest pass; gives how many seconds it took."""
    began = clock.now
    while rests(back_off):
        clock.now += 0.5
    return clock.now - began


# An operation that is throttled


def test_an_operation_rests_after_a_throttle(clock: ManualClock) -> None:
    """And no other with it."""
    back_off = BackOff(clock.handed_in())
    back_off.note("ListTasks", clock.now, throttled=True)
    assert (True, False) == (rests(back_off), rests(back_off, "DescribeTasks"))
    with pytest.raises(RestingError) as caught:
        back_off.check("ListTasks")
    assert (Fault.THROTTLED, 1.0) == (caught.value.fault, caught.value.seconds)


def test_what_rests_is_told_in_the_same_words_all_the_while(clock: ManualClock) -> None:
    """The sentence is kept and shown later, when a span of now would be wrong."""
    back_off, told = BackOff(clock.handed_in()), set()
    back_off.note("ListTasks", clock.now, throttled=True)
    for _ in range(3):
        with pytest.raises(RestingError) as caught:
            back_off.check("ListTasks")
        told.add(str(caught.value))
        clock.now += 0.25
    assert {"ListTasks was throttled by AWS and is not called again for a while"} == told


def test_it_rests_twice_as_long_each_time(clock: ManualClock) -> None:
    """Up to a limit."""
    back_off, found = BackOff(clock.handed_in()), []
    for _ in range(8):
        back_off.note("ListTasks", clock.now, throttled=True)
        found.append(rest_of(back_off, clock))
    assert [1.0, 2.0, 4.0, 8.0, 16.0, MAX_BACK_OFF, MAX_BACK_OFF, MAX_BACK_OFF] == found


def test_a_success_makes_the_next_rest_short_again(clock: ManualClock) -> None:
    """Of that operation alone."""
    back_off = BackOff(clock.handed_in())
    for operation in ("ListTasks", "DescribeTasks"):
        for _ in range(3):
            clock.now += MAX_BACK_OFF
            back_off.note(operation, clock.now, throttled=True)
    clock.now += MAX_BACK_OFF
    back_off.note("ListTasks", clock.now, throttled=False)
    back_off.note("ListTasks", clock.now, throttled=True)
    back_off.note("DescribeTasks", clock.now, throttled=True)
    clock.now += 1.0
    assert (False, True) == (rests(back_off), rests(back_off, "DescribeTasks"))


def test_throttles_that_come_together_count_as_one(clock: ManualClock) -> None:
    """Requests that left before the rest began say nothing new."""
    back_off = BackOff(clock.handed_in())
    for _ in range(8):
        back_off.note("ListTasks", clock.now, throttled=True)
    assert 1.0 == rest_of(back_off, clock)


def test_a_success_ends_the_rest_only_if_it_was_asked_for_in_it(clock: ManualClock) -> None:
    """A retry of botocore shows that AWS answers again; what left before the throttle shows nothing."""
    back_off, began = BackOff(clock.handed_in()), clock.now
    clock.now += 0.1
    back_off.note("ListTasks", clock.now, throttled=True)
    back_off.note("ListTasks", began, throttled=False)
    assert rests(back_off)
    back_off.note("ListTasks", clock.now, throttled=False)
    assert not rests(back_off)


# The pace of listings


@dataclass
class Waits:
    """A clock that stands still but for its pauses."""

    now: float = 1_000_000.0
    stops_in_pause: bool = False
    paused: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        """Return it as the program takes it."""
        return Clock(lambda: self.now, lambda: self.now, self._pause)

    def _pause(self, seconds: float) -> bool:
        self.paused.append(seconds)
        self.now += 0.0 if self.stops_in_pause else seconds
        return self.stops_in_pause


def test_a_burst_of_a_listing_does_not_wait() -> None:
    """What comes after it does, as long as the rate makes it."""
    waits = Waits()
    pace = ListingPace(RATE, BackOff(waits.clock()), waits.clock())
    for _ in range(102):
        pace.wait("ListTasks")
    assert [0.05, 0.05] == pytest.approx(waits.paused)


def test_calls_side_by_side_share_one_pace() -> None:
    """Together they are not faster than one: each waits for those before it as well."""
    waits, ready = Waits(), Barrier(8)
    clock = Clock(lambda: waits.now, lambda: waits.now, lambda seconds: waits.paused.append(seconds) or False)
    pace = ListingPace(Rate(20.0, 10), BackOff(clock), clock)

    def describe() -> None:
        ready.wait(5)
        for _ in range(4):
            pace.wait("DescribeTasks")

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(describe) for _ in range(8)]:
            each.result(10)
    assert [0.05 * beyond for beyond in range(1, 23)] == pytest.approx(sorted(waits.paused))


@pytest.mark.parametrize(("throttles", "waited"), [(1, [1.0]), (2, [2.0]), (3, [])], ids=["short", "longest", "long"])
def test_a_listing_waits_for_a_short_rest(throttles: int, waited: list[float]) -> None:
    """One of many pages is not given up for a throttle; a long rest is told at once."""
    waits = Waits()
    back_off = BackOff(waits.clock())
    for number in range(throttles):
        waits.now += MAX_BACK_OFF if number else 0.0
        back_off.note("ListTasks", waits.now, throttled=True)
    ListingPace(RATE, back_off, waits.clock()).wait("ListTasks")
    assert waited == waits.paused
