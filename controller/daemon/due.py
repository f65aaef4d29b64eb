"""Due times: a heap in which everything has one place, and the phase in which a scaler is polled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from math import floor

from controller.aws.polls.reader import QueuePolls
from controller.config import AccessSpec
from controller.scaling.reconcile import Reconciler

FIRST_POLLS_A_SECOND = 500
"""At a start with many scalers; a few are polled within a second."""


class DueTimes:
    """When things are due, by their names; seconds on a clock that never steps."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}
        """The place of each; what else of it is in the heap is void, and goes when its time comes."""

    @property
    def next_at(self) -> float | None:
        """When the next thing is due, or a void place comes up; None: nothing is."""
        return self._heap[0][0] if self._heap else None

    def put(self, name: str, at: float) -> None:
        """Let a thing be due then, and at no other time."""
        self._at[name] = at
        heappush(self._heap, (at, name))

    def drop(self, name: str) -> None:
        """Let a thing be due no more."""
        self._at.pop(name, None)

    def take(self, now: float) -> Iterator[str]:
        """Yield what is due by ``now``, each once; it is not due again until it is put."""
        while self._heap and self._heap[0][0] <= now:
            at, name = heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                yield name


@dataclass(slots=True)
class Polled:
    """A scaler that is polled; times are seconds on a clock that never steps."""

    reconciler: Reconciler
    name: str
    phase: float
    """Where in each interval it is polled, a share of it; a hash of its name gives it: that spreads the polls."""
    access: AccessSpec
    """How its queues are reached."""
    polls: QueuePolls
    """Who reads them."""
    queues: tuple[str, ...]
    """The queues that it counts as a reader of."""
    next_poll: float
    busy: bool = False
    """Whether its queue is being read, or a reconcile of it waits for a thread or runs."""
    is_woken: bool = False
    """Whether it is to be polled as soon as it is not busy."""

    def find_next_poll(self, now: float) -> float:
        """Return when it is polled after ``now``."""
        return find_next_poll(self.reconciler.policy.poll_interval, self.phase, now)


def find_first_poll(interval: float, phase: float, now: float, beside: int) -> float:
    """Return when a scaler is polled first, within an interval: the later, the more there are ``beside`` it.

    ``phase`` is a share of that time; all else but the count is in seconds.
    """
    return now + phase * min(interval, 1 + beside / FIRST_POLLS_A_SECOND)


def find_next_poll(interval: float, phase: float, now: float) -> float:
    """Return the first moment after ``now`` in a phase of the interval, a share of it. All in seconds but for that."""
    offset = phase * interval
    following = (floor((now - offset) / interval) + 1) * interval + offset
    # Rounding can lead back to now itself.
    return following if following > now else following + interval
