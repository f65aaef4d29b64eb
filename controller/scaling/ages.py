"""Ages: how old the oldest message of each queue with work is, and so whether promises are kept.

CloudWatch is asked every minute, for the minutes that have begun with work in the queue, once they can be told. The
oldest message may be one in hand: the promise of a minute counts as kept if none was visible in it, or if the oldest is
no older than the promise and the time that a message takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from controller.config import ScalerSpec
from controller.core.decision.model import Decision
from controller.core.decision.policy import StartWithin
from controller.core.record import Reconciled
from controller.scaling.questions import MINUTE, Questions, combine, list_queues
from controller.telemetry.series import Series

ASK_EVERY = 60.0
"""Seconds between two questions."""
GIVEN_UP_AFTER = 900.0
"""Seconds after which a minute of which nothing is told will not be."""
DO = "allow cloudwatch:GetMetricData, or leave aws.message_age out"


class CloudWatch(Protocol):
    """Who is asked; ``controller.aws.cloudwatch.QueueMetrics`` is one."""

    def ask_oldest(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
        """Return the greatest age of a message in queues, seconds, by the minute. Raises AwsError."""


class Watched(Protocol):
    """A scaler; ``controller.scaling.reconcile.Reconciler`` is one."""

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force."""

    @property
    def last(self) -> Reconciled | None:
        """The last reconcile."""

    @property
    def series(self) -> Series:
        """Where it is shown."""


class Ages:
    """What is told of the oldest messages of all scalers."""

    def __init__(self, cloudwatch: CloudWatch | None, now: Callable[[], float]) -> None:
        """``cloudwatch`` is None where it is not to be asked. ``now`` gives seconds since the epoch."""
        self._cloudwatch = cloudwatch
        self._now = now
        self._questions = Questions("how old messages are is not known", DO, now)
        self._open: dict[str, dict[float, bool]] = {}
        """By scaler, the minutes with work of which nothing was told yet, and whether a message was visible."""

    def refresh(self, scalers: Iterable[Watched]) -> None:
        """Take down who has work in this minute, and ask for the minutes that can be told; one call for all scalers."""
        if self._cloudwatch is None:
            return
        every = {each.spec.name: each for each in scalers}
        self._open = {name: self._open.get(name, {}) | _see(each, self._now()) for name, each in every.items()}
        until = self._questions.find_told()
        due = {name: [minute for minute in minutes if minute < until] for name, minutes in self._open.items()}
        asked = {name: minutes for name, minutes in due.items() if minutes}
        told: Mapping[str, Mapping[float, float]] = {}
        if asked:
            queues = list_queues(every[name].spec for name in asked)
            told = self._questions.ask(self._cloudwatch.ask_oldest, queues, min(map(min, asked.values()))) or {}
        for name, scaler in every.items():
            self._show(scaler, self._open[name], due[name], combine(max, scaler.spec.queues, told), until)

    def _show(
        self,
        scaler: Watched,
        minutes: dict[float, bool],
        due: Sequence[float],
        told: Mapping[float, float],
        until: float,
    ) -> None:
        """Show what was told of the minutes of a scaler that are due, and forget those; without any, its age."""
        series = scaler.series
        for minute in sorted(due):
            if minute in told:
                series.show_age(told[minute])
                if (kept := _is_kept(scaler, told[minute], waited=minutes[minute])) is not None:
                    series.count_promise(kept=kept)
            if minute in told or minute < until - GIVEN_UP_AFTER:
                del minutes[minute]
        if not minutes:
            series.show_age(None)


def _see(scaler: Watched, now: float) -> dict[float, bool]:
    """Return the present minute if a scaler has work in it, and whether some of that is visible."""
    queue = scaler.last.decision.queue if scaler.last else None
    if queue is None or not (queue.visible or queue.in_flight):
        return {}
    return {now // MINUTE * MINUTE: queue.visible > 0}


def _is_kept(scaler: Watched, age: float, *, waited: bool) -> bool | None:
    """Say whether the promise was kept in a minute; None: there is no promise."""
    decision = scaler.last.decision if scaler.last else None
    demand = (scaler.spec if decision is None else scaler.spec.at(decision.at)).policy.demand
    if not isinstance(demand, StartWithin):
        return None
    return not waited or age <= demand.start_within + _find_pace(decision)


def _find_pace(decision: Decision | None) -> float:
    """Return how long a message takes, seconds, as far as that is known."""
    need = decision.numbers.need if decision and decision.numbers else None
    return (need.pace.seconds if need else None) or 0.0
