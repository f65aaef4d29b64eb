"""One reconcile of one scaler: observe, decide, plan, launch, record.

Where it has to wait, for a look at its cluster or before a call of its launch, it says for what, and whoever runs it
lets it go on once that has come, in whatever thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from threading import Lock

from controller.aws.errors import Fault, shorten
from controller.aws.session import StoppingError
from controller.config import ScalerSpec
from controller.core.decision.limits import keep_pending
from controller.core.decision.model import QueueCounts, Reason
from controller.core.decision.objection import find_objection
from controller.core.decision.policy import Policy
from controller.core.decision.rest import rests
from controller.core.decision.state import ScalerState
from controller.core.decision.task import LiveTask
from controller.core.record import Reconciled, describe_breakage
from controller.core.repeats import Followed, count_kept, follow, follow_rest
from controller.scaling.calls import explain_error
from controller.scaling.cycle import Aim, Cycle, Turn
from controller.scaling.fleet import Cluster
from controller.scaling.in_force import InForce
from controller.scaling.line import Pause
from controller.scaling.look import Look, LookWanted
from controller.scaling.memory import Memory, remember
from controller.scaling.observe import ReadBefore, families_of
from controller.scaling.retries import Retries
from controller.scaling.services import Services
from controller.scaling.window import date_look, find_slow_listing
from controller.telemetry import events
from controller.telemetry.series import Series

FAULTS = tuple(fault.value for fault in Fault)

Wait = Pause | Look
"""What a reconcile waits for."""
Steps = Generator[Wait, None, float | None]
"""A reconcile, step by step: what it waits for each time, and at last when to look again without waiting for the next
poll, seconds since the epoch; None: the poll is soon enough."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What a reconcile works on; swapped whole by a reload."""

    aim: Aim
    cluster: Cluster


class Reconciler:
    """One scaler: its configuration, its cycle, and its last decisions."""

    def __init__(self, spec: ScalerSpec, services: Services) -> None:
        self._services = services
        self._target = _Target(services.aim_at(spec), services.cluster_of(spec))
        self._cycle = Cycle(services.budget, services.clock.now)
        self._lock = Lock()
        self._decided_for: _Target | None = None
        """What the last decision was taken for; a reload may have changed that since."""
        self.retries = Retries(services.clock)
        self._contradictions, self._templates = events.Contradictions(spec.name), events.Templates(spec.name)
        self._is_retired = self._drops_launch = self.observed = False
        self.series, self.track = Series(services.metrics, spec.name, FAULTS), services.history.follow()
        self.in_force = InForce(spec, self.series, services.clock)
        self.decisions: tuple[Reconciled, ...] = ()
        """The newest last; swapped whole, so that whoever reads needs no lock."""
        self.configure(spec)
        self._target.cluster.greet(spec.name, families_of(spec))

    def configure(self, spec: ScalerSpec) -> None:
        """Take a configuration; a reconcile under way finishes with the one it began with. The state stays."""
        target = _Target(self._services.aim_at(spec), self._services.cluster_of(spec))
        before, after = self._target.cluster, target.cluster
        if after is not before:
            before.roster.dismiss(spec.name)
        after.roster.enrol(spec, self.series)
        self.in_force.configure(spec)
        self._target = target
        self.retries.ask()

    @property
    def spec(self) -> ScalerSpec:
        """The configuration in force, with the scaler's own policy."""
        return self._target.aim.spec

    @property
    def policy(self) -> Policy:
        """The policy in force now: the scaler's own, or that of a window of its schedule."""
        return self.in_force.policy

    def retire(self) -> None:
        """Stop reconciling and remove the series; the tasks finish by themselves."""
        self._is_retired = True
        self._target.cluster.roster.dismiss(self.spec.name)
        self._do_unless_busy(self.series.forget)

    def let_go(self) -> bool:
        """Retire, unless a launch is under way or in doubt, which only this process knows of; say whether it has.

        What of a launch has not left yet is dropped.
        """
        self._drops_launch = True

        def retire() -> None:
            self._is_retired |= not keep_pending(self.spec.policy, self.state.doubts, self._services.clock.now())

        self._do_unless_busy(retire)
        return self._is_retired

    def _do_unless_busy(self, action: Callable[[], None]) -> bool:
        """Do something unless a reconcile is under way; say whether it was done."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            action()
        finally:
            self._lock.release()
        return True

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
        spec, roster = self.spec, self._target.cluster.roster
        place, delay = self._services.budget.place_of(spec.name), roster.start_delay_of(spec.name)
        return remember(spec, self.state, place, self.retries.retry_at, delay, self.tasks)

    @property
    def tasks(self) -> tuple[LiveTask, ...]:
        """The live tasks as far as known."""
        return self._target.cluster.tasks_of(self.spec.name)

    @property
    def waits(self) -> bool:
        """Whether nothing is to be tried now: the scaler backs off after a failure, or is retired."""
        return self._is_retired or self.retries.rests_for > 0

    def rest(self, queue: QueueCounts) -> bool:
        """Record a poll with nothing to decide, as a whole reconcile would; False: there is something, not done yet."""
        last, target = self.last, self._target
        if last is None or self._decided_for is not target or not target.cluster.is_idle(self.spec.name):
            return False
        if self.in_force.has_changed or not rests(self.policy, self.state, last.decision, queue):
            return False

        def keep() -> None:
            followed = follow_rest(last, self._services.clock.now())
            self._keep(followed, followed.kept, 0.0)

        return self._do_unless_busy(keep)

    def reconcile(self, reading: QueueCounts | Exception | None = None) -> Steps:
        """Observe, decide, plan, launch and record, once; ``reading`` is what the queue was just seen to hold.

        Does nothing while another reconcile of the scaler is under way, while it backs off, or once it is retired.
        """
        return self._reconcile_once(reading, self._services.clock.elapsed())

    def _reconcile_once(self, reading: QueueCounts | Exception | None, read_at: float) -> Steps:
        if self.waits or not self._lock.acquire(blocking=False):
            return None
        began, target = self._services.clock.elapsed(), self._target
        if reading is not None:
            queue = ReadBefore(reading, read_at, target.aim.queue, self._services.clock.elapsed)
            target = replace(target, aim=replace(target.aim, queue=queue))
        try:
            return (yield from self._reconcile(target, began))
        except StoppingError:
            return None
        except Exception as error:  # noqa: BLE001 - one scaler's fault, ours included, must not end the others' polls
            broken = describe_breakage(self.spec.name, shorten(repr(error)), self._services.clock.now())
            self._keep(follow(self.last, broken), broken, self._services.clock.elapsed() - began)
            return None
        finally:
            self._lock.release()
            # After the release: a retirement that finds the lock taken leaves the series to this look.
            if self._is_retired:
                self.series.forget()

    def _reconcile(self, target: _Target, began: float) -> Steps:
        spec, asked, self._drops_launch = target.aim.spec, self.retries.asked, False
        turn = yield from self._decide(target)
        if self._is_retired:
            return None
        spec = self.in_force.note_decision(spec, turn.decision.at)
        if turn.decision.reason is Reason.LAUNCH:
            turn = yield from self._launch(spec, target, turn)
        error = turn.seen.problem or find_slow_listing(spec, target.cluster, turn.decision)
        problem = None if error is None else explain_error(spec, error)
        done = Reconciled(spec.name, turn.decision, turn.result, problem, None if error is None else error.fault)
        self._keep(follow(self.last, done), done, self._services.clock.elapsed() - began)
        self._decided_for = self._target if target.aim.spec is self._target.aim.spec else None
        self._contradictions.look_at(turn.decision)
        self.retries.note(turn, spec.policy.poll_interval, asked)
        return turn.decision.look_again_at

    def _decide(self, target: _Target) -> Generator[Look, None, Turn]:
        """Observe and decide, after the looks at the cluster that this takes."""
        began_after = None
        while not (self._services.clock.is_stopping() or self._is_retired):
            try:
                return self._cycle.decide(target.aim, began_after)
            except LookWanted as wanted:
                look = replace(date_look(wanted.look, target.aim.spec), is_wanted=lambda: not self._is_retired)
            yield look
            # The same look does for the second time: what was wanted then is what is wanted.
            began_after = began_after if look.began_after is None else look.began_after
        raise StoppingError

    def _launch(self, spec: ScalerSpec, target: _Target, turn: Turn) -> Generator[Pause, None, Turn]:
        """Carry the launch out that a scaler has decided as it was then."""
        result = yield from self._services.launcher_of(spec).launch(
            spec, turn.decision, target.cluster.enter, self.series, lambda: self._find_objection(spec)
        )
        self._cycle.remember(spec.name, turn.decision, result)
        self._templates.look_at(result)
        return replace(turn, result=result)

    def _find_objection(self, decided_by: ScalerSpec) -> str | None:
        gone = "the controller has the scaler no more"
        return gone if self._is_retired or self._drops_launch else find_objection(decided_by.policy, self.policy)

    def _keep(self, followed: Followed, done: Reconciled, seconds: float) -> None:
        """Show a reconcile in metrics, status and log; one that tells nothing new is counted, and logged seldom."""
        previous = self.last
        # The record comes first, so that what breaks after it is not told with an older decision.
        earlier = self.decisions if followed.is_new else self.decisions[:-1]
        self.decisions = (*earlier, followed.kept)[-count_kept(len(self._services.metrics.series)) :]
        self.observed = self.observed or done.problem is None
        self.series.show_reconcile(done, seconds)
        self.track.note(done)
        self.series.show_budget(self._services.budget.count_taken(done.scaler))
        if followed.is_said:
            events.report_decision(followed.kept, previous)
