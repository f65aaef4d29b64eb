"""Warnings about schedules: what is temporary, what is over, and what will never be in force.

Most of it depends on when it is asked.
"""

from __future__ import annotations

from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from controller.config.problems import Finding, KeyPath
from controller.core.decision.timetable import TimeWindow, find_entry, find_stretch
from controller.core.words import format_date, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.config.spec import ControllerSpec

STARTS_LOOKED_AT = 60
"""Starts of an entry after which it is believed that none of them is ever its turn."""
STARTS_COMPARED = 8
"""Starts of an entry between which it is looked whether they come before it is over."""
NO_CHANGE_OF_CLOCKS = 3
"""Early starts among so many that are no more put down to clocks that are put back or forward."""

_Advice = tuple[KeyPath, str]
"""A key below a schedule, and what is said of it."""


def find_schedule_warnings(spec: ControllerSpec, now: float) -> Iterator[Finding]:
    """Find what of the schedules deserves a second look at a time, seconds since the epoch."""
    yield from _warn_of_minimums(spec)
    # Of ten thousand scalers most have one of a few.
    known: dict[tuple[TimeWindow, ...], list[_Advice]] = {}
    for scaler in spec.scalers:
        if scaler.schedule and scaler.schedule not in known:
            known[scaler.schedule] = list(_advise(scaler.schedule, now))
        for path, message in known.get(scaler.schedule, ()):
            yield Finding(("scalers", scaler.index, "schedule", *path), message)


def _advise(schedule: tuple[TimeWindow, ...], now: float) -> Iterator[_Advice]:
    for index, window in enumerate(schedule):
        yield from _warn_of_expiry(window, index, now)
        if window.is_expired(now):
            continue
        yield from _warn_of_overlap(window, index, now)
        if not _is_ever_in_force(schedule, index, now):
            yield (
                (index,),
                "is never in force: whenever it could be, one before it is; move it up, or remove it",
            )


def _warn_of_expiry(window: TimeWindow, index: int, now: float) -> Iterator[_Advice]:
    if window.until is None:
        return
    at = format_date(window.until)
    if window.is_expired(now):
        yield (index, "until"), f"has passed at {at}: remove the entry"
    else:
        yield (index, "until"), f"is temporary: it expires at {at}, and is to be removed then"


def _warn_of_overlap(window: TimeWindow, index: int, now: float) -> Iterator[_Advice]:
    """Warn of a window that begins again before it is over, as ``* 8 * * *`` does every minute from 8 to 9."""
    starts = islice(_list_starts(window, now), STARTS_COMPARED)
    early = [after - before for before, after in pairwise(starts) if after - before < window.lasts]
    if len(early) >= NO_CHANGE_OF_CLOCKS:
        again, lasts = format_duration(min(early)), format_duration(window.lasts)
        yield (
            (index, "cron"),
            f"begins again {again} after it began, before its {lasts} are over, so it lasts from the first such "
            "start to the end of the last; if that is not meant, name one minute and one hour",
        )


def _list_starts(window: TimeWindow, now: float) -> Iterator[float]:
    """Yield the next starts of an entry that has not expired by them."""
    start = window.starts.next_after(now)
    while start is not None and not window.is_expired(start):
        yield start
        start = window.starts.next_after(start)


def _is_ever_in_force(schedule: tuple[TimeWindow, ...], index: int, now: float) -> bool:
    """Say whether an entry's turn comes at one of its next starts, or later while it lasts."""
    window = schedule[index]
    begins = [now] if window.is_in_force(now) else []
    starts = islice(_list_starts(window, now), STARTS_LOOKED_AT)
    return any(_has_turn(schedule, index, begin) for begin in chain(begins, starts))


def _has_turn(schedule: tuple[TimeWindow, ...], index: int, begin: float) -> bool:
    """Say whether an entry is in force at some time from ``begin`` to its end."""
    at: float | None = begin
    while at is not None and schedule[index].is_in_force(at):
        if find_entry(schedule, at) == index:
            return True
        at = find_stretch(schedule, at).until
    return False


def _warn_of_minimums(spec: ControllerSpec) -> Iterator[Finding]:
    """Warn of a budget that the minimums exceed, if the windows that raise them should ever be in force together."""
    if spec.budget is None or not any(scaler.schedule for scaler in spec.scalers):
        return
    raised = sum(scaler.least_at_most for scaler in spec.scalers)
    if raised > spec.budget:
        yield Finding(
            ("budget", "max_containers"),
            f"is below {raised}, the sum of the scalers' min_containers with each at its largest in any window: "
            "where such windows coincide, some scalers stay below their minimum",
        )
