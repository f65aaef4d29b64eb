"""The roster of a cluster: the scalers that work in it, and what their tasks have told about starts, ends and failures.

A task is counted once when it starts and once when it ends. It is evidence for the breaker at most twice: when it has
run for long enough, and when it ends; and for whether there is capacity once: when it starts, or ends without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from threading import Lock

from controller.config import ScalerSpec
from controller.core.copies.copies import MAX_COPIES, count_copies, family_of
from controller.core.decision.breaker import Sign
from controller.core.decision.ends import find_left
from controller.core.decision.ledger import Ledger
from controller.core.decision.lessons import Left
from controller.core.decision.runs import measure_run
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.starts import NONE_SEEN, Starts, measure_start
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import NOBODY, LiveTask, Outline
from controller.telemetry.series import Series

ENDED_KEPT = 100
"""Tasks that have ended, that are kept for a scaler with a rollout; ECS itself remembers them for about an hour."""
LEFT_KEPT = 1000
"""Tasks whose containers have left, that are kept until the scaler asks; one that is at rest does not."""


@dataclass(slots=True)
class _Entry:
    """One scaler of the roster."""

    spec: ScalerSpec
    series: Series
    starts: Starts = NONE_SEEN
    start_delay: float | None = None
    """Their median, seconds; as a running daemon has measured it where that was told."""
    is_told: bool = False
    """Whether a running daemon has told the start delay."""
    signs: dict[str, Sign] = field(default_factory=dict)
    """By task: its newest evidence for the breaker, until the scaler asks."""
    capacity_signs: dict[str, CapacitySign] = field(default_factory=dict)
    """By task: whether it found a place, until the scaler asks."""
    left: list[Left] = field(default_factory=list)
    """Containers that have left, until the scaler asks."""
    ended: tuple[StoppedTask, ...] = ()
    """Tasks that have ended lately, of a scaler with a rollout; swapped whole."""
    proven: set[str] = field(default_factory=set)
    """The live tasks that were evidence because they run."""

    def outline(self, family: str | None) -> Outline:
        """Return what is known of a task of the scaler's, of that family."""
        task, copies = self.spec.task, None if family is None else count_copies(self.spec.task.definition, family)
        return Outline(self.spec.name, task.container, copies, self.spec.packing.max_containers_per_task)

    def sign_of(self, task: LiveTask | StoppedTask) -> Sign | None:
        """Return a task's evidence for the breaker; None: it is none, or of a definition that was configured before."""
        is_ours = task.family is None or count_copies(self.spec.task.definition, task.family) is not None
        return task.sign(self.spec.policy.breaker.within) if is_ours else None


class Roster:
    """The scalers of one cluster. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[str, _Entry] = {}
        self._ungrouped: dict[str | None, Outline] = {}
        """What is known of tasks without a group, by their family, as long as the scalers stay the same."""

    def enrol(self, spec: ScalerSpec, series: Series) -> None:
        """Take a scaler in: how its tasks look, what is a sign for it, and where its starts and stops are counted.

        A scaler that is enrolled again keeps what is known of its starts, and the signs that it has not asked for yet:
        for the breaker only as long as its tasks are of the same family.
        """
        with self._lock:
            entry = self._entries.get(spec.name, _Entry(spec, series))
            is_same = family_of(spec.task.definition) == family_of(entry.spec.task.definition)
            signs = entry.signs if is_same else {}
            ended = entry.ended if is_same and spec.policy.rollout is not None else ()
            self._entries[spec.name] = replace(entry, spec=spec, series=series, signs=signs, ended=ended)
            self._ungrouped.clear()

    def dismiss(self, scaler: str) -> None:
        """Forget a scaler; its tasks finish by themselves."""
        with self._lock:
            self._entries.pop(scaler, None)
            self._ungrouped.clear()

    def tell_start_delay(self, scaler: str, seconds: float | None) -> None:
        """Take over the start delay that a running daemon has measured, instead of measuring one."""
        with self._lock:
            if entry := self._entries.get(scaler):
                entry.start_delay, entry.is_told = seconds, True

    def find_outline(self, group: str | None, family: str | None) -> Outline:
        """Return what is known of a task before anybody has looked into it, by what ECS tells of it.

        The group names the scaler. Without it the family may tell, or that there is no other scaler here.
        """
        if group:
            entry = self._entries.get(group)
            return entry.outline(family) if entry else Outline(group, None, None, MAX_COPIES)
        with self._lock:
            if family not in self._ungrouped:
                self._ungrouped[family] = self._outline_ungrouped(family)
            return self._ungrouped[family]

    def _outline_ungrouped(self, family: str | None) -> Outline:
        outlines = [entry.outline(family) for entry in self._entries.values()]
        outlines = [outline for outline in outlines if outline.copies] or outlines
        if len(outlines) == 1:
            return outlines[0]
        return Outline(NOBODY, None, None, max((outline.workers for outline in outlines), default=MAX_COPIES))

    def start_delay_of(self, scaler: str) -> float | None:
        """Return the median of a scaler's last starts, seconds from RunTask until a worker ran; None: none was seen."""
        entry = self._entries.get(scaler)
        return entry.start_delay if entry else None

    def ended_of(self, scaler: str) -> tuple[StoppedTask, ...]:
        """Return the scaler's tasks that have ended lately; none without a rollout."""
        entry = self._entries.get(scaler)
        return entry.ended if entry else ()

    def take_left(self, scaler: str) -> list[Left]:
        """Return the scaler's containers that have left since this was last asked, in the order of their times."""
        with self._lock:
            entry = self._entries.get(scaler)
            if entry is None or not entry.left:
                return []
            left, entry.left = entry.left, []
        return left

    def note(self, before: Ledger, after: Ledger, stopped: tuple[StoppedTask, ...], now: float) -> None:
        """Take in what a round of descriptions has changed: starts and stops are counted, signs are kept."""
        with self._lock:
            self._keep_signs(before, after, stopped)
            for scaler, left in find_left(before, after, stopped, now):
                if entry := self._entries.get(scaler):
                    entry.left = [*entry.left, left][-LEFT_KEPT:]
            for gone in stopped:
                if entry := self._entries.get(gone.scaler):
                    entry.series.count_stop(gone.outcome)
                self._note_run(gone)
            for entry, provider in self._list_turned_away(stopped):
                # Once, however many tasks the launch had: to whoever is on call it is one that failed.
                entry.series.count_turned_away(provider)
            seen: tuple[LiveTask | StoppedTask, ...] = (*after.values(), *stopped)
            for task in seen:
                self._count_start(before.get(task.arn), task)

    def note_history(self, stopped: Iterable[StoppedTask]) -> None:
        """Take in how tasks ended before this process began to look: signs, but no starts and stops to count."""
        with self._lock:
            for task in stopped:
                self._keep_sign_of_end(task)
                self._note_run(task)

    def take_signs(self, scaler: str) -> list[Sign]:
        """Return the signs of the scaler's tasks since this was last asked, in the order of their times."""
        with self._lock:
            entry = self._entries.get(scaler)
            if entry is None or not entry.signs:
                return []
            signs, entry.signs = entry.signs, {}
        return sorted(signs.values(), key=lambda sign: sign.at)

    def take_capacity_signs(self, scaler: str) -> list[CapacitySign]:
        """Return whether the scaler's tasks found a place since this was last asked, in the order of their times."""
        with self._lock:
            entry = self._entries.get(scaler)
            if entry is None or not entry.capacity_signs:
                return []
            signs, entry.capacity_signs = entry.capacity_signs, {}
        return sorted(signs.values(), key=lambda sign: sign.at)

    def _list_turned_away(self, stopped: Iterable[StoppedTask]) -> list[tuple[_Entry, str | None]]:
        """Return the scalers whose tasks found no place, each once, or once for each provider of its order."""
        found = {}
        for gone in stopped:
            entry = self._entries.get(gone.scaler)
            if entry is not None and gone.outcome is StopOutcome.NO_CAPACITY:
                provider = gone.provider if gone.provider in entry.spec.policy.providers else None
                found[gone.scaler, provider] = (entry, provider)
        return list(found.values())

    def _count_start(self, known: LiveTask | None, task: LiveTask | StoppedTask) -> None:
        """Count a start that was not known before; a task may start and stop between two listings."""
        entry, took = self._entries.get(task.scaler), measure_start(known, task)
        if entry is None or took is None:
            return
        entry.starts = entry.starts.add(took)
        if not entry.is_told:
            entry.start_delay = entry.starts.delay
        # A task that ran before this process began to look was counted by the process before.
        if known is not None:
            entry.series.count_start(took)

    def _note_run(self, task: StoppedTask) -> None:
        took = measure_run(task)
        if took is not None and (entry := self._entries.get(task.scaler)):
            entry.series.note_run(took)

    def _keep_signs(self, before: Ledger, after: Ledger, stopped: Iterable[StoppedTask]) -> None:
        for task in after.values():
            known = before.get(task.arn)
            if task.start.at is not None and not (known and known.start.at is not None):
                self._keep_capacity_sign(task, task.capacity_sign)
            entry = self._entries.get(task.scaler)
            if entry is None or task.arn in entry.proven:
                continue
            if sign := entry.sign_of(task):
                entry.signs[task.arn] = sign
                entry.proven.add(task.arn)
        for gone in stopped:
            self._keep_sign_of_end(gone)

    def _keep_sign_of_end(self, task: StoppedTask) -> None:
        self._keep_capacity_sign(task, task.capacity_sign)
        if entry := self._entries.get(task.scaler):
            if entry.spec.policy.rollout is not None:
                # A history that is read again tells of the same ends.
                others = (each for each in entry.ended if each.arn != task.arn)
                entry.ended = (*others, task)[-ENDED_KEPT:]
            entry.proven.discard(task.arn)
            if sign := entry.sign_of(task):
                entry.signs[task.arn] = sign

    def _keep_capacity_sign(self, task: LiveTask | StoppedTask, sign: CapacitySign | None) -> None:
        if sign and (entry := self._entries.get(task.scaler)):
            entry.capacity_signs[task.arn] = sign
