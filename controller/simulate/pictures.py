"""Pictures: what the numbers look like. Each is drawn twice, for light and for dark.

cost      dollars against the p99 wait: this, the others, what was explored, and the least that the bound allows
course    what waits, starts, runs and is wanted over time, each launch a tick
waits     how many messages waited for how long, with the goal's line
worst     the hour with the longest wait, enlarged, with the reason of each poll as a strip
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isnan

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.config import ScalerSpec
from controller.core.words import DAY, format_span
from controller.simulate.bounded import measure_bound
from controller.simulate.canvas import COLOURS, Picture, to_dates, write_dates, write_spans
from controller.simulate.comparison import BOUND, THIS
from controller.simulate.labels import name_points
from controller.simulate.measures import Row, Terms
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario

HOUR = 3600.0
POINTS = 1200
"""Points of a course, at most: more than a picture has columns."""
CURVE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waits at which the bound is drawn, as multiples of this configuration's longest."""
REASONS: Mapping[str, str] = {
    "launch": COLOURS[2],
    "satisfied": COLOURS[5],
    "idle": COLOURS[6],
    "rising": COLOURS[1],
    "cooldown": COLOURS[3],
    "slot": COLOURS[7],
    "at_max": COLOURS[4],
}
OTHER_REASON = "#f0e442"

FAR = 20
"""The longest wait is so many times the shortest, where one scale for both shows nothing of the short ones."""


def paint(
    rows: Sequence[Row],
    explored: Sequence[Row],
    run: SimulatedRun,
    spec: ScalerSpec,
    scenario: Scenario,
    terms: Terms,
) -> list[Picture]:
    """Return the pictures of an answer."""
    curve = _find_curve(run, scenario, terms) if any(row.name == BOUND for row in rows) else []
    # Until the last work is done: a trace may end with its largest row.
    ends = (task.ended_at for task in run.tasks if task.ended_at < inf)
    course = _Course.of(run, run.began_at, max(run.ended_at, run.began_at + 1, *ends))
    worst = _find_worst(run)
    return [
        Picture("cost", "Dollars against the p99 wait", (9, 5), lambda on: _draw_cost(on, rows, explored, curve)),
        Picture("course", "Backlog and containers", (11, 5), lambda on: _draw_course(on, course, run, spec)),
        Picture("waits", "Waits", (9, 3.6), lambda on: _draw_waits(on, run, terms.goal)),
        Picture("worst", "The hour of the longest wait", (11, 5.6), lambda on: _draw_worst(on, run, worst, spec)),
    ]


@dataclass(frozen=True, slots=True)
class _Course:
    """What was there at moments in a row."""

    at: np.ndarray
    waiting: np.ndarray
    """The most from each moment until the next."""
    running: np.ndarray
    starting: np.ndarray

    @classmethod
    def of(cls, run: SimulatedRun, since: float, until: float) -> _Course:
        at = np.linspace(since, until, POINTS)
        never = np.nan_to_num(np.asarray(run.taken), nan=inf)
        created, started, ended, crew = (
            np.array([getattr(task, name) for task in run.tasks], dtype=float)
            for name in ("created_at", "started_at", "ended_at", "containers")
        )
        started = np.nan_to_num(started, nan=inf)
        exits = np.array([exit_at for task in run.tasks for exit_at in task.exits], dtype=float)
        never_ran = crew - np.array([len(task.exits) for task in run.tasks], dtype=float)
        begun, run_by = _count(created, crew, at), _count(started, crew, at)
        # A task goes on for a while once its workers have exited.
        gone_by = _count(exits, None, at) + _count(ended, never_ran, at)
        sent = np.asarray(run.sent, dtype=float)
        waiting = _count(sent, None, at) - _count(never, None, at)
        # The most is waiting just after an arrival, which may come and be done between two points.
        inside = sent[(since <= sent) & (sent <= until)]
        place = np.searchsorted(at, inside, side="right") - 1
        np.maximum.at(waiting, place, _count(sent, None, inside) - _count(never, None, inside))
        return cls(at, waiting, run_by - gone_by, begun - run_by)


def _count(times: np.ndarray, weights: np.ndarray | None, at: np.ndarray) -> np.ndarray:
    """Return how much has happened by each moment."""
    order = np.argsort(times, kind="stable")
    sums = np.arange(len(times) + 1) if weights is None else np.concatenate([[0], np.cumsum(weights[order])])
    return sums[np.searchsorted(times[order], at, side="right")]


def _find_curve(run: SimulatedRun, scenario: Scenario, terms: Terms) -> list[tuple[float, float]]:
    """Return the least dollars at longest waits about this configuration's."""
    bounds = [measure_bound(run, scenario.workers, terms, factor) for factor in CURVE]
    return [(bound.wait["max"] or 0.0, bound.dollars) for bound in bounds]


def _find_worst(run: SimulatedRun) -> tuple[float, float]:
    """Return the hour about the longest wait, seconds since the epoch."""
    waits = [(taken - sent, sent) for sent, taken in zip(run.sent, run.taken, strict=True) if not isnan(taken)]
    wait, sent = max(waits, default=(0.0, run.began_at))
    since = max(run.began_at, sent + wait / 2 - HOUR / 2)
    return since, since + max(HOUR, wait * 1.2)


def _draw_cost(
    figure: Figure, rows: Sequence[Row], explored: Sequence[Row], curve: Sequence[tuple[float, float]]
) -> None:
    axes = figure.add_subplot()
    if curve:
        axes.plot(*zip(*curve, strict=True), color=COLOURS[6], linestyle="--", label="the bound, at its longest wait")
    tried = [(row.wait["p99"], row.dollars) for row in explored if row.wait["p99"] is not None]
    if tried:
        waits, dollars = zip(*tried, strict=True)
        axes.scatter(waits, dollars, s=16, color=COLOURS[5], alpha=0.7, label="one key changed")
    points = [(row.wait["p99"], row.dollars, row.name) for row in rows if row.wait["p99"] is not None]
    for wait, cost, name in points:
        size, colour, marker = (90, COLOURS[4], "*") if name == THIS else (34, COLOURS[0], "o")
        axes.scatter([wait], [cost], s=size, color=colour, marker=marker, zorder=3)
    axes.margins(x=0.12, y=0.12)
    shown = [wait for wait, _, _ in points] + [wait for wait, _ in (*tried, *curve)]
    if min(shown, default=0.0) > 0 and max(shown) > FAR * min(shown):
        # One policy that never catches up would press all others into the same corner.
        axes.set(xscale="log", xlabel="p99 of waits, on a logarithmic scale")
    else:
        axes.set(xlabel="p99 of waits", xlim=(0, axes.get_xlim()[1]))
    axes.set(ylabel="dollars", ylim=(0, axes.get_ylim()[1]))
    write_spans(axes)
    name_points(axes, points)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")


def _draw_course(figure: Figure, course: _Course, run: SimulatedRun, spec: ScalerSpec) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
    _draw_backlog(above, course)
    _draw_containers(below, course, run, spec)


def _draw_backlog(axes: Axes, course: _Course) -> None:
    axes.fill_between(to_dates(course.at), course.waiting, step="post", color=COLOURS[4], alpha=0.35, linewidth=0)
    axes.plot(to_dates(course.at), course.waiting, drawstyle="steps-post", color=COLOURS[4], linewidth=1)
    axes.set(ylabel="messages waiting", ylim=(0, None))


def _draw_containers(axes: Axes, course: _Course, run: SimulatedRun, spec: ScalerSpec) -> None:
    at = to_dates(course.at)
    axes.stackplot(at, course.running, course.starting, labels=["running", "starting"], colors=[COLOURS[0], COLOURS[1]],
                   alpha=0.55, step="post")  # fmt: skip
    inside = [poll for poll in run.polls if course.at[0] <= poll.at <= course.at[-1] and poll.desired is not None]
    # Where it stays the same it needs no points between.
    inside = [*inside[:1], *(poll for last, poll in pairwise(inside) if last.desired != poll.desired), *inside[-1:]]
    axes.plot(to_dates([poll.at for poll in inside]), [poll.desired or 0 for poll in inside], drawstyle="steps-post",
              color=COLOURS[2], linewidth=1.2, label="desired")  # fmt: skip
    axes.axhline(spec.most_containers, color=COLOURS[6], linestyle=":", label="max_containers")
    ticks = [launch.at for launch in run.launches if course.at[0] <= launch.at <= course.at[-1]]
    axes.plot(to_dates(ticks), [0] * len(ticks), "|", color=mpl.rcParams["text.color"], markersize=9, label="launch",
              clip_on=False)  # fmt: skip
    axes.set(ylabel="containers", ylim=(0, None), xlim=(at[0], at[-1]))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize=8, frameon=False)
    write_dates(axes)


def _draw_waits(figure: Figure, run: SimulatedRun, goal: float) -> None:
    axes = figure.add_subplot()
    waits = np.array(run.waits) if run.waits else np.zeros(1)
    axes.hist(waits, bins=60, color=COLOURS[0], alpha=0.75)
    axes.axvline(goal, color=COLOURS[4], linewidth=1.5, label=f"the goal, {format_span(goal)}")
    axes.set(xlabel="wait until a worker took the message", ylabel="messages", xlim=(0, axes.get_xlim()[1]))
    write_spans(axes)
    axes.legend()


def _draw_worst(figure: Figure, run: SimulatedRun, hour: tuple[float, float], spec: ScalerSpec) -> None:
    course = _Course.of(run, *hour)
    above, below, strip = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.3, 0.22))
    _draw_backlog(above, course)
    _draw_containers(below, course, run, spec)
    inside = [poll for poll in run.polls if hour[0] <= poll.at <= hour[1]]
    # The polls of a quiet queue that were left out came to what the one before them did.
    ends = [*(poll.at for poll in inside[1:]), hour[1]]
    for reason in dict.fromkeys(poll.reason for poll in inside):
        spans = [
            (poll.at / DAY, (end - poll.at) / DAY)
            for poll, end in zip(inside, ends, strict=True)
            if poll.reason == reason
        ]
        strip.broken_barh(spans, (0, 1), color=REASONS.get(reason, OTHER_REASON), label=reason)
    strip.set(yticks=[], ylabel="reason")
    strip.grid(visible=False)
    # One that hangs below the strip takes its room from all three.
    handles, _ = strip.get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside lower center", ncols=8, fontsize=8, frameon=False)
    write_dates(strip)
