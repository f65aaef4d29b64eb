"""The line for a rate that all scalers share: who may go now, and when whoever may not is to ask again.

Nobody waits here. Each who wants a part of the rate holds a place, and asks with it until its turn has come: the higher
priority first, among equals who asked first. One with a place behind others is let through if the rate has enough for
all of them.

Who has to leave without its turn, since its window closes, is in line for as long when it comes again. Windows open in
the same order slot after slot, so that otherwise the same few would always be the first. And so that nobody is starved
by a higher priority either, waiting is worth as much here as in the line for the budget.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from controller.clock import Clock
from controller.config import AccessSpec
from controller.core.decision.budget import AGING
from controller.core.decision.rate import Bucket, Rate, take

ROUNDING = 0.001
"""Seconds that are as good as none: what the sums of a bucket round by is far less."""
REMEMBERED = 2 * AGING
"""Seconds for which it is remembered since when somebody was in line who has left it; the next slot comes sooner."""
_numbers = count()


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds that a launch waits. No thread does: the launch is put back, and goes on when they are over."""

    seconds: float


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the line."""

    order: float
    """Less goes first: since when it is in line, less the priority, so that to wait for ``AGING`` is worth one."""
    tokens: int = field(compare=False)
    """What is wanted of the rate."""
    number: int = field(default_factory=lambda: next(_numbers))
    """Among equals who asked first goes first."""
    scaler: str = field(default="", compare=False)
    since: float = field(default=0.0, compare=False)
    """When the scaler has come into the line, seconds on the clock that never steps."""


class Line:
    """Those who want a part of one rate. Safe to use from every thread."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._bucket = Bucket()
        self._places: list[Place] = []
        self._unserved: dict[str, tuple[float, float]] = {}
        """By scaler that has left without its turn: since when it was in line, and when it left."""
        self._lock = Lock()

    def configure(self, rate: Rate) -> None:
        """Go on at another rate."""
        with self._lock:
            self._rate = rate

    def line_up(self, scaler: str, priority: int, tokens: int) -> Place:
        """Return a place to ask with, for a scaler that wants so much."""
        now = self._clock.elapsed()
        since, left_at = self._unserved.get(scaler, (now, now))
        since = now if now - left_at > REMEMBERED else since
        return Place(since / AGING - priority, tokens, scaler=scaler, since=since)

    def ask(self, place: Place) -> float:
        """Take what the place wants, and return 0; or take nothing, and return in how many seconds to ask again."""
        with self._lock:
            if not self._holds(place):
                insort(self._places, place)
            at, now = bisect_left(self._places, place), self._clock.elapsed()
            wanted = sum(each.tokens for each in self._places[: at + 1])
            _, seconds = take(self._rate, self._bucket, wanted, now)
            if seconds > ROUNDING:
                return seconds
            self._bucket, _ = take(self._rate, self._bucket, place.tokens, now)
            del self._places[at]
            self._unserved.pop(place.scaler, None)
            return 0.0

    def leave(self, place: Place) -> None:
        """Give a place up, if it is still held."""
        with self._lock:
            if self._holds(place):
                del self._places[bisect_left(self._places, place)]
                self._unserved[place.scaler] = place.since, self._clock.elapsed()

    def _holds(self, place: Place) -> bool:
        at = bisect_left(self._places, place)
        return at < len(self._places) and self._places[at] == place


class Lines:
    """A line for each account and region: AWS's limit is one for each. Safe to use from every thread."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._lines: dict[tuple[str | None, str | None], Line] = {}
        self._lock = Lock()

    def of(self, access: AccessSpec) -> Line:
        """Return the line of an access's account and region."""
        with self._lock:
            return self._lines.setdefault(access.where, Line(self._rate, self._clock))

    def configure(self, rate: Rate) -> None:
        """Go on at another rate, in each of them."""
        with self._lock:
            self._rate = rate
            for line in self._lines.values():
                line.configure(rate)
