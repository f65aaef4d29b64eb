"""What the tasks of a scaler with a rollout tell of the template's revisions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from controller.aws.errors import AwsError
from controller.core.copies.copies import count_copies, family_of, split_revision
from controller.core.decision.breaker import Sign
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import (
    RevisionUse,
    Rollout,
    concerns_breaker,
    note_refusal,
    note_shortages,
    note_signs,
)
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import LiveTask, name_revision
from controller.core.record import LaunchResult


class RevisionStore(Protocol):
    """Knows revisions; ``controller.aws.revisions.Revisions`` is the one of AWS. Both may raise AwsError."""

    def list_active(self, definition: str) -> tuple[int, ...]:
        """Return the ACTIVE revisions of a definition's family, the newest first."""

    def find_template(self, derived: str) -> int | None:
        """Return the template's revision of a derived one, ``family:revision``; None: it is not told yet."""


class TaskReader(Protocol):
    """Knows the tasks of scalers; ``controller.scaling.fleet.Cluster`` does."""

    def tasks_of(self, scaler: str) -> tuple[LiveTask, ...]:
        """Return the scaler's live tasks as far as known."""

    def ended_of(self, scaler: str) -> tuple[StoppedTask, ...]:
        """Return the scaler's tasks that have ended lately."""


class TemplateRevisions:
    """The revisions of one scaler's template."""

    def __init__(
        self, store: RevisionStore, tasks: TaskReader, scaler: str, definition: str, policy: RolloutPolicy
    ) -> None:
        """Wire the reader of a scaler whose template is ``definition``, a family or its ARN."""
        self._store = store
        self._tasks = tasks
        self._scaler = scaler
        self._definition = definition
        self._policy = policy
        self._may_ask = True
        """False: ECS has not answered in this look."""

    def list_active(self) -> tuple[int, ...]:
        """Return the ACTIVE revisions, the newest first. Raises AwsError."""
        return self._store.list_active(self._definition)

    def heed_tasks(self, rollout: Rollout) -> tuple[Rollout, tuple[RevisionUse, ...]]:
        """Return what is known after a look at the tasks, live ones and those that ended lately, and what lives."""
        self._may_ask = True
        live, ended = self._tasks.tasks_of(self._scaler), self._tasks.ended_of(self._scaler)
        uses = Counter(self._find(name_revision(task.family, task.revision)) for task in live)
        prove = self._policy.prove
        signs = [*(task.sign(prove) for task in live), *(task.proof(prove) for task in ended)]
        known = note_signs(self._policy, rollout, self._sort(sign for sign in signs if sign is not None))
        known = note_shortages(known, self._list_shortages(ended))
        newest_first = sorted(uses, key=lambda revision: revision or 0, reverse=True)
        return known, tuple(RevisionUse(revision, uses[revision]) for revision in newest_first)

    def leave_to_breaker(self, rollout: Rollout, signs: Iterable[Sign]) -> list[Sign]:
        """Return the signs that are the breaker's business: not those of canaries that fail."""
        return [sign for sign in signs if concerns_breaker(rollout, self._find(sign.definition), sign)]

    def _sort(self, signs: Iterable[Sign]) -> Mapping[int, list[Sign]]:
        """Return signs by revision; one of which that is not known yet is heeded once it is."""
        by_revision = defaultdict[int, list[Sign]](list)
        for sign in signs:
            if revision := self._find(sign.definition):
                by_revision[revision].append(sign)
        return by_revision

    def _list_shortages(self, ended: Iterable[StoppedTask]) -> Mapping[int, list[CapacitySign]]:
        """Return who has found no place, by revision."""
        by_revision = defaultdict[int, list[CapacitySign]](list)
        for task in ended:
            sign = task.capacity_sign
            if sign is None or sign.found:
                continue
            if revision := self._find(name_revision(task.family, task.revision)):
                by_revision[revision].append(sign)
        return by_revision

    def _find(self, definition: str | None) -> int | None:
        """Return the template's revision of what a task runs, ``family:revision``; None: not known, not now at least.

        It is 0 for a task of another template, which the scaler had before: older than all of this one's.
        """
        family, revision = split_revision(definition or "")
        if definition is None or family is None:
            return None
        if family == family_of(self._definition):
            return revision
        if count_copies(self._definition, family) is None:
            return 0
        try:
            return self._store.find_template(definition) if self._may_ask else None
        except AwsError:
            self._may_ask = False
            return None


def heed_launch(rollout: Rollout, newest: int, result: LaunchResult, now: float) -> Rollout:
    """Return what is known after a launch: whether its canaries could be launched."""
    if result.refused_canary is not None:
        return note_refusal(rollout, newest, result.refused_canary, now)
    return rollout if result.short_canary is None else note_shortages(rollout, {newest: [result.short_canary]})
