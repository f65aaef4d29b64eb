"""The known tasks of a cluster as they stood at one moment, by ARN and by scaler."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from controller.core.decision.ledger import Ledger, enter_started
from controller.core.decision.task import LiveTask

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The known tasks of a cluster; swapped whole, so that whoever reads needs no lock."""

    listed_at: float = NEVER
    """When the listing began that it stands on."""
    ledger: Ledger = field(default_factory=dict)
    by_scaler: Mapping[str, tuple[LiveTask, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, listed_at: float, ledger: Ledger) -> Self:
        """Return the snapshot of a ledger, its tasks sorted by scaler."""
        by_scaler: defaultdict[str, list[LiveTask]] = defaultdict(list)
        for task in ledger.values():
            by_scaler[task.scaler].append(task)
        return cls(listed_at, ledger, {name: tuple(tasks) for name, tasks in by_scaler.items()})

    def with_started(self, tasks: Iterable[LiveTask]) -> Self:
        """Return the snapshot with tasks of an answer to RunTask; only what their scalers have is sorted anew."""
        tasks = tuple(tasks)
        ledger, by_scaler = enter_started(self.ledger, tasks), dict(self.by_scaler)
        entered = {task.arn: ledger[task.arn] for task in tasks}
        known = (self.ledger[arn] for arn in entered if arn in self.ledger)
        for scaler in {task.scaler for task in (*entered.values(), *known)}:
            others = (task for task in by_scaler.get(scaler, ()) if task.arn not in entered)
            by_scaler[scaler] = (*others, *(task for task in entered.values() if task.scaler == scaler))
        return replace(self, ledger=ledger, by_scaler=by_scaler)


NOTHING_SEEN = Snapshot()
