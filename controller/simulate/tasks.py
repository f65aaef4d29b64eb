"""Tasks and the workers in them, as they live in the world of a simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan, nan

from controller.simulate.draws import Draw, always, between


@dataclass(frozen=True, slots=True)
class Workers:
    """What no arrivals tell of the workers: how long they take to start, to work and to give up."""

    work: Draw = field(default_factory=lambda: always(60))
    """How long a message takes, where its arrival does not say."""
    takes_one: bool = False
    """Whether a worker takes one message and exits, or goes on until the queue is empty."""
    deletes_first: bool = False
    """Whether a worker deletes its message as it takes it (``busy: running``): then SQS shows none in flight."""
    start: Draw = field(default_factory=lambda: between(30, 90))
    """From RunTask's answer until the workers of a task run."""
    unbilled: float = 10
    """Seconds of the start before the image is pulled, which nobody pays."""
    last_poll: float = 20
    """Seconds for which a worker waits for a message before it exits; inf: for ever."""
    ending: float = 15
    """Seconds from the exit of a task's last worker until ECS calls the task stopped."""
    stale: float = 5
    """The counts that SQS shows are at most so many seconds old."""
    visibility: float = 30
    """Seconds after which a message returns to the queue whose worker was killed."""
    grace: float = 30
    """Seconds that a worker whose task is stopped has to finish its message, before it is killed (``stopTimeout``)."""


class Task:
    """One task with one or more copies of the worker. Times are seconds since the epoch."""

    __slots__ = (
        "arn",
        "containers",
        "created_at",
        "empty",
        "ended_at",
        "exits",
        "killed",
        "live",
        "paid_from",
        "started_at",
    )

    def __init__(self, arn: str, containers: int, created_at: float, paid_from: float) -> None:
        self.arn = arn
        self.containers = containers
        """Worker containers in it."""
        self.created_at = created_at
        self.paid_from = paid_from
        """When its image began to be pulled."""
        self.started_at = nan
        """When its workers began to run; nan: not yet."""
        self.ended_at = inf
        """When ECS called it stopped; inf: not yet."""
        self.live: list[Worker] = []
        """The workers that run."""
        self.exits: list[float] = []
        """When each worker that ran has exited."""
        self.empty = 0
        """Workers that have ended without a message."""
        self.killed = 0
        """Workers that were ended in the middle of a message."""

    @property
    def has_to_start(self) -> bool:
        """Whether its workers do not run yet."""
        return isnan(self.started_at)


class Worker:
    """One worker container."""

    __slots__ = ("finishes_at", "gives_up_at", "is_leaving", "message", "served", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.message: int | None = None
        """The message that it works on, by its number."""
        self.served = 0
        """Messages that it has taken."""
        self.finishes_at = inf
        """When it is done with its message."""
        self.gives_up_at = inf
        """When it exits if no message comes."""
        self.is_leaving = False
        """Whether it exits after its message, since its task was stopped."""
