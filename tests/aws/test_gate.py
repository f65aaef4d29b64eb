"""A gate: whose time counts while others wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from controller.aws.gate import Gate
from tests.support.aws import eventually

WITHIN = 10.0
NEARLY = WITHIN - 1.0
"""What is left of the time of one inside is short enough to be waited for, and long enough for a machine at load."""
SOON = 15.0


class CountingClock:
    """A clock that stands, and counts how often it was looked at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self._lock = Lock()

    def __call__(self) -> float:
        """Give the time."""
        with self._lock:
            self.looks += 1
        return self.now


def test_the_time_of_one_that_goes_in_meanwhile_begins_anew() -> None:
    """Whoever waits gives up when the one inside takes too long, and not when two take so long one after the other."""
    elapsed = CountingClock()
    gate = Gate(elapsed, WITHIN)
    entered, may_leave = Event(), Event()

    def take_a_turn() -> None:
        with gate.enter("the work"):
            entered.set()
            may_leave.wait(SOON)

    with ThreadPoolExecutor(2) as pool:
        with gate.enter("the work"):
            elapsed.now = NEARLY
            before = elapsed.looks
            turns = [pool.submit(take_a_turn) for _ in range(2)]
            eventually(lambda: elapsed.looks >= before + 2)
        assert entered.wait(SOON)
        inside = elapsed.looks
        # Its time for the first one is over: it looks at the clock again, or has given up.
        eventually(lambda: elapsed.looks > inside or any(turn.done() for turn in turns))
        may_leave.set()
        assert [None, None] == [turn.result(SOON) for turn in turns]
