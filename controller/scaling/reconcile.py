"""One reconcile of one scaler: observe, decide, plan, launch, record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Lock

from controller.aws.errors import FOR_A_PERSON, Fault
from controller.aws.session import StoppingError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.decision.breaker import heed
from controller.core.decision.decide import decide, launched
from controller.core.decision.ledger import LiveTask
from controller.core.decision.limits import pending
from controller.core.decision.model import Decision, Doubt, Outcome, Reason, ScalerState
from controller.core.decision.slots import slot_at
from controller.core.record import LaunchResult, Reconciled, same_again
from controller.scaling.budget import SharedBudget
from controller.scaling.fleet import Cluster, Clusters
from controller.scaling.launch import Launcher, named
from controller.scaling.observe import Observation, QueueReader, could_launch, observe, recall
from controller.telemetry import log
from controller.telemetry.metrics import Metrics
from controller.telemetry.series import Series

DECISIONS_KEPT = 50
FRESH = 0.9
"""The share of a poll for which a snapshot serves. A little less than one, so that a scaler alone lists at each of its
polls, and one beside others does not list again what they have just seen."""
MAX_RETRY_PAUSE = 60.0
"""Seconds between two tries, at most, while something is wrong that is tried slowly."""
TRIED_SLOWLY = FOR_A_PERSON | {Fault.CAPACITY}
_STARTED = frozenset({Outcome.LAUNCHED, Outcome.PARTLY_LAUNCHED, Outcome.DRY_RUN})


@dataclass(frozen=True, slots=True)
class Services:
    """What the reconciles of one controller share."""

    queue: Callable[[str], QueueReader]
    """Returns the reader of a queue that is given as a name, URL or ARN."""
    clusters: Clusters
    launcher: Launcher
    budget: SharedBudget
    metrics: Metrics
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Aim:
    """What one configuration works on; swapped whole, so that no reconcile pairs the new with the old."""

    spec: ScalerSpec
    queue: QueueReader
    cluster: Cluster


class Reconciler:
    """One scaler: its configuration, what it remembers, and its last decisions."""

    def __init__(self, spec: ScalerSpec, services: Services) -> None:
        self._services = services
        self._aim = self._aim_at(spec)
        self._lock = Lock()
        self._state = ScalerState()
        self._failures = 0
        self._history_read = False
        self._not_before = 0.0
        self._retired = Event()
        self.series = Series(services.metrics, spec.name, [fault.value for fault in Fault])
        self.decisions: deque[Reconciled] = deque(maxlen=DECISIONS_KEPT)
        self.observed = False
        self.configure(spec)

    def configure(self, spec: ScalerSpec) -> None:
        """Take a configuration; a reconcile under way finishes with the one it began with. The state stays."""
        aim = self._aim_at(spec)
        if aim.cluster is not self._aim.cluster:
            self._aim.cluster.dismiss(spec.name)
        aim.cluster.enrol(spec.name, spec.task.container, self.series)
        self.series.configured(spec.policy)
        self._aim = aim
        self._not_before = 0.0

    def _aim_at(self, spec: ScalerSpec) -> _Aim:
        return _Aim(spec, self._services.queue(spec.queue), self._services.clusters.of(spec.task.cluster))

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force."""
        return self._aim.spec

    def retire(self) -> None:
        """Stop reconciling and remove the series; the tasks finish by themselves."""
        self._retired.set()
        self._aim.cluster.dismiss(self.spec.name)
        if self._lock.acquire(blocking=False):
            try:
                self.series.forget()
            finally:
                self._lock.release()

    @property
    def last(self) -> Reconciled | None:
        """The last reconcile; None before the first."""
        return self.decisions[-1] if self.decisions else None

    @property
    def state(self) -> ScalerState:
        """What the scaler remembers."""
        return self._state

    @property
    def tasks(self) -> tuple[LiveTask, ...]:
        """The live tasks as far as known."""
        return self._aim.cluster.tasks_of(self.spec.name)

    def reconcile(self) -> float | None:
        """Observe, decide, plan, launch and record, once.

        Returns when to look again without waiting for the next poll, None if the poll is soon enough. Does nothing
        while another reconcile of the scaler runs, while it backs off, or once it is retired.
        """
        resting = self._retired.is_set() or self._services.clock.elapsed() < self._not_before
        if resting or not self._lock.acquire(blocking=False):
            return None
        try:
            return None if self._retired.is_set() else self._reconcile(self._aim)
        except StoppingError:
            return None
        except Exception:  # noqa: BLE001 - one scaler's fault, ours included, must not end the others' polls
            log.broke(self.spec.name)
            self.series.failed()
            return None
        finally:
            self._lock.release()
            # After the release: a retirement that finds the lock taken leaves the series to this look.
            if self._retired.is_set():
                self.series.forget()

    def _reconcile(self, aim: _Aim) -> float | None:
        spec, cluster, clock = aim.spec, aim.cluster, self._services.clock
        began = clock.elapsed()
        seen = self._observe(aim, clock.now() - FRESH * spec.policy.poll_interval)
        decision = self._decide(spec, seen, cluster)
        if decision.look_again_at is not None and decision.look_again_at <= decision.at:
            # The window is open; only the listing is older than it.
            seen = self._observe(aim, slot_at(spec.policy.slots, decision.at).opens)
            decision = self._decide(spec, seen, cluster)
        result = None
        if decision.reason is Reason.LAUNCH:
            result = self._services.launcher.launch(spec, decision, cluster.launched, self.series)
            self._remember(decision, result)
            self._services.budget.launched(spec.name, result.containers + result.in_doubt, clock.now())
        problem = None if seen.problem is None else named(spec, seen.problem)
        self._record(Reconciled(spec.name, decision, result, problem), clock.elapsed() - began)
        fault = seen.problem.fault if seen.problem else result.fault if result and not result.arns else None
        # A hold for the slot tried nothing, so it does not tell that anything was mended.
        if fault is not None or decision.reason is not Reason.SLOT:
            self._back_off(fault, spec.policy.poll_interval)
        return decision.look_again_at

    def _observe(self, aim: _Aim, began_after: float) -> Observation:
        """Observe; before the first launch that may come, also how the tasks before this process have ended."""
        seen = observe(aim.spec, aim.queue, aim.cluster, began_after)
        if not self._history_read and could_launch(aim.spec, seen):
            seen = recall(aim.spec, seen, aim.cluster)
            self._history_read = seen.problem is None
        return seen

    def _decide(self, spec: ScalerSpec, seen: Observation, cluster: Cluster) -> Decision:
        budget, now = self._services.budget, self._services.clock.now()
        if self._history_read:
            # Not before: signs are heeded in the order of their times, and the history's are older.
            self._state = replace(self._state, breaker=heed(self._state.breaker, cluster.signs(spec.name)))
        if cluster.is_listed:
            # What lives is known even when the queue is not.
            in_doubt = sum(doubt.containers for doubt in pending(spec.policy, self._state.doubts, now))
            budget.report(spec.name, cluster.fleet(spec.name).live + in_doubt)
        decision, self._state = decide(
            spec.policy, seen.queue, seen.fleet, self._state, now, lambda wanted: budget.grant(spec.name, wanted, now)
        )
        if decision.numbers is None:
            budget.unsure(spec.name)
        elif decision.numbers.granted is None:
            budget.content(spec.name)
        return decision

    def _remember(self, decision: Decision, result: LaunchResult) -> None:
        """Count the launch cooldown from a launch that started something, and keep what is in doubt."""
        if result.outcome in _STARTED or result.arns:
            self._state = launched(self._state, decision)
        if result.in_doubt and result.doubtful_since is not None:
            doubt = Doubt(result.in_doubt, result.doubtful_since)
            self._state = replace(self._state, doubts=(*self._state.doubts, doubt))

    def _record(self, done: Reconciled, seconds: float) -> None:
        previous = self.last
        self.series.reconciled(done, seconds)
        self.observed = self.observed or done.problem is None
        if previous is not None and same_again(previous, done):
            since = previous.decision.at if previous.since is None else previous.since
            stands = previous if previous.launch and not done.launch else done
            self.decisions[-1] = replace(stands, repeated=previous.repeated + 1, since=since)
            return
        log.decided(done, previous)
        self.decisions.append(done)

    def _back_off(self, fault: str | None, poll_interval: float) -> None:
        """Try slowly what a person must mend, or what there is no room for: twice the time each, up to a minute."""
        if fault not in TRIED_SLOWLY:
            self._failures = 0
            return
        self._failures += 1
        pause = min(poll_interval * 2 ** min(self._failures, 10), max(MAX_RETRY_PAUSE, poll_interval))
        # Half a poll of tolerance, so that the poll which is due then is not missed by the blink of an eye.
        self._not_before = self._services.clock.elapsed() + pause - poll_interval / 2
