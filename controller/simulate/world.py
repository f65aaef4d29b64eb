"""The world: a queue, tasks and workers in virtual time. It knows no rule: whoever looks at it decides what to launch.

::

    arrivals --> visible --a worker takes it--> in flight --its work is done--> gone
                    ^                               |
                    '------- its worker is killed --'

    launch --start--> workers run --each: take, work, again or exit--> all have exited --ending--> stopped

Events lie on a heap by their time; arrivals are read as time comes to them. The same seed gives every message the same
work and the n-th task the same start, whoever decides, so that what differs between two runs is what was decided.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import count
from math import inf, isnan, nan
from random import Random
from typing import Any, NamedTuple

from controller.simulate.tasks import Task, Worker, Workers


class Arrival(NamedTuple):
    """Messages that arrive together."""

    at: float
    """Seconds since the epoch."""
    messages: int = 1
    seconds: float | None = None
    """How long the work of each takes; None: as the workers' work is drawn."""


class World:
    """One queue, and the tasks that were launched for it."""

    def __init__(self, arrivals: Iterable[Arrival], workers: Workers, seed: int, since: float | None = None) -> None:
        """Begin with an empty queue, at ``since`` or at the first arrival. Arrivals are in the order of their times.

        Raises ValueError when an arrival comes before the one before it.
        """
        self.workers = workers
        self.tasks: list[Task] = []
        self.changed: dict[str, Task] = {}
        """The tasks, by ARN, that look otherwise than when this was last emptied."""
        self.in_flight = 0
        self.sent, self.taken, self.done = array("d"), array("d"), array("d")
        """By message: when it was sent, first taken and done; nan: not yet."""
        self.done_in = Counter[float]()
        """Messages done, by the beginning of the minute."""
        self.work = array("d")
        """By message: how long its work takes, seconds."""
        self.seen = deque[tuple[float, int, int]]()
        """When visible and in flight have changed lately, and to what; the oldest is what they were before."""
        self._visible = deque[int]()
        self._idle: dict[Worker, None] = {}
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = count()
        self._works, self._starts = (Random(f"{seed}:{what}") for what in ("work", "starts"))  # noqa: S311 - no secret
        self._arrivals: Iterator[Arrival] = iter(arrivals)
        self._next = next(self._arrivals, None)
        first = self._next.at if self._next else 0.0
        self.now = first if since is None else min(since, first)
        self.seen.append((self.now, 0, 0))

    @property
    def visible(self) -> int:
        """Messages that wait."""
        return len(self._visible)

    @property
    def last_arrival(self) -> float:
        """When the last messages so far have arrived; the beginning, if none have."""
        return self.sent[-1] if self.sent else self.now

    @property
    def next_arrival(self) -> float:
        """When the next messages arrive; inf: none will."""
        return self._next.at if self._next else inf

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happens before the next arrival, and the counts have long been what they are."""
        return not self._events and self.now - self.seen[-1][0] >= self.workers.stale

    @property
    def is_done(self) -> bool:
        """Whether every message has arrived and is done."""
        return self._next is None and not self._visible and not self.in_flight

    def advance(self, until: float) -> None:
        """Let everything happen that happens up to and including ``until``; inf: until nothing happens any more."""
        events = self._events
        while True:
            at = events[0][0] if events else inf
            arrival = self._next
            if arrival is not None and arrival.at <= at:
                if arrival.at > until:
                    break
                self.now = max(self.now, arrival.at)
                self._next = next(self._arrivals, None)
                if self._next is not None and self._next.at < arrival.at:
                    raise ValueError(f"an arrival at {self._next.at:.0f} comes after one at {arrival.at:.0f}")
                self._arrive(arrival)
            elif not events or at > until:
                break
            else:
                self.now, _, happen, what = heappop(events)
                happen(what)
        if until != inf:
            self.now = until

    def launch(self, containers: int) -> Task:
        """Launch a task with so many workers, and return it."""
        takes = self.workers.start.take(self._starts)
        paid_from = self.now + min(self.workers.unbilled, takes)
        task = Task(f"task-{len(self.tasks) + 1}", containers, self.now, paid_from)
        self.tasks.append(task)
        self._at(self.now + takes, self._start, task)
        return task

    def stop(self, task: Task) -> None:
        """Stop a task: workers exit that wait, or are done in time; the others are killed when their grace is over.

        A message whose worker was killed returns to the queue when its visibility is over.
        """
        if task.has_to_start:
            task.started_at = self.now
            task.empty = task.containers
            self._end_soon(task)
        for worker in tuple(task.live):
            worker.is_leaving = True
            if worker.message is None:
                self._exit(worker)
            elif worker.finishes_at > self.now + self.workers.grace:
                self._at(self.now + self.workers.grace, self._kill, worker)

    def _kill(self, worker: Worker) -> None:
        if worker.message is not None:
            worker.task.killed += 1
            self._at(self.now + self.workers.visibility, self._return, worker.message)
            worker.message = None
            self._exit(worker)

    def _at(self, when: float, happen: Callable[[Any], None], what: object) -> None:
        heappush(self._events, (when, next(self._order), happen, what))

    def _note_counts(self) -> None:
        if not self.workers.stale:
            return
        self.seen.append((self.now, len(self._visible), self.in_flight))
        while self.seen[1][0] <= self.now - self.workers.stale:
            self.seen.popleft()

    def _arrive(self, arrival: Arrival) -> None:
        for _ in range(arrival.messages):
            number = len(self.sent)
            self.sent.append(arrival.at)
            self.taken.append(nan)
            self.done.append(nan)
            self.work.append(self.workers.work.take(self._works) if arrival.seconds is None else arrival.seconds)
            self._give(number)
        self._note_counts()

    def _give(self, message: int) -> None:
        """Give a message to a worker that waits for one, or to the queue."""
        if self._idle:
            worker = next(iter(self._idle))
            del self._idle[worker]
            worker.gives_up_at = inf
            self._take(worker, message)
        else:
            self._visible.append(message)

    def _take(self, worker: Worker, message: int) -> None:
        if isnan(self.taken[message]):
            self.taken[message] = self.now
        self.in_flight += 1
        worker.served += 1
        worker.message = message
        worker.finishes_at = self.now + self.work[message]
        self._at(worker.finishes_at, self._finish, (worker, message))

    def _finish(self, work: tuple[Worker, int]) -> None:
        worker, message = work
        if worker.message != message:
            return  # The worker was killed meanwhile.
        self.done[message] = self.now
        self.done_in[self.now // 60 * 60] += 1
        self.in_flight -= 1
        worker.message = None
        if self.workers.takes_one or worker.is_leaving:
            self._exit(worker)
        else:
            self._look_for_work(worker)
        self._note_counts()

    def _return(self, message: int) -> None:
        self.in_flight -= 1
        self._give(message)
        self._note_counts()

    def _start(self, task: Task) -> None:
        if not task.has_to_start:
            return  # It was stopped before.
        task.started_at = self.now
        self.changed[task.arn] = task
        task.live = [Worker(task) for _ in range(task.containers)]
        for worker in tuple(task.live):
            self._look_for_work(worker)
        self._note_counts()

    def _look_for_work(self, worker: Worker) -> None:
        if self._visible:
            self._take(worker, self._visible.popleft())
            return
        self._idle[worker] = None
        worker.gives_up_at = self.now + self.workers.last_poll
        if worker.gives_up_at < inf:
            self._at(worker.gives_up_at, self._give_up, worker)

    def _give_up(self, worker: Worker) -> None:
        if worker.gives_up_at == self.now and worker in self._idle:
            self._exit(worker)

    def _exit(self, worker: Worker) -> None:
        task = worker.task
        self._idle.pop(worker, None)
        task.live.remove(worker)
        task.exits.append(self.now)
        task.empty += not worker.served
        self.changed[task.arn] = task
        if not task.live:
            self._end_soon(task)

    def _end_soon(self, task: Task) -> None:
        self.changed[task.arn] = task
        self._at(self.now + self.workers.ending, self._end, task)

    def _end(self, task: Task) -> None:
        task.ended_at = self.now
        self.changed[task.arn] = task
