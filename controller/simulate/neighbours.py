"""Neighbours: the rules that people run today, each a model of the rule alone, in our world.

Each gets the scaler's own numbers: its maximum and minimum, and as a target its ``messages_per_container``, or the
number that is given. Their pods, jobs and services start as fast as our tasks do, and see the same counts.

=================  ============================================================================================
lambda             A Lambda function that a publisher's engineers have described: every 10 minutes it starts 0, 1 or
                   10 tasks: none for an empty queue, 1 below 10 messages, 10 from there on. It does not look at
                   what runs.
keda-default       KEDA 2.20.2, ScaledJob (pkg/scaling/executor/scale_jobs.go, pkg/scaling/scaledjob/metrics.go), with
keda-accurate      its SQS scaler: polls every 30 s; the queue's length is visible plus in flight
keda-eager         (scaleOnInFlight, its default), for "accurate" visible alone, as its documentation asks for.
ecs                ECS service auto scaling: target tracking on backlog per task, see ``tracking.py``.
pipes              EventBridge Pipes (user guide, "Amazon SQS as a source"; ECS targets take no batches): one task a
                   message as it comes, without a maximum. The message is deleted when the task is launched.
batch              AWS Batch on Fargate (user guide): a function submits a job a message; the scheduler looks every
                   10 s here, and keeps to the maximum.
one-task           RunTask for each message as it is sent, up to the maximum; the rest waits for room.
=================  ============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, inf

from controller.config import ScalerSpec
from controller.core.copies.packing import Plan, TaskGroup
from controller.core.decision.model import QueueCounts
from controller.core.decision.policy import PerContainer
from controller.simulate.outcome import Account, Poll
from controller.simulate.sight import SeenQueue
from controller.simulate.tasks import Task, Workers
from controller.simulate.world import World

DEFAULT_TARGET = 5
"""Messages for each job where the scaler does not say: the default of KEDA's SQS scaler (queueLength)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule looks at."""

    counts: QueueCounts
    running: int
    """Tasks whose worker runs."""
    pending: int
    """Tasks whose worker does not run yet."""


IDLE_LOOK = 3600.0
"""Seconds after which even who waits for a message looks around."""

Rule = Callable[[Seen], int]
"""Returns how many tasks to launch now."""


def scheduled(seen: Seen) -> int:
    """Return how many tasks the scheduled function starts."""
    if seen.counts.visible == 0:
        return 0
    return 10 if seen.counts.visible >= 10 else 1  # noqa: PLR2004 - the rule itself


def scale_default(max_scale: int, running: int, _pending: int, _most: int, scale_to: int) -> tuple[int, int]:
    """Return KEDA's effective maximum and number of jobs, strategy default; running jobs include pending ones."""
    return max_scale - running, scale_to


def scale_accurate(max_scale: int, running: int, pending: int, most: int, scale_to: int) -> tuple[int, int]:
    """Return KEDA's effective maximum and number of jobs, strategy accurate."""
    if max_scale + running - pending > most:
        return most - running, scale_to
    return max_scale - pending, scale_to


def scale_eager(max_scale: int, running: int, pending: int, most: int, _scale_to: int) -> tuple[int, int]:
    """Return KEDA's effective maximum and number of jobs, strategy eager; pending ones are taken off twice."""
    return min(most - running - pending, max_scale), most


Strategy = Callable[[int, int, int, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ScaledJob:
    """A KEDA ScaledJob with one trigger on an SQS queue."""

    strategy: Strategy
    target: int
    most: int
    least: int = 0
    counts_in_flight: bool = True

    def __call__(self, seen: Seen) -> int:
        """Return how many jobs it creates at a poll."""
        length = seen.counts.visible + (seen.counts.in_flight if self.counts_in_flight else 0)
        running = seen.running + seen.pending
        if running < self.least:
            return self.least - running
        max_scale = ceil(min(length / self.target, self.most))
        effective, scale_to = self.strategy(max_scale, running - self.least, seen.pending, self.most, length)
        is_active = length > 0 or self.least > 0
        return max(0, min(scale_to, effective)) if is_active else 0


class Ruled:
    """A neighbour that looks at fixed intervals and launches tasks of one worker."""

    def __init__(
        self, world: World, account: Account, seed: int, rule: Rule, every: float, *, is_woken: bool = False
    ) -> None:
        """``is_woken``: each message wakes it, and it looks at intervals only while some have no task."""
        self._world, self._account = world, account
        self._is_woken = is_woken
        self._queue = SeenQueue(world, seed)
        self._rule, self._every = rule, every
        self.first_look = world.now
        self._live: list[Task] = []

    def look(self) -> float:
        """Look, launch what the rule says, and return when to look next."""
        now = self._world.now
        self._live = [task for task in self._live if task.ended_at == inf and (task.live or task.has_to_start)]
        pending = sum(task.has_to_start for task in self._live)
        seen = Seen(self._queue.read_counts(), len(self._live) - pending, pending)
        tasks = self._rule(seen)
        self._account.enter(_note(now, seen, tasks))
        if tasks > 0:
            self._live += [self._world.launch(1) for _ in range(tasks)]
            self._account.enter_launch(now, Plan((TaskGroup(tasks, 1),)))
        if self._is_woken and seen.counts.visible <= pending + max(0, tasks):
            return min(self._world.next_arrival, now + IDLE_LOOK)
        return self._skip_quiet(now + self._every)

    def _skip_quiet(self, following: float) -> float:
        """Leave out the looks at a queue in which nothing is, for those who launch nothing for it."""
        if self._live or not self._world.is_quiet or self._world.visible:
            return following
        if self._world.next_arrival == inf:
            return inf
        return following + max(0, ceil((self._world.next_arrival - following) / self._every)) * self._every


def _note(at: float, seen: Seen, tasks: int) -> Poll:
    reason = "launch" if tasks > 0 else "hold"
    counts = seen.counts
    return Poll(at, reason, counts.visible, counts.in_flight, seen.running, seen.pending, None, max(0, tasks))


def find_target(spec: ScalerSpec, given: int | None = None) -> int:
    """Return the messages for each job or task: as given, else the scaler's own, else KEDA's default."""
    demand = spec.policy.demand
    return given or (demand.messages_per_container if isinstance(demand, PerContainer) else DEFAULT_TARGET)


def fill_up(most: int | None) -> Rule:
    """Return the rule of a task for each message that waits, up to a maximum of tasks; None is none."""

    def rule(seen: Seen) -> int:
        wanted = seen.counts.visible - seen.pending
        return wanted if most is None else min(wanted, most - seen.running - seen.pending)

    return rule


def one_each(workers: Workers) -> Workers:
    """Return the workers of a task that was launched for one message."""
    return replace(workers, takes_one=True, stale=0.0)
