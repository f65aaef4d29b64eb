"""One run while it is under way: its progress, its end and its summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.sandbox.census import Census, take_census
from controller.sandbox.daemon import describe_bad_end
from controller.sandbox.invariants import count_most_live, find_overdue
from controller.sandbox.progress import Progress, QueueProgress, format_elapsed, read_decisions, read_launches
from controller.sandbox.scenario import CONTROLLER_CLIENT
from controller.sandbox.siblings import count_keepers, count_siblings
from controller.sandbox.stage import VIEW_CLIENT, count_derived_revisions, count_messages
from controller.sandbox.summary import QueueSummary, Summary, sum_up_queue
from controller.sandbox.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

    from controller.clock import Clock
    from controller.sandbox.aws import EmbeddedAws, TaskView
    from controller.sandbox.chaos import Chaos
    from controller.sandbox.daemon import Daemon
    from controller.sandbox.invariants import LaunchWatch
    from controller.sandbox.live import View
    from controller.sandbox.load import Load
    from controller.sandbox.memory import MemoryUse
    from controller.sandbox.messages import MessageRecords, MessageTotals
    from controller.sandbox.runner import ContainerRunner
    from controller.sandbox.scenario import Scenario

LOOK_INTERVAL = 0.25
"""Seconds between two looks at the run."""


@dataclass(slots=True)
class Run:
    """The parts of a run of the sandbox, from their start to the summary."""

    aws: EmbeddedAws
    scenario: Scenario
    duration: float
    """How long it should take, seconds."""
    seed: int
    queue_urls: Mapping[str, str]
    records: MessageRecords
    runner: ContainerRunner
    load: Load
    daemon: Daemon | None
    """The controller; None if the user starts one."""
    clock: Clock
    """Its pauses end when the run is interrupted."""
    beside: Daemon | None = None
    """A second controller of the same name, which chaos starts; None if there is none."""
    chaos: Chaos | None = None
    """None if nothing is broken on purpose."""
    watch: LaunchWatch | None = None
    """The record of what controllers asked for; None without chaos."""
    memory: MemoryUse | None = None
    """The memory of ``daemon``; None unless this is a soak."""
    _view_sqs: SQSClient = field(init=False)
    _began: float = field(init=False, default=0.0)
    """When it was started, seconds since the epoch."""

    def __post_init__(self) -> None:
        self._view_sqs = self.aws.client("sqs", app=VIEW_CLIENT)

    def start(self) -> None:
        """Start the controller, the containers and the load."""
        self._began = self.clock.now()
        if self.daemon:
            self.daemon.start()
        self.runner.start()
        self.load.start()
        if self.chaos:
            self.chaos.start()

    def follow(self, view: View) -> None:
        """Show the run until it is over or interrupted."""
        interrupted = False
        while not (interrupted or self._is_over()):
            view.show(self.look())
            if self.memory and self.daemon:
                self.memory.record(self.elapsed, self.daemon.resident)
            interrupted = self.clock.pause(LOOK_INTERVAL)
        view.show(self.look())

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock.now() - self._began

    def look(self) -> Progress:
        """Return the present state."""
        status = self.daemon.ask_status() if self.daemon else None
        decisions = read_decisions(status)
        undecided = "no decision yet" if self.daemon else ""
        census = take_census(self.aws.ecs.tasks())
        return Progress(
            elapsed=self.elapsed,
            duration=self.duration,
            phase=self._describe_phase(status),
            queues=tuple(
                self._look_at_queue(queue.name, census.get(queue.name, Census()), decisions.get(queue.name, undecided))
                for queue in self.scenario.queues
            ),
            launches=read_launches(status, began=self._began),
            disruptions=self.chaos.recent if self.chaos else (),
        )

    def _look_at_queue(self, name: str, census: Census, decision: str) -> QueueProgress:
        visible, in_flight, _ = count_messages(self._view_sqs, self.queue_urls[name])
        messages = self.records.count(name)
        return QueueProgress(
            name=name,
            visible=visible,
            in_flight=in_flight,
            running=census.running,
            starting=census.starting,
            tasks=census.live_tasks,
            sent=messages.sent,
            done=messages.done,
            decision=decision,
        )

    def _describe_phase(self, status: Mapping[str, Any] | None) -> str:
        if self.elapsed > self.duration:
            return f"time is up: waiting at most {self.scenario.grace:.0f} s more for work under way"
        if self.chaos and not self.chaos.finished:
            return f"bursts and faults arrive, faults until {format_elapsed(self.chaos.plan.ends_at)}"
        if self.load.finished:
            return "every burst is sent: waiting for the last work"
        if self.daemon and status is None:
            return "bursts arrive; the controller does not answer yet"
        return "bursts arrive"

    def _is_over(self) -> bool:
        return bool(self._find_failures()) or self._is_settled() or self.elapsed > self.duration + self.scenario.grace

    def _is_settled(self) -> bool:
        sent = self.load.finished and (self.chaos is None or self.chaos.finished)
        return sent and not self.records.count().undone and not self.runner.running

    def _find_failures(self) -> list[str]:
        failures = [f"The sandbox's {part} failed: {error}." for part, error in self._list_errors() if error]
        for daemon in self._list_daemons():
            if (code := daemon.exit_code) is not None:
                tail = "".join(f"\n    {line}" for line in daemon.read_log_tail())
                failures.append(f"The controller ended by itself with exit code {code}. The end of its log:{tail}")
        return failures

    def _list_errors(self) -> Iterator[tuple[str, Exception | None]]:
        yield "load", self.load.error
        yield "container runner", self.runner.error
        if self.chaos:
            yield "chaos", self.chaos.error

    def _list_daemons(self) -> Iterator[Daemon]:
        yield from (daemon for daemon in (self.daemon, self.beside) if daemon)

    def wind_down(self) -> list[str]:
        """Stop load, chaos and the second controller; the first goes on, and so does what it has launched.

        Returns sentences that say what a controller did wrong at its end, as ``stop`` does.
        """
        self.load.stop()
        if self.chaos:
            self.chaos.stop()
        return self._end(self.beside)

    def stop(self) -> list[str]:
        """Stop every part: load and chaos, then the controllers, and the containers once nothing launches them."""
        problems = [*self.wind_down(), *self._end(self.daemon)]
        self.runner.stop()
        return problems

    def _end(self, daemon: Daemon | None) -> list[str]:
        code = daemon.stop() if daemon else None
        return [describe_bad_end(code)] if code else []

    def close(self, *, interrupted: bool, lingers: bool = False) -> Summary:
        """Stop every part, or all but the controller if it ``lingers``, and return the summary."""
        seconds, outlived = self.elapsed, self._find_outlived()
        failures = [*self._find_failures(), *(self.wind_down() if lingers else self.stop())]
        failures += self.chaos.problems if self.chaos else ()
        failures += [f"A container failed: {failure}." for failure in self.runner.failures]
        tasks = self.aws.ecs.tasks()
        census = take_census(tasks)
        return Summary(
            seconds=seconds,
            seed=self.seed,
            queues=tuple(
                self._sum_up_queue(queue.name, census.get(queue.name, Census())) for queue in self.scenario.queues
            ),
            calls=self.aws.journal.count_operations(CONTROLLER_CLIENT),
            revisions=count_derived_revisions(self.aws.client("ecs"), self.scenario),
            kills=tuple(self.runner.kills),
            interrupted=interrupted,
            failures=tuple(failures),
            outlived=outlived,
            keepers=count_keepers(self.aws, tasks, is_chaos=self.chaos is not None),
            trial=self._judge_chaos(tasks),
            own=self._count_own(),
            siblings=count_siblings(tasks, self.runner.misfortunes) if self.scenario.has_siblings else None,
        )

    def _count_own(self) -> dict[str, MessageTotals]:
        """Return the messages of the queues that the user has made."""
        own = set(self.records.list_queues()) - {queue.name for queue in self.scenario.queues}
        return {name: self.records.count(name) for name in sorted(own)}

    def _find_outlived(self) -> tuple[str, ...]:
        """Return a sentence about each task that nobody ends.

        There are none for a controller of the user's own, whose tasks may have sidecars that never end here.
        """
        if self.daemon is None:
            return ()
        return tuple(find_overdue(self.aws.ecs.tasks(), self.clock.now(), self.scenario.keeper_patience))

    def _judge_chaos(self, tasks: Sequence[TaskView]) -> Trial | None:
        if self.chaos is None or self.watch is None:
            return None
        beyond, live = self.watch.count_beyond_plans(tasks), count_most_live(tasks)
        return Trial(
            hits=self.aws.disturbances.count_hits(),
            blows=self.chaos.blows,
            above_max={
                queue.name: max(0, live.get(queue.name, 0) - queue.max_containers) for queue in self.scenario.queues
            },
            beyond_plans={queue.name: beyond[queue.name] for queue in self.scenario.queues},
            memory=self.memory,
        )

    def _sum_up_queue(self, name: str, census: Census) -> QueueSummary:
        return sum_up_queue(
            name,
            self.records.count(name),
            census=census,
            in_queue=sum(count_messages(self._view_sqs, self.queue_urls[name])),
            kills=sum(kill.queue == name for kill in self.runner.kills),
        )
