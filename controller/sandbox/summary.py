"""The summary at the end of a run, and whether the run is a success."""

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
    from controller.sandbox.trial import Row, Trial


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """The result for one queue, or for all of them together."""

    name: str
    messages: MessageTotals
    census: Census
    lost: int
    """How many messages are neither done nor in the queue any more."""
    left: int
    """How many messages were not done in time and are still in the queue, including those with a worker."""
    kills: int
    """How many workers ECS ended before they exited by themselves."""


def sum_up_queue(name: str, messages: MessageTotals, *, census: Census, in_queue: int, kills: int) -> QueueSummary:
    """Return the result for a queue that holds ``in_queue`` messages at the end, in flight or not."""
    left = min(messages.undone, in_queue)
    return QueueSummary(name, messages, census, lost=messages.undone - left, left=left, kills=kills)


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of a run of the sandbox."""

    seconds: float
    """How long it ran, seconds."""
    seed: int
    queues: tuple[QueueSummary, ...]
    calls: Mapping[str, int]
    """How many AWS calls the controller made, by ``service:operation``."""
    revisions: int
    """How many task definition revisions the controller registered."""
    kills: tuple[Kill, ...] = ()
    interrupted: bool = False
    """Whether it was ended early on request, so that messages may be left."""
    failures: tuple[str, ...] = ()
    """Sentences about everything else that went wrong."""
    outlived: tuple[str, ...] = ()
    """Sentences about tasks that nobody ended after the end of their workers."""
    keepers: KeeperTotals = field(default_factory=KeeperTotals)
    trial: Trial | None = None
    """The result of the chaos; None if nothing was broken on purpose."""
    own: Mapping[str, MessageTotals] = field(default_factory=dict)
    """The messages of queues that the user has made, by the queue's name; only those that a worker has taken."""
    siblings: Siblings | None = None
    """How containers of one task affected each other; None if the scenario is not about that."""
    kept: str | None = None
    """The directory with the configuration and all logs, which is kept if something went wrong; otherwise None."""

    @property
    def special_parts(self) -> list[Siblings | Trial]:
        """The parts that only some runs have."""
        return [part for part in (self.siblings, self.trial) if part]

    @property
    def total(self) -> QueueSummary:
        """The result for all queues together."""
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
        """Sentences that say why the run is a failure; none if it is a success."""
        problems = list(self.failures)
        total = self.total
        if total.lost:
            problems.append(f"{format_count(total.lost, 'message')} lost: neither done nor in the queue any more.")
        problems.extend(_describe_kill(kill) for kill in self.kills)
        for part in self.special_parts:
            problems.extend(part.problems)
        problems.extend(self.outlived)
        # If the run ended early, the reason is said already, and messages are left because of it.
        if (late := self._count_late()) and not self.interrupted and not self.failures:
            problems.append(f"{format_count(late, 'message')} not done in time.")
        return tuple(problems)

    def _count_late(self) -> int:
        """Return the messages that were left, without those that a user who has queues of their own never asked for."""
        return sum(queue.left for queue in self.queues if queue.census.launched or not self.own)

    @property
    def exit_code(self) -> int:
        """0 for a success, else 1."""
        return 1 if self.problems else 0


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of ``values`` that at least ``share`` (0 to 1) of them do not exceed; None without any."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def render(summary: Summary) -> str:
    """Return the summary as text of at most 80 columns."""
    special = [_render_rows(part.to_rows()) for part in (summary.keepers, *summary.special_parts)]
    parts = [
        _render_heading(summary),
        _render_queues(summary),
        *([_render_own(summary)] if summary.own else []),
        _render_calls(summary),
        *special,
        _render_verdict(summary),
    ]
    return "\n\n".join(map("\n".join, parts))


def _render_heading(summary: Summary) -> Iterator[str]:
    ended = ", ended on request" if summary.interrupted else ""
    yield f"Summary: {summary.seconds:.0f} s, seed {summary.seed}{ended}"


def _render_queues(summary: Summary) -> Iterator[str]:
    columns = [*summary.queues, summary.total]
    yield _format_row("messages", [column.name for column in columns])
    yield _format_row("  sent", [column.messages.sent for column in columns])
    yield _format_row("  done", [column.messages.done for column in columns])
    yield _format_row("  lost", [column.lost for column in columns])
    yield _format_row("  left in the queue, not done", [column.left for column in columns])
    yield _format_row("  done twice", [column.messages.done_twice for column in columns])
    yield _format_row("  from sent to started, median", [_format_wait(column, median=True) for column in columns])
    yield _format_row("  from sent to started, p95", [_format_wait(column, median=False) for column in columns])
    yield _format_row("launched", [])
    yield _format_row("  tasks", [column.census.launched_tasks for column in columns])
    yield _format_row("  containers", [column.census.launched_containers for column in columns])
    yield _format_row("  killed in the middle of work", [column.kills for column in columns])
    for queue in summary.queues:
        sizes = ", ".join(f"{tasks} x {size}" for tasks, size in queue.census.launched)
        yield f"  tasks x containers, {queue.name}: {sizes or 'none'}"
    yield _format_row("  task definition revisions", [summary.revisions])


def _render_own(summary: Summary) -> Iterator[str]:
    yield "your own queues"
    for name, messages in summary.own.items():
        yield _format_row(f"  {name}: done, of those taken", [messages.done, messages.sent])


def _render_rows(rows: Iterator[Row]) -> Iterator[str]:
    return (_format_row(title, cells) for title, cells in rows)


def _format_row(title: str, cells: Sequence[object]) -> str:
    return (f"{title:<32}" + "".join(f"{cell!s:>12}" for cell in cells)).rstrip()


def _format_wait(column: QueueSummary, *, median: bool) -> str:
    waits = column.messages.waits
    if not waits:
        return "-"
    return f"{statistics.median(waits) if median else quantile(waits, 0.95):.1f} s"


def _render_calls(summary: Summary) -> Iterator[str]:
    yield _format_row("AWS calls by the controller", [sum(summary.calls.values())])
    for operation, count in sorted(summary.calls.items(), key=lambda item: (-item[1], item[0])):
        yield _format_row(f"  {operation}", [count])


def _render_verdict(summary: Summary) -> Iterator[str]:
    if summary.problems:
        yield "FAILED"
        yield from (f"  {problem}" for problem in summary.problems)
        if summary.kept:
            yield f"  The configuration and the logs of controller and keepers are kept: {summary.kept}"
    elif (left := summary.total.left) and summary.interrupted:
        yield f"Ended on request with {format_count(left, 'message')} left in the queues: none lost, no worker killed."
    elif left:
        yield "Your controller launched nothing for the sandbox's own queues, so their"
        yield f"messages are left, {left} in all: none lost, no worker killed."
    else:
        yield "Every message was done: none lost, no worker killed in the middle of its work."


def _describe_kill(kill: Kill) -> str:
    work = f"while it worked on message {kill.message}" if kill.message else "before it exited by itself"
    return f"Container {kill.container} of {kill.task} was killed {work} ({kill.stop_code or 'no stop code'})."
