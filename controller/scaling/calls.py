"""The RunTask calls of a plan, one after the other.

Rules 2 and 3 and 5 to 7 of "a launch happens once" are here: the token of each call, the window checked before each
send, the same call again while its outcome is unknown, and the end of the plan at the first call that is not answered
with all its tasks.

No thread waits here: where a call has to wait, for the rate that all scalers share or before it is sent again, it
yields for how long. What goes on then is the same plan, at the same call, with its slot, index and parameters; whether
it may still leave is asked anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

from controller.aws.errors import FOR_A_PERSON, AwsError, Fault, shorten
from controller.aws.pace import RestingError
from controller.aws.run_task import ConflictError, OutcomeUnknownError, RunTaskAnswer
from controller.aws.sentences import explain_failures, file_failures
from controller.aws.session import StoppingError, TooLateError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies.copies import split_revision
from controller.core.copies.overrides import build_overrides
from controller.core.copies.packing import Call, Plan
from controller.core.copies.placement import name_providers
from controller.core.decision.model import Outcome
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.slots import launch_token
from controller.core.decision.task import LiveTask, Part
from controller.core.record import LaunchResult
from controller.core.words import as_clause
from controller.scaling.line import Line, Pause
from controller.scaling.order import Order

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a call of unknown outcome is sent again; the last one repeats."""

_STOPPING = "stopping: the rest of the plan is dropped"

Run = Callable[[Mapping[str, Any], float], RunTaskAnswer]
"""Sends one RunTask call, unless its last moment to leave has passed."""


class _DroppedError(Exception):
    """A call was about to leave, and something speaks against its launch by now; nothing was sent."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """How one call went."""

    arns: tuple[str, ...] = ()
    doubtful_since: float | None = None
    """When the call last left whose outcome is still unknown."""
    fault: Fault | None = None
    """Why the plan ends here; None: it goes on."""
    error: str | None = None


class Calls:
    """Sends the calls of one controller's launches."""

    def __init__(self, run: Run, controller: str, line: Line, clock: Clock) -> None:
        self._run = run
        self._controller = controller
        self._line = line
        self._clock = clock

    def carry_out(self, order: Order, forget: Callable[[str], None]) -> Generator[Pause, None, LaunchResult]:
        """Send the calls of a plan, step by step. A definition with which one fails is one to ``forget``."""
        plan, arns, containers = order.plan, list[str](), 0
        for index, call in enumerate(plan.calls):
            if self._clock.is_stopping():
                return _conclude(plan, arns, containers, _Sent(error=_STOPPING))
            sent = yield from self._send(order, call, index)
            order.enter(_read_tasks(order, sent, call, self._clock.now()))
            if sent.fault is not Fault.CONFLICT:
                arns += sent.arns
                containers += len(sent.arns) * call.containers
            if sent.error is not None:
                forget(order.runs[call.kind].definition)
                doubtful = call.count * call.containers
                result = _conclude(plan, arns, containers, sent, doubtful)
                if call.is_canary and not sent.arns:
                    # Nothing else is known to be wrong: whatever the plan has besides was sent before, and started.
                    result = self._tell_of_canary(order, sent, result)
                return replace(result, refused_by=call.provider) if sent.fault is Fault.CAPACITY else result
        return _conclude(plan, arns, containers, _Sent())

    def _tell_of_canary(self, order: Order, sent: _Sent, result: LaunchResult) -> LaunchResult:
        """Return the result with what it tells of a revision that has to prove itself; what passes tells nothing."""
        cause = (sent.error or "").removeprefix(f"scaler {order.spec.name}: ")
        if sent.fault in FOR_A_PERSON:
            return replace(result, refused_canary=cause)
        if sent.fault is not Fault.CAPACITY:
            return result
        now = self._clock.now()
        return replace(result, short_canary=CapacitySign(found=False, at=now, born_at=now, cause=cause))

    def _send(self, order: Order, call: Call, index: int) -> Generator[Pause, None, _Sent]:
        """Send one call until its outcome is known, the window has closed, or something speaks against the launch.

        Only tasks or a conflict resolve an unknown outcome: a refusal after it says nothing of what came before.
        """
        spec = order.spec
        if unsent := (yield from self._wait_for_turn(order, call.count)):
            return unsent
        parameters = self._parameters(order, call, index)
        doubtful_since, said = None, ""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                answer = yield from self._run_rested(order, parameters)
                return _judge_answer(answer, call.count, doubtful_since)
            except ConflictError as error:
                return _Sent(error.arns, fault=Fault.CONFLICT, error=explain_error(spec, error))
            except (TooLateError, StoppingError, _DroppedError) as error:
                said = said or str(error)
                break
            except OutcomeUnknownError as error:
                doubtful_since, said = self._clock.now(), str(error)
            except AwsError as error:
                if doubtful_since is None:
                    return _Sent(fault=error.fault, error=explain_error(spec, error))
            if self._clock.is_stopping():
                break
            yield Pause(pause)
        if doubtful_since is None:
            return self._explain_unsent(spec, said)
        return _Sent(doubtful_since=doubtful_since, fault=Fault.IN_DOUBT, error=f"scaler {spec.name}: {said}")

    def _run_rested(self, order: Order, parameters: Mapping[str, Any]) -> Generator[Pause, None, RunTaskAnswer]:
        """Send one call, once; before it, wait once while RunTask rests after a throttle, if that is over in time.

        All scalers begin at about the same moment of a slot. Without the wait, one whose own calls are throttled (a
        subnet that is asked for too often) would hold back all that come after it, in every slot again.
        """
        try:
            return self._run_unless_dropped(order, parameters)
        except RestingError as error:
            if self._clock.now() + error.seconds > order.last_send or self._clock.is_stopping():
                raise
            yield Pause(error.seconds)
        return self._run_unless_dropped(order, parameters)

    def _run_unless_dropped(self, order: Order, parameters: Mapping[str, Any]) -> RunTaskAnswer:
        if objection := order.find_objection():
            raise _DroppedError(objection)
        return self._run(parameters, order.last_send)

    def _explain_unsent(self, spec: ScalerSpec, objection: str) -> _Sent:
        """Return why a call did not leave: the process is to stop, something objects, or the window has closed."""
        if self._clock.is_stopping():
            return _Sent(error=_STOPPING)
        if objection:
            return _Sent(error=f"scaler {spec.name}: {objection}: the rest of the plan is dropped")
        return _Sent(fault=Fault.WINDOW_CLOSED, error=f"scaler {spec.name}: the launch window closed before the call")

    def _wait_for_turn(self, order: Order, tasks: int) -> Generator[Pause, None, _Sent | None]:
        """Wait until it is the turn of so many tasks; return why the call is not sent if that is too late, or dropped.

        What is dropped takes nothing of the rate, which others wait for.
        """
        spec = order.spec
        place = self._line.line_up(spec.name, spec.priority, tasks)
        try:
            while not (objection := order.find_objection()) and (seconds := self._line.ask(place)) > 0:
                if self._clock.now() + seconds > order.last_send:
                    error = f"scaler {spec.name}: aws.launch_rate leaves no room in this slot"
                    return _Sent(fault=Fault.THROTTLED, error=error)
                yield Pause(seconds)
                if self._clock.is_stopping():
                    return _Sent(error=_STOPPING)
        finally:
            self._line.leave(place)
        return self._explain_unsent(spec, objection) if objection else None

    def _parameters(self, order: Order, call: Call, index: int) -> dict[str, Any]:
        """Return a call's parameters: a function of the configuration, the slot and its place in the plan alone."""
        spec, runs = order.spec, order.runs[call.kind]
        parameters: dict[str, Any] = {
            **spec.task.run_task,
            "cluster": spec.task.cluster,
            "taskDefinition": runs.definition,
            "count": call.count,
            "clientToken": launch_token(spec.policy.slots, order.slot, index),
            "startedBy": self._controller,
            "group": spec.name,
            **(name_providers(call.provider) if call.provider else {}),
        }
        if spec.task.environment:
            parameters["overrides"] = build_overrides(runs.worker, spec.task.environment, call.containers)
        return parameters


def explain_error(spec: ScalerSpec, error: Exception) -> str:
    """Return an error as a sentence that names the scaler, and the key to check."""
    if not isinstance(error, AwsError) or (key := error.key) is None:
        return f"scaler {spec.name}: {error}"
    named = spec.queue_key if key == "queue" else key
    return f"scaler {spec.name}: {as_clause(str(error))}; check scalers[{spec.index}].{named}"


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


def _read_tasks(order: Order, sent: _Sent, call: Call, now: float) -> Iterator[LiveTask]:
    """Return the tasks of an answer as the ledger takes them.

    Another controller's tasks, known by a conflict, may hold any number of workers: the most that there can be. They
    may run anything.
    """
    spec, is_ours = order.spec, sent.fault is not Fault.CONFLICT
    workers = call.containers if is_ours else spec.packing.max_containers_per_task
    family, revision = split_revision(order.runs[call.kind].definition) if is_ours else (None, None)
    made = LiveTask("", spec.name, 0, workers, now, family=family, revision=revision, provider=call.provider)
    guessed = frozenset[Part]() if is_ours else frozenset({Part.CREW})
    return (replace(made, arn=arn, guessed=guessed) for arn in sent.arns)


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
