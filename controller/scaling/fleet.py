"""The cluster snapshot: what lives, listed once for all scalers that ask at the same time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from threading import Lock
from typing import Protocol

from controller.aws.errors import AwsError, Fault
from controller.aws.tasks import Round
from controller.clock import Clock
from controller.core.decision.breaker import SOON, Sign
from controller.core.decision.ledger import Ledger, LiveTask, StoppedTask, answered, described, ended, fleet_of
from controller.core.decision.model import Fleet
from controller.telemetry.series import Series

STARTS_REMEMBERED = 20
"""Starts of a scaler whose median is its start delay."""
NEVER = float("-inf")


@dataclass(slots=True)
class _Crew:
    """What a cluster knows of one scaler."""

    worker: str | None
    """The container that does the work, as configured."""
    series: Series
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=STARTS_REMEMBERED))
    """Seconds from RunTask until a worker ran, of the last starts."""
    start_delay: float | None = None
    signs: dict[str, Sign] = field(default_factory=dict)
    """What each task, by ARN, has told of those to come since the scaler last asked."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is known of the cluster; swapped whole."""

    listed_at: float
    ledger: Ledger
    by_scaler: Mapping[str, tuple[LiveTask, ...]]


class Lister(Protocol):
    """Lists and describes the controller's tasks in one cluster; ``controller.aws.tasks.Tasks`` does."""

    def observe(self, known: Iterable[str], worker_of: Callable[[str], str | None]) -> Round:
        """List the tasks, and describe them and the ``known`` ones. Raises AwsError."""

    def ended(self, family: str, worker_of: Callable[[str], str | None]) -> tuple[StoppedTask, ...]:
        """Return the tasks of a family that have ended lately. Raises AwsError."""


class Cluster:
    """The tasks of one controller in one cluster.

    A listing is taken under a lock: whoever else asks meanwhile waits, and finds it done. Our own launches are
    entered at once, without a listing.
    """

    def __init__(self, tasks: Lister, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._listing = Lock()
        self._changing = Lock()
        self._snapshot = _Snapshot(NEVER, {}, {})
        self._history_read: set[str] = set()
        self._failure: tuple[float, AwsError] | None = None
        self._crews: dict[str, _Crew] = {}

    def enrol(self, scaler: str, worker: str | None, series: Series) -> None:
        """Tell which container does a scaler's work, and where its starts and stops are counted.

        What is known of a scaler's starts stays when it is told again.
        """
        with self._changing:
            crew = self._crews.get(scaler, _Crew(worker, series))
            self._crews[scaler] = replace(crew, worker=worker, series=series)

    def dismiss(self, scaler: str) -> None:
        """Forget a scaler; its tasks finish by themselves."""
        with self._changing:
            self._crews.pop(scaler, None)

    @property
    def is_listed(self) -> bool:
        """Whether a listing was ever taken."""
        return self._snapshot.listed_at > NEVER

    def is_idle(self, scaler: str) -> bool:
        """Say whether a listing was taken and no task of the scaler's is known to live."""
        return self.is_listed and not self._snapshot.by_scaler.get(scaler)

    def tasks_of(self, scaler: str) -> tuple[LiveTask, ...]:
        """Return the scaler's live tasks as far as known."""
        return self._snapshot.by_scaler.get(scaler, ())

    def fleet(self, scaler: str) -> Fleet:
        """Return the scaler's fleet as far as known."""
        snapshot = self._snapshot
        crew = self._crews.get(scaler)
        delay = crew.start_delay if crew else None
        return fleet_of(snapshot.by_scaler.get(scaler, ()), snapshot.listed_at, delay)

    def refresh(self, began_after: float) -> None:
        """Make sure that what is known stands on a listing that began at ``began_after`` or later.

        Raises AwsError when the cluster cannot be listed and described whole; whoever waited for that listing gets the
        same error without another try.
        """
        with self._listing:
            now = self._clock.now()
            # A listing from the future was taken before the clock stepped back: how old it is cannot be told.
            if began_after <= self._snapshot.listed_at <= now:
                return
            if self._failure is not None and began_after <= self._failure[0] <= now:
                raise self._failure[1]
            try:
                seen = self._tasks.observe(tuple(self._snapshot.ledger), self._worker_of)
                self._merge(now, seen)
                self._failure = None
            except AwsError as error:
                self._failure = (now, error)
                raise

    def launched(self, tasks: Iterable[LiveTask]) -> None:
        """Enter tasks from an answer: they live until they are described as stopped."""
        with self._changing:
            self._swap(self._snapshot.listed_at, answered(self._snapshot.ledger, tasks))

    def _worker_of(self, scaler: str) -> str | None:
        crew = self._crews.get(scaler)
        return crew.worker if crew else None

    def _merge(self, listed_at: float, seen: Round) -> None:
        with self._changing:
            before = self._snapshot.ledger
            if strange := [arn for arn in seen.missing if arn not in before]:
                raise AwsError(Fault.SERVER_ERROR, f"task {strange[0]} is listed, but ECS does not know it yet")
            ledger, stopped = described(before, seen.tasks, seen.missing, self._clock.now())
            self._swap(listed_at, ledger)
            self._read_signs(before, ledger, stopped)
            self._count(before, ledger, stopped)

    def _swap(self, listed_at: float, ledger: Ledger) -> None:
        by_scaler: defaultdict[str, list[LiveTask]] = defaultdict(list)
        for task in ledger.values():
            by_scaler[task.scaler].append(task)
        self._snapshot = _Snapshot(listed_at, ledger, {name: tuple(tasks) for name, tasks in by_scaler.items()})

    def _count(self, before: Ledger, after: Ledger, stopped: tuple[StoppedTask, ...]) -> None:
        """Count starts and stops, each once; a task may do both between two listings."""
        for gone in stopped:
            if crew := self._crews.get(gone.scaler):
                crew.series.task_stopped(gone.outcome)
        seen: tuple[LiveTask | StoppedTask, ...] = (*after.values(), *stopped)
        for task in seen:
            known = before.get(task.arn)
            crew = self._crews.get(task.scaler)
            delay = task.start_took
            if crew is None or delay is None or (known and known.started_at is not None):
                continue
            crew.starts.append(delay)
            crew.start_delay = median(crew.starts)
            # What ran before this process began to look was counted by the one before it.
            if known is not None:
                crew.series.task_started(delay)

    def _read_signs(self, before: Ledger, after: Ledger, stopped: Iterable[StoppedTask]) -> None:
        """Keep what each task tells of those to come, once, until its scaler asks."""
        for task in after.values():
            known = before.get(task.arn)
            if task.proven and task.started_at is not None and not (known and known.proven):
                self._keep(task, Sign(good=True, at=task.started_at + SOON, born_at=task.created_at))
        for gone in stopped:
            self._keep(gone, gone.sign)

    def _keep(self, task: LiveTask | StoppedTask, sign: Sign | None) -> None:
        if sign and (crew := self._crews.get(task.scaler)):
            crew.signs[task.arn] = sign

    def read_history(self, families: Iterable[str]) -> None:
        """Take in how tasks of these families ended before this process began to look, each family once.

        Whoever takes signs only after this has each task's once, those as well that were seen to end since.
        Raises AwsError when that cannot be told.
        """
        with self._listing:
            for family in families:
                if family in self._history_read:
                    continue
                stopped = [ended(task) for task in self._tasks.ended(family, self._worker_of)]
                with self._changing:
                    for task in stopped:
                        self._keep(task, task.sign)
                self._history_read.add(family)

    def signs(self, scaler: str) -> list[Sign]:
        """Return what the scaler's tasks have told since this was last asked, in the order of their times."""
        with self._changing:
            crew = self._crews.get(scaler)
            if crew is None or not crew.signs:
                return []
            signs, crew.signs = crew.signs, {}
        return sorted(signs.values(), key=lambda sign: sign.at)


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
