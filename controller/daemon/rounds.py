"""The queue doctor's rounds: every five minutes each scaler's queue is examined, by what its polls have brought.

A dead-letter queue is the only one that is read for it, beside the polls and never in their way. A finding is told when
it comes up, and again only after an hour without it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.aws.polls.reader import QueuePolls
from controller.aws.session import StoppingError
from controller.clock import Clock
from controller.core.decision.doctor import NOT_READ, Ailment, Checkup, DeadLetters, QueueTraits, examine
from controller.core.decision.model import QueueCounts
from controller.core.decision.slots import spread
from controller.scaling.realms import AllPolls
from controller.scaling.reconcile import Reconciler
from controller.telemetry import events

EVERY = 300.0
"""Seconds from one visit of a scaler to the next."""
FIRST_VISITS_A_SECOND = 50
"""At a start with many scalers; each may read a dead-letter queue."""
AFTER_REFUSAL = 3600.0
"""Seconds for which a dead-letter queue is left alone whose reading takes a person to mend."""
TELL_AGAIN = 3600.0
"""Seconds without a finding after which it is news."""


@dataclass(slots=True)
class _Chart:
    """What is remembered of one scaler's queue."""

    next_visit: float
    polls: QueuePolls | None = None
    """Who reads the dead-letter queue; None: nobody has."""
    next_reading: float = float("-inf")
    target: str | None = None
    """The dead-letter queue that the readings are of."""
    readings: DeadLetters = NOT_READ
    unread: str | None = None
    seen: dict[Ailment, float] = field(default_factory=dict)
    """When each finding was there last."""


class Rounds:
    """Visits scalers. All but the constructor belongs to the loop of the polls."""

    def __init__(self, polls: AllPolls, clock: Clock) -> None:
        self._polls = polls
        self._clock = clock
        self._charts: dict[str, _Chart] = {}
        self._visits: set[asyncio.Task[None]] = set()

    def visit(self, scaler: Reconciler, counts: QueueCounts) -> None:
        """Examine a scaler's queue, which has just been seen to hold so much, if that is due; returns at once."""
        now = self._clock.elapsed()
        chart = self._charts.get(scaler.spec.name) or self._open(scaler.spec.name, now)
        if now < chart.next_visit:
            return
        polls = self._polls.of(scaler.spec.queue_access)
        if (traits := polls.traits.find(scaler.spec.queue)) is None:
            return
        chart.next_visit = now + EVERY
        visit = asyncio.get_running_loop().create_task(self._visit(scaler, chart, polls, traits, counts))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    def _open(self, scaler: str, now: float) -> _Chart:
        """Return the chart of a scaler that is new; with very many, their first visits are spread over one period."""
        beside = len(self._charts) / FIRST_VISITS_A_SECOND
        chart = self._charts[scaler] = _Chart(next_visit=now + spread(scaler) * min(EVERY, beside))
        return chart

    def forget(self, scaler: str) -> None:
        """Drop what is remembered of a scaler that is polled no more, and of its dead-letter queue."""
        chart = self._charts.pop(scaler, None)
        if chart and chart.target and chart.polls:
            chart.polls.forget(chart.target)

    async def close(self) -> None:
        """Give up the visits under way."""
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _visit(
        self, scaler: Reconciler, chart: _Chart, polls: QueuePolls, traits: QueueTraits, counts: QueueCounts
    ) -> None:
        try:
            await self._read_dead_letters(chart, polls, traits)
        except StoppingError:
            return
        series, policy = scaler.series, scaler.spec.policy
        findings = examine(policy, traits, counts, runs=series.runs, dead_letters=chart.readings)
        series.checkup = Checkup(traits, chart.readings, chart.unread, findings)
        now = self._clock.elapsed()
        for finding in findings:
            last = chart.seen.get(finding.ailment)
            if last is None or now - last >= TELL_AGAIN:
                events.report_finding(scaler.spec.name, finding)
                series.tell(finding, self._clock.now())
            chart.seen[finding.ailment] = now

    async def _read_dead_letters(self, chart: _Chart, polls: QueuePolls, traits: QueueTraits) -> None:
        """Read the depth of the dead-letter queue, if there is one. Raises StoppingError."""
        if (traits.dead_letter_queue, polls) != (chart.target, chart.polls):
            chart.polls, chart.target, chart.readings, chart.unread = polls, traits.dead_letter_queue, NOT_READ, None
            chart.next_reading = float("-inf")
        now = self._clock.elapsed()
        if not chart.target or now < chart.next_reading:
            return
        try:
            counts = await polls.read_counts(chart.target)
        except AwsError as error:
            chart.unread = str(error)
            chart.next_reading = now + (AFTER_REFUSAL if error.fault in FOR_A_PERSON else 0.0)
            chart.readings = NOT_READ
            return
        chart.unread, chart.readings = None, chart.readings.add(self._clock.now(), counts.visible + counts.in_flight)
