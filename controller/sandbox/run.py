"""The parts of one run while it is under way: progress, end, and account."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.sandbox.aws import METADATA
from controller.sandbox.census import Census, take_census
from controller.sandbox.daemon import not_as_asked
from controller.sandbox.invariants import most_live, overdue
from controller.sandbox.progress import RECENT_DISRUPTIONS, Progress, QueueProgress, clock, decisions_of, launches_of
from controller.sandbox.scenario import CONTROLLER_CLIENT
from controller.sandbox.siblings import KeeperTotals, ended_by_keepers, siblings
from controller.sandbox.stage import VIEW_CLIENT, derived_revisions, message_counts
from controller.sandbox.summary import QueueSummary, Summary, account
from controller.sandbox.trial import Trial

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.aws import EmbeddedAws, TaskView
    from controller.sandbox.chaos import Chaos
    from controller.sandbox.daemon import Daemon
    from controller.sandbox.invariants import LaunchWatch
    from controller.sandbox.live import View
    from controller.sandbox.load import Load
    from controller.sandbox.memory import MemoryUse
    from controller.sandbox.messages import MessageRecords
    from controller.sandbox.runner import ContainerRunner
    from controller.sandbox.scenario import Scenario

REFRESH = 0.25
"""Seconds between two looks."""


@dataclass(slots=True)
class Run:
    """A sandbox with everything in it, from the start of its parts to its summary."""

    aws: EmbeddedAws
    scenario: Scenario
    duration: float
    """Seconds that it is meant to take."""
    seed: int
    queue_urls: Mapping[str, str]
    records: MessageRecords
    runner: ContainerRunner
    load: Load
    daemon: Daemon | None
    """None: the controller is the user's affair."""
    beside: Daemon | None = None
    """A second controller of the same name, which chaos starts."""
    chaos: Chaos | None = None
    """None: nothing is broken."""
    watch: LaunchWatch | None = None
    """What chaos is judged by."""
    memory: MemoryUse | None = None
    """What ``daemon`` holds; None: nobody asks."""
    _view_sqs: SQSClient = field(init=False)
    _began: float = field(init=False, default=0.0)
    """When it was started, seconds since the epoch."""

    def __post_init__(self) -> None:
        self._view_sqs = self.aws.client("sqs", app=VIEW_CLIENT)

    def start(self) -> None:
        """Start the controller, the containers and the load."""
        self._began = time.time()
        if self.daemon:
            self.daemon.start()
        self.runner.start()
        self.load.start()
        if self.chaos:
            self.chaos.start()

    def follow(self, view: View, interrupted: threading.Event) -> None:
        """Show the run until it is over or ``interrupted``."""
        while not (self._is_over() or interrupted.is_set()):
            view.show(self.progress())
            if self.memory and self.daemon:
                self.memory.saw(self.elapsed, self.daemon.resident)
            interrupted.wait(REFRESH)
        view.show(self.progress())

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.time() - self._began

    def progress(self) -> Progress:
        """Return what there is to see now."""
        status = self.daemon.status() if self.daemon else None
        decisions = decisions_of(status)
        undecided = "no decision yet" if self.daemon else ""
        census = take_census(self.aws.ecs.tasks())
        return Progress(
            elapsed=self.elapsed,
            duration=self.duration,
            phase=self._phase(status),
            queues=tuple(
                self._queue_progress(queue.name, census.get(queue.name, Census()), decisions.get(queue.name, undecided))
                for queue in self.scenario.queues
            ),
            launches=launches_of(status, began=self._began),
            disruptions=tuple(self.chaos.said[-RECENT_DISRUPTIONS:]) if self.chaos else (),
        )

    def _queue_progress(self, name: str, census: Census, decision: str) -> QueueProgress:
        visible, in_flight, _ = message_counts(self._view_sqs, self.queue_urls[name])
        messages = self.records.totals(name)
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

    def _phase(self, status: Mapping[str, Any] | None) -> str:
        if self.elapsed > self.duration:
            return f"time is up: waiting at most {self.scenario.grace:.0f} s more for work under way"
        if self.chaos and not self.chaos.finished:
            return f"bursts and faults arrive, faults until {clock(self.chaos.plan.ends_at)}"
        if self.load.finished:
            return "every burst is sent: waiting for the last work"
        if self.daemon and status is None:
            return "bursts arrive; the controller does not answer yet"
        return "bursts arrive"

    def _is_over(self) -> bool:
        return bool(self._faults()) or self._settled() or self.elapsed > self.duration + self.scenario.grace

    def _settled(self) -> bool:
        sent = self.load.finished and (self.chaos is None or self.chaos.finished)
        return sent and not self.records.totals().undone and not self.runner.running

    def _faults(self) -> list[str]:
        faults = [f"The sandbox's {part} failed: {error}." for part, error in self._errors() if error]
        for daemon in self._daemons():
            if (code := daemon.exit_code) is not None:
                tail = "".join(f"\n    {line}" for line in daemon.log_tail())
                faults.append(f"The controller ended by itself with exit code {code}. The end of its log:{tail}")
        return faults

    def _errors(self) -> Iterator[tuple[str, Exception | None]]:
        yield "load", self.load.error
        yield "container runner", self.runner.error
        if self.chaos:
            yield "chaos", self.chaos.error

    def _daemons(self) -> Iterator[Daemon]:
        yield from (daemon for daemon in (self.daemon, self.beside) if daemon)

    def stop(self) -> list[str]:
        """Stop every part: load and chaos, the controllers, and the containers when nobody launches any more.

        Returns what a controller did wrong at its end.
        """
        self.load.stop()
        if self.chaos:
            self.chaos.stop()
        codes = [daemon.stop() for daemon in self._daemons()]
        self.runner.stop()
        return [not_as_asked(code) for code in codes if code]

    def close(self, *, interrupted: bool) -> Summary:
        """Stop every part and return what the run has shown."""
        seconds, outlived = self.elapsed, self._overdue()
        faults = [*self._faults(), *self.stop()]
        faults += self.chaos.problems if self.chaos else ()
        faults += [f"A container failed: {failure}." for failure in self.runner.failures]
        tasks = self.aws.ecs.tasks()
        census = take_census(tasks)
        return Summary(
            seconds=seconds,
            seed=self.seed,
            queues=tuple(
                self._queue_summary(queue.name, census.get(queue.name, Census())) for queue in self.scenario.queues
            ),
            calls=self._controller_calls(),
            revisions=derived_revisions(self.aws.client("ecs"), self.scenario),
            kills=tuple(self.runner.kills),
            interrupted=interrupted,
            faults=tuple(faults),
            outlived=outlived,
            keepers=self._keeper_totals(tasks),
            trial=self._trial(tasks),
            siblings=siblings(tasks, self.runner.misfortunes) if self._has_company() else None,
        )

    def _overdue(self) -> tuple[str, ...]:
        """Say which tasks nobody ends; a user's own controller may have tasks whose sidecars never end here."""
        if self.daemon is None:
            return ()
        return tuple(overdue(self.aws.ecs.tasks(), time.time(), self.scenario.keeper_patience))

    def _keeper_totals(self, tasks: Sequence[TaskView]) -> KeeperTotals:
        spoiled = sum(number for (service, _), number in self.aws.faults.injected().items() if service == METADATA)
        return KeeperTotals(
            ended=ended_by_keepers(tasks),
            questions=self.aws.journal.count(METADATA, ""),
            spoiled=spoiled if self.chaos else None,
        )

    def _has_company(self) -> bool:
        """Say whether the scenario is about what containers of a task do to each other."""
        return any(queue.log_router or queue.mishaps for queue in self.scenario.queues)

    def _trial(self, tasks: Sequence[TaskView]) -> Trial | None:
        if self.chaos is None or self.watch is None:
            return None
        beyond, live = self.watch.beyond_plans(tasks), most_live(tasks)
        return Trial(
            injected=self.aws.faults.injected(),
            blows=self.chaos.blows,
            above_max={
                queue.name: max(0, live.get(queue.name, 0) - queue.max_containers) for queue in self.scenario.queues
            },
            beyond_plans={queue.name: beyond[queue.name] for queue in self.scenario.queues},
            memory=self.memory,
        )

    def _queue_summary(self, name: str, census: Census) -> QueueSummary:
        return account(
            name,
            self.records.totals(name),
            census=census,
            in_queue=sum(message_counts(self._view_sqs, self.queue_urls[name])),
            kills=sum(kill.queue == name for kill in self.runner.kills),
        )

    def _controller_calls(self) -> Mapping[str, int]:
        calls: Counter[str] = Counter()
        for (client, service, operation), count in self.aws.journal.counts().items():
            if client.startswith(CONTROLLER_CLIENT):
                calls[f"{service}:{operation}"] += count
        return calls
