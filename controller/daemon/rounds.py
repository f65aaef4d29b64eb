"""The queue doctor's rounds: every five minutes each scaler's queue is examined, by what its polls have brought.

A dead-letter queue is the only one that is read for it, beside the polls and never in their way. A finding is told when
it comes up, and again only after an hour without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.aws.errors import FOR_A_PERSON, AwsError
from controller.aws.polls.reader import QueuePolls
from controller.aws.session import StoppingError
from controller.clock import Clock
from controller.core.decision.doctor import NOT_READ, Ailment, Checkup, DeadLetters, Finding, examine
from controller.core.decision.model import QueueCounts
from controller.core.decision.slots import spread
from controller.scaling.queue_sum import name_parts
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
class _DeadLetterQueue:
    """What is remembered of a dead-letter queue."""

    next_reading: float = float("-inf")
    readings: DeadLetters = NOT_READ
    unread: str | None = None


@dataclass(slots=True)
class _Chart:
    """What is remembered of one scaler."""

    next_visit: float
    polls: QueuePolls | None = None
    """Who reads its dead-letter queues; None: nobody has yet."""
    dead: dict[str, _DeadLetterQueue] = field(default_factory=dict)
    """Its dead-letter queues; several queues may have one together."""
    seen: dict[tuple[str, Ailment], float] = field(default_factory=dict)
    """When each finding of a queue was there last."""


NO_DEAD_LETTER_QUEUE = _DeadLetterQueue()


class Rounds:
    """Visits scalers. All but the constructor belongs to the loop of the polls."""

    def __init__(self, polls: AllPolls, clock: Clock) -> None:
        self._polls = polls
        self._clock = clock
        self._charts: dict[str, _Chart] = {}
        self._visits: set[asyncio.Task[None]] = set()

    def visit(self, scaler: Reconciler, counts: QueueCounts) -> None:
        """Examine a scaler's queues, which have just been seen to hold so much, if that is due; returns at once."""
        now, queues = self._clock.elapsed(), scaler.spec.queues
        chart = self._charts.get(scaler.spec.name) or self._open(scaler.spec.name, now)
        if now < chart.next_visit or not queues:
            return
        polls = self._polls.of(scaler.spec.queue_access)
        if polls.traits.find(queues[0]) is None:
            return
        chart.next_visit = now + EVERY
        visit = asyncio.get_running_loop().create_task(self._visit(scaler, chart, polls, counts))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    def _open(self, scaler: str, now: float) -> _Chart:
        """Return the chart of a scaler that is new; with very many, their first visits are spread over one period."""
        beside = len(self._charts) / FIRST_VISITS_A_SECOND
        chart = self._charts[scaler] = _Chart(next_visit=now + spread(scaler) * min(EVERY, beside))
        return chart

    def forget(self, scaler: str) -> None:
        """Drop what is remembered of a scaler that is polled no more, and of its dead-letter queues."""
        chart = self._charts.pop(scaler, None)
        if chart and chart.polls:
            for target in chart.dead:
                chart.polls.forget(target)

    async def close(self) -> None:
        """Give up the visits under way."""
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _visit(self, scaler: Reconciler, chart: _Chart, polls: QueuePolls, counts: QueueCounts) -> None:
        spec, checkups = scaler.spec, list[Checkup]()
        known = {queue: traits for queue in spec.queues if (traits := polls.traits.find(queue)) is not None}
        targets = dict.fromkeys(traits.dead_letter_queue for traits in known.values())
        before = chart.dead if chart.polls is polls else {}
        chart.polls, chart.dead = polls, {each: before.get(each, _DeadLetterQueue()) for each in targets if each}
        try:
            for target, dead in chart.dead.items():
                await self._read_dead_letters(polls, target, dead)
        except StoppingError:
            return
        for queue, name, part in name_parts(spec, counts):
            if (traits := known.get(queue)) is not None:
                dead = chart.dead.get(traits.dead_letter_queue or "", NO_DEAD_LETTER_QUEUE)
                kept, runs = dead.readings, scaler.series.runs
                findings = examine(scaler.policy, traits, part, runs=runs, dead_letters=kept, name=name)
                checkups.append(Checkup(traits, kept, dead.unread, findings, name))
                self._tell(scaler, chart, queue, findings)
        scaler.series.checkups = tuple(checkups)

    def _tell(self, scaler: Reconciler, chart: _Chart, queue: str, findings: Iterable[Finding]) -> None:
        """Tell of the findings of a queue that are news."""
        now = self._clock.elapsed()
        for finding in findings:
            last = chart.seen.get((queue, finding.ailment))
            if last is None or now - last >= TELL_AGAIN:
                events.report_finding(scaler.spec.name, finding)
                scaler.series.tell(finding, self._clock.now())
            chart.seen[queue, finding.ailment] = now

    async def _read_dead_letters(self, polls: QueuePolls, target: str, dead: _DeadLetterQueue) -> None:
        """Read the depth of a dead-letter queue, unless that was refused lately. Raises StoppingError."""
        now = self._clock.elapsed()
        if now < dead.next_reading:
            return
        try:
            counts = await polls.read_counts(target)
        except AwsError as error:
            dead.unread = str(error)
            dead.next_reading = now + (AFTER_REFUSAL if error.fault in FOR_A_PERSON else 0.0)
            dead.readings = NOT_READ
            return
        dead.unread, dead.readings = None, dead.readings.add(self._clock.now(), counts.visible + counts.in_flight)
