"""What the sandbox says at its end, and whether that is a success."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.core.words import format_count
from controller.sandbox.census import Census
from controller.sandbox.messages import MessageTotals
from controller.sandbox.siblings import KeeperTotals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from controller.sandbox.runner import Kill
    from controller.sandbox.siblings import Siblings
    from controller.sandbox.trial import Trial


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """What happened to one queue, or to all of them together."""

    name: str
    messages: MessageTotals
    census: Census
    lost: int
    """Messages neither done nor in the queue any more."""
    left: int
    """Messages not done and still in the queue, those with a worker included: time ran out for them."""
    kills: int
    """Workers that were ended before they exited by themselves."""


def account(name: str, messages: MessageTotals, *, census: Census, in_queue: int, kills: int) -> QueueSummary:
    """Return the summary of a queue that holds ``in_queue`` messages, in flight or not, at the end."""
    left = min(messages.undone, in_queue)
    return QueueSummary(name, messages, census, lost=messages.undone - left, left=left, kills=kills)


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a run of the sandbox has shown."""

    seconds: float
    """How long it ran."""
    seed: int
    queues: tuple[QueueSummary, ...]
    calls: Mapping[str, int]
    """The controller's own AWS calls by ``service:operation``."""
    revisions: int
    """Task definition revisions that the controller registered."""
    kills: tuple[Kill, ...] = ()
    interrupted: bool = False
    """Whether it was ended early on request: what is left then is no fault."""
    faults: tuple[str, ...] = field(default=())
    """What else went wrong: sentences."""
    outlived: tuple[str, ...] = ()
    """Tasks that nobody ended after the end of their workers: sentences."""
    keepers: KeeperTotals = field(default_factory=KeeperTotals)
    trial: Trial | None = None
    """What it was judged by beyond that; None if nothing was broken on purpose."""
    siblings: Siblings | None = None
    """What containers of one task did to each other; None if that was not the question."""
    kept: str | None = None
    """The directory with the configuration and all logs, kept because something went wrong."""

    @property
    def judged_by(self) -> list[Siblings | Trial]:
        """What it is judged by beyond messages and kills."""
        return [part for part in (self.siblings, self.trial) if part]

    @property
    def total(self) -> QueueSummary:
        """All queues together."""
        return QueueSummary(
            name="total",
            messages=MessageTotals(
                sent=sum(queue.messages.sent for queue in self.queues),
                done=sum(queue.messages.done for queue in self.queues),
                done_twice=sum(queue.messages.done_twice for queue in self.queues),
                waits=tuple(wait for queue in self.queues for wait in queue.messages.waits),
            ),
            census=Census(launched=tuple(size for queue in self.queues for size in queue.census.launched)),
            lost=sum(queue.lost for queue in self.queues),
            left=sum(queue.left for queue in self.queues),
            kills=len(self.kills),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the run is a failure, in sentences; none when it is a success."""
        problems = list(self.faults)
        total = self.total
        if total.lost:
            problems.append(f"{format_count(total.lost, 'message')} lost: neither done nor in the queue any more.")
        problems.extend(_killed(kill) for kill in self.kills)
        for part in self.judged_by:
            problems.extend(part.problems)
        problems.extend(self.outlived)
        # Whatever ended the run before its time is said already, and is why something was left.
        if total.left and not self.interrupted and not self.faults:
            problems.append(f"{format_count(total.left, 'message')} not done in time.")
        return tuple(problems)

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else 1."""
        return 1 if self.problems else 0


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the least of ``values`` that at least ``share`` (0 to 1) of them do not exceed; None for none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def render(summary: Summary) -> str:
    """Return the summary as text of at most 80 columns."""
    told = [[_row(title, cells) for title, cells in part.rows()] for part in (summary.keepers, *summary.judged_by)]
    parts = [_heading(summary), _table(summary), _calls(summary), *told, _verdict(summary)]
    return "\n\n".join(map("\n".join, parts))


def _heading(summary: Summary) -> Iterator[str]:
    ended = ", ended on request" if summary.interrupted else ""
    yield f"Summary: {summary.seconds:.0f} s, seed {summary.seed}{ended}"


def _table(summary: Summary) -> Iterator[str]:
    columns = [*summary.queues, summary.total]
    yield _row("messages", [column.name for column in columns])
    yield _row("  sent", [column.messages.sent for column in columns])
    yield _row("  done", [column.messages.done for column in columns])
    yield _row("  lost", [column.lost for column in columns])
    yield _row("  left in the queue, not done", [column.left for column in columns])
    yield _row("  done twice", [column.messages.done_twice for column in columns])
    yield _row("  from sent to started, median", [_seconds(column, median=True) for column in columns])
    yield _row("  from sent to started, p95", [_seconds(column, median=False) for column in columns])
    yield _row("launched", [])
    yield _row("  tasks", [column.census.launched_tasks for column in columns])
    yield _row("  containers", [column.census.launched_containers for column in columns])
    yield _row("  killed in the middle of work", [column.kills for column in columns])
    for queue in summary.queues:
        sizes = ", ".join(f"{tasks} x {size}" for tasks, size in queue.census.launched)
        yield f"  tasks x containers, {queue.name}: {sizes or 'none'}"
    yield _row("  task definition revisions", [summary.revisions])


def _row(title: str, cells: Sequence[object]) -> str:
    return (f"{title:<32}" + "".join(f"{cell!s:>12}" for cell in cells)).rstrip()


def _seconds(column: QueueSummary, *, median: bool) -> str:
    waits = column.messages.waits
    if not waits:
        return "-"
    return f"{statistics.median(waits) if median else quantile(waits, 0.95):.1f} s"


def _calls(summary: Summary) -> Iterator[str]:
    yield _row("AWS calls by the controller", [sum(summary.calls.values())])
    for operation, count in sorted(summary.calls.items(), key=lambda item: (-item[1], item[0])):
        yield _row(f"  {operation}", [count])


def _verdict(summary: Summary) -> Iterator[str]:
    if summary.problems:
        yield "FAILED"
        yield from (f"  {problem}" for problem in summary.problems)
        if summary.kept:
            yield f"  The configuration and the logs of controller and keepers are kept: {summary.kept}"
    elif left := summary.total.left:
        yield f"Ended on request with {format_count(left, 'message')} left in the queues: none lost, no worker killed."
    else:
        yield "Every message was done: none lost, no worker killed in the middle of its work."


def _killed(kill: Kill) -> str:
    work = f"while it worked on message {kill.message}" if kill.message else "before it exited by itself"
    return f"Container {kill.container} of {kill.task} was killed {work} ({kill.stop_code or 'no stop code'})."
