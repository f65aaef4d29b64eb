"""Carrying a plan out: the template, the derived revisions it needs, and the RunTask calls, one after the other.

Rules 2 to 7 of "a launch happens once" are here: the token of each call, the window checked before each send, the same
call again while its outcome is unknown, and the end of the plan at the first call that is not answered with all its
tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Protocol

from controller.aws.errors import AwsError, Fault
from controller.aws.pace import Pacer
from controller.aws.session import TooLateError
from controller.aws.tasks import Answer, ConflictError, OutcomeUnknownError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies import copy_names, derived_family
from controller.core.derive import Allowed, copies_limit, derive
from controller.core.fingerprint import fingerprint
from controller.core.keeper import SCRIPT
from controller.core.ledger import LiveTask
from controller.core.model import Decision, Outcome
from controller.core.packing import Call, Plan, pack
from controller.core.record import LaunchResult
from controller.core.sizing import task_size
from controller.core.slots import launch_token, slot_numbered
from controller.core.template import CannotCopy, Template, worker_container
from controller.telemetry.series import Series

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a call of unknown outcome is sent again; the last one repeats."""

Enter = Callable[[Iterable[LiveTask]], None]
"""Enters the tasks of an answer into the ledger, at once."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a launch starts, before anything is written."""

    template: Template
    worker: str
    """The container that is copied."""
    plan: Plan
    most: int
    """The most workers that a task of this template may hold."""
    why_not_more: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one call."""

    arns: tuple[str, ...] = ()
    doubtful_since: float | None = None
    """When the call last left whose outcome is still unknown."""
    fault: Fault | None = None
    """Why the plan ends here; None: it goes on."""
    error: str | None = None


class DefinitionStore(Protocol):
    """Task definitions; ``controller.aws.definitions.Definitions`` is the one of AWS. All may raise AwsError."""

    @property
    def registrable(self) -> Allowed:
        """The members that RegisterTaskDefinition takes."""

    def template(self, definition: str) -> Template:
        """Return what a family, family:revision or ARN means now."""

    def find(self, family: str, fingerprint: str) -> str | None:
        """Return the ARN of an active revision that carries the fingerprint."""

    def register(self, definition: dict[str, Any], fingerprint: str) -> str:
        """Register a derived revision and return its ARN."""

    def forget(self, arn: str) -> None:
        """Look a derived revision up again next time."""


class Launcher:
    """Drafts and carries out the plans of one controller."""

    def __init__(
        self,
        definitions: DefinitionStore,
        run: Callable[[Mapping[str, Any], float], Answer],
        controller: str,
        pacer: Pacer,
        clock: Clock,
        *,
        dry_run: bool,
    ) -> None:
        """Wire a launcher; ``run`` sends one RunTask call, unless its last moment to leave has passed."""
        self._definitions = definitions
        self._run = run
        self._controller = controller
        self._pacer = pacer
        self._clock = clock
        self._dry_run = dry_run

    def draft(self, spec: ScalerSpec, containers: int) -> Draft:
        """Return how ``containers`` workers would be laid out, with the template as it is now; writes nothing.

        Raises AwsError when the template is missing, or cannot run as configured.
        """
        template = self._definitions.template(spec.task.definition)
        try:
            worker = worker_container(template, spec.task.container)
        except CannotCopy as error:
            raise AwsError(Fault.MISSING, str(error), "task.container") from error
        most, why = copies_limit(template, worker, spec.task.keeper_image, self._definitions.registrable)
        plan = pack(containers, spec.packing, most, lambda k: _rounding(template, worker, k))
        return Draft(template, worker, plan, most, why)

    def launch(self, spec: ScalerSpec, decision: Decision, enter: Enter, series: Series) -> LaunchResult:
        """Carry a decision to launch out, and return what became of it. Raises nothing that AWS does."""
        try:
            draft = self.draft(spec, decision.launch)
            if self._dry_run:
                return LaunchResult(Outcome.DRY_RUN, draft.plan)
            definitions = {
                group.containers: self._definition(spec, draft, group.containers, series) for group in draft.plan.groups
            }
        except AwsError as error:
            return LaunchResult(Outcome.FAILED, None, fault=error.fault, error=named(spec, error))
        return self._carry_out(spec, decision, draft, definitions, enter)

    def _definition(self, spec: ScalerSpec, draft: Draft, k: int, series: Series) -> str:
        """Return the ARN to run for k workers a task: the template itself, or a derived revision."""
        if k == 1:
            return draft.template.arn
        image = spec.task.keeper_image
        print_ = fingerprint(draft.template.arn, draft.worker, k, image, SCRIPT)
        found = self._definitions.find(derived_family(draft.template, k), print_)
        if found is not None:
            return found
        try:
            derived = derive(draft.template, draft.worker, k, image, self._definitions.registrable)
        except CannotCopy as error:
            raise AwsError(Fault.CANNOT_COPY, str(error), "task.max_containers_per_task") from error
        arn = self._definitions.register(derived, print_)
        series.registered()
        return arn

    def _carry_out(
        self, spec: ScalerSpec, decision: Decision, draft: Draft, definitions: Mapping[int, str], enter: Enter
    ) -> LaunchResult:
        slots, slot = spec.policy.slots, decision.slot or 0
        last_send = slot_numbered(slots, slot).last_send
        arns: list[str] = []
        containers = 0
        for index, call in enumerate(draft.plan.calls):
            if self._clock.pause(0):
                return _result(draft.plan, arns, containers, _Sent(error="stopping: the rest of the plan is dropped"))
            token = launch_token(slots, slot, index)
            parameters = self._parameters(spec, draft.worker, call, definitions[call.containers], token)
            sent = self._send(spec, parameters, last_send)
            enter(_live(spec, sent, call, self._clock.now()))
            if sent.fault is not Fault.CONFLICT:
                arns += sent.arns
                containers += len(sent.arns) * call.containers
            if sent.fault is not None:
                self._definitions.forget(definitions[call.containers])
                doubtful = call.count * call.containers
                return _result(draft.plan, arns, containers, sent, doubtful)
        return _result(draft.plan, arns, containers, _Sent())

    def _send(self, spec: ScalerSpec, parameters: Mapping[str, Any], last_send: float) -> _Sent:
        """Send one call until its outcome is known or the window has closed.

        Only tasks or a conflict resolve an unknown outcome: a refusal after it says nothing of what came before.
        """
        if not self._pacer.wait(parameters["count"], last_send):
            return _Sent(
                fault=Fault.THROTTLED, error=f"scaler {spec.name}: aws.launch_rate leaves no room in this slot"
            )
        doubtful_since, said = None, ""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return _answered(self._run(parameters, last_send), parameters["count"])
            except ConflictError as error:
                return _Sent(error.arns, fault=Fault.CONFLICT, error=named(spec, error))
            except TooLateError:
                break
            except OutcomeUnknownError as error:
                doubtful_since, said = self._clock.now(), str(error)
            except AwsError as error:
                if doubtful_since is None:
                    return _Sent(fault=error.fault, error=named(spec, error))
            if self._clock.pause(pause):
                break
        if doubtful_since is None:
            return _Sent(
                fault=Fault.WINDOW_CLOSED, error=f"scaler {spec.name}: the launch window closed before the call"
            )
        return _Sent(doubtful_since=doubtful_since, fault=Fault.IN_DOUBT, error=f"scaler {spec.name}: {said}")

    def _parameters(self, spec: ScalerSpec, worker: str, call: Call, definition: str, token: str) -> dict[str, Any]:
        """Return a call's parameters: a function of the configuration and the token alone."""
        parameters: dict[str, Any] = {
            **spec.task.run_task,
            "cluster": spec.task.cluster,
            "taskDefinition": definition,
            "count": call.count,
            "clientToken": token,
            "startedBy": self._controller,
            "group": spec.name,
        }
        if spec.task.environment:
            environment = [{"name": name, "value": value} for name, value in sorted(spec.task.environment.items())]
            parameters["overrides"] = {
                "containerOverrides": [
                    {"name": name, "environment": environment} for name in copy_names(worker, call.containers)
                ]
            }
        return parameters


def named(spec: ScalerSpec, error: Exception) -> str:
    """Return an error as a sentence that names the scaler and the key to check."""
    key = error.key if isinstance(error, AwsError) else None
    where = "" if key is None else f"; check scalers[{spec.index}].{key}"
    return f"scaler {spec.name}: {error}{where}"


def _rounding(template: Template, worker: str, k: int) -> float:
    size = task_size(template, worker, k)
    return size.rounding if size else 0.0


def _answered(answer: Answer, asked: int) -> _Sent:
    """Judge an answer: what started counts; with less than all of it the plan ends."""
    if not answer.failures and len(answer.arns) == asked:
        return _Sent(answer.arns)
    reasons = ", ".join(sorted(set(answer.failures))) or "no reason given"
    short = any(reason.startswith("RESOURCE:") or "capacity" in reason.lower() for reason in answer.failures)
    fault = Fault.CAPACITY if short or not answer.failures else Fault.INVALID
    return _Sent(answer.arns, fault=fault, error=f"{len(answer.arns)} of {asked} tasks started: {reasons}")


def _live(spec: ScalerSpec, sent: _Sent, call: Call, now: float) -> Iterator[LiveTask]:
    """Return the tasks of an answer as the ledger takes them.

    Another controller's tasks, known by a conflict, may hold any number of workers: the most that there can be.
    """
    workers = spec.packing.max_containers_per_task if sent.fault is Fault.CONFLICT else call.containers
    for arn in sent.arns:
        yield LiveTask(arn=arn, scaler=spec.name, running=0, starting=workers, created_at=now)


def _result(plan: Plan, arns: list[str], containers: int, last: _Sent, doubtful: int = 0) -> LaunchResult:
    in_doubt = doubtful if last.doubtful_since is not None else 0
    if in_doubt:
        outcome = Outcome.IN_DOUBT
    elif last.fault is None and last.error is None:
        outcome = Outcome.LAUNCHED
    else:
        outcome = Outcome.PARTLY_LAUNCHED if arns else Outcome.FAILED
    return LaunchResult(
        outcome, plan, tuple(arns), containers, in_doubt, last.doubtful_since, fault=last.fault, error=last.error
    )
