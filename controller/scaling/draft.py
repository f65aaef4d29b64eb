"""Drafts: how a launch is laid out with the template as it is now, and the task definitions that it runs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from controller.aws.errors import AwsError, Fault
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies.advice import find_warnings
from controller.core.copies.copies import WITHOUT_DEADLINE, derived_family
from controller.core.copies.derive import Allowed, derive, find_copies_limit, fingerprint_copies, keep_allowed
from controller.core.copies.overrides import limit_by_overrides
from controller.core.copies.packing import PackingPolicy, Plan, pack, pack_on
from controller.core.copies.placement import find_misfit, limit_by_fargate, name_all, split_by_provider
from controller.core.copies.sizing import size_task
from controller.core.copies.template import CannotCopy, Template, find_worker
from controller.core.decision.providers import NO_CHOICE, Choice
from controller.core.decision.rate import Rate
from controller.core.words import format_count
from controller.scaling.layout import Draft
from controller.scaling.line import Line, Pause, Place
from controller.telemetry.series import Series

REGISTER_RATE = Rate(1.0, 20)
"""Registrations that an account may make (ECS API throttling: RegisterTaskDefinition)."""
LOOK_AGAIN = 0.2
"""Seconds after which a scaler asks again for a revision that another one looks for or registers at that moment."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A revision to run."""

    arn: str
    is_new: bool
    """Whether it was registered just now."""


class DefinitionStore(Protocol):
    """Task definitions; ``controller.aws.definitions.Definitions`` is the one of AWS. All may raise AwsError."""

    @property
    def registrable(self) -> Allowed:
        """The members that RegisterTaskDefinition takes."""

    def read_template(self, definition: str) -> Template:
        """Return what a family, family:revision or ARN means now."""

    def find_foreign(self, family: str) -> str | None:
        """Return the newest revision of a family if somebody else registers it; None: it is ours, or empty."""

    def find(self, family: str, fingerprint: str) -> str | None:
        """Return the ARN of an active revision that carries the fingerprint."""

    def register(self, definition: dict[str, Any], fingerprint: str) -> str:
        """Register a derived revision and return its ARN."""

    def forget(self, arn: str) -> None:
        """Look a derived revision up again next time."""


class Drafts:
    """Lays launches out, and finds or registers what they run, for all scalers of one controller."""

    def __init__(self, store: DefinitionStore, clock: Clock) -> None:
        self._store = store
        self._registrations = Line(REGISTER_RATE, clock)
        self._clock = clock
        self._turns: dict[str, Lock] = {}
        """By fingerprint: scalers of one template register it once."""
        self._places: dict[str, Place] = {}
        """By fingerprint: those who wait for one registration have one place in the line."""

    def draft(self, spec: ScalerSpec, containers: int, choice: Choice = NO_CHOICE) -> Draft:
        """Return how ``containers`` workers would be laid out, with the template as it is now; writes nothing.

        Raises AwsError when the template is missing, or cannot run as configured: then RunTask would refuse it.
        """
        template = self._store.read_template(spec.task.definition)
        for request in split_by_provider(spec.task.run_task, spec.policy.providers):
            if (misfit := find_misfit(template, request)) is not None:
                by_order = spec.policy.providers and misfit.key == "task.capacity_providers"
                raise AwsError(Fault.INVALID, misfit.reason, "task.capacity" if by_order else misfit.key)
        try:
            worker = find_worker(template, spec.task.container)
        except CannotCopy as error:
            raise AwsError(Fault.MISSING, str(error), "task.container") from error
        most, why = self._limit_copies(spec, template, worker)
        plan = _pack(spec, template, worker, containers, most, choice)
        while (taken := self._find_taken(spec, template, [group.containers for group in plan.groups])) is not None:
            most, why = taken
            plan = _pack(spec, template, worker, containers, most, choice)
        held_back = _count_fullest(containers, spec.packing) > most
        return Draft(
            template, worker, spec.task.keeper, plan, most, why, held_back, _find_warnings(spec, template, worker, most)
        )

    def _limit_copies(self, spec: ScalerSpec, template: Template, worker: str) -> tuple[int, str]:
        """Return the most workers that a task may hold, and why not one more. Raises AwsError if it may hold none."""
        try:
            most, why = find_copies_limit(template, worker, spec.task.keeper, self._store.registrable)
        except CannotCopy as error:
            raise AwsError(Fault.CANNOT_COPY, str(error), "task.deadline") from error
        most, why = limit_by_fargate(template, worker, name_all(spec.task.run_task, spec.policy.providers), most, why)
        try:
            return limit_by_overrides(worker, spec.task.environment, most, why)
        except CannotCopy as error:
            raise AwsError(Fault.INVALID, str(error), "task.environment") from error

    def _find_taken(self, spec: ScalerSpec, template: Template, sizes: Iterable[int]) -> tuple[int, str] | None:
        """Return the copies below the first of ``sizes`` whose family is somebody else's, and say so; None: none is.

        Raises AwsError if there are none below it.
        """
        for k in sorted(filter(spec.task.keeper.keeps, sizes)):
            family = derived_family(template, k)
            if (arn := self._store.find_foreign(family)) is None:
                continue
            workers = format_count(k, "worker")
            why = f"{workers} a task would be registered as {family}, but {arn} is not the controller's"
            if k == 1:
                raise AwsError(
                    Fault.CANNOT_COPY,
                    f"task definition {template.label}: {why}: rename that family, or {WITHOUT_DEADLINE}",
                    "task.deadline",
                )
            return k - 1, f"{why}: rename that family, or set max_containers_per_task to {k - 1}"
        return None

    def derive(self, spec: ScalerSpec, draft: Draft, k: int) -> dict[str, Any]:
        """Return the definition to register for k workers a task with a keeper. Raises AwsError when there is none."""
        if (taken := self._find_taken(spec, draft.template, [k])) is not None:
            raise AwsError(Fault.CANNOT_COPY, f"task definition {draft.template.label}: {taken[1]}")
        return self._derive(spec, draft, k)

    def _derive(self, spec: ScalerSpec, draft: Draft, k: int) -> dict[str, Any]:
        try:
            return derive(draft.template, draft.worker, k, spec.task.keeper, self._store.registrable)
        except CannotCopy as error:
            raise AwsError(Fault.CANNOT_COPY, str(error), "task.max_containers_per_task") from error

    def rebuild_template(self, draft: Draft) -> dict[str, Any]:
        """Return the definition that registers the template again, without the members that ECS fills in itself."""
        template = draft.template
        definition = {**template.definition, "tags": [*template.tags]}
        registrable: dict[str, Any] = keep_allowed(definition, self._store.registrable)
        return registrable

    def find_or_register(
        self, spec: ScalerSpec, draft: Draft, k: int, last_send: float, series: Series
    ) -> Generator[Pause, None, str]:
        """Return the ARN to run for k workers a task: the template itself, or a derived revision.

        One that is registered nowhere is registered now, if the account's rate leaves room before ``last_send``; it
        yields how long to wait for that, or for another scaler that looks for the same. Raises AwsError when it cannot
        be registered.
        """
        if not spec.task.keeper.keeps(k):
            return draft.template.arn
        print_ = fingerprint_copies(draft.template, draft.worker, k, spec.task.keeper)
        place = self._places.setdefault(print_, self._registrations.line_up(print_, spec.priority, 1))
        try:
            while isinstance(found := self._try_to_find(spec, draft, k, print_, place), float):
                if self._clock.now() + found > last_send or self._clock.is_stopping():
                    raise AwsError(
                        Fault.THROTTLED,
                        f'task definition "{derived_family(draft.template, k)}" has to wait: an account may register '
                        f"{REGISTER_RATE.burst} at once and {REGISTER_RATE.per_second:g} a second after that",
                    )
                yield Pause(found)
        finally:
            self._registrations.leave(place)
            self._places.pop(print_, None)
        if found.is_new:
            series.count_registration()
        return found.arn

    def _try_to_find(self, spec: ScalerSpec, draft: Draft, k: int, print_: str, place: Place) -> _Found | float:
        """Return the revision with the fingerprint, registered now if need be; or in how many seconds to try again."""
        turn = self._turns.setdefault(print_, Lock())
        if not turn.acquire(blocking=False):
            return LOOK_AGAIN
        try:
            found = self._store.find(derived_family(draft.template, k), print_)
            if found is not None:
                return _Found(found, is_new=False)
            derived = self._derive(spec, draft, k)
            seconds = self._registrations.ask(place)
            return seconds if seconds > 0 else _Found(self._store.register(derived, print_), is_new=True)
        finally:
            turn.release()


def _pack(spec: ScalerSpec, template: Template, worker: str, containers: int, most: int, choice: Choice) -> Plan:
    def price(k: int) -> float:
        return _price_rounding(template, worker, k)

    return pack_on(containers, spec.packing, most, choice.plan, choice.probe, price)


def _price_rounding(template: Template, worker: str, k: int) -> float:
    size = size_task(template, worker, k)
    return size.rounding if size else 0.0


def _find_warnings(spec: ScalerSpec, template: Template, worker: str, most: int) -> tuple[str, ...]:
    configured = min(most, spec.packing.max_containers_per_task, spec.most_containers)
    return find_warnings(template, worker, configured, name_all(spec.task.run_task, spec.policy.providers))


def _count_fullest(containers: int, packing: PackingPolicy) -> int:
    """Return the worker containers of the fullest task that the configuration alone would give."""
    groups = pack(containers, packing, packing.max_containers_per_task).groups
    return max((group.containers for group in groups), default=0)
