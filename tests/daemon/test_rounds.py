from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from structlog.testing import capture_logs

from controller.core.decision.checkups import count_dead_letters
from controller.core.decision.doctor import Ailment
from controller.core.decision.model import QueueCounts
from controller.core.notices import Kind, Notice
from controller.daemon.rounds import AFTER_REFUSAL, EVERY, Rounds
from controller.sandbox.aws import Disturbance
from controller.scaling.queue_sum import read_together
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.support.aws import create_queue, send_messages
from tests.support.controller import controller_spec, scaler_spec

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

T = TypeVar("T")


class Visited:
    """A scaler whose queue is polled and examined, on a loop that stays."""

    def __init__(self, aws: EmbeddedAws, clock: ManualClock, **changes: object) -> None:
        self.aws = aws
        self.dead = create_queue(aws, "dead")
        redrive = json.dumps({"deadLetterTargetArn": self.dead.arn, "maxReceiveCount": 5})
        self.queue = create_queue(aws, "orders", RedrivePolicy=redrive)
        self.services = connect(controller_spec(aws), clock.handed_in(), dry_run=True)
        self.scaler = Reconciler(scaler_spec("main", "worker", queue="orders", **changes), self.services)
        self.rounds = Rounds(self.services.polls, clock.handed_in())
        self._loop = asyncio.new_event_loop()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Let something happen on the loop."""
        return self._loop.run_until_complete(what)

    def poll(self) -> None:
        """Poll the queue once, and let the visit that it brings come to its end."""
        self.run(self._poll())

    async def _poll(self) -> None:
        self.rounds.visit(self.scaler, await self.services.polls.own.read_counts("orders"))
        await asyncio.gather(*self.rounds._visits)

    def close(self) -> None:
        """End."""
        self.run(self.rounds.close())
        self.run(self.services.polls.close())
        self._loop.close()

    @property
    def ailments(self) -> list[Ailment]:
        """What was found last."""
        return [finding.ailment for checkup in self.scaler.series.checkups for finding in checkup.findings]

    def reads_of_dead(self) -> int:
        """Return how often the dead-letter queue was read."""
        calls = self.aws.journal.calls("sqs", "GetQueueAttributes", client="ecsq-ecsq")
        return sum(call.parameters["QueueUrl"] == self.dead.url for call in calls)


@pytest.fixture
def visited(aws: EmbeddedAws, clock: ManualClock) -> Iterator[Visited]:
    """Give a scaler of a queue with a dead-letter queue."""
    made = Visited(aws, clock)
    yield made
    made.close()


def test_a_dead_letter_queue_costs_one_request_in_five_minutes(visited: Visited, clock: ManualClock) -> None:
    """However often the queue itself is polled."""
    for _ in range(3):
        visited.poll()
        visited.poll()
        clock.now += EVERY
    assert 3 == visited.reads_of_dead()


def test_growth_is_told_once_and_again_after_an_hour_without(visited: Visited, clock: ManualClock) -> None:
    """It stays a finding for an hour after the last message, and is news when it has been gone as long."""
    with capture_logs() as logged:
        visited.poll()
        assert [] == visited.ailments
        send_messages(visited.aws, visited.dead.url, 2)
        for _ in range(3):
            clock.now += EVERY
            visited.poll()
            assert [Ailment.DEAD_LETTERS_GROW] == visited.ailments
        for _ in range(30):
            clock.now += EVERY
            visited.poll()
        assert [] == visited.ailments
        send_messages(visited.aws, visited.dead.url, 1)
        clock.now += EVERY
        visited.poll()
    told = [each["text"].partition(" to the")[0] for each in logged if each.get("finding") == "dead_letters_grow"]
    assert ["the queue has lost 2 messages", "the queue has lost 1 message"] == told


def test_measured_runs_are_what_visibility_is_held_against(visited: Visited) -> None:
    """A worker that took one message longer than SQS hides it is found with its number."""
    visited.scaler.series.note_run(31.0)
    visited.poll()
    assert [Ailment.VISIBILITY_TOO_SHORT] == visited.ailments


@pytest.mark.parametrize(
    ("code", "status", "visits"),
    [("AccessDenied", 403, round(AFTER_REFUSAL / EVERY)), ("InternalError", 500, 1)],
    ids=["denied", "broken"],
)
def test_a_dead_letter_queue_that_cannot_be_read_is_unknown(
    visited: Visited, clock: ManualClock, code: str, status: int, visits: int
) -> None:
    """Why is told, the polls go on, and what a person has to allow is asked for once an hour."""
    visited.poll()
    clock.now += EVERY
    broken = Disturbance("sqs", "GetQueueAttributes", "error", status=status, code=code, times=None)
    dead = replace(broken, where=lambda parameters: parameters["QueueUrl"] == visited.dead.url)
    visited.aws.disturbances.add(dead)
    visited.poll()
    (checkup,) = visited.scaler.series.checkups
    assert None is checkup.dead_letters.messages
    assert f'queue "{visited.dead.arn}"' in str(checkup.unread)
    visited.aws.disturbances.clear()
    before, passed = visited.reads_of_dead(), 0
    while visited.reads_of_dead() == before:
        clock.now += EVERY
        visited.poll()
        passed += 1
    assert visits == passed


def test_only_what_costs_work_is_told_to_others(visited: Visited) -> None:
    """Advice stands in the log and on the page; for very many queues it would be a storm."""
    notices = list[Notice]()
    visited.services.metrics.listen(notices.append)
    queue = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": visited.dead.arn, "maxReceiveCount": 1})}
    visited.aws.client("sqs").set_queue_attributes(QueueUrl=visited.queue.url, Attributes=queue)
    visited.scaler.series.note_run(31.0)
    with capture_logs() as logged:
        visited.poll()
    levels = {each["finding"]: each["log_level"] for each in logged if each["event"] == "queue"}
    assert {"visibility_too_short": "warning", "single_receive": "info"} == levels
    assert [(Kind.QUEUE_FINDING, "visibility_too_short")] == [(notice.kind, notice.reason) for notice in notices]


def test_a_dead_letter_queue_of_several_queues_is_read_once(visited: Visited, clock: ManualClock) -> None:
    """Each queue is examined by itself, and what is found in it begins with its name."""
    redrive = json.dumps({"deadLetterTargetArn": visited.dead.arn, "maxReceiveCount": 1})
    create_queue(visited.aws, "urgent", RedrivePolicy=redrive)
    create_queue(visited.aws, "bare")
    queues = ("orders", "urgent", "bare")
    spec = replace(visited.scaler.spec, queues=queues)
    several = Reconciler(spec, visited.services)

    async def poll() -> None:
        visited.rounds.visit(several, await read_together(spec, visited.services.polls.own.read_counts))
        await asyncio.gather(*visited.rounds._visits)

    visited.run(poll())
    clock.now += EVERY
    visited.run(poll())
    assert 2 == visited.reads_of_dead()
    found = [finding.text for checkup in several.series.checkups for finding in checkup.findings]
    assert ["urgent gives a message up after 1 receive", "bare has no dead-letter queue"] == [
        text.partition(":")[0] for text in found
    ]
    assert 0 == count_dead_letters(several.series.checkups)


def test_very_many_are_not_visited_at_once(aws: EmbeddedAws, clock: ManualClock, visited: Visited) -> None:
    """At a start each has its own moment within one period, since each may read a dead-letter queue."""
    visited.poll()
    queue, counts = visited.queue.name, QueueCounts(0, 0, 0)
    many = [
        Reconciler(scaler_spec("main", "worker", queue=queue, name=f"s-{number}"), visited.services)
        for number in range(300)
    ]

    async def poll_all() -> int:
        for each in many:
            visited.rounds.visit(each, counts)
        await asyncio.gather(*visited.rounds._visits)
        return sum(bool(each.series.checkups) for each in many)

    at_once = visited.run(poll_all())
    clock.now += EVERY
    assert (True, 300) == (at_once < 30, visited.run(poll_all()))
