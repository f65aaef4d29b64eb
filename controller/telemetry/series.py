"""One scaler's series: what it shows and counts, as plain values. A scrape reads them (``families.py``).

So a poll writes a few numbers and no series, and a scaler that goes takes all of its own along.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from controller.core.copies.packing import Plan
from controller.core.decision.doctor import COSTS_WORK, Checkup, Finding
from controller.core.decision.model import Decision, Numbers
from controller.core.decision.policy import Policy
from controller.core.decision.runs import NONE_SEEN, Runs
from controller.core.decision.stopped import StopOutcome
from controller.core.notices import UNWATCHED, Kind, Notice, watch
from controller.core.record import LaunchResult, Reconciled
from controller.telemetry.assessment import assess

START_BUCKETS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
_CAPACITY = "capacity"
"""The reason of a launch failure that is known only after RunTask has answered."""


class Starts:
    """How long tasks took to start, counted by bucket as a histogram is."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(START_BUCKETS) + 1)
        """Starts in each bucket alone; the last is for those beyond all bounds."""
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(START_BUCKETS, seconds)] += 1
        self.seconds += seconds


class Board(Protocol):
    """Where all series are; ``controller.telemetry.metrics.Metrics`` is."""

    series: dict[str, Series]
    """The values of every scaler, by its name."""

    def observe_reconcile(self, seconds: float) -> None:
        """Count how long a reconcile took."""

    def tell(self, notice: Notice) -> None:
        """Tell whoever wants to hear of changes."""


class Series:
    """The values of one scaler; counts that nothing has been added to are 0."""

    def __init__(self, board: Board, scaler: str, faults: Iterable[str]) -> None:
        """Take the place of whatever had series under this name; ``faults`` are the kinds of launch failures."""
        self.scaler = scaler
        self.faults = faults
        self.policy: Policy | None = None
        self.is_in_window: bool | None = None
        self.decision: Decision | None = None
        """The last one."""
        self.numbers: Numbers | None = None
        """Of the last decision that had some."""
        self.budget_held: int | None = None
        self.last_success = 0.0
        self.reconciles: Counter[str] = Counter()
        self.decisions: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.containers_launched = 0
        self.tasks_launched = 0
        self.registrations = 0
        self.oldest_message_age: float | None = None
        """Seconds, as CloudWatch told it last; None: nothing waits to be told, or nobody asks."""
        self.promise_minutes: Counter[str] = Counter()
        """By whether the promise was kept: yes or no."""
        self.launched_on: Counter[str] = Counter()
        """Tasks by the capacity provider of an order."""
        self.refused_by: Counter[str] = Counter()
        self.starts: Starts | None = None
        """None: none was seen."""
        self.runs: Runs = NONE_SEEN
        self.checkups: tuple[Checkup, ...] = ()
        """What the queue doctor saw last of each queue; none: it has not looked yet."""
        self.watched = UNWATCHED
        self._board = board
        self._launches_fail = False
        board.series[scaler] = self

    def show_configuration(self, policy: Policy, *, is_in_window: bool | None = None) -> None:
        """Show what the configuration says now, and whether by a window of a schedule; None: there is no schedule."""
        self.policy, self.is_in_window = policy, is_in_window

    def show_reconcile(self, done: Reconciled, seconds: float) -> None:
        """Show one reconcile, which took so many seconds."""
        self._board.observe_reconcile(seconds)
        self.decision = done.decision
        self.numbers = done.decision.numbers or self.numbers
        self.decisions[done.decision.reason] += 1
        self._count_launch(done.launch)
        assessment = assess(done, launches_fail=self._launches_fail)
        self._launches_fail = assessment.launches_fail
        self.reconciles[assessment.outcome] += 1
        if assessment.successful:
            self.last_success = done.decision.at
        self.watched, notices = watch(self.watched, done)
        for notice in notices:
            self._board.tell(notice)

    def show_budget(self, taken: int | None) -> None:
        """Show how many containers of the budget the scaler takes up; None: there is no budget."""
        self.budget_held = taken

    def count_start(self, seconds: float) -> None:
        """Count a task that became RUNNING so many seconds after RunTask."""
        self.starts = self.starts or Starts()
        self.starts.observe(seconds)

    def tell(self, finding: Finding, at: float) -> None:
        """Tell whoever wants to hear of changes what the queue doctor has found, if it costs work."""
        if finding.ailment in COSTS_WORK:
            text = f"the queue {finding.text}"
            self._board.tell(Notice(Kind.QUEUE_FINDING, at, self.scaler, text, finding.ailment.value))

    def note_run(self, seconds: float) -> None:
        """Note that the workers of a task have worked for so many seconds."""
        self.runs = self.runs.add(seconds)

    def count_stop(self, outcome: StopOutcome) -> None:
        """Count a task that has ended."""
        self.stops[outcome] += 1

    def count_turned_away(self, provider: str | None) -> None:
        """Count a launch that went through, and whose tasks then found no place to run.

        On a ``provider`` of its order it is no failure of the scaler's: the next one gets what is missing.
        """
        if provider is None:
            self.failures[_CAPACITY] += 1
        else:
            self.refused_by[provider] += 1

    def count_registration(self) -> None:
        """Count a derived revision."""
        self.registrations += 1

    def show_age(self, seconds: float | None) -> None:
        """Show how old the oldest message was; None: nobody knows any more."""
        self.oldest_message_age = seconds

    def count_promise(self, *, kept: bool) -> None:
        """Count a minute with work, in which the promise was kept or not."""
        self.promise_minutes["yes" if kept else "no"] += 1

    def forget(self) -> None:
        """Remove every series of the scaler, unless a new scaler of that name has them by now."""
        if self._board.series.get(self.scaler) is self:
            del self._board.series[self.scaler]

    def _count_launch(self, launch: LaunchResult | None) -> None:
        if launch is None:
            return
        self.tasks_launched += len(launch.arns)
        self.containers_launched += launch.containers
        if launch.plan is not None:
            self._count_providers(launch, launch.plan)
        if launch.fault is not None and launch.refused_by is None:
            self.failures[launch.fault] += 1

    def _count_providers(self, launch: LaunchResult, plan: Plan) -> None:
        """Count the tasks of a launch by provider: calls go in order, and the first that lacks tasks is the last."""
        left = len(launch.arns)
        for call in plan.calls:
            started = min(left, call.count)
            left -= started
            if call.provider is not None and started:
                self.launched_on[call.provider] += started
        if launch.refused_by is not None:
            self.refused_by[launch.refused_by] += 1
