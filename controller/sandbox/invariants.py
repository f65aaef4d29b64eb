"""The invariants that must hold whatever breaks, checked by the state of ECS alone, without asking a controller.

A controller promises that live containers never exceed ``max_containers``, and that a slot never starts more than its
largest plan (``docs/adr/``). The first is checked by the lives of all tasks, at every moment; the second by the RunTask
calls. The calls of one process in one slot are the part of its plan that it sent, so a slot must not start more tasks
than some single process asked for in it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING

from controller.sandbox.assignments import is_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from controller.sandbox.aws import JournalEntry, TaskView

_TOKEN = re.compile(r"ecsq-(-?\d+)-(\d+)-[0-9a-f]+")
"""The client token of a controller's call: slot, index of the call in its plan, digest."""


class LaunchWatch:
    """Records how many tasks each controller process asked for, by scaler and slot. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: defaultdict[tuple[str, int], dict[tuple[str, int], int]] = defaultdict(dict)

    def record(self, entry: JournalEntry) -> None:
        """Record a call, whatever its outcome; only RunTask calls with a controller's token count."""
        token = _TOKEN.fullmatch(entry.parameters.get("clientToken", "")) if entry.operation == "RunTask" else None
        if token is None:
            return
        slot, index = map(int, token.groups())
        key = entry.parameters.get("group", ""), slot
        with self._lock:
            # A process has one plan for a slot. If it sends a call again, only the first counts.
            self._asked[key].setdefault((entry.process, index), entry.parameters.get("count", 1))

    def count_beyond_plans(self, tasks: Iterable[TaskView]) -> Counter[str]:
        """Return how many of ``tasks`` exceed the largest plan of their slot, by scaler.

        A task whose token names no slot belongs to no plan and always counts.
        """
        started = Counter((task.group, _read_slot(task)) for task in tasks)
        beyond: Counter[str] = Counter()
        with self._lock:
            for (scaler, slot), number in started.items():
                largest = 0 if slot is None else self._find_largest_plan(scaler, slot)
                beyond[scaler] += max(0, number - largest)
        return beyond

    def _find_largest_plan(self, scaler: str, slot: int) -> int:
        plans: Counter[str] = Counter()
        for (process, _index), count in self._asked.get((scaler, slot), {}).items():
            plans[process] += count
        return max(plans.values(), default=0)


def count_most_live(tasks: Iterable[TaskView]) -> Mapping[str, int]:
    """Return the largest number of worker containers that ever lived at the same time, by scaler.

    A container lives from the launch of its task, from when on a controller must count it, to its own end.
    """
    changes: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for task in tasks:
        for view in task.containers:
            if is_worker(view):
                changes[task.group].append((task.created_at, 1))
                if view.stopped_at is not None:
                    changes[task.group].append((view.stopped_at, -1))
    # At the same moment, ends sort before launches.
    return {scaler: max(accumulate(change for _, change in sorted(each))) for scaler, each in changes.items()}


def find_overdue(tasks: Iterable[TaskView], now: float, patience: float) -> Iterator[str]:
    """Yield a sentence about each task that lives on more than ``patience`` seconds after its last worker's end."""
    for task in tasks:
        workers = [view for view in task.containers if is_worker(view)]
        ends = [view.stopped_at for view in workers if view.stopped_at is not None]
        if not workers or len(ends) < len(workers) or task.stopped_at is not None:
            continue
        alone = now - max(ends)
        if alone > patience:
            yield f"Task {task.arn} still lives {alone:.0f} s after its last worker has ended."


def _read_slot(task: TaskView) -> int | None:
    token = _TOKEN.fullmatch(task.client_token)
    return int(token[1]) if token else None
