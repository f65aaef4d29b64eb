"""A run of the sandbox in virtual time: its AWS, its load and its workers' ways, and the controller's own reconciles.

Everything that is asked of AWS is asked over HTTP, as in the sandbox; only nobody waits. A heap of events takes the
place of the threads, and the clock that controller and AWS share jumps from one to the next. So a run takes as long as
its requests do, and comes out the same each time, however busy the machine is. What it has not is a daemon's process:
the polls are those of its schedule, each in the very moment in which it is due.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import yaml

from controller.config import Loaded, load
from controller.core.copies.copies import KEEPER
from controller.sandbox.assignments import is_worker
from controller.sandbox.aws import EmbeddedAws, TaskView
from controller.sandbox.load import MAX_BATCH, Burst, plan_load
from controller.sandbox.scenario import QueueScenario, Scenario, build_configuration
from controller.sandbox.stage import LOAD_CLIENT, WORKER_CLIENT, set_stage
from controller.scaling.services import connect
from tests.support.clock import ManualClock
from tests.support.steps import Whole

BEGAN = 1_750_000_000.0
UNSEEN = 43_200
"""Seconds for which a message in hand is invisible: the embedded queues go by the machine's clock, which here says
nothing of how long a worker has had it."""
LATEST = 120.0
"""Seconds after its last burst in which a run must have come to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    loaded: Loaded
    began: float
    """When the load began, seconds since the epoch."""
    waits: list[float]
    """Seconds until a worker took each message, the shortest first."""
    tasks: int
    containers: int
    """Worker containers that were launched."""


@dataclass
class _Play:
    """A run under way."""

    aws: EmbeddedAws
    clock: ManualClock
    scenario: Scenario
    url: str
    """Of the queue."""
    scaler: Whole
    draw_start: Callable[[str], float]
    events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    order: count[int] = field(default_factory=count)
    known: set[str] = field(default_factory=set)
    sent: dict[str, float] = field(default_factory=dict)
    """When each message was sent."""
    waits: list[float] = field(default_factory=list)
    done: int = 0

    def at(self, when: float, happen: Callable[..., None], *what: Any) -> None:
        heappush(self.events, (when, next(self.order), happen, what))

    def run(self, messages: int) -> None:
        """Let everything happen until so many messages are done."""
        latest = self.events[0][0] + LATEST
        while self.done < messages:
            when, _, happen, what = heappop(self.events)
            assert when < latest, f"{self.done} of {messages} messages are done"
            self.clock.now = max(self.clock.now, when)
            happen(*what)

    def poll(self) -> None:
        following = self.clock.now + self.scenario.poll_interval
        self.at(following, self.poll)
        self.look(following)

    def look(self, following: float) -> None:
        """Reconcile, take the tasks in hand that it has launched, and look again before the next poll if it wants."""
        again = self.scaler.reconcile()
        for task in self.aws.ecs.tasks():
            if task.arn not in self.known:
                self.known.add(task.arn)
                self.at(task.created_at + self.draw_start(task.arn), self.start, task.arn)
        if again is not None and again < following:
            self.at(again, self.look, following)

    def send(self, burst: Burst) -> None:
        sqs = self.aws.client("sqs", app=LOAD_CLIENT)
        self.sent |= {message.id: self.clock.now for message in burst.messages}
        for first in range(0, len(burst.messages), MAX_BATCH):
            batch = burst.messages[first : first + MAX_BATCH]
            entries = [{"Id": str(index), "MessageBody": each.to_body()} for index, each in enumerate(batch)]
            sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def start(self, arn: str) -> None:
        for container in self.aws.ecs.task(arn).containers:
            if is_worker(container):
                self.take(arn, container.name)

    def take(self, arn: str, worker: str) -> None:
        """Let a worker take a message, or exit if there is none."""
        sqs = self.aws.client("sqs", app=WORKER_CLIENT)
        for received in sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=1).get("Messages", ()):
            message = json.loads(received["Body"])
            self.waits.append(self.clock.now - self.sent[message["id"]])
            self.at(self.clock.now + message["seconds"], self.finish, arn, worker, received["ReceiptHandle"])
            return
        self.leave(arn, worker)

    def finish(self, arn: str, worker: str, handle: str) -> None:
        self.aws.client("sqs", app=WORKER_CLIENT).delete_message(QueueUrl=self.url, ReceiptHandle=handle)
        self.done += 1
        (self.leave if self.scenario.queues[0].worker == "single" else self.take)(arn, worker)

    def leave(self, arn: str, worker: str) -> None:
        """Let a worker exit, and after the last one the keeper, at its next look."""
        self.aws.ecs.exit_container(arn, worker, 0)
        task = self.aws.ecs.task(arn)
        left = [each.name for each in task.containers if each.status == "RUNNING"]
        if left == [KEEPER]:
            looks = ceil((self.clock.now - (task.started_at or 0.0)) / self.scenario.keeper_poll)
            at = (task.started_at or 0.0) + looks * self.scenario.keeper_poll
            self.at(at, lambda: self.aws.ecs.exit_container(arn, KEEPER, 0))


def hasten(queue: QueueScenario, duration: float, seed: int) -> Outcome:
    """Run the sandbox for one queue until all is done; the seed decides the load, the starts, and when polls come."""
    scenario = Scenario(queues=(queue,), visibility_timeout=UNSEEN)
    bursts = plan_load(scenario, duration=duration, seed=seed)
    phase = Random(f"{seed}:phase")
    clock = ManualClock(BEGAN + phase.uniform(0, scenario.slot))
    began = clock.now

    def draw_start(arn: str) -> float:
        return Random(f"{seed}:{arn}").uniform(*scenario.start_delay)

    with ExitStack() as stack:
        aws = stack.enter_context(
            EmbeddedAws(listing_lag=scenario.listing_lag, start_delay=draw_start, seed=seed, clock=clock)
        )
        loaded = _load(scenario, aws)
        url = set_stage(aws, scenario)[queue.name]
        scaler = Whole(loaded.spec.scalers[0], connect(loaded.spec, clock.handed_in(), dry_run=False))
        play = _Play(aws, clock, scenario, url, scaler, draw_start)
        play.at(began + phase.uniform(0, scenario.poll_interval), play.poll)
        for burst in bursts:
            play.at(began + burst.at, play.send, burst)
        play.run(sum(len(burst.messages) for burst in bursts))
        return Outcome(loaded, began, sorted(play.waits), *_count(aws.ecs.tasks()))


def _load(scenario: Scenario, aws: EmbeddedAws) -> Loaded:
    configuration = build_configuration(scenario, endpoint_url=aws.url, region=aws.region, port=0)
    return load(Path("config.yaml"), yaml.safe_dump(configuration).encode())


def _count(tasks: list[TaskView]) -> tuple[int, int]:
    """Return the tasks, and the workers in them."""
    return len(tasks), sum(is_worker(each) for task in tasks for each in task.containers)
