"""The past of a scaler in a few numbers, as small as a row of a table: read fast, since a page has many of them."""

from __future__ import annotations

from collections.abc import Iterator

from controller.telemetry.history import MINUTE, PER_MINUTE, POLL, UNKNOWN, UNKNOWN_BACKLOG, Track
from controller.telemetry.past import list_since

POLLS_WITHIN = 1200.0
"""Seconds up to which a sketch is drawn from polls; a longer one is from minutes, of which there are fewer."""

Level = tuple[int, int]
"""Backlog and live containers; negative is unknown."""
NOTHING: Level = (-1, -1)


def sketch(track: Track, since: float, until: float, parts: int) -> list[Level]:
    """Return the most of backlog and live containers in each of so many equal parts of a time.

    Times are seconds since the epoch; -1 is unknown, as it is before the first poll.
    """
    first, length = round((since - track.epoch) * 10), max(1.0, (until - since) * 10 / parts)
    steps = _list_polls(track, first) if until - since <= POLLS_WITHIN else _list_minutes(track, first // MINUTE)
    levels = [NOTHING] * parts
    filled, standing = 0, NOTHING
    for at, most, last in steps:
        part = min(parts - 1, int((at - first) // length))
        if part >= 0:
            while filled <= part:
                levels[filled] = standing
                filled += 1
            backlog, live = levels[part]
            levels[part] = (max(backlog, most[0]), max(live, most[1]))
        standing = last
    return levels[:filled] + [standing] * (parts - filled)


def _list_polls(track: Track, since: int) -> Iterator[tuple[int, Level, Level]]:
    for at, backlog, _, running, starting, _, _ in list_since(track.polls, POLL, since):
        level = _level(backlog, running, starting)
        yield at, level, level


def _list_minutes(track: Track, since: int) -> Iterator[tuple[int, Level, Level]]:
    """Yield the minutes with their most, what they left, and last the one under way."""
    for minute, *counts in list_since(track.minutes, PER_MINUTE, since):
        most = _level(counts[1], counts[12], 0)
        yield minute * MINUTE, most, _level(counts[2], counts[8], counts[11])
    if (now := track.open) is not None:
        minute, _, highest, last, live, _ = now
        yield minute * MINUTE, _level(highest[0], live, 0), _level(last[0], last[2], last[3])


def _level(backlog: int, running: int, starting: int) -> Level:
    live = -1 if UNKNOWN in {running, starting} else running + starting
    return (-1 if backlog == UNKNOWN_BACKLOG else backlog, live)
