"""How many tasks of the embedded ECS serve each queue: those that live now, and all that were ever launched."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.sandbox.assignments import is_worker, name_queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.sandbox.aws import ContainerView, TaskView


@dataclass(frozen=True, slots=True)
class Census:
    """The tasks that serve one queue."""

    running: int = 0
    """Worker containers that run."""
    starting: int = 0
    """Worker containers of live tasks that have neither started nor stopped."""
    live_tasks: int = 0
    launched: tuple[tuple[int, int], ...] = ()
    """All that was ever launched: pairs of (tasks, worker containers in each), ordered by the latter."""

    @property
    def launched_tasks(self) -> int:
        """All tasks ever launched."""
        return sum(tasks for tasks, _ in self.launched)

    @property
    def launched_containers(self) -> int:
        """All worker containers ever launched."""
        return sum(tasks * containers for tasks, containers in self.launched)


def take_census(tasks: Iterable[TaskView]) -> Mapping[str, Census]:
    """Return the census of every queue that ``tasks`` serve; tasks without a worker are left out."""
    by_queue: defaultdict[str, list[tuple[TaskView, list[ContainerView]]]] = defaultdict(list)
    for task in tasks:
        workers = [view for view in task.containers if is_worker(view)]
        queue = name_queue(task, workers[0]) if workers else None
        if queue is not None:
            by_queue[queue].append((task, workers))
    return {queue: _count(crews) for queue, crews in by_queue.items()}


def _count(crews: list[tuple[TaskView, list[ContainerView]]]) -> Census:
    live = [workers for task, workers in crews if task.last_status != "STOPPED"]
    statuses = Counter(view.status for workers in live for view in workers)
    return Census(
        running=statuses["RUNNING"],
        starting=statuses.total() - statuses["RUNNING"] - statuses["STOPPED"],
        live_tasks=len(live),
        launched=tuple((tasks, size) for size, tasks in sorted(Counter(len(crew) for _, crew in crews).items())),
    )
