"""How the containers of a task affected each other: which were cut off, and how tasks and sidecars ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.core.copies.copies import KEEPER
from controller.sandbox.assignments import is_worker
from controller.sandbox.aws import METADATA
from controller.sandbox.messages import Mishap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from controller.sandbox.aws import ContainerView, EmbeddedAws, TaskView
    from controller.sandbox.runner import Misfortune
    from controller.sandbox.trial import Row


@dataclass(frozen=True, slots=True)
class Siblings:
    """The containers of a run that lived beside others in their task."""

    failed: int = 0
    """How many workers failed in the middle of a message."""
    hung: int = 0
    """How many workers hung until their message had returned to the queue, and then gave up."""
    ended: int = 0
    """How many of their siblings ended by themselves."""
    cut_off: int = 0
    """How many of their siblings were ended by ECS."""
    sidecars: int = 0
    """How many sidecars the stopped tasks had."""
    sidecars_stopped: int = 0
    """How many of these ran until ECS stopped them with their task."""

    @property
    def problems(self) -> Iterator[str]:
        """Sentences that say why the run is a failure. A sibling that was cut off is not here, because it is a kill."""
        if early := self.sidecars - self.sidecars_stopped:
            yield f"{early} of {self.sidecars} sidecars did not run until ECS stopped them with their task."

    def to_rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        yield "workers that failed", (self.failed,)
        yield "workers that hung, then gave up", (self.hung,)
        yield "  their siblings, done", (self.ended,)
        yield "  their siblings, cut off", (self.cut_off,)
        yield "sidecars of stopped tasks", (self.sidecars,)
        yield "  stopped by ECS with the task", (self.sidecars_stopped,)


@dataclass(frozen=True, slots=True)
class KeeperTotals:
    """How the keepers of a run fared."""

    ended: int = 0
    """How many keepers ended their task, with exit code 0."""
    questions: int = 0
    """How many questions they asked the task metadata endpoint."""
    spoiled: int | None = None
    """How many of the answers were spoiled on purpose; None without chaos."""

    def to_rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        yield "keepers that ended their task", (self.ended,)
        yield "  questions asked", (self.questions,)
        if self.spoiled is not None:
            yield "  answers spoiled on their way", (self.spoiled,)


def count_siblings(tasks: Iterable[TaskView], misfortunes: Collection[Misfortune]) -> Siblings:
    """Count how the siblings of workers with ``misfortunes`` ended, and how the sidecars ended."""
    unlucky = {(each.task, each.container) for each in misfortunes}
    tasks = tuple(tasks)
    beside = [
        view
        for task in tasks
        if any(arn == task.arn for arn, _ in unlucky)
        for view in task.containers
        if is_worker(view) and (task.arn, view.name) not in unlucky
    ]
    stopped = [task for task in tasks if task.last_status == "STOPPED"]
    ends = [(view.stopped_at, task.stopped_at) for task in stopped for view in task.containers if _is_sidecar(view)]
    return Siblings(
        failed=sum(each.mishap is Mishap.FAILS for each in misfortunes),
        hung=sum(each.mishap is Mishap.HANGS for each in misfortunes),
        ended=sum(view.exit_code == 0 for view in beside),
        cut_off=sum(view.exit_code not in {0, None} for view in beside),
        sidecars=len(ends),
        sidecars_stopped=sum(end == task_end for end, task_end in ends),
    )


def count_tasks_ended(tasks: Iterable[TaskView]) -> int:
    """Return how many keepers found that all their workers had stopped, and ended their task."""
    return sum(view.name == KEEPER and view.exit_code == 0 for task in tasks for view in task.containers)


def _is_sidecar(view: ContainerView) -> bool:
    return view.name != KEEPER and not is_worker(view)


def count_keepers(aws: EmbeddedAws, tasks: Iterable[TaskView], *, is_chaos: bool) -> KeeperTotals:
    """Return what the keepers of a run have done, and with chaos how many of their questions were spoiled."""
    hits = aws.disturbances.count_hits().items()
    spoiled = sum(number for (service, _), number in hits if service == METADATA)
    return KeeperTotals(
        ended=count_tasks_ended(tasks),
        questions=aws.journal.count(METADATA, ""),
        spoiled=spoiled if is_chaos else None,
    )
