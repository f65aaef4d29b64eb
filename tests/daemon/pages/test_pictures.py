"""The pictures: lines and areas, what happened over time, and the level against the backlog."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.daemon.pages.chart import COLUMNS, WIDTH, draw_chart, list_course
from controller.daemon.pages.figures import draw_area, draw_steps, find_most
from controller.daemon.pages.staircase import draw_staircase
from controller.telemetry.marks import Happening, Mark
from controller.telemetry.past import Count, Past, Point
from tests.core.decision.builders import hysteresis, policy, steps

SINCE = 1_999_999_980.0
NOTHING = Mark(0)
RULES = policy(demand=steps((1, 1), (10, 10), (100, 40)), max_containers=30)


@pytest.mark.parametrize(
    ("values", "line", "area"),
    [
        ([0, 0, 0], "M0 9H30", "M0 10V9H30V10Z"),
        ([10, 5], "M0 2H15V6H30", "M0 10V2H15V6H30V10Z"),
        ([None, 10, None], "M10 2", "M10 10V2H20V10Z"),
        ([], "", ""),
    ],
    ids=["nothing", "a fall", "unknown around it", "no time"],
)
def test_lines_and_areas(values: list[float | None], line: str, area: str) -> None:
    """A value stands for its part of the width; 0 is a line at the bottom, and what is unknown is not drawn."""
    assert (line, area) == (draw_steps(values, 10, 30, 10), draw_area(values, 10, 30, 10))


def test_the_most() -> None:
    """A picture of nothing has a scale as well."""
    assert (1, 1, 7) == (find_most([]), find_most([0, None]), find_most([3], [7, None]))


def point(at: float, backlog: int | None, reason: str = "satisfied", marks: Mark = NOTHING) -> Point:
    """Return a poll so many seconds after the beginning."""
    count = Count(backlog, backlog, backlog)
    return Point(SINCE + at, 0, count, count, count, Count(0, 0, 0), backlog, reason, marks)


def test_what_happened_over_time() -> None:
    """Reasons that follow each other are one stretch, launches and reloads have their places, and all of it words."""
    points = [point(0, 4), point(1800, 8, "at_max"), point(3600, 0, "launch", Mark.LAUNCHED), point(3700, None)]
    past = Past(points, SINCE, SINCE, SINCE, False, [(SINCE + 1800, Happening.REFUSED)])  # noqa: FBT003 - a record
    chart = draw_chart(past, SINCE, SINCE + 7200)
    assert ["satisfied", "at_max", "launch", "satisfied"] == [stretch.reason for stretch in chart.reasons]
    assert [("refused", WIDTH // 4), ("launched", WIDTH // 2)] == [(sign.kind, sign.x) for sign in chart.signs]
    assert (8, 8, "backlog between 0 and 8 messages, at most 8 containers live") == (
        chart.most_backlog,
        chart.most_containers,
        chart.text,
    )
    assert ["03:33", "04:03", "04:33", "05:03", "05:33"] == chart.ticks
    assert "reload refused, 04:03:00Z" in list_course(chart)
    assert sum(stretch.width for stretch in chart.reasons) == WIDTH


def test_a_failed_launch_does_not_look_like_work() -> None:
    """It has a colour and a name of its own in the strip of reasons, until another poll tells something new."""
    points = [point(0, 4, "launch", Mark.FAILED), point(3600, 4, "launch", Mark.LAUNCHED | Mark.FAILED)]
    chart = draw_chart(Past(points, SINCE, SINCE, SINCE, cut=False, events=[]), SINCE, SINCE + 7200)
    assert ["launch_failed", "launch"] == [stretch.reason for stretch in chart.reasons]


def test_peaks_are_drawn_however_short() -> None:
    """Several polls in a part of the picture show as their most."""
    part = 7200 / COLUMNS
    points = [point(0, 1), point(part + 1, 50), point(part + 3, 2)]
    past = Past(points, SINCE, SINCE, SINCE, False, [])  # noqa: FBT003 - a record
    chart = draw_chart(past, SINCE, SINCE + 7200)
    assert (50, 50) == (chart.most_backlog, chart.most_containers)
    assert chart.live.count("V2H") == 1


@pytest.mark.parametrize(
    ("backlog", "level", "said"),
    [
        (12, 10, "It rises from 100 messages on, and falls after 3 polls in a row below 9."),
        (200, 30, "It rises no further, and falls after 3 polls in a row below 84."),
        (0, 0, "It sleeps, and rises from 1 message on."),
    ],
    ids=["within", "at max", "idle"],
)
def test_what_moves_the_level(backlog: int, level: int, said: str) -> None:
    """The picture's text says which backlogs let the level rise or fall, the dead band counted in."""
    drawn = draw_staircase(RULES, backlog, level)
    assert drawn is not None
    assert said in drawn.text
    assert drawn.falls_below <= drawn.rises_from


def test_a_scaler_that_sleeps() -> None:
    """Below what wakes it, that is what counts."""
    drawn = draw_staircase(replace(RULES, hysteresis=hysteresis(activate_at=5)), 3, 0)
    assert drawn is not None
    assert drawn.text == "It stands at 3 messages with a level of 0. It sleeps, and rises from 5 messages on."


@pytest.mark.parametrize(
    ("rules", "backlog", "level"),
    [(RULES, None, 3), (RULES, 3, None), (replace(RULES, demand="a goal"), 3, 3)],
    ids=["no backlog", "no level", "a goal"],
)
def test_no_level_to_hold(rules: object, backlog: int | None, level: int | None) -> None:
    """A goal skips hysteresis, and what is unknown cannot be drawn."""
    assert draw_staircase(rules, backlog, level) is None  # type: ignore[arg-type]
