"""Measures: one row of the answer, from what became of a simulated world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any

from controller.simulate.outcome import SimulatedRun
from controller.simulate.prices import Bill, Shape, Tariff

PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is measured by."""

    goal: float
    """Seconds within which a message is to be taken."""
    shape: Shape
    tariff: Tariff
    spot_share: float = 0.0
    """The share of tasks that run on Spot: of this configuration, and in the rows of others theirs."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one way to decide has led to. None: it cannot be told of this one."""

    name: str
    wait: dict[str, float | None]
    """Seconds that messages waited until a worker took them: p50, p95, p99 and max. One that was never taken waits for
    ever, which is None, as what cannot be told."""
    late_share: float | None
    """The share of messages that waited for longer than the goal, or were never taken."""
    left: int
    """Messages that nobody took."""
    container_hours: float
    """From RunTask's answer to the end of the task, each worker of it."""
    vcpu_hours: float
    """As paid, with the next two."""
    gb_hours: float
    dollars: float
    empty: int | None = None
    """Workers that found nothing."""
    killed: int | None = None
    """Workers that were ended in their work."""
    containers: int | None = None
    tasks: int | None = None
    launches: int | None = None
    run_task_calls: int | None = None
    revisions: int | None = None
    """Derived revisions that were registered."""
    peak: int | None = None
    """The most containers that started or ran at one time."""
    minutes_at_max: float | None = None
    polls: dict[str, int] = field(default_factory=dict)
    """By reason."""

    def to_plain(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def measure(name: str, run: SimulatedRun, terms: Terms, most: int | None = None) -> Row:
    """Return the row of a run. ``most`` is its maximum of containers; None: it has none."""
    waits = sorted(run.waits)
    late = sum(wait > terms.goal for wait in waits) + run.left
    bill = Bill()
    for task in run.tasks:
        bill.enter(task, run.ended_at, terms.shape, terms.tariff, terms.spot_share)
    calls = [call for launch in run.launches for call in launch.plan.calls]
    return Row(
        name=name,
        wait=describe_waits(waits, run.left),
        late_share=late / len(run.sent) if run.sent else None,
        left=run.left,
        container_hours=bill.container_seconds / 3600,
        vcpu_hours=bill.vcpu_seconds / 3600,
        gb_hours=bill.gb_seconds / 3600,
        dollars=bill.dollars,
        empty=sum(task.empty for task in run.tasks),
        killed=sum(task.killed for task in run.tasks),
        containers=run.containers,
        tasks=len(run.tasks),
        launches=len(run.launches),
        run_task_calls=len(calls),
        revisions=len({call.containers for call in calls if call.containers > 1}),
        peak=run.peak,
        minutes_at_max=None if most is None else _add_up_time(run.held, most, run.ended_at) / 60,
        polls=dict(Counter(run.reasons)),
    )


def say_amount(value: float, places: int) -> str:
    """Return an amount with so many places, and two more of one below 1."""
    return f"{value:.{places + 2 * (0 < value < 1)}f}"


def describe_waits(waits: Sequence[float], left: int = 0) -> dict[str, float | None]:
    """Return the percentiles of waits in ascending order, each that of a message (nearest rank).

    ``left`` are the messages that nobody took, after all others. None: that of one of them, or there is no message.
    """
    ranks = {name: ceil(share * (len(waits) + left)) - 1 for name, share in (*PERCENTILES, ("max", 1.0))}
    return {name: waits[rank] if 0 <= rank < len(waits) else None for name, rank in ranks.items()}


def _add_up_time(held: Sequence[tuple[float, int]], most: int, until: float) -> float:
    """Return for how long at least ``most`` counted, seconds; who never ends counts ``until`` then."""
    course = [*held, (max(until, held[-1][0]), 0)] if held else []
    return sum(after - at for (at, count), (after, _) in pairwise(course) if count >= most)
