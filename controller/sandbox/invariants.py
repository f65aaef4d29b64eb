"""What must hold whatever breaks, judged from the ECS side alone: no controller is asked, and none is believed.

A controller promises that live containers never exceed ``max_containers``, and that a slot never starts more than its
largest plan (``docs/adr/``). The first is read off the lives of all tasks, at every moment. The second off RunTask: a
process's calls of one slot are the part of its plan that it came to send, so what the slot started must not be more
than what some one process asked for in it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING

from controller.sandbox.workers import BEHAVIOUR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from controller.sandbox.aws import Call, TaskView

_TOKEN = re.compile(r"ecsq-(-?\d+)-(\d+)-[0-9a-f]+")
"""The token of a controller's call: slot, index of the call in its plan, digest."""


class LaunchWatch:
    """What each controller process asked ECS to start, by scaler and slot. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: defaultdict[tuple[str, int], dict[tuple[str, int], int]] = defaultdict(dict)

    def saw(self, call: Call) -> None:
        """Take in a call, whatever became of it; all but RunTask calls with a controller's token are passed over."""
        token = _TOKEN.fullmatch(call.parameters.get("clientToken", "")) if call.operation == "RunTask" else None
        if token is None:
            return
        slot, index = map(int, token.groups())
        key = call.parameters.get("group", ""), slot
        with self._lock:
            # A process has one plan a slot: were there a second, its calls would not count as another plan.
            self._asked[key].setdefault((call.process, index), call.parameters.get("count", 1))

    def beyond_plans(self, tasks: Iterable[TaskView]) -> Counter[str]:
        """Return how many of ``tasks`` no plan accounts for, by scaler; tasks without a slot are all of that kind."""
        started = Counter((task.group, _slot(task)) for task in tasks)
        beyond: Counter[str] = Counter()
        with self._lock:
            for (scaler, slot), number in started.items():
                largest = 0 if slot is None else self._largest_plan(scaler, slot)
                beyond[scaler] += max(0, number - largest)
        return beyond

    def _largest_plan(self, scaler: str, slot: int) -> int:
        plans: Counter[str] = Counter()
        for (process, _index), count in self._asked.get((scaler, slot), {}).items():
            plans[process] += count
        return max(plans.values(), default=0)


def most_live(tasks: Iterable[TaskView]) -> Mapping[str, int]:
    """Return the most worker containers of each scaler that ever lived at once.

    A container lives from the launch of its task, when a controller must count it, to its own end.
    """
    changes: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for task in tasks:
        for view in task.containers:
            if BEHAVIOUR_VARIABLE in view.environment:
                changes[task.group].append((task.created_at, 1))
                if view.stopped_at is not None:
                    changes[task.group].append((view.stopped_at, -1))
    # At the same moment ends sort before launches.
    return {scaler: max(accumulate(change for _, change in sorted(each))) for scaler, each in changes.items()}


def overdue(tasks: Iterable[TaskView], now: float, patience: float) -> Iterator[str]:
    """Say which tasks live on, over ``patience`` seconds after the last of their workers: nobody will end them."""
    for task in tasks:
        workers = [view for view in task.containers if BEHAVIOUR_VARIABLE in view.environment]
        ends = [view.stopped_at for view in workers if view.stopped_at is not None]
        if not workers or len(ends) < len(workers) or task.stopped_at is not None:
            continue
        alone = now - max(ends)
        if alone > patience:
            yield f"Task {task.arn} still lives {alone:.0f} s after its last worker has ended."


def _slot(task: TaskView) -> int | None:
    token = _TOKEN.fullmatch(task.client_token)
    return int(token[1]) if token else None
