"""What happened lately, in memory: two hours of every scaler poll by poll, and a day of it by the minute.

A scaler has a track of two byte arrays. A record stands until the next one, so a poll that tells nothing new writes
none: an idle queue takes a few bytes however long it is idle. All tracks together keep to a limit. Each has an equal
share of it, and forgets its oldest records once that is full.

A track is written by one thread at a time, its scaler's. Whoever reads copies an array at once, so nobody waits.
"""

from __future__ import annotations

from collections import deque
from math import floor
from struct import Struct
from typing import Final

from controller.core.decision.model import Reason
from controller.core.record import Reconciled
from controller.telemetry.marks import MARKS, Happening

LIMIT = 24_000_000
"""Bytes that the tracks of all scalers take together, at most."""
POLLS_KEPT = 7200.0
"""Seconds for which every poll is kept, and up to a minute longer."""
DAY_KEPT = 86_400.0
"""Seconds for which minutes are kept."""
MINUTE: Final = 600
"""Tenths of a second."""
OVERHEAD: Final = 900
"""Bytes that a track takes beside its records."""
GROWTH: Final = 1.13
"""An array may hold so many times what is in it: Python lets it grow by an eighth at a time."""
EVENTS_KEPT = 200

POLL = Struct("<IIHHHBB")
"""When, in tenths of a second from the beginning of the track; backlog, desired, running, starting; reason, marks."""
PER_MINUTE = Struct("<IIIIHHHHHHHHHHBB")
"""Which minute; the least, most and last of backlog, desired, running, starting; the most that lived at a time, which
is not what ran and what started at most; reason, marks."""
UNKNOWN = 0xFFFF
"""Stands for a number of containers that was not known."""
UNKNOWN_BACKLOG = 0xFFFFFFFF
LATEST = 0xFFFFFFFF
"""The last time that a record has room for: 13 years after the first."""
REASONS = tuple(Reason)
"""A reason is kept as its place here."""
_CODES = {reason: place for place, reason in enumerate(REASONS)}

Values = tuple[int, int, int, int, int]
"""Backlog, desired, running, starting, reason, as they are kept."""
Open = tuple[int, Values, Values, Values, int, int]
"""The minute under way: which, the least, the most and the last values, the most that lived at a time, its marks."""


class History:
    """The tracks of all scalers, and what happened to the controller; begins with the process."""

    def __init__(self, began: float, limit: int = LIMIT) -> None:
        """Begin at ``began``, seconds since the epoch; all tracks together take ``limit`` bytes at most."""
        self.began = began
        self.limit = limit
        self.events: deque[tuple[float, Happening]] = deque([(began, Happening.START)], maxlen=EVENTS_KEPT)
        self.divide_among(1)

    def divide_among(self, scalers: int) -> None:
        """Give each of so many scalers an equal share of the limit; a track keeps to it within a minute, or a poll."""
        self.share = max(0, floor((self.limit / max(1, scalers) - OVERHEAD) / GROWTH))

    def follow(self) -> Track:
        """Return a new track, which goes with its scaler."""
        return Track(self)

    def note(self, at: float, event: Happening) -> None:
        """Note what happened to the controller, seconds since the epoch."""
        self.events.append((at, event))


class Track:
    """What is kept of one scaler."""

    __slots__ = ("_history", "began", "epoch", "minutes", "minutes_from", "open", "polls", "polls_from", "seen_at")

    def __init__(self, history: History) -> None:
        self._history = history
        self._begin(history.began)

    def _begin(self, at: float) -> None:
        """Begin with nothing, at the whole minute before ``at``, seconds since the epoch."""
        self.began = at
        """When it began, seconds since the epoch; ``epoch`` is the whole minute before."""
        self.epoch = floor(at / 60) * 60
        self.polls = bytearray()
        """Records of POLL, the oldest first."""
        self.polls_from = 0
        """Before that, tenths of a second from the beginning on, polls were forgotten for want of room."""
        self.minutes = bytearray()
        """Records of PER_MINUTE of minutes that are over. One that is missing had the last values of the one before."""
        self.minutes_from = 0
        """The first minute before which none was forgotten for want of room."""
        self.open: Open | None = None
        """None: nothing was noted yet."""
        self.seen_at = 0
        """The last poll, tenths of a second from the beginning on."""

    def note(self, done: Reconciled) -> None:
        """Note a reconcile."""
        decision = done.decision
        numbers, fleet = decision.numbers, decision.fleet
        values = (
            UNKNOWN_BACKLOG if decision.backlog is None else min(decision.backlog, UNKNOWN_BACKLOG - 1),
            UNKNOWN if numbers is None else min(numbers.desired, UNKNOWN - 1),
            UNKNOWN if fleet is None else min(fleet.running, UNKNOWN - 1),
            UNKNOWN if fleet is None else min(len(fleet.starting), UNKNOWN - 1),
            _CODES[decision.reason],
        )
        marks = 0 if done.launch is None else MARKS[done.launch.outcome].value
        if not 0 <= floor((decision.at - self.epoch) * 10) <= LATEST:
            # The clock has stepped by years, or back before the process began.
            self._begin(decision.at)
        self._add(floor((decision.at - self.epoch) * 10), values, marks)

    def _add(self, at: int, values: Values, marks: int) -> None:
        if at < self.seen_at:
            self._go_back(at)
        self.seen_at = at
        minute, before = at // MINUTE, self.open
        if before is not None and before[3] == values and not marks and before[0] == minute:
            return
        live = _count_live(values)
        if before is None:
            self.open = (minute, values, values, values, live, marks)
        else:
            if before[0] != minute:
                self._close(before)
                stood = before[3]
                before = (minute, stood, stood, stood, _count_live(stood), 0)
            _, least, most, last, most_live, marked = before
            most_live = _find_most(most_live, live, UNKNOWN)
            self.open = (minute, _narrow(least, values), _widen(most, values), values, most_live, marked | marks)
            if last == values and not marks:
                return
        self.polls += POLL.pack(at, *values, marks)
        self._make_room()

    def _close(self, over: Open) -> None:
        """Keep a minute that is over, unless it tells no more than the one before it."""
        minute, least, most, last, live, marks = over
        if self.minutes and least == most == last and not marks and _read_last(self.minutes) == last:
            return self._make_room()
        counts = (count for each in zip(least[:4], most[:4], last[:4], strict=True) for count in each)
        self.minutes += PER_MINUTE.pack(minute, *counts, live, last[4], marks)
        return self._make_room()

    def _make_room(self) -> None:
        """Forget what is too old, and the oldest of what goes beyond the share. Polls get half of it at most."""
        share, now = self._history.share, self.seen_at
        # Polls from a whole minute on, since what is older is told by whole minutes.
        if _drop_old(self.polls, POLL, (now - round(10 * POLLS_KEPT)) // MINUTE * MINUTE, share // 2):
            self.polls_from = _read_first(self.polls, POLL, now)
        if _drop_old(self.minutes, PER_MINUTE, now // MINUTE - round(DAY_KEPT / 60), share - len(self.polls)):
            self.minutes_from = _read_first(self.minutes, PER_MINUTE, now // MINUTE)

    def _go_back(self, at: int) -> None:
        """Forget what lies ahead, since the clock has stepped back."""
        while self.polls and POLL.unpack_from(self.polls, len(self.polls) - POLL.size)[0] > at:
            del self.polls[-POLL.size :]
        while self.minutes and _read_minute(self.minutes) >= at // MINUTE:
            del self.minutes[-PER_MINUTE.size :]
        self.open = None


def _drop_old(records: bytearray, kind: Struct, oldest: int, room: int) -> bool:
    """Forget what is too old, but for the last of it, which still stands; say whether more had to go, for room."""
    size = kind.size
    old = 0
    while len(records) > (old + 1) * size and kind.unpack_from(records, (old + 1) * size)[0] <= oldest:
        old += 1
    drop = max(old, -(-(len(records) - max(0, room)) // size))
    if drop:
        del records[: drop * size]
    return drop > old


def _read_first(records: bytearray, kind: Struct, now: int) -> int:
    return int(kind.unpack_from(records)[0]) if records else now


def _read_last(minutes: bytearray) -> Values:
    """Return the last values of the last minute that is kept."""
    _, *counts, _live, reason, _marks = PER_MINUTE.unpack_from(minutes, len(minutes) - PER_MINUTE.size)
    return counts[2], counts[5], counts[8], counts[11], reason


def _read_minute(minutes: bytearray) -> int:
    return int(PER_MINUTE.unpack_from(minutes, len(minutes) - PER_MINUTE.size)[0])


def _count_live(values: Values) -> int:
    return UNKNOWN if UNKNOWN in values[2:4] else min(values[2] + values[3], UNKNOWN - 1)


def _narrow(least: Values, values: Values) -> Values:
    """Return the least of each count; what is unknown is larger than any."""
    return (
        min(least[0], values[0]),
        min(least[1], values[1]),
        min(least[2], values[2]),
        min(least[3], values[3]),
        values[4],
    )


def _widen(most: Values, values: Values) -> Values:
    """Return the most of each count that is known."""
    return (
        _find_most(most[0], values[0], UNKNOWN_BACKLOG),
        _find_most(most[1], values[1], UNKNOWN),
        _find_most(most[2], values[2], UNKNOWN),
        _find_most(most[3], values[3], UNKNOWN),
        values[4],
    )


def _find_most(one: int, other: int, unknown: int) -> int:
    return min(one, other) if unknown in {one, other} else max(one, other)
