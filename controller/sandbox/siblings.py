"""What the containers of one task did to each other: who was cut off, and who ended the task and its sidecars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.core.copies.copies import KEEPER
from controller.sandbox.messages import Mishap
from controller.sandbox.workers import BEHAVIOUR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from controller.sandbox.aws import ContainerView, TaskView
    from controller.sandbox.runner import Misfortune
    from controller.sandbox.trial import Row


@dataclass(frozen=True, slots=True)
class Siblings:
    """The tasks of a run whose containers live beside others."""

    failed: int = 0
    """Workers that failed in the middle of a message."""
    hung: int = 0
    """Workers that hung until their message had come back, and then gave up."""
    ended: int = 0
    """Siblings of these that ended by themselves."""
    cut_off: int = 0
    """Siblings of these that ECS ended."""
    sidecars: int = 0
    """Sidecars of tasks that have stopped."""
    sidecars_stopped: int = 0
    """Those of them that ran until ECS stopped them with their task."""

    @property
    def problems(self) -> Iterator[str]:
        """Why the run is a failure, in sentences; a sibling that was cut off is told as a kill already."""
        if early := self.sidecars - self.sidecars_stopped:
            yield f"{early} of {self.sidecars} sidecars did not run until ECS stopped them with their task."

    def rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        yield "workers that failed", (self.failed,)
        yield "workers that hung, then gave up", (self.hung,)
        yield "  their siblings, done", (self.ended,)
        yield "  their siblings, cut off", (self.cut_off,)
        yield "sidecars of stopped tasks", (self.sidecars,)
        yield "  stopped by ECS with the task", (self.sidecars_stopped,)


@dataclass(frozen=True, slots=True)
class KeeperTotals:
    """What the keepers of a run did."""

    ended: int = 0
    """Keepers that ended their task: exit code 0."""
    questions: int = 0
    """What they asked the task metadata endpoint."""
    spoiled: int | None = None
    """Answers among these that were broken on purpose; None: that was not the question."""

    def rows(self) -> Iterator[Row]:
        """Return the lines of the summary."""
        yield "keepers that ended their task", (self.ended,)
        yield "  questions asked", (self.questions,)
        if self.spoiled is not None:
            yield "  answers spoiled on their way", (self.spoiled,)


def siblings(tasks: Iterable[TaskView], misfortunes: Collection[Misfortune]) -> Siblings:
    """Return what became of the containers beside the ones that ``misfortunes`` befell, and of the sidecars."""
    unlucky = {(each.task, each.container) for each in misfortunes}
    tasks = tuple(tasks)
    beside = [
        view
        for task in tasks
        if any(arn == task.arn for arn, _ in unlucky)
        for view in _workers(task)
        if (task.arn, view.name) not in unlucky
    ]
    stopped = [task for task in tasks if task.last_status == "STOPPED"]
    ends = [(view.stopped_at, task.stopped_at) for task in stopped for view in _sidecars(task)]
    return Siblings(
        failed=sum(each.mishap is Mishap.FAILS for each in misfortunes),
        hung=sum(each.mishap is Mishap.HANGS for each in misfortunes),
        ended=sum(view.exit_code == 0 for view in beside),
        cut_off=sum(view.exit_code not in {0, None} for view in beside),
        sidecars=len(ends),
        sidecars_stopped=sum(end == task_end for end, task_end in ends),
    )


def ended_by_keepers(tasks: Iterable[TaskView]) -> int:
    """Count the keepers that saw all workers stopped and ended their task."""
    return sum(view.name == KEEPER and view.exit_code == 0 for task in tasks for view in task.containers)


def _workers(task: TaskView) -> list[ContainerView]:
    return [view for view in task.containers if BEHAVIOUR_VARIABLE in view.environment]


def _sidecars(task: TaskView) -> list[ContainerView]:
    return [view for view in task.containers if view.name != KEEPER and BEHAVIOUR_VARIABLE not in view.environment]
