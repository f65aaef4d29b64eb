"""One task as far as it is known: when it started, and what runs in it. How one has ended: stopped.py.

ECS does not say when a task's workers began to run. It dates a task's start (``startedAt``) once every container has
started, and a container that waits for the worker's end (``dependsOn`` COMPLETE) starts hours later. Containers have no
dates. So a start is known as well as the looks at the task tell: the ledger fills it in.

A live task is in one of four states. Only the first two are at work, and all four count against the maximum::

    starting, running   by its worker containers; those that have stopped count no longer
    ended               no worker is left in it, but other containers go on: with all its workers
    draining            it was told to stop (desired status STOPPED) and has not yet: with all its workers
"""

from __future__ import annotations

from enum import StrEnum

from controller.core.decision.breaker import Sign
from controller.core.decision.scarcity import CapacitySign
from controller.core.frozen import frozen


@frozen
class Start:
    """When a task's workers began to run, as closely as it is known."""

    at: float | None = None
    """When a worker had surely begun; None: none has, as far as known. As described, it is ECS's date of the task."""
    after: float | None = None
    """The last moment at which none had begun: a look, or RunTask. None: ``at`` is the very moment."""
    measured: bool = False
    """Whether ``at`` is close enough to the true moment to measure how long the start took."""

    def took(self, created_at: float) -> float | None:
        """Return the seconds from RunTask until a worker ran; None: none has, or nobody looked closely enough."""
        return self.at - created_at if self.at is not None and self.measured else None


NEVER_SEEN = Start()
"""Of a task whose workers nobody has seen run."""


class TaskState(StrEnum):
    """The state of a live task; all of them count against the maximum."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    """It was told to stop, and has not yet."""
    ENDED = "ended"
    """No worker is left in it, but others of its containers go on."""


class Part(StrEnum):
    """What the description of a live task may fail to tell. Such a task is odd, and a guess stands in its place."""

    OWNER = "owner"
    """Whose task it is."""
    CREATION = "creation"
    """When it was created."""
    CREW = "crew"
    """How many workers it has, and how many of them run."""


def name_revision(family: str | None, revision: int | None) -> str | None:
    """Return ``family:revision``; None if either is not told."""
    return None if family is None or revision is None else f"{family}:{revision}"


NOBODY = ""
"""The scaler of a task of which nobody knows whose it is."""


@frozen
class Outline:
    """What is known of a task before anybody has looked into it."""

    scaler: str
    """NOBODY: it may be that of any scaler of its cluster."""
    worker: str | None
    """The container that does the work, as configured; None: the template has only one, or nobody knows it."""
    copies: int | None
    """How many workers it has, as its family tells; None: it does not."""
    most: int
    """The most workers that a task of the scaler has."""

    @property
    def workers(self) -> int:
        """How many workers it has, as well as that can be guessed: not too few."""
        return self.copies or self.most


@frozen
class Size:
    """The task-level CPU and memory that a task is paid for; None: not told."""

    cpu: int | None = None
    """CPU units, of which a vCPU has 1024."""
    memory: int | None = None
    """MiB."""


@frozen
class LiveTask:
    """A task that has not stopped."""

    arn: str
    scaler: str
    """NOBODY: it may be that of any scaler of its cluster."""
    running: int
    """Worker containers that run."""
    starting: int
    """Worker containers that do not run yet."""
    created_at: float
    exited: int = 0
    """Worker containers that ran and have ended."""
    start: Start = Start()
    ran_until: float | None = None
    """The last look that saw a worker run."""
    ended_at: float | None = None
    """The first look that saw all its workers ended, while others of its containers went on."""
    missing_since: float | None = None
    """Since when ECS says that it does not know the task."""
    company: bool = False
    """Whether it has containers beside workers and keeper: they may start later and end later than the workers."""
    stopped: int = 0
    """Worker containers that have stopped: those that ran (``exited``), and those that never did."""
    draining: bool = False
    """Whether it was told to stop. It takes no new message, and never runs again."""
    guessed: frozenset[Part] = frozenset()
    """What neither a description nor an answer to RunTask has told of it. A guess is never too low."""
    family: str | None = None
    """The family of its definition; None: not told."""
    revision: int | None = None
    """Which of its family; None: not told."""
    size: Size | None = None
    provider: str | None = None
    """The capacity provider that it was launched on; None: on none, or not told."""
    alone: bool = False
    """Whether its only container is its worker, so that it ends with it."""
    looked_at: float | None = None
    """When it was described last; None: it never was."""

    @property
    def workers(self) -> int:
        """All its worker containers, whatever has become of them."""
        return self.running + self.starting + self.stopped

    @property
    def state(self) -> TaskState:
        """The state that it is in. It runs from when a worker has begun, though others of its workers may start yet."""
        if self.draining:
            return TaskState.DRAINING
        if not (self.running or self.starting):
            return TaskState.ENDED
        return TaskState.STARTING if self.start.at is None else TaskState.RUNNING

    @property
    def capacity_sign(self) -> CapacitySign | None:
        """The sign that it has found a place; None: none of its workers was seen to run yet."""
        began = self.start.at
        return (
            None
            if began is None
            else CapacitySign(found=True, at=began, born_at=self.created_at, provider=self.provider)
        )

    def sign(self, within: float) -> Sign | None:
        """Return the good sign that a task is whose workers were seen to run for longer than ``within`` seconds.

        None: it has not run for so long yet. A task whose workers have crashed lingers while ECS cleans up, so the last
        look that saw one run counts, and not the task's age.
        """
        started, ran_until = self.start.at, self.ran_until
        if started is None or ran_until is None or ran_until - started < within:
            return None
        definition = name_revision(self.family, self.revision)
        return Sign(good=True, at=started + within, born_at=self.created_at, definition=definition)
