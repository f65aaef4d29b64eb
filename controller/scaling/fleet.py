"""The cluster snapshot: what lives, listed once for all scalers that ask at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol, Self

from controller.aws.descriptions import FindOutline
from controller.aws.errors import AwsError, Fault
from controller.aws.gate import Gate
from controller.aws.tasks import Round
from controller.clock import Clock
from controller.core.decision.breaker import Sign
from controller.core.decision.ledger import (
    Ledger,
    count_fleet,
    date_end,
    enter_descriptions,
    enter_draining,
    enter_started,
)
from controller.core.decision.lessons import Left
from controller.core.decision.model import Fleet
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.task import NOBODY, LiveTask, StoppedTask
from controller.scaling.roster import Roster

NEVER = float("-inf")
LISTED_WITHIN = 10.0
"""Seconds that a listing, or a look at what ended, should take at most; who waits for it gives up then, and holds."""
_LISTING = "the listing of its cluster"
_HISTORY = "reading how tasks of its cluster ended"


class Lister(Protocol):
    """Lists and describes the controller's tasks in one cluster; ``controller.aws.tasks.Tasks`` does."""

    def observe(self, known: Iterable[str], find_outline: FindOutline) -> Round:
        """List the tasks, and describe them and the ``known`` ones. Raises AwsError."""

    def list_stopping(self, family: str, find_outline: FindOutline) -> tuple[LiveTask | StoppedTask, ...]:
        """Return the tasks of a family that were told to stop, and those that have ended lately. Raises AwsError."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The known tasks of a cluster; swapped whole, so that whoever reads needs no lock."""

    listed_at: float = NEVER
    """When the listing began that it stands on."""
    ledger: Ledger = field(default_factory=dict)
    by_scaler: Mapping[str, tuple[LiveTask, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, listed_at: float, ledger: Ledger) -> Self:
        """Return the snapshot of a ledger, its tasks sorted by scaler."""
        by_scaler: defaultdict[str, list[LiveTask]] = defaultdict(list)
        for task in ledger.values():
            by_scaler[task.scaler].append(task)
        return cls(listed_at, ledger, {name: tuple(tasks) for name, tasks in by_scaler.items()})


class Cluster:
    """The tasks of one controller in one cluster.

    A listing is taken by one, behind a gate: whoever else asks meanwhile waits, and finds it done, or goes without it
    when it hangs. Our own launches are entered at once, without a listing.
    """

    def __init__(self, tasks: Lister, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._listing = Gate(clock.elapsed, LISTED_WITHIN)
        # Of its own: at a start each scaler reads that of its own families, one after the other.
        self._recalling = Gate(clock.elapsed, LISTED_WITHIN)
        self._changing = Lock()
        self._snapshot = _Snapshot()
        self._failure: tuple[float, AwsError] | None = None
        """When the last listing failed, and how; None: it did not."""
        self._history_read: set[str] = set()
        self.roster = Roster()

    @property
    def is_listed(self) -> bool:
        """Whether a listing was ever taken."""
        return self._snapshot.listed_at > NEVER

    @property
    def is_known(self) -> bool:
        """Whether it is known what lives: a listing was taken, or ECS says that there is no such cluster.

        ECS deletes no cluster that has tasks, so nothing lives in one that does not exist, save what our own launches
        are known to have started.
        """
        failure = self._failure
        return self.is_listed or (failure is not None and failure[1].fault is Fault.MISSING)

    def is_idle(self, scaler: str) -> bool:
        """Say whether a listing was taken and no task of the scaler's is known to live."""
        return self.is_listed and not self._snapshot.by_scaler.get(scaler)

    def tasks_of(self, scaler: str) -> tuple[LiveTask, ...]:
        """Return the scaler's live tasks as far as known."""
        return self._snapshot.by_scaler.get(scaler, ())

    def fleet_of(self, scaler: str) -> Fleet:
        """Return the scaler's fleet as far as known."""
        snapshot = self._snapshot
        own, unowned = (snapshot.by_scaler.get(owner, ()) for owner in (scaler, NOBODY))
        return count_fleet(own, snapshot.listed_at, self.roster.start_delay_of(scaler), unowned)

    def refresh(self, began_after: float) -> None:
        """Make sure that what is known stands on a listing that began at ``began_after`` or later.

        Raises AwsError when the cluster cannot be listed and described whole; whoever waited for that listing gets the
        same error without another try. Also raises it when another's listing takes too long.
        """
        known = self._failure
        with self._listing.enter(_LISTING, known and known[1]):
            now = self._clock.now()
            # A listing from the future was taken before the clock stepped back: how old it is cannot be told.
            if began_after <= self._snapshot.listed_at <= now:
                return
            if self._failure is not None and began_after <= self._failure[0] <= now:
                raise self._failure[1].again()
            try:
                self._merge(now, self._tasks.observe(tuple(self._snapshot.ledger), self.roster.find_outline))
                self._failure = None
            except AwsError as error:
                # By its end, which may be long after its beginning: those that waited all the while need no other try.
                self._failure = (self._clock.now(), error)
                raise

    def enter(self, tasks: Iterable[LiveTask]) -> None:
        """Enter tasks from an answer to RunTask: they live until they are described as stopped."""
        with self._changing:
            self._snapshot = _Snapshot.of(self._snapshot.listed_at, enter_started(self._snapshot.ledger, tasks))

    def read_history(self, families: Iterable[str]) -> None:
        """Take in how tasks of these families ended before this process began to look, each family once.

        Those that were told to stop and have not yet count from now on: no listing of live tasks shows them.
        Whoever takes signs only after this has each task's once, those as well that were seen to end since.
        Raises AwsError when that cannot be told.
        """
        with self._recalling.enter(_HISTORY):
            for family in families:
                if family not in self._history_read:
                    stopping = self._tasks.list_stopping(family, self.roster.find_outline)
                    self._take_in(stopping)
                    self._history_read.add(family)

    def _take_in(self, stopping: Iterable[LiveTask | StoppedTask]) -> None:
        live = [task for task in stopping if isinstance(task, LiveTask)]
        self.roster.note_history(date_end(task) for task in stopping if isinstance(task, StoppedTask))
        with self._changing:
            ledger = enter_draining(self._snapshot.ledger, live, self._clock.now())
            self._snapshot = _Snapshot.of(self._snapshot.listed_at, ledger)

    def take_signs(self, scaler: str) -> list[Sign]:
        """Return the signs of the scaler's tasks since this was last asked, in the order of their times."""
        return self.roster.take_signs(scaler)

    def take_left(self, scaler: str) -> list[Left]:
        """Return the scaler's containers that have left since this was last asked, in the order of their times."""
        return self.roster.take_left(scaler)

    def take_capacity_signs(self, scaler: str) -> list[CapacitySign]:
        """Return whether the scaler's tasks found a place since this was last asked, in the order of their times."""
        return self.roster.take_capacity_signs(scaler)

    def _merge(self, listed_at: float, seen: Round) -> None:
        with self._changing:
            before = self._snapshot.ledger
            now = self._clock.now()
            after, stopped = enter_descriptions(before, seen.tasks, seen.missing, now)
            self._snapshot = _Snapshot.of(listed_at, after)
            self.roster.note(before, after, stopped, now)


class Clusters:
    """Every cluster that a scaler works in, one snapshot each."""

    def __init__(self, lister: Callable[[str], Lister], clock: Clock) -> None:
        self._lister = lister
        self._clock = clock
        self._clusters: dict[str, Cluster] = {}
        self._lock = Lock()

    def of(self, cluster: str) -> Cluster:
        """Return the cluster of that name or ARN."""
        with self._lock:
            if cluster not in self._clusters:
                self._clusters[cluster] = Cluster(self._lister(cluster), self._clock)
            return self._clusters[cluster]

    def keep(self, used: Collection[str]) -> None:
        """Forget every cluster but those that are used.

        One that is used again is listed before anything is launched there, as after a restart.
        """
        with self._lock:
            self._clusters = {name: cluster for name, cluster in self._clusters.items() if name in used}
