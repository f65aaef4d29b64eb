"""One scaler's series: what each reconcile sets and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Gauge

from controller.core.decision.model import Fleet, Numbers, QueueCounts, Reason
from controller.core.decision.policy import Policy
from controller.core.decision.task import StopOutcome
from controller.core.record import LaunchResult, Reconciled
from controller.telemetry.assessment import Assessment, assess
from controller.telemetry.metrics import COOLDOWNS, RECONCILE_OUTCOMES, Metrics

_CAPACITY = "capacity"
"""The reason of a launch failure that is known only after RunTask has answered."""


class Series:
    """The series of one scaler; those with a known set of labels start at 0.

    Children are looked up once: an idle reconcile sets a few numbers and nothing else.
    """

    def __init__(self, metrics: Metrics, scaler: str, faults: Iterable[str]) -> None:
        of = metrics
        of.owners[scaler] = self
        self._metrics = metrics
        self._scaler = scaler
        self._launches_fail = False
        self._queue = _Observed(of.queue_messages, scaler)
        self._containers = _Observed(of.containers, scaler)
        self._tasks = _Observed(of.tasks, scaler)
        self._held = _Observed(of.containers_held, scaler)
        self._oldest = _Observed(of.oldest_task_start, scaler)
        self._desired = _Observed(of.containers_desired, scaler)
        self._budget_held = _Observed(of.budget_held, scaler)
        self._min = of.containers_min.labels(scaler)
        self._max = of.containers_max.labels(scaler)
        self._paused = of.scaler_paused.labels(scaler)
        self._last_success = of.last_successful_reconcile.labels(scaler)
        self._breaker = of.breaker_open_until.labels(scaler)
        self._cooldowns = {kind: of.cooldown_until.labels(scaler, kind) for kind in COOLDOWNS}
        self._reconciles = {outcome: of.reconciles.labels(scaler, outcome) for outcome in RECONCILE_OUTCOMES}
        self._decisions = {reason: of.decisions.labels(scaler, reason.value) for reason in Reason}
        self._stopped = {outcome: of.tasks_stopped.labels(scaler, outcome.value) for outcome in StopOutcome}
        self._failures = {fault: of.launch_failures.labels(scaler, fault) for fault in faults}
        self._turned_away = of.launch_failures.labels(scaler, _CAPACITY)
        self._containers_launched = of.containers_launched.labels(scaler)
        self._tasks_launched = of.tasks_launched.labels(scaler)
        self._registered = of.task_definitions_registered.labels(scaler)
        self._start_duration = of.task_start_duration.labels(scaler)

    def show_configuration(self, policy: Policy) -> None:
        """Show what the configuration says."""
        self._min.set(policy.min_containers)
        self._max.set(policy.max_containers)
        self._paused.set(policy.paused)

    def show_reconcile(self, done: Reconciled, seconds: float) -> None:
        """Show one reconcile, which took so many seconds."""
        decision = done.decision
        self._metrics.reconcile_duration.observe(seconds)
        self._decisions[decision.reason].inc()
        self._show_queue(decision.queue)
        self._show_fleet(decision.fleet)
        self._show_numbers(decision.numbers)
        self._count_launch(done.launch)
        self._count_assessment(assess(done, launches_fail=self._launches_fail), decision.at)

    def show_budget(self, taken: int | None) -> None:
        """Show how many containers of the budget the scaler takes up; None: there is no budget."""
        if taken is None:
            self._budget_held.drop()
        else:
            self._budget_held.set({"": taken})

    def count_start(self, seconds: float) -> None:
        """Count a task that became RUNNING so many seconds after RunTask."""
        self._start_duration.observe(seconds)

    def count_stop(self, outcome: StopOutcome) -> None:
        """Count a task that has ended."""
        self._stopped[outcome].inc()

    def count_turned_away(self) -> None:
        """Count a launch that went through, and whose tasks then found no place to run."""
        self._turned_away.inc()

    def count_registration(self) -> None:
        """Count a derived revision."""
        self._registered.inc()

    def forget(self) -> None:
        """Remove every series of the scaler, unless a new scaler of that name has them by now."""
        if self._metrics.owners.get(self._scaler) is self:
            self._metrics.forget(self._scaler)

    def _show_queue(self, queue: QueueCounts | None) -> None:
        if queue is None:
            self._queue.drop()
        else:
            self._queue.set({"visible": queue.visible, "in_flight": queue.in_flight, "delayed": queue.delayed})

    def _show_fleet(self, fleet: Fleet | None) -> None:
        if fleet is None:
            self._containers.drop()
            self._tasks.drop()
            self._held.drop()
        else:
            self._containers.set({"running": fleet.running, "starting": len(fleet.starting)})
            self._held.set({"draining": fleet.draining, "ended": fleet.ended, "unowned": fleet.unowned})
            self._tasks.set(
                {
                    "running": fleet.running_tasks,
                    "starting": fleet.starting_tasks,
                    "draining": fleet.draining_tasks,
                    "ended": fleet.ended_tasks,
                }
            )
        if fleet is None or fleet.oldest_task_at is None:
            self._oldest.drop()
        else:
            self._oldest.set({"": fleet.oldest_task_at})

    def _show_numbers(self, numbers: Numbers | None) -> None:
        if numbers is None:
            self._desired.drop()
            return
        self._desired.set({"": numbers.desired})
        self._cooldowns["launch"].set(numbers.launch_cooldown_until or 0)
        self._cooldowns["fall"].set(numbers.fall_cooldown_until or 0)
        self._breaker.set(numbers.breaker.open_until or 0)

    def _count_assessment(self, assessment: Assessment, at: float) -> None:
        self._launches_fail = assessment.launches_fail
        self._reconciles[assessment.outcome].inc()
        if assessment.successful:
            self._last_success.set(at)

    def _count_launch(self, launch: LaunchResult | None) -> None:
        if launch is None:
            return
        self._tasks_launched.inc(len(launch.arns))
        self._containers_launched.inc(launch.containers)
        if launch.fault is not None:
            self._failures[launch.fault].inc()


class _Observed:
    """A gauge that is there only while its values are known."""

    def __init__(self, gauge: Gauge, scaler: str) -> None:
        self._gauge = gauge
        self._scaler = scaler
        self._children: dict[str, Gauge] = {}

    def set(self, values: Mapping[str, float]) -> None:
        """Show the values by state; a gauge without states has the one named ``""``."""
        for state, value in values.items():
            if state not in self._children:
                self._children[state] = self._gauge.labels(self._scaler, *([state] if state else []))
            self._children[state].set(value)

    def drop(self) -> None:
        """Show nothing: an unknown value is no value, and a stale one is wrong."""
        if self._children:
            self._gauge.remove_by_labels({"scaler": self._scaler})
            self._children = {}
