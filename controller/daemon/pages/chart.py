"""What happened to one scaler over time, as a picture: its counts, the reasons of its decisions, and its launches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.core.decision.model import Reason
from controller.core.words import format_clock
from controller.daemon.pages.figures import draw_area, draw_steps, find_most
from controller.telemetry.marks import Happening, Mark
from controller.telemetry.past import Count, Past, Point

COLUMNS = 360
"""Parts that the width has: a minute each has 4 at a day, and 20 s are one at two hours."""
WIDTH, HEIGHT = 1080, 120
TICKS = 5
SECONDS_TOLD = 1200.0
"""Seconds up to which the marks of the axis tell the second."""
LAUNCH_FAILED = "launch_failed"
"""What a launch that started nothing is called among the reasons: its own would look as if work went on."""
_EVENTS = {Happening.START: "the process began", Happening.RELOAD: "reload", Happening.REFUSED: "reload refused"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time with the same reason; x and width in the picture's units."""

    reason: str
    x: int
    width: int
    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that happened at a moment."""

    kind: str
    x: int
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The picture of a span of time; paths in units of WIDTH and HEIGHT."""

    backlog: str
    running: str
    live: str
    desired: str
    most_backlog: int
    most_containers: int
    reasons: list[Stretch]
    """The oldest first, as the signs are."""
    signs: list[Sign]
    ticks: list[str]
    text: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(slots=True)
class _Column:
    """What was in a part of the time: the most of each count, and the last reason."""

    backlog: int | None = None
    desired: int | None = None
    running: int | None = None
    live: int | None = None
    reason: str | None = None


def draw_chart(past: Past, since: float, until: float) -> Chart:
    """Return the picture of a scaler's past from one moment to another, seconds since the epoch."""
    columns = list(_fill(past.points, since, until))
    backlog, desired = [each.backlog for each in columns], [each.desired for each in columns]
    running, live = [each.running for each in columns], [each.live for each in columns]
    most, most_containers = find_most(backlog), find_most(desired, live)
    known = [value for value in backlog if value is not None]
    text = f"backlog between {min(known)} and {max(known)} messages" if known else "no backlog is known"
    peak = max((value for value in live if value is not None), default=None)
    return Chart(
        backlog=draw_area(backlog, most, WIDTH, HEIGHT),
        running=draw_area(running, most_containers, WIDTH, HEIGHT),
        live=draw_area(live, most_containers, WIDTH, HEIGHT),
        desired=draw_steps(desired, most_containers, WIDTH, HEIGHT),
        most_backlog=round(most),
        most_containers=round(most_containers),
        reasons=list(_list_stretches(columns, since, until)),
        signs=list(_list_signs(past, since, until)),
        ticks=[_write_tick(since + (until - since) * tick / (TICKS - 1), until - since) for tick in range(TICKS)],
        text=text if peak is None else f"{text}, at most {peak} containers live",
    )


def list_course(chart: Chart) -> list[str]:
    """Return what the strips of the picture show in words, the newest first."""
    reasons = [(each.x, each.text) for each in chart.reasons]
    signs = [(each.x, each.text) for each in chart.signs]
    return [text for _, text in sorted([*reasons, *signs], reverse=True)]


def _write_tick(at: float, span: float) -> str:
    return format_clock(at)[: len("09:41:07" if span < SECONDS_TOLD else "09:41")]


def _fill(points: list[Point], since: float, until: float) -> Iterator[_Column]:
    """Yield the parts of the time, each with what was in it or else stood."""
    length = (until - since) / COLUMNS
    at, standing = 0, _Column()
    column = _Column()
    for point in points:
        part = min(COLUMNS - 1, int((point.at - since) // length))
        while at < part:
            yield column
            column = _stand(standing)
            at += 1
        _add(column, point)
        standing = _leave(point)
    while at < COLUMNS:
        yield column
        column = _stand(standing)
        at += 1


def _stand(last: _Column) -> _Column:
    return _Column(last.backlog, last.desired, last.running, last.live, last.reason)


def _leave(point: Point) -> _Column:
    live = _sum(point.running.last, point.starting.last)
    return _Column(point.backlog.last, point.desired.last, point.running.last, live, _name_reason(point))


def _name_reason(point: Point) -> str:
    started_nothing = Mark.FAILED in point.marks and Mark.LAUNCHED not in point.marks
    return LAUNCH_FAILED if started_nothing and point.reason == Reason.LAUNCH else point.reason


def _add(column: _Column, point: Point) -> None:
    column.backlog = _most(column.backlog, point.backlog)
    column.desired = _most(column.desired, point.desired)
    column.running = _most(column.running, point.running)
    column.live = point.live if column.live is None or point.live is None else max(column.live, point.live)
    column.reason = _name_reason(point)


def _most(before: int | None, count: Count) -> int | None:
    return count.most if before is None or count.most is None else max(before, count.most)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _list_stretches(columns: list[_Column], since: float, until: float) -> Iterator[Stretch]:
    begin, length = 0, (until - since) / COLUMNS
    for place in range(1, COLUMNS + 1):
        reason = columns[begin].reason
        if place < COLUMNS and columns[place].reason == reason:
            continue
        if reason is not None:
            start, end = since + begin * length, since + place * length
            text = f"{reason}, {format_clock(start)} to {format_clock(end)}"
            x = _place(begin)
            yield Stretch(reason, x, max(1, _place(place) - x), text)
        begin = place


def _list_signs(past: Past, since: float, until: float) -> Iterator[Sign]:
    for at, event in past.events:
        if since <= at <= until:
            yield Sign(event.name.lower(), _find_x(at, since, until), f"{_EVENTS[event]}, {format_clock(at)}")
    for point in past.points:
        if point.marks and since <= point.at <= until:
            kind, what = _name_mark(point.marks)
            yield Sign(kind, _find_x(point.at, since, until), f"{what}, {format_clock(point.at)}")


def _name_mark(marks: Mark) -> tuple[str, str]:
    if Mark.FAILED in marks:
        return "failed", "a launch failed, in part or in whole, or is in doubt"
    return ("launched", "a launch") if Mark.LAUNCHED in marks else ("dry_run", "a launch that a dry run suppressed")


def _find_x(at: float, since: float, until: float) -> int:
    return min(WIDTH - 1, round((at - since) / (until - since) * WIDTH))


def _place(column: int) -> int:
    return column * WIDTH // COLUMNS
