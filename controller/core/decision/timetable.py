"""Time windows: which entry of a scaler's schedule is in force, what it changes, and when that changes next.

The first entry in force counts, whatever else is::

    entry 0         [=====)         [=====)
    entry 1    [============)
    in force  -[ 1 ][  0  )[1)  -   [  0  )  -

Everything here follows from the time that is handed in and from nothing else. So all controllers agree, a restart and
a step of the clock change nothing, and what a scaler remembers goes on over a window's edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Protocol

from controller.core.decision.policy import Policy, StartWithin
from controller.core.frozen import change, frozen

EDGES_LOOKED_AT = 500
"""Openings and closings after which it is given up to look for the next change: an entry that begins again before it
is over, every minute of a year, has no end that anybody waits for."""


class Starts(Protocol):
    """When a window begins; ``controller.config.starts.CronStarts`` is one. Its text says how that is written."""

    def next_after(self, moment: float) -> float | None:
        """Return the first start later than a moment, seconds since the epoch; None: there is none."""


@frozen
class Changes:
    """What a window sets, under the names that the keys have; None: it leaves that as it is."""

    min_containers: int | None = None
    max_containers: int | None = None
    paused: bool | None = None
    start_within: float | None = None
    """Seconds; only a promise has it."""
    poll_interval: float | None = None
    """Seconds."""

    def list_set(self) -> Iterator[tuple[str, int | float]]:
        """Yield the key and the value of each that is set, in the order above."""
        for field in fields(self):
            if (value := getattr(self, field.name)) is not None:
                yield field.name, value


@frozen
class TimeWindow:
    """One entry of a schedule: it is in force from each start on, for so long."""

    starts: Starts
    lasts: float
    """Seconds that pass, whatever the clocks on the wall do meanwhile."""
    changes: Changes
    until: float | None = None
    """When it expires, seconds since the epoch; None: it never does."""

    def is_in_force(self, now: float) -> bool:
        """Say whether it would be in force if it were the only entry."""
        return self._find_begin(now) is not None

    def find_edge(self, now: float) -> float | None:
        """Return a moment later than now, at or before the next at which it opens or closes; None: there is none."""
        begin = self._find_begin(now)
        if begin is None:
            edge = self.starts.next_after(now)
            return None if edge is None or self.is_expired(edge) else edge
        return begin + self.lasts if self.until is None else min(begin + self.lasts, self.until)

    def is_expired(self, now: float) -> bool:
        """Say whether it is over for ever."""
        return self.until is not None and now >= self.until

    def _find_begin(self, now: float) -> float | None:
        """Return the earliest start that still lasts; None: none does."""
        begin = None if self.is_expired(now) else self.starts.next_after(now - self.lasts)
        return begin if begin is not None and begin <= now else None


@frozen
class Stretch:
    """A time for which the same entry is in force."""

    entry: int | None
    """Its index in the schedule; None: none is."""
    until: float | None
    """When that changes, seconds since the epoch; None: not as far as was looked."""


def find_entry(schedule: tuple[TimeWindow, ...], now: float) -> int | None:
    """Return the index of the entry that is in force: the first of those that could be; None: none is."""
    return next((index for index, window in enumerate(schedule) if window.is_in_force(now)), None)


def find_edge(schedule: tuple[TimeWindow, ...], now: float) -> float | None:
    """Return a moment later than now, at or before the next at which another entry is in force; None: there is none."""
    return min((edge for window in schedule if (edge := window.find_edge(now)) is not None), default=None)


def find_stretch(schedule: tuple[TimeWindow, ...], now: float) -> Stretch:
    """Return which entry is in force, and until when."""
    entry = find_entry(schedule, now)
    # While one is in force, only those before it can take its place.
    edge = find_edge(schedule if entry is None else schedule[: entry + 1], now)
    return Stretch(entry, None if edge is None else _find_change(schedule, entry, edge))


@lru_cache(maxsize=4096)
def _find_change(schedule: tuple[TimeWindow, ...], entry: int | None, edge: float) -> float | None:
    """Return the first moment from an edge on at which another entry than this is in force.

    It is remembered: of an entry that begins again whenever it is over, to find none takes tens of milliseconds, and
    pages and ``/status`` ask for every scaler each time.
    """
    rivals = schedule if entry is None else schedule[: entry + 1]
    for _ in range(EDGES_LOOKED_AT):
        if find_entry(schedule, edge) != entry:
            return edge
        following = find_edge(rivals, edge)
        if following is None:
            break
        edge = following
    return None


def find_next_window(schedule: tuple[TimeWindow, ...], now: float) -> tuple[int, float] | None:
    """Return the entry that comes into force next, other than what is in force now, and when; None: none does."""
    at = find_stretch(schedule, now).until
    for _ in range(EDGES_LOOKED_AT):
        if at is None:
            break
        stretch = find_stretch(schedule, at)
        if stretch.entry is not None:
            return stretch.entry, at
        at = stretch.until
    return None


def policy_at(policy: Policy, schedule: tuple[TimeWindow, ...], now: float) -> Policy:
    """Return the policy in force: the scaler's own, with what the window of that time changes."""
    entry = find_entry(schedule, now)
    return policy if entry is None else apply_changes(policy, schedule[entry].changes)


def apply_changes(policy: Policy, changes: Changes) -> Policy:
    """Return a scaler's own policy with what a window changes."""
    changed = dict(changes.list_set())
    start_within = changed.pop("start_within", None)
    if start_within is not None and isinstance(policy.demand, StartWithin):
        policy = change(policy, demand=change(policy.demand, start_within=start_within))
    return change(policy, paused_by_schedule=bool(changes.paused), **changed)  # type: ignore[arg-type]  # by name
