"""Carrying a plan out, step by step: the template, the derived revisions that it needs, its calls (``calls.py``)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

from controller.aws.errors import AwsError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies.packing import Kind, explain_cut
from controller.core.decision.model import Decision, Outcome
from controller.core.decision.providers import NO_CHOICE, Choice
from controller.core.decision.rollout import Stage
from controller.core.decision.slots import slot_numbered
from controller.core.record import LaunchResult
from controller.scaling.calls import Calls, explain_error
from controller.scaling.canary import draft_rollout, may_go_without
from controller.scaling.draft import DefinitionStore, Drafts
from controller.scaling.layout import Draft
from controller.scaling.line import Pause
from controller.scaling.order import Enter, FindObjection, Order, Ran
from controller.telemetry.series import Series

FindUrl = Callable[[ScalerSpec], str]
"""Returns the URL of a scaler's one queue. Raises AwsError."""
Launching = Generator[Pause, None, LaunchResult]
"""A launch, step by step: how long it waits each time, and at last how it went."""


class Launcher:
    """Drafts and carries out the plans of one controller."""

    def __init__(
        self, definitions: DefinitionStore, calls: Calls, clock: Clock, find_url: FindUrl, *, dry_run: bool
    ) -> None:
        self._definitions = definitions
        self._find_url = find_url
        self.drafts = Drafts(definitions, clock)
        self._calls = calls
        self._dry_run = dry_run

    def draft(self, spec: ScalerSpec, containers: int, choice: Choice = NO_CHOICE, stage: Stage | None = None) -> Draft:
        """Return how ``containers`` workers would be laid out, with the template as it is now; writes nothing.

        Raises AwsError when the template is missing, or cannot run as configured.
        """
        return self._lay_out(self._tell_queue(spec), containers, choice, stage)

    def _lay_out(self, spec: ScalerSpec, containers: int, choice: Choice, stage: Stage | None) -> Draft:
        if stage is None or not containers:
            return self.drafts.draft(spec, containers, choice)
        return draft_rollout(self.drafts, spec, containers, choice, stage)

    def _tell_queue(self, spec: ScalerSpec) -> ScalerSpec:
        """Return a scaler with the URL of its queue among the variables of its workers, if they are to know it.

        It is the same at each launch, as the calls of a plan have to be. Raises AwsError when it cannot be looked up.
        """
        if spec.queue_env is None or len(spec.queues) != 1:
            return spec
        environment = {**spec.task.environment, spec.queue_env: self._find_url(spec)}
        return replace(spec, task=replace(spec.task, environment=environment))

    def launch(
        self, spec: ScalerSpec, decision: Decision, enter: Enter, series: Series, find_objection: FindObjection
    ) -> Launching:
        """Carry a decision to launch out, step by step.

        Raises nothing that AWS does; StoppingError before anything was sent, ValueError for a decision without slot.
        """
        if decision.slot is None:
            raise ValueError(f"scaler {spec.name}: a launch needs a slot")
        stage = decision.numbers.stage if decision.numbers else None
        try:
            spec = self._tell_queue(spec)
            draft, runs = yield from self._prepare(spec, decision, decision.slot, stage, series)
        except AwsError as error:
            return LaunchResult(Outcome.FAILED, None, fault=error.fault, error=explain_error(spec, error))
        if self._dry_run:
            return annotate(LaunchResult(Outcome.DRY_RUN, draft.plan), spec, draft, decision.launch)
        order = Order(spec, decision.slot, draft.plan, runs, enter, find_objection)
        result = yield from self._calls.carry_out(order, self._definitions.forget)
        return annotate(result, spec, draft, decision.launch)

    def _prepare(
        self, spec: ScalerSpec, decision: Decision, slot: int, stage: Stage | None, series: Series
    ) -> Generator[Pause, None, tuple[Draft, Mapping[Kind, Ran]]]:
        """Return the layout of a launch and what its tasks run, canaries left out that cannot be registered.

        A dry run registers nothing. Raises AwsError.
        """
        choice = decision.numbers.choice if decision.numbers else NO_CHOICE
        draft, runs = self._lay_out(spec, decision.launch, choice, stage), dict[Kind, Ran]()
        if self._dry_run:
            return draft, runs
        last_send = slot_numbered(spec.policy.slots, slot).last_send
        for kind in dict.fromkeys(group.kind for group in draft.plan.groups):
            part = draft.of(kind)
            try:
                arn = yield from self.drafts.find_or_register(spec, part, kind[0], last_send, series)
            except AwsError as error:
                if stage is None or not (kind[1] and may_go_without(stage, error)):
                    raise
                left = yield from self._prepare(spec, decision, slot, replace(stage, canaries=0), series)
                return replace(left[0], refused_canary=str(error)), left[1]
            runs[kind] = Ran(arn, part.worker)
        return draft, runs


def annotate(result: LaunchResult, spec: ScalerSpec, draft: Draft, asked: int) -> LaunchResult:
    """Return a result with the sizes of its tasks, and with why they or the plan hold fewer workers than asked."""
    cut = explain_cut(asked, draft.plan, spec.packing, draft.most)
    refused = result.refused_canary or draft.refused_canary
    return replace(
        result, sizes=draft.sizes, limit=draft.limit, cut=cut, warnings=draft.warnings, refused_canary=refused
    )
