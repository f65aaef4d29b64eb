"""Sight: the world as SQS and ECS show it to the controller: counts that are a little old, and listings of tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from random import Random

from controller.core.decision.breaker import Sign
from controller.core.decision.ends import find_left
from controller.core.decision.ledger import Ledger, count_fleet, enter_descriptions, enter_started
from controller.core.decision.lessons import Left
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.starts import NONE_SEEN, measure_start
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Start
from controller.core.frozen import change
from controller.simulate.tasks import Task
from controller.simulate.world import World

MINUTE = 60.0
DELETED_EVERY = 300.0
"""Seconds between two questions for the deleted messages."""
DELETED_AFTER = 180.0
"""Seconds after which a minute is told."""


class SeenQueue:
    """The queue's counts, each reading of another age up to that of the stalest."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._ages = Random(f"{seed}:counts")  # noqa: S311 - repeatable, not secret

    def read_counts(self) -> QueueCounts:
        """Return the counts as SQS shows them now."""
        world = self._world
        visible, in_flight = world.visible, world.in_flight
        if world.workers.stale:
            shown = world.now - self._ages.uniform(0, world.workers.stale)
            for at, visible, in_flight in reversed(world.seen):  # noqa: B007 - the last is the one that is shown
                if at <= shown:
                    break
        return QueueCounts(visible, 0 if world.workers.deletes_first else in_flight, 0)


class SeenDeleted:
    """The deleted messages of each minute as CloudWatch tells them: every five minutes, those of three minutes ago."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked_at = world.now
        self._told_until = world.now // MINUTE * MINUTE

    def take(self) -> Mapping[float, float]:
        """Return what was told since this was last asked; a minute without a message is told as one of 0."""
        now = self._world.now
        if now - self._asked_at < DELETED_EVERY:
            return {}
        self._asked_at = now
        since, until = self._told_until, (now - DELETED_AFTER) // MINUTE * MINUTE
        self._told_until = max(since, until)
        minutes = (since + MINUTE * number for number in range(round((until - since) / MINUTE)))
        return {minute: float(self._world.done_in[minute]) for minute in minutes}

    def take_past(self) -> None:
        """Return nothing: before this world there was none."""


class SeenTasks:
    """The scaler's tasks by listings and by the answers to its launches, in the ledger of the daemon."""

    def __init__(self, world: World, scaler: str) -> None:
        self._world = world
        self._scaler = scaler
        self._listed_at = -inf
        self._ledger: Ledger = {}
        self._starts = NONE_SEEN
        self._left: list[Left] = []
        self._fleet: Fleet | None = None
        """The fleet that stands on listing and ledger as they are; None: they have changed since it was asked for."""

    @property
    def is_listed(self) -> bool:
        """Whether a listing was ever taken."""
        return self._listed_at > -inf

    @property
    def listing_costs(self) -> float:
        """Seconds that a listing takes: none here."""
        return 0.0

    @property
    def is_known(self) -> bool:
        """Whether it is known what lives."""
        return self.is_listed

    def is_idle(self, _scaler: str) -> bool:
        """Say whether a listing was taken and no task is known to live."""
        return self.is_listed and not self._ledger

    def refresh(self, began_after: float) -> None:
        """List and describe the tasks, unless the last listing began at ``began_after`` or later."""
        if began_after <= self._listed_at:
            return
        self._listed_at = self._world.now
        if not self._world.changed:
            # A listing that shows what the one before has shown is told once, not at each question.
            self._fleet = None if self._fleet is None else change(self._fleet, listed_at=self._listed_at)
            return
        # Those that look as before would leave the ledger as it is.
        described = [describe(task, self._scaler) for task in self._world.changed.values()]
        self._world.changed.clear()
        before = {task.arn: self._ledger[task.arn] for task in described if task.arn in self._ledger}
        self._ledger, stopped = enter_descriptions(self._ledger, described, (), self._world.now)
        self._left += [left for _, left in find_left(before, self._ledger, stopped, self._world.now)]
        self._fleet = None
        live = (self._ledger[each.arn] for each in described if each.arn in self._ledger)
        self._note_starts(before, (*live, *stopped))

    def fleet_of(self, _scaler: str) -> Fleet:
        """Return the fleet as far as known."""
        if self._fleet is None:
            self._fleet = count_fleet(self._ledger.values(), self._listed_at, self._starts.delay)
        return self._fleet

    def enter(self, tasks: Iterable[Task]) -> None:
        """Enter the tasks of an answer to RunTask."""
        self._ledger = enter_started(self._ledger, (describe_started(task, self._scaler) for task in tasks))
        self._fleet = None

    def _note_starts(self, before: Ledger, tasks: Iterable[LiveTask | StoppedTask]) -> None:
        for task in tasks:
            if (took := measure_start(before.get(task.arn), task)) is not None:
                self._starts = self._starts.add(took)

    def read_history(self, _families: Iterable[str]) -> None:
        """Take in how tasks ended before: there were none."""

    def take_signs(self, _scaler: str) -> list[Sign]:
        """Return the signs for the breaker: none, since no task of this world fails."""
        return []

    def take_left(self, _scaler: str) -> list[Left]:
        """Return the containers that have left since this was last asked."""
        left, self._left = self._left, []
        return left

    def take_capacity_signs(self, _scaler: str) -> list[CapacitySign]:
        """Return the signs of a lack of capacity: none, since each task of this world finds a place."""
        return []


def describe_started(task: Task, scaler: str) -> LiveTask:
    """Return a task as the answer to RunTask shows it."""
    return LiveTask(task.arn, scaler, running=0, starting=task.containers, created_at=task.created_at)


def describe(task: Task, scaler: str) -> LiveTask | StoppedTask:
    """Return a task as DescribeTasks shows it."""
    if task.ended_at < inf:
        return StoppedTask(
            task.arn,
            scaler,
            StopOutcome.SUCCEEDED,
            created_at=task.created_at,
            start=Start(task.started_at),
            stopped_at=task.ended_at,
        )
    if task.has_to_start:
        return describe_started(task, scaler)
    running = len(task.live)
    return LiveTask(
        task.arn,
        scaler,
        running=running,
        starting=0,
        created_at=task.created_at,
        exited=task.containers - running,
        start=Start(task.started_at),
        stopped=task.containers - running,
        draining=not running,
    )
