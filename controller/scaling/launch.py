"""Carrying a plan out: the template, the derived revisions it needs, and the RunTask calls, one after the other.

Rules 2 to 7 of "a launch happens once" are here: the token of each call, the window checked before each send, the same
call again while its outcome is unknown, and the end of the plan at the first call that is not answered with all its
tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

from controller.aws.errors import AwsError, Fault, shorten
from controller.aws.pace import Pacer, RestingError
from controller.aws.run_task import ConflictError, OutcomeUnknownError, RunTaskAnswer
from controller.aws.sentences import explain_failures, file_failures
from controller.aws.session import StoppingError, TooLateError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies.overrides import build_overrides
from controller.core.copies.packing import Call, Plan, explain_cut
from controller.core.decision.model import Decision, Outcome
from controller.core.decision.slots import launch_token, slot_numbered
from controller.core.decision.task import LiveTask
from controller.core.record import LaunchResult
from controller.core.words import as_clause
from controller.scaling.draft import DefinitionStore, Draft, Drafts
from controller.telemetry.series import Series

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a call of unknown outcome is sent again; the last one repeats."""

_STOPPING = "stopping: the rest of the plan is dropped"

Enter = Callable[[Iterable[LiveTask]], None]
"""Enters the tasks of an answer into the ledger, at once."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """How one call went."""

    arns: tuple[str, ...] = ()
    doubtful_since: float | None = None
    """When the call last left whose outcome is still unknown."""
    fault: Fault | None = None
    """Why the plan ends here; None: it goes on."""
    error: str | None = None


class Launcher:
    """Drafts and carries out the plans of one controller."""

    def __init__(
        self,
        definitions: DefinitionStore,
        run: Callable[[Mapping[str, Any], float], RunTaskAnswer],
        controller: str,
        pacer: Pacer,
        clock: Clock,
        *,
        dry_run: bool,
    ) -> None:
        """Wire a launcher; ``run`` sends one RunTask call, unless its last moment to leave has passed."""
        self._definitions = definitions
        self.drafts = Drafts(definitions, clock)
        self._run = run
        self._controller = controller
        self._pacer = pacer
        self._clock = clock
        self._dry_run = dry_run

    def draft(self, spec: ScalerSpec, containers: int) -> Draft:
        """Return how ``containers`` workers would be laid out, with the template as it is now; writes nothing.

        Raises AwsError when the template is missing, or cannot run as configured.
        """
        return self.drafts.draft(spec, containers)

    def launch(self, spec: ScalerSpec, decision: Decision, enter: Enter, series: Series) -> LaunchResult:
        """Carry a decision to launch out, and return how that went.

        Raises nothing that AWS does; StoppingError before anything was sent, ValueError for a decision without slot.
        """
        if decision.slot is None:
            raise ValueError(f"scaler {spec.name}: a launch needs a slot")
        try:
            draft = self.draft(spec, decision.launch)
            if self._dry_run:
                return annotate(LaunchResult(Outcome.DRY_RUN, draft.plan), spec, draft, decision.launch)
            last_send = slot_numbered(spec.policy.slots, decision.slot).last_send
            definitions = {
                group.containers: self.drafts.find_or_register(spec, draft, group.containers, last_send, series)
                for group in draft.plan.groups
            }
        except AwsError as error:
            return LaunchResult(Outcome.FAILED, None, fault=error.fault, error=explain_error(spec, error))
        result = self._carry_out(spec, decision.slot, draft, definitions, enter)
        return annotate(result, spec, draft, decision.launch)

    def _carry_out(
        self, spec: ScalerSpec, slot: int, draft: Draft, definitions: Mapping[int, str], enter: Enter
    ) -> LaunchResult:
        slots = spec.policy.slots
        last_send = slot_numbered(slots, slot).last_send
        arns: list[str] = []
        containers = 0
        for index, call in enumerate(draft.plan.calls):
            if self._clock.is_stopping():
                return _conclude(draft.plan, arns, containers, _Sent(error=_STOPPING))
            token = launch_token(slots, slot, index)
            parameters = self._parameters(spec, draft.worker, call, definitions[call.containers], token)
            sent = self._send(spec, parameters, last_send)
            enter(_read_tasks(spec, sent, call, self._clock.now()))
            if sent.fault is not Fault.CONFLICT:
                arns += sent.arns
                containers += len(sent.arns) * call.containers
            if sent.error is not None:
                self._definitions.forget(definitions[call.containers])
                doubtful = call.count * call.containers
                return _conclude(draft.plan, arns, containers, sent, doubtful)
        return _conclude(draft.plan, arns, containers, _Sent())

    def _send(self, spec: ScalerSpec, parameters: Mapping[str, Any], last_send: float) -> _Sent:
        """Send one call until its outcome is known or the window has closed.

        Only tasks or a conflict resolve an unknown outcome: a refusal after it says nothing of what came before.
        """
        if too_fast := self._wait_for_pace(spec, parameters["count"], last_send):
            return too_fast
        doubtful_since, said = None, ""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return _judge_answer(self._run_rested(parameters, last_send), parameters["count"], doubtful_since)
            except ConflictError as error:
                return _Sent(error.arns, fault=Fault.CONFLICT, error=explain_error(spec, error))
            except (TooLateError, StoppingError):
                break
            except OutcomeUnknownError as error:
                doubtful_since, said = self._clock.now(), str(error)
            except AwsError as error:
                if doubtful_since is None:
                    return _Sent(fault=error.fault, error=explain_error(spec, error))
            if self._clock.pause(pause):
                break
        if doubtful_since is None:
            return self._explain_unsent(spec)
        return _Sent(doubtful_since=doubtful_since, fault=Fault.IN_DOUBT, error=f"scaler {spec.name}: {said}")

    def _run_rested(self, parameters: Mapping[str, Any], last_send: float) -> RunTaskAnswer:
        """Send one call, once; before it, wait once while RunTask rests after a throttle, if that is over in time.

        All scalers begin at about the same moment of a slot. Without the wait, one whose own calls are throttled (a
        subnet that is asked for too often) would hold back all that come after it, in every slot again.
        """
        try:
            return self._run(parameters, last_send)
        except RestingError as error:
            if self._clock.now() + error.seconds > last_send or self._clock.pause(error.seconds):
                raise
        return self._run(parameters, last_send)

    def _explain_unsent(self, spec: ScalerSpec) -> _Sent:
        """Return why a call did not leave: the process is to stop, or the window has closed."""
        if self._clock.is_stopping():
            return _Sent(error=_STOPPING)
        return _Sent(fault=Fault.WINDOW_CLOSED, error=f"scaler {spec.name}: the launch window closed before the call")

    def _wait_for_pace(self, spec: ScalerSpec, tasks: int, last_send: float) -> _Sent | None:
        """Wait until so many tasks keep to the pace; return why the call is not sent if they cannot in time."""
        if self._pacer.wait(tasks, last_send):
            return None
        if self._clock.is_stopping():
            return _Sent(error=_STOPPING)
        return _Sent(fault=Fault.THROTTLED, error=f"scaler {spec.name}: aws.launch_rate leaves no room in this slot")

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
            parameters["overrides"] = build_overrides(worker, spec.task.environment, call.containers)
        return parameters


def explain_error(spec: ScalerSpec, error: Exception) -> str:
    """Return an error as a sentence that names the scaler, and the key to check."""
    key = error.key if isinstance(error, AwsError) else None
    if key is None:
        return f"scaler {spec.name}: {error}"
    return f"scaler {spec.name}: {as_clause(str(error))}; check scalers[{spec.index}].{key}"


def annotate(result: LaunchResult, spec: ScalerSpec, draft: Draft, asked: int) -> LaunchResult:
    """Return a result with the sizes of its tasks, and with why they or the plan hold fewer workers than asked."""
    cut = explain_cut(asked, draft.plan, spec.packing, draft.most)
    return replace(result, sizes=draft.sizes, limit=draft.limit, cut=cut, warnings=draft.warnings)


def _judge_answer(answer: RunTaskAnswer, asked: int, doubtful_since: float | None) -> _Sent:
    """Judge an answer: what started counts; with less than all of it the plan ends.

    ``doubtful_since`` is when the same call last left without an answer. AWS does not say that a call which started
    nothing binds its token, so what left before may yet start: the launch is in doubt, whatever this answer lacks.
    """
    if not answer.failures and len(answer.arns) == asked:
        return _Sent(answer.arns)
    reasons = shorten(", ".join(explain_failures(answer.failures))) or "no reason given"
    error = f"{len(answer.arns)} of {asked} tasks started: {reasons}"
    if doubtful_since is not None and not answer.arns:
        return _Sent(doubtful_since=doubtful_since, fault=Fault.IN_DOUBT, error=error)
    return _Sent(answer.arns, fault=file_failures(answer.failures), error=error)


def _read_tasks(spec: ScalerSpec, sent: _Sent, call: Call, now: float) -> Iterator[LiveTask]:
    """Return the tasks of an answer as the ledger takes them.

    Another controller's tasks, known by a conflict, may hold any number of workers: the most that there can be.
    """
    workers = spec.packing.max_containers_per_task if sent.fault is Fault.CONFLICT else call.containers
    for arn in sent.arns:
        yield LiveTask(arn=arn, scaler=spec.name, running=0, starting=workers, created_at=now)


def _conclude(plan: Plan, arns: list[str], containers: int, last: _Sent, doubtful: int = 0) -> LaunchResult:
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
