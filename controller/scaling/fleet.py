"""The cluster snapshot: what lives, listed once for all scalers that need to know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from threading import Lock
from typing import Protocol

from controller.aws.descriptions import FindOutline
from controller.aws.errors import AwsError, Fault, shorten
from controller.aws.tasks import Round, SupersededError
from controller.clock import Clock
from controller.core.decision.breaker import Sign
from controller.core.decision.ledger import (
    Ledger,
    count_fleet,
    date_end,
    enter_descriptions,
    enter_draining,
    enter_listed,
)
from controller.core.decision.lessons import Left
from controller.core.decision.model import Fleet
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import NOBODY, LiveTask
from controller.scaling.histories import Histories
from controller.scaling.look import Look, LookWanted
from controller.scaling.roster import Roster
from controller.scaling.snapshot import NEVER, NOTHING_SEEN, Snapshot

FAILURE_STANDS = 9.0
"""Seconds after a listing that failed in which nobody tries another, however long one that succeeds would serve."""


class Lister(Protocol):
    """Lists and describes the controller's tasks in one cluster; ``controller.aws.tasks.Tasks`` does."""

    def observe(self, known: Ledger, find_outline: FindOutline, is_needed: Callable[[], bool]) -> Round:
        """List the tasks, and describe them and the ``known`` ones, as far as that is needed.

        Raises AwsError, SupersededError once the whole listing ``is_needed`` no more.
        """

    def list_stopping(
        self, family: str, find_outline: FindOutline, note_answer: Callable[[], object]
    ) -> tuple[LiveTask | StoppedTask, ...]:
        """Return the tasks of a family that were told to stop, and those that have ended lately. Raises AwsError."""


class Cluster:
    """The tasks of one controller in one cluster. Our own launches are entered at once, without a listing.

    It never asks AWS by itself: whoever needs to know more is told which look to have taken. It may be read by every
    thread; looks are taken by one at a time.
    """

    def __init__(self, tasks: Lister, clock: Clock, place: Hashable = None) -> None:
        """``place`` is the account and region that it is in; None: the controller's own."""
        self.place = place
        self._tasks = tasks
        self._clock = clock
        self._changing = Lock()
        self._snapshot = Snapshot()
        self._failure: tuple[float, AwsError] | None = None
        """When the last listing failed, and how; None: it did not."""
        self._late: AwsError | None = None
        """Why nobody waits for a look now; None: they do."""
        self._histories = Histories()
        self._unreadable: dict[str, AwsError] = {}
        """By family: why its history could not be read, until somebody was told."""
        self.listing_took = 0.0
        """Seconds that the last listing took; 0: none was taken."""
        self.listing_costs = 0.0
        """Seconds for which it used the account's rate up, if that is more."""
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

    def count_tasks(self) -> int:
        """Return how many tasks live in the cluster as far as known."""
        return len(self._snapshot.ledger)

    def tasks_of(self, scaler: str) -> tuple[LiveTask, ...]:
        """Return the scaler's live tasks as far as known."""
        return self._snapshot.by_scaler.get(scaler, ())

    def ended_of(self, scaler: str) -> tuple[StoppedTask, ...]:
        """Return the scaler's tasks that have ended lately, if it has a rollout, which they tell of."""
        return self.roster.ended_of(scaler)

    def fleet_of(self, scaler: str) -> Fleet:
        """Return the scaler's fleet as far as known."""
        snapshot = self._snapshot
        own, unowned = (snapshot.by_scaler.get(owner, ()) for owner in (scaler, NOBODY))
        return count_fleet(own, snapshot.listed_at, self.roster.start_delay_of(scaler), unowned)

    def refresh(self, began_after: float) -> None:
        """Make sure that what is known stands on a listing that began at ``began_after`` or later.

        Raises LookWanted if there was none, and AwsError if one that ended then or later, and lately, has failed.
        """
        if not self._stands_on(began_after):
            raise self._late.again() if self._late else LookWanted(Look(self, began_after))

    def list_anew(self, began_after: float, is_needed: Callable[[], bool] = lambda: True) -> None:
        """Take a listing, and describe what it does not tell, unless there is one that began late enough by now.

        A failure is remembered for those who ask. Raises SupersededError once it ``is_needed`` no more, and then leaves
        what is known as it was.
        """
        try:
            if self._stands_on(began_after):
                return
        except AwsError:
            return
        began, began_at = self._clock.elapsed(), self._clock.now()
        try:
            seen = self._tasks.observe(self._snapshot.ledger, self.roster.find_outline, is_needed)
            self._merge(began_at, seen)
        except SupersededError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours, too, is what those who wait have to be told
            # By its end, which may be long after its beginning: those that waited all the while need no other try.
            self._failure = (self._clock.now(), _as_told(error))
            return
        self._failure, self.listing_took = None, self._clock.elapsed() - began
        self.listing_costs = max(self.listing_took, seen.costs)

    def _stands_on(self, began_after: float) -> bool:
        now, failure = self._clock.now(), self._failure
        # A listing from the future was taken before the clock stepped back: how old it is cannot be told.
        if began_after <= self._snapshot.listed_at <= now:
            return True
        if failure is not None and max(began_after, now - FAILURE_STANDS) <= failure[0] <= now:
            raise failure[1].again()
        return False

    def note_late(self, error: AwsError | None) -> None:
        """Take in that a look does not end: whoever asks is told that error instead of waiting; None: it has ended."""
        self._late = error

    def enter(self, tasks: Iterable[LiveTask]) -> None:
        """Enter tasks from an answer to RunTask: they live until they are described as stopped."""
        if entered := tuple(tasks):
            with self._changing:
                self._snapshot = self._snapshot.with_started(entered)

    def find_seen(self, since: float) -> Snapshot:
        """Return the tasks as far as known; none if they were not listed ``since``, seconds since the epoch."""
        snapshot = self._snapshot
        return snapshot if snapshot.listed_at >= since else NOTHING_SEEN

    def greet(self, scaler: str, families: Iterable[str]) -> None:
        """Have the history of a scaler's families read for it alone, though it may have been read for others before."""
        self._histories.greet(scaler, families)

    def read_history(self, families: Iterable[str]) -> None:
        """Make sure that it is known how tasks of these families ended before this process began to look.

        Those that were told to stop and have not yet count from then on: no listing of live tasks shows them. Whoever
        takes signs only after this has each task's once, those as well that were seen to end since.
        Raises LookWanted if that was not read yet, and AwsError if it could not be.
        """
        unread = tuple(family for family in families if not self._histories.is_read(family))
        for family in unread:
            if (failure := self._unreadable.pop(family, None)) is not None:
                raise failure.again()
        if unread:
            raise self._late.again() if self._late else LookWanted(Look(self, families=unread))

    def recall(self, families: Iterable[str], note_answer: Callable[[], object] = lambda: None) -> None:
        """Read how tasks of these families ended, each family once. A failure is remembered for whoever asks next.

        ``note_answer`` is called after each answer of AWS.
        """
        for family in families:
            if self._histories.is_read(family):
                continue
            newcomers = self._histories.newcomers_of(family)
            try:
                self._take_in(self._tasks.list_stopping(family, self.roster.find_outline, note_answer), newcomers)
            except Exception as error:  # noqa: BLE001 - as above
                self._unreadable[family] = _as_told(error)
                return
            self._histories.note_read(family, newcomers)

    def _take_in(self, stopping: Iterable[LiveTask | StoppedTask], newcomers: Collection[str]) -> None:
        """Take in tasks that were told to stop; their ends for the newcomers alone, if there are some."""
        live = [task for task in stopping if isinstance(task, LiveTask)]
        ended = [task for task in stopping if isinstance(task, StoppedTask)]
        self.roster.note_history(date_end(task) for task in ended if not newcomers or task.scaler in newcomers)
        with self._changing:
            ledger = enter_draining(self._snapshot.ledger, live, self._clock.now())
            self._snapshot = Snapshot.of(self._snapshot.listed_at, ledger)

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
            listed = enter_listed(before, seen.spared, listed_at)
            after, stopped = enter_descriptions(listed, seen.tasks, seen.missing, now)
            self.roster.note(before, after, stopped, now)
            self._snapshot = Snapshot.of(listed_at, after)


def _as_told(error: Exception) -> AwsError:
    """Return how whoever waits is told of what came out of a look."""
    if isinstance(error, AwsError):
        return error
    return AwsError(Fault.SERVER_ERROR, f"reading the tasks of its cluster broke: {shorten(repr(error))}")
