"""The cycle: observe, decide and launch, in the one way in which the daemon, ``ecsq plan`` and a simulation do it.

::

    queue.read_counts() -> cluster.refresh() -> history -> signs of the tasks    observe
        -> propose -> budget.grant -> settle                                     decide
        -> once more, on a fresh listing, if only the listing is older than the launch window
    launch -> remember its cooldown and its doubts -> budget.book                launch

Queue, cluster, budget, launcher and clock are handed in: a world of another kind can stand in for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Protocol

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.decision.breaker import CLOSED, heed
from controller.core.decision.budget import BudgetUse
from controller.core.decision.decide import heed_deleted, heed_left, heed_past, propose, remember_launch, settle
from controller.core.decision.limits import keep_pending
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.policy import Policy
from controller.core.decision.providers import note_providers, note_refusal
from controller.core.decision.rollout import NOTHING_KNOWN, forget_refusals, note_active
from controller.core.decision.scarcity import CapacitySign, note_capacity
from controller.core.decision.slots import slot_at
from controller.core.decision.state import Doubt, ScalerState
from controller.core.frozen import change, frozen
from controller.core.record import LaunchResult
from controller.scaling.observe import (
    ClusterReader,
    DeletedReader,
    NothingTold,
    Observation,
    QueueReader,
    families_of,
    observe,
    recall,
)
from controller.scaling.revisions import TemplateRevisions, heed_launch

FRESH = 0.9
"""The share of a poll for which a snapshot serves. A little less than one, so that a scaler alone lists at each of its
polls, and one beside others does not list again what they have just seen."""
LISTINGS_APART = 4.0
"""For how long a snapshot serves in any case, by what its listing costs: a large cluster takes a quarter of the time,
and of the account's rate, to be listed, however often its scalers poll. A launch still needs one of its window."""
_BY_REVISION = frozenset({Reason.LAUNCH, Reason.PROVING, Reason.UNKNOWN_TEMPLATE})
"""The decisions on which it depends which revisions there are, of a scaler with a rollout."""
_STARTED = frozenset({Outcome.LAUNCHED, Outcome.PARTLY_LAUNCHED, Outcome.DRY_RUN})

Launch = Callable[[ScalerSpec, Decision], LaunchResult]
"""Carries a decision to launch out, and returns how that went: ``controller.scaling.launch.Launcher`` on ECS."""


class BudgetOfAll(Protocol):
    """The budget that all scalers share; the daemon has a ``controller.scaling.budget.SharedBudget``."""

    def report(self, scaler: str, held: int) -> None:
        """Take down how many containers a scaler has, those in doubt included."""

    def grant(self, scaler: str, wanted: int | None, now: float) -> int:
        """Return the part of ``wanted`` containers that may be launched; None: the scaler could not observe."""

    def find_refusal(self, scaler: str) -> BudgetUse | None:
        """Return how the budget was used when it last granted the scaler less than it wanted; None: it did not."""

    def book(self, scaler: str, containers: int, now: float) -> None:
        """Turn what was granted into the containers that a launch started, or may yet."""


@frozen
class Aim:
    """A scaler's configuration with the queue and the cluster that it names; swapped whole by a reload."""

    spec: ScalerSpec
    queue: QueueReader
    cluster: ClusterReader
    deleted: DeletedReader = field(default_factory=NothingTold)
    revisions: TemplateRevisions | None = None
    """Those of its template; None: it has no rollout."""


@frozen
class Turn:
    """One time through the cycle."""

    decision: Decision
    seen: Observation
    result: LaunchResult | None = None
    """How the launch went; None: the decision was to hold."""


class Cycle:
    """The cycle of one scaler, and all that it remembers from one turn to the next."""

    def __init__(self, budget: BudgetOfAll, now: Callable[[], float], remembered: ScalerState | None = None) -> None:
        """Begin with what a running daemon ``remembered``, or with nothing. ``now`` gives seconds since the epoch."""
        self._budget = budget
        self._now = now
        self.state = ScalerState() if remembered is None else remembered
        # Which signs a daemon that has read its history has heeded since, nobody else can tell.
        self._heeds_signs = not self.state.history_read
        self._spec: ScalerSpec | None = None
        self._cluster: ClusterReader | None = None
        self._families: tuple[str, ...] = ()

    def run(self, aim: Aim, launch: Launch) -> Turn:
        """Observe, decide, and launch if that is what was decided."""
        turn = self.decide(aim)
        if turn.decision.reason is not Reason.LAUNCH:
            return turn
        result = launch(aim.spec.at(turn.decision.at), turn.decision)
        self.remember(aim.spec.name, turn.decision, result)
        return change(turn, result=result)

    def decide(self, aim: Aim, began_after: float | None = None) -> Turn:
        """Observe and decide; a second time if the launch window has opened since the cluster was listed.

        ``began_after`` is when the listing has to have begun, for whoever comes back after a look; None: lately.
        Raises whatever the cluster raises for what it does not know yet.
        """
        now = self._now()
        policy = aim.spec.at(now).policy
        # A moment that is yet to come was taken before the clock was set back: no look would end the wait for it.
        if began_after is None or began_after > now:
            began_after = now - max(FRESH * policy.poll_interval, LISTINGS_APART * aim.cluster.listing_costs)
        turn = self._observe_and_decide(aim, began_after)
        decision = turn.decision
        if decision.look_again_at is not None and decision.look_again_at <= decision.at:
            # The window is open; only the listing is older than it.
            turn = self._observe_and_decide(aim, slot_at(policy.slots, decision.at).opens)
        return turn

    def _observe_and_decide(self, aim: Aim, began_after: float) -> Turn:
        seen = self._observe(aim, began_after)
        now = self._now()
        # The window of its schedule that is in force at the decision counts, whatever was when it began to observe.
        spec = aim.spec.at(now)
        report_fleet(self._budget, spec, aim.cluster, self.state, now)
        proposal = propose(spec.policy, seen.queue, seen.fleet, self.state, now)
        if aim.revisions is not None and proposal.decision.reason in _BY_REVISION:
            seen = self._list_revisions(aim, aim.revisions, seen)
            proposal = propose(spec.policy, seen.queue, seen.fleet, self.state, now)
        granted = self._budget.grant(spec.name, proposal.wanted, now)
        decision, self.state = settle(spec.policy, proposal, granted)
        if granted < (proposal.wanted or 0):
            decision = change(decision, budget=self._budget.find_refusal(spec.name))
        return Turn(decision, seen)

    def _observe(self, aim: Aim, began_after: float) -> Observation:
        """Observe; before the first launch that may come, also how the tasks before this process have ended."""
        spec, cluster = aim.spec, aim.cluster
        self._notice_move(spec, cluster)
        seen = observe(spec.at(self._now()), aim.queue, cluster, began_after)
        self.state = heed_deleted(heed_left(self.state, cluster.take_left(spec.name)), aim.deleted.take())
        if (past := aim.deleted.take_past()) is not None:
            self.state = heed_past(self.state, past, spec.most_containers)
        if not self.state.history_read and seen.could_launch(spec.least_at_most):
            seen = recall(spec, seen, cluster)
            self.state = change(self.state, history_read=seen.problem is None)
        if aim.revisions is not None:
            seen = self._heed_revisions(aim.revisions, seen)
        self._heed_signs(aim)
        return seen

    def _heed_signs(self, aim: Aim) -> None:
        """Heed what tasks have told since the last look of those to come, and of capacity."""
        spec, cluster, revisions = aim.spec, aim.cluster, aim.revisions
        # Not before: signs are heeded in the order of their times, and the history's are older. Nor before it is known
        # which revisions have to prove themselves.
        is_known = revisions is None or self.state.rollout.active is not None
        if not (self.state.history_read and self._heeds_signs and is_known):
            return
        signs, of_capacity = cluster.take_signs(spec.name), cluster.take_capacity_signs(spec.name)
        if revisions is not None:
            signs = revisions.leave_to_breaker(self.state.rollout, signs)
        if signs or of_capacity:
            breaker = heed(self.state.breaker, signs, spec.policy.breaker.after)
            self.state = _heed_capacity(change(self.state, breaker=breaker), spec.policy, of_capacity)

    def _list_revisions(self, aim: Aim, revisions: TemplateRevisions, seen: Observation) -> Observation:
        """List the revisions, for a launch that may come. Those that cannot be listed are unknown: it does not come."""
        try:
            active = revisions.list_active()
        except AwsError as error:
            self.state = change(self.state, rollout=note_active(self.state.rollout, None))
            return change(seen, problem=error)
        self.state = change(self.state, rollout=note_active(self.state.rollout, active))
        seen = self._heed_revisions(revisions, seen)
        self._heed_signs(aim)
        return seen

    def _heed_revisions(self, revisions: TemplateRevisions, seen: Observation) -> Observation:
        """Heed what tasks tell of the template's revisions, and count what they run in."""
        if seen.fleet is None:
            return seen
        rollout, uses = revisions.heed_tasks(self.state.rollout)
        self.state = change(self.state, rollout=rollout)
        return change(seen, fleet=change(seen.fleet, revisions=uses))

    def _notice_move(self, spec: ScalerSpec, cluster: ClusterReader) -> None:
        """Notice that a reload has moved the scaler: what drains there, and how tasks ended, was never looked at.

        How tasks of another family ended tells nothing, nor of one so called in another account or region.
        """
        if spec is self._spec and cluster is self._cluster:
            return
        families = families_of(spec)
        if self._spec is not None:
            if spec.task != self._spec.task:
                self.state = change(self.state, rollout=forget_refusals(self.state.rollout))
            if cluster is not self._cluster or not set(families) <= set(self._families):
                self.state = change(self.state, history_read=False)
            if families[0] != self._families[0] or spec.task_access.where != self._spec.task_access.where:
                self.state = change(self.state, breaker=CLOSED, rollout=NOTHING_KNOWN)
        self._spec, self._cluster, self._families = spec, cluster, families

    def remember(self, scaler: str, decision: Decision, result: LaunchResult) -> None:
        """Take in how a launch went: its cooldown counts if it started something, a doubt until it is settled."""
        started = result.outcome in _STARTED or bool(result.arns)
        in_doubt, since = result.in_doubt, result.doubtful_since
        doubt = Doubt(in_doubt, since) if in_doubt and since is not None else None
        self.state = remember_launch(self.state, decision, started=started, doubt=doubt)
        if result.refused_by is not None:
            shortages = note_refusal(self.state.shortages, result.refused_by, result.error, self._now())
            self.state = change(self.state, shortages=shortages)
        if decision.numbers is not None and decision.numbers.stage is not None:
            known = heed_launch(self.state.rollout, decision.numbers.stage.newest, result, self._now())
            self.state = change(self.state, rollout=known)
        self._budget.book(scaler, result.containers + in_doubt, self._now())


def _heed_capacity(state: ScalerState, policy: Policy, signs: Iterable[CapacitySign]) -> ScalerState:
    """Return the state after signs of capacity: of an order of providers each is short by itself."""
    if policy.providers:
        return change(state, shortages=note_providers(state.shortages, signs))
    return change(state, scarcity=note_capacity(state.scarcity, signs))


def report_fleet(budget: BudgetOfAll, spec: ScalerSpec, cluster: ClusterReader, state: ScalerState, now: float) -> None:
    """Tell the budget what the scaler has, if that is known: what lives is known even when the queue is not."""
    if cluster.is_known:
        in_doubt = sum([doubt.containers for doubt in keep_pending(spec.policy, state.doubts, now)])
        fleet = cluster.fleet_of(spec.name)
        budget.report(spec.name, fleet.live + fleet.held + in_doubt)
