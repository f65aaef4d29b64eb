"""The parts of one run while it is under way: progress, end, and account."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.sandbox.census import Census, take_census
from controller.sandbox.progress import Progress, QueueProgress, decisions_of, launches_of
from controller.sandbox.stage import VIEW_CLIENT, derived_revisions, message_counts
from controller.sandbox.summary import QueueSummary, Summary, account

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from mypy_boto3_sqs import SQSClient

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.daemon import Daemon
    from controller.sandbox.live import View
    from controller.sandbox.load import Load
    from controller.sandbox.messages import MessageRecords
    from controller.sandbox.runner import ContainerRunner
    from controller.sandbox.scenario import Scenario

REFRESH = 0.25
"""Seconds between two looks."""
CONTROLLER_CLIENT = "ecsq-"
"""How the marker in the user agent of every controller begins."""


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

    def follow(self, view: View, interrupted: threading.Event) -> None:
        """Show the run until it is over or ``interrupted``."""
        while not (self._is_over() or interrupted.is_set()):
            view.show(self.progress())
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
        if self.load.finished:
            return "every burst is sent: waiting for the last work"
        if self.daemon and status is None:
            return "bursts arrive; the controller does not answer yet"
        return "bursts arrive"

    def _is_over(self) -> bool:
        return bool(self._faults()) or self._settled() or self.elapsed > self.duration + self.scenario.grace

    def _settled(self) -> bool:
        return self.load.finished and not self.records.totals().undone and not self.runner.running

    def _faults(self) -> list[str]:
        faults = [
            f"The sandbox's {part} failed: {error}."
            for part, error in (("load", self.load.error), ("container runner", self.runner.error))
            if error
        ]
        code = self.daemon.exit_code if self.daemon else None
        if self.daemon and code is not None:
            tail = "".join(f"\n    {line}" for line in self.daemon.log_tail())
            faults.append(f"The controller ended by itself with exit code {code}. The end of its log:{tail}")
        return faults

    def stop(self) -> None:
        """Stop every part: the load, then the controller, and the containers when nobody launches any more."""
        self.load.stop()
        if self.daemon:
            self.daemon.stop()
        self.runner.stop()

    def close(self, *, interrupted: bool) -> Summary:
        """Stop every part and return what the run has shown."""
        seconds = self.elapsed
        faults = self._faults()
        daemon_ran = self.daemon and self.daemon.exit_code is None
        self.stop()
        if daemon_ran and self.daemon and (code := self.daemon.exit_code) != 0:
            faults.append(f"The controller did not end as asked: exit code {code} after SIGTERM.")
        faults += [f"A worker failed: {failure}." for failure in self.runner.failures]
        census = take_census(self.aws.ecs.tasks())
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
