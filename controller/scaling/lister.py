"""The listers: one a cluster, which takes the looks that are asked for, one after the other.

::

    reconcile --wants to know more--> put back ............................. goes on, in a thread of the pool
                                          |                                      ^
                                          '--> lister: a listing, or a history --'
                                               (one for all who wait for it)

Listers have threads of their own, so that no thread of the pool waits for a cluster: as many as there are clusters that
somebody waits for, up to a few in each account and region. With more clusters than that, their looks are taken in turn.

Whoever asks while a listing is under way that began too early waits for the next one; if the one under way has long to
go it is given up for that next one, since a launch needs a listing that began within its window. Not where that would
bring the next one too late for a window that the one under way is for, and not twice in a row: however many windows
open, every second listing comes to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock, Thread

from controller.aws.errors import AwsError, Fault
from controller.aws.tasks import SupersededError
from controller.clock import Clock
from controller.core.words import format_span
from controller.scaling.look import Look, LookedAt

LATE_AFTER = 10.0
"""Seconds without another answer after which nobody waits any longer for a look."""
WORTH_WAITING = 2.0
"""Seconds that a listing may still have to go without being given up for the next one."""

MOST_THREADS = 32
"""Looks that are taken at the same time in an account and region, each at another cluster."""

GoOn = Callable[[], object]
"""Lets whoever waits go on. It may be called by any thread, and has to return at once."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Somebody who waits for a look."""

    look: Look
    go_on: GoOn


@dataclass(slots=True)
class _Crew:
    """The threads that take looks at the clusters of one account and region."""

    answered: float
    """When AWS answered one of them last."""
    threads: int = 0
    line: deque[_Lister] = field(default_factory=deque)
    """Those whose turn is to come."""


class _Lister:
    """The lister of one cluster."""

    def __init__(self, cluster: LookedAt, crew: _Crew, clock: Clock) -> None:
        self.cluster = cluster
        self._crew = crew
        self._clock = clock
        self._lock = Lock()
        self._waiting: list[_Waiting] = []
        self._served: list[_Waiting] = []
        """Those for whom the look under way is taken."""
        self._began = clock.elapsed()
        self._began_at = clock.now()
        self._moved = self._began
        """When the look under way has come on last; else, since when this has waited for its turn."""
        self._is_looking = False
        self._gave_up_last = False
        self._owes_history = False
        """Whether a listing was taken since a history was read last."""

    def ask(self, waiting: _Waiting) -> None:
        """Take a look for somebody, after those that were asked for before."""
        with self._lock:
            self._waiting.append(waiting)

    @property
    def has_waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def take_late(self) -> list[_Waiting]:
        """Return all that wait, who are to go on and are told why, if the look under way does not come on.

        Before its turn: if none of the crew's does.
        """
        told = f"the listing of its cluster has not moved for {format_span(LATE_AFTER)}: AWS answers too slowly"
        with self._lock:
            moved = self._moved if self._is_looking else max(self._moved, self._crew.answered)
            if not (self._is_looking or self._waiting) or self._clock.elapsed() - moved <= LATE_AFTER:
                return []
            late, self._served, self._waiting = [*self._served, *self._waiting], [], []
            # As long as it is held the look does not end: told of one that has ended, nobody would ask for another.
            self.cluster.note_late(AwsError(Fault.UNREACHABLE, told))
            return late

    def take_look(self) -> None:
        """Take the next look, now and here, and let those go on whom it has served."""
        if (look := self._pick()) is None:
            return
        try:
            look.take(self._is_needed)
            self._gave_up_last, self._owes_history = False, look.began_after is not None
        except SupersededError:
            self._gave_up_last = True
        for each in self._end_look():
            each.go_on()

    def _end_look(self) -> list[_Waiting]:
        """Note that the look under way is over, and return who goes on: whom it has served, and who waits no more.

        One that was given up has served nobody. Who waits no more is removed, and what it wanted is not asked for.
        """
        with self._lock:
            self._is_looking, self._moved = False, self._clock.elapsed()
            self.cluster.note_late(None)
            served, self._served = self._served, []
            if self._gave_up_last:
                self._waiting, served = [*served, *self._waiting], []
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                (self._waiting if each.look.is_wanted() else served).append(each)
            return served

    def _pick(self) -> Look | None:
        """Choose the next look: one listing for all who want one, and in turn what is read for one scaler alone.

        Where a listing takes long somebody always wants the next one, and whoever waits for a history launches nothing.
        None: all who waited have just been told that it is late.
        """
        with self._lock:
            if not self._waiting:
                return None
            listings = [each for each in self._waiting if each.look.began_after is not None]
            histories = [each for each in self._waiting if each.look.began_after is None]
            if listings and not (histories and self._owes_history):
                self._served, self._waiting = listings, histories
            else:
                self._served, self._waiting = histories[:1], [*listings, *histories[1:]]
            self._began = self._moved = self._clock.elapsed()
            self._began_at = self._clock.now()
            self._is_looking = True
            return max((each.look for each in self._served), key=lambda look: look.began_after or 0.0)

    def _is_needed(self) -> bool:
        """Say whether the listing under way is to go on; False: somebody needs a later one, and it has long to go.

        It asks after each answer.
        """
        self._moved = self._crew.answered = self._clock.elapsed()
        takes = self.cluster.listing_took
        to_go = takes - (self._moved - self._began)
        if self._gave_up_last or to_go <= WORTH_WAITING or self._is_the_last_in_time(to_go, takes):
            return True
        return not any((each.look.began_after or 0.0) > self._began_at for each in self._waiting)

    def _is_the_last_in_time(self, to_go: float, takes: float) -> bool:
        """Say whether a window is open long enough for the listing under way, and not for one that begins now."""
        now = self._clock.now()
        windows = (each.look.until for each in self._served)
        return any(until is not None and now + to_go <= until < now + takes for until in windows)


class Listers:
    """The listers of all clusters. They may be asked by every thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._at_work: dict[LookedAt, _Lister] = {}
        self._crews: dict[Hashable, _Crew] = {}
        """By account and region: one that hardly answers holds no other."""

    def ask(self, look: Look, go_on: GoOn) -> None:
        """Have a look taken; ``go_on`` is called once the cluster knows what came of it, or nobody waits any more."""
        with self._lock:
            lister = self._at_work.get(look.cluster)
            if lister is not None:
                lister.ask(_Waiting(look, go_on))
                return
            crew = self._crews.setdefault(look.cluster.place, _Crew(self._clock.elapsed()))
            lister = _Lister(look.cluster, crew, self._clock)
            lister.ask(_Waiting(look, go_on))
            if crew.threads == MOST_THREADS:
                crew.line.append(lister)
            else:
                # Only one that works is remembered: for another one everybody would wait in vain.
                Thread(target=self._work, args=(lister, crew), name="lister", daemon=True).start()
                crew.threads += 1
            self._at_work[look.cluster] = lister

    def find_late(self) -> None:
        """Let those go on that wait for a look which takes too long, or whose turn does not come for such looks."""
        with self._lock:
            late = [each for lister in self._at_work.values() for each in lister.take_late()]
        for each in late:
            each.go_on()

    def _work(self, lister: _Lister | None, crew: _Crew) -> None:
        while lister is not None:
            lister.take_look()
            lister = self._choose_after(lister, crew)

    def _choose_after(self, lister: _Lister, crew: _Crew) -> _Lister | None:
        """Return whose turn it is after a look of this one; it is forgotten if nobody waits. None: the thread ends."""
        with self._lock:
            crew.line.append(lister)
            while crew.line:
                first = crew.line.popleft()
                if first.has_waiting:
                    return first
                # Where all who waited were told that it is late, whoever asks from now on waits again.
                first.cluster.note_late(None)
                del self._at_work[first.cluster]
            crew.threads -= 1
            return None
