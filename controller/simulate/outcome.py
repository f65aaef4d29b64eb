"""The outcome of a simulation: what became of every message and task, and what was decided at each poll."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, isnan
from typing import NamedTuple, Self

from controller.core.copies.packing import Plan
from controller.core.decision.model import Decision
from controller.simulate.tasks import Task


class Poll(NamedTuple):
    """One decision in the numbers that pictures and tables need; None is unknown."""

    at: float
    reason: str
    visible: int | None
    """As the poll saw them, as the rest."""
    in_flight: int | None
    running: int | None
    starting: int | None
    desired: int | None
    launch: int

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Return the numbers of a decision."""
        queue, fleet, numbers = decision.queue, decision.fleet, decision.numbers
        return cls(
            decision.at,
            decision.reason,
            queue.visible if queue else None,
            queue.in_flight if queue else None,
            fleet.running if fleet else None,
            len(fleet.starting) if fleet else None,
            numbers.desired if numbers else None,
            decision.launch,
        )


class Launched(NamedTuple):
    """One launch."""

    at: float
    plan: Plan


@dataclass(slots=True)
class Account:
    """What whoever decides has done, as it does it."""

    polls: list[Poll] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    launches: list[Launched] = field(default_factory=list)

    def enter(self, poll: Poll) -> None:
        """Enter a decision."""
        self.polls.append(poll)
        self.reasons[poll.reason] += 1

    def count_rests(self, decision: Decision, polls: int) -> None:
        """Count polls that came to the same as a decision, one after the other, without a line each."""
        self.reasons[decision.reason] += polls

    def enter_launch(self, at: float, plan: Plan) -> None:
        """Enter a launch."""
        self.launches.append(Launched(at, plan))


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What became of one world. Times are seconds since the epoch; nan is never."""

    began_at: float
    ended_at: float
    sent: Sequence[float]
    """By message: when it was sent."""
    taken: Sequence[float]
    """By message: when a worker first took it; nan: none did."""
    done: Sequence[float]
    """By message: when its work was done."""
    work: Sequence[float]
    """By message: how long its work takes, seconds."""
    tasks: Sequence[Task]
    """In the order of their launch. One that did not end within the time has ``inf`` for its end."""
    polls: Sequence[Poll]
    """Every decision that was taken; of the polls of a quiet queue only the first."""
    reasons: Counter[str]
    """How many polls came to each reason, those of a quiet queue included."""
    launches: Sequence[Launched]

    @property
    def waits(self) -> list[float]:
        """How long each message waited for a worker, seconds; those that none took are left out."""
        return [taken - sent for sent, taken in zip(self.sent, self.taken, strict=True) if not isnan(taken)]

    @property
    def left(self) -> int:
        """Messages that no worker took."""
        return sum(map(isnan, self.taken))

    @property
    def containers(self) -> int:
        """Worker containers that were launched."""
        return sum(task.containers for task in self.tasks)

    @property
    def live(self) -> list[tuple[float, int]]:
        """When the number of worker containers that start or run has changed, and to what."""
        return self._add_up_containers(holding=False)

    @property
    def held(self) -> list[tuple[float, int]]:
        """The same of those that count against the maximum: a task that is stopping does with all its workers."""
        return self._add_up_containers(holding=True)

    @property
    def peak(self) -> int:
        """The most worker containers that started or ran at one time."""
        return max((count for _, count in self.live), default=0)

    def _add_up_containers(self, *, holding: bool) -> list[tuple[float, int]]:
        changes: Counter[float] = Counter()
        for task in self.tasks:
            changes[task.created_at] += task.containers
            changes.subtract(task.exits)
            left = task.containers - len(task.exits)
            if holding and task.exits and not left:
                changes[task.exits[-1]] += task.containers
                left = task.containers
            if task.ended_at < inf:
                changes[task.ended_at] -= left
        moments = sorted(changes)
        return list(zip(moments, accumulate(map(changes.__getitem__, moments)), strict=True))
