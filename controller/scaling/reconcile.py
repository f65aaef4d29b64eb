"""One reconcile of one scaler: observe, decide, plan, launch, record. The first four are a turn of the cycle."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from threading import Event, Lock

from controller.aws.errors import FOR_A_PERSON, Fault, shorten
from controller.aws.session import StoppingError
from controller.config import ScalerSpec
from controller.core.decision.limits import keep_pending
from controller.core.decision.model import Decision, QueueCounts, Reason, ScalerState
from controller.core.decision.pause import doubling_pause
from controller.core.decision.rest import rests
from controller.core.decision.slots import slot_length
from controller.core.decision.task import LiveTask
from controller.core.record import LaunchResult, Reconciled, describe_breakage
from controller.core.repeats import follow
from controller.scaling.cycle import Aim, Cycle, Turn
from controller.scaling.fleet import Cluster
from controller.scaling.launch import explain_error
from controller.scaling.memory import KnownTask, Memory
from controller.scaling.observe import ReadBefore, families_of
from controller.scaling.services import Services
from controller.telemetry import events
from controller.telemetry.series import Series

DECISIONS_KEPT = 50
MAX_RETRY_PAUSE = 60.0
"""Seconds between two tries, at most, while something is wrong that is tried slowly."""
TRIED_SLOWLY = FOR_A_PERSON | {Fault.CAPACITY}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a reconcile works on; swapped whole by a reload."""

    aim: Aim
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class _Rest:
    """A rest after a failure. It holds for as long as nobody has asked to try again since that try began."""

    until: float
    asked: object


class Reconciler:
    """One scaler: its configuration, its cycle, and its last decisions."""

    def __init__(self, spec: ScalerSpec, services: Services) -> None:
        self._services = services
        self._target = _Target(services.aim_at(spec), services.cluster_of(spec))
        self._cycle = Cycle(services.budget, services.clock.now)
        self._lock = Lock()
        self._decided_for: _Target | None = None
        """What the last decision was taken for; a reload may have changed that since."""
        self._failures = 0
        self._asked = object()
        self._rest = _Rest(0.0, self._asked)
        self._contradictions = events.Contradictions(spec.name)
        self._retired = Event()
        self._warned: tuple[str, ...] = ()
        self.series = Series(services.metrics, spec.name, [fault.value for fault in Fault])
        self.decisions: deque[Reconciled] = deque(maxlen=DECISIONS_KEPT)
        self.observed = False
        self.configure(spec)
        self._target.cluster.greet(spec.name, families_of(spec))

    def configure(self, spec: ScalerSpec) -> None:
        """Take a configuration; a reconcile under way finishes with the one it began with. The state stays."""
        target = _Target(self._services.aim_at(spec), self._services.cluster_of(spec))
        before, after = self._target.cluster, target.cluster
        if after is not before:
            before.roster.dismiss(spec.name)
        after.roster.enrol(spec, self.series)
        self.series.show_configuration(spec.policy)
        self._target = target
        self.try_again()

    def try_again(self) -> None:
        """Let the next poll try what it would still have waited with, after a failure."""
        self._asked = object()

    @property
    def _not_before(self) -> float:
        """When to try again after a failure, by the clock that never steps; 0: at any time."""
        rest = self._rest
        return rest.until if rest.asked is self._asked else 0.0

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force."""
        return self._target.aim.spec

    def retire(self) -> None:
        """Stop reconciling and remove the series; the tasks finish by themselves."""
        self._retired.set()
        self._target.cluster.roster.dismiss(self.spec.name)
        if self._lock.acquire(blocking=False):
            try:
                self.series.forget()
            finally:
                self._lock.release()

    def let_go(self) -> bool:
        """Retire, unless a launch is under way or in doubt, which only this process knows of; say whether it has."""
        if self._lock.acquire(blocking=False):
            try:
                if not keep_pending(self.spec.policy, self.state.doubts, self._services.clock.now()):
                    self._retired.set()
            finally:
                self._lock.release()
        return self._retired.is_set()

    @property
    def last(self) -> Reconciled | None:
        """The last reconcile; None before the first."""
        return self.decisions[-1] if self.decisions else None

    @property
    def state(self) -> ScalerState:
        """The state that the rules keep of the scaler."""
        return self._cycle.state

    @property
    def memory(self) -> Memory:
        """All that only this process knows of the scaler."""
        target, clock = self._target, self._services.clock
        spec, cluster = target.aim.spec, target.cluster
        rests = self._not_before - clock.elapsed()
        return Memory(
            state=self.state,
            slot_length=slot_length(spec.policy.slots),
            place=self._services.budget.place_of(spec.name),
            retry_at=clock.now() + rests if self._failures and rests > 0 else None,
            cluster=spec.task.cluster,
            start_delay=cluster.roster.start_delay_of(spec.name),
            tasks=tuple(KnownTask.of(task) for task in cluster.tasks_of(spec.name)),
        )

    @property
    def tasks(self) -> tuple[LiveTask, ...]:
        """The live tasks as far as known."""
        return self._target.cluster.tasks_of(self.spec.name)

    @property
    def waits(self) -> bool:
        """Whether nothing is to be tried now: the scaler backs off after a failure, or is retired."""
        return self._retired.is_set() or self._services.clock.elapsed() < self._not_before

    def rest(self, queue: QueueCounts) -> bool:
        """Record a poll with nothing to decide, as a whole reconcile would; False: there is something, not done yet."""
        last, target = self.last, self._target
        if last is None or self._decided_for is not target or not target.cluster.is_idle(self.spec.name):
            return False
        if not rests(self.spec.policy, self.state, last.decision, queue) or not self._lock.acquire(blocking=False):
            return False
        try:
            self._record(Reconciled(self.spec.name, replace(last.decision, at=self._services.clock.now())), 0.0)
        finally:
            self._lock.release()
        return True

    def reconcile(self, reading: QueueCounts | Exception | None = None) -> float | None:
        """Observe, decide, plan, launch and record, once; ``reading`` is what the queue was just seen to hold.

        Returns when to look again without waiting for the next poll, None if the poll is soon enough. Does nothing
        while another reconcile of the scaler runs, while it backs off, or once it is retired.
        """
        if self.waits or not self._lock.acquire(blocking=False):
            return None
        began, target = self._services.clock.elapsed(), self._target
        if reading is not None:
            target = replace(target, aim=replace(target.aim, queue=ReadBefore(reading, target.aim.queue)))
        try:
            return None if self._retired.is_set() else self._reconcile(target, began)
        except StoppingError:
            return None
        except Exception as error:  # noqa: BLE001 - one scaler's fault, ours included, must not end the others' polls
            broken = describe_breakage(self.spec.name, shorten(repr(error)), self._services.clock.now())
            self._record(broken, self._services.clock.elapsed() - began)
            return None
        finally:
            self._lock.release()
            # After the release: a retirement that finds the lock taken leaves the series to this look.
            if self._retired.is_set():
                self.series.forget()

    def _reconcile(self, target: _Target, began: float) -> float | None:
        spec, asked = target.aim.spec, self._asked
        turn = self._cycle.run(target.aim, partial(self._launch, target.cluster))
        error = turn.seen.problem
        problem = None if error is None else explain_error(spec, error)
        done = Reconciled(spec.name, turn.decision, turn.result, problem, None if error is None else error.fault)
        self._record(done, self._services.clock.elapsed() - began)
        self._decided_for = self._target if target.aim.spec is self._target.aim.spec else None
        self._contradictions.look_at(turn.decision)
        self._back_off(turn, spec.policy.poll_interval, asked)
        return turn.decision.look_again_at

    def _launch(self, cluster: Cluster, spec: ScalerSpec, decision: Decision) -> LaunchResult:
        result = self._services.launcher.launch(spec, decision, cluster.enter, self.series)
        if result.plan is not None and result.warnings != self._warned:
            # They name the revision, so that they are told once for each.
            self._warned = result.warnings
            events.report_template(spec.name, result.warnings)
        return result

    def _record(self, done: Reconciled, seconds: float) -> None:
        """Show a reconcile in metrics, status and log; one that tells nothing new is counted, and logged seldom."""
        previous = self.last
        followed = follow(previous, done)
        # The record comes first, so that what breaks after it is not told with an older decision.
        if followed.is_new:
            self.decisions.append(followed.kept)
        else:
            self.decisions[-1] = followed.kept
        self.observed = self.observed or done.problem is None
        self.series.show_reconcile(done, seconds)
        self.series.show_budget(self._services.budget.count_taken(done.scaler))
        if followed.is_said:
            events.report_decision(followed.kept, previous)

    def _back_off(self, turn: Turn, poll_interval: float, asked: object) -> None:
        """Try slowly what a person must mend, or what there is no room for: twice the time each, up to a minute."""
        fault = _find_fault(turn)
        if fault is None and turn.decision.reason is Reason.SLOT:
            # A hold for the slot tried nothing, so it does not tell that anything was mended.
            return
        if fault not in TRIED_SLOWLY:
            self._failures = 0
            return
        self._failures += 1
        pause = doubling_pause(poll_interval, max(MAX_RETRY_PAUSE, poll_interval), self._failures)
        # Half a poll of tolerance, so that the poll which is due then is not missed by a moment.
        self._rest = _Rest(self._services.clock.elapsed() + pause - poll_interval / 2, asked)


def _find_fault(turn: Turn) -> str | None:
    """Return the kind of failure that a turn met; None: it observed everything, and a launch started something."""
    if turn.seen.problem is not None:
        return turn.seen.problem.fault
    return turn.result.fault if turn.result and not turn.result.arns else None
