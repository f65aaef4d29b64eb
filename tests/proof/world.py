"""The world of a schedule: true time, AWS, the network, up to three controllers, and the moves that drive them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import ceil

from controller.aws.errors import AwsError, Fault
from controller.aws.run_task import ConflictError, OutcomeUnknownError
from controller.config import ScalerSpec
from controller.core.decision.limits import SIGNATURE_LIFETIME
from controller.core.decision.policy import Busy
from controller.core.decision.providers import LONGEST_HOLD
from controller.core.decision.scarcity import FORGOTTEN_AFTER
from controller.core.decision.slots import Slot, slot_at, slot_numbered
from controller.core.decision.stopped import StopOutcome
from tests.proof.account import ALMOST, Account, Starts
from tests.proof.configurations import PROVE, SLOT, L, capacity
from tests.proof.process import PAUSES, Process, Request
from tests.proof.promises import BrokenPromiseError, Promises
from tests.support.controller import SLOTS

FIRST_SLOT = 1000
A_WORKERS_TIME = 10.0
"""Seconds for which a worker is busy with a message, once faults have ended."""
LINES_TOLD = 60
MOST_SEAMS = 15
"""From a hold over the window to the first request."""


class Fate(Enum):
    """What becomes of a request, and of its answer."""

    ANSWERED = "arrives, and is answered"
    SLOW = "arrives when its time is nearly up, and is answered"
    UNANSWERED = "arrives; the answer does not come until the time is up"
    CUT = "arrives; the connection breaks before the answer"
    LOST = "is lost on the way, or late: the connection breaks"
    CUT_OFF = "is lost on the way, or late, and so is whatever follows it"
    ERROR = "ends in a 5xx that did nothing"
    THROTTLED = "is refused"


class Moment(Enum):
    """Moments that matter."""

    NOW = "at once"
    LAST_SEND = "at the next last moment to send"
    OVER = "when the slot is over"
    OPENS = "when the next window opens"
    A_POLL = "a poll later"
    A_SECOND = "a second later"
    EXPIRES = "just before the oldest late request is refused"
    FORGOTTEN = "just after its sender drops its doubt"


class ServedLateError(AssertionError):
    """Without faults, the backlog took longer than is promised."""


class World:
    """One schedule. Every move is one step of one process, one event of the network, or time that passes."""

    def __init__(self, specs: Sequence[ScalerSpec]) -> None:
        """Start a process for each specification, when a slot begins."""
        self.now = slot_numbered(SLOTS, FIRST_SLOT).start
        self.account = Account(L, deletes_first=all(spec.policy.busy is Busy.RUNNING for spec in specs))
        self.promises = Promises(self.account)
        self.late: list[Request] = []
        """Requests that nobody waits for and that may still arrive."""
        self.story: list[str] = []
        self.started = 0
        self.processes: list[Process] = []
        for spec in specs:
            self.processes.append(self._start(spec, 0.0))

    def _start(self, spec: ScalerSpec, skew: float) -> Process:
        self.started += 1
        return Process(f"process {self.started}", self, spec, skew)

    def end(self) -> None:
        """End every thread."""
        for process in self.processes:
            process.crash()

    @property
    def slot(self) -> Slot:
        """The slot by the true time."""
        return slot_at(SLOTS, self.now)

    def _told(self, end: str) -> str:
        return "\n".join((*self.story[-LINES_TOLD:], end))

    # What the processes tell.

    def tell(self, who: object, what: str) -> None:
        """Write a line of the story that a broken promise ends with."""
        self.story.append(f"slot {self.slot.number} +{self.now - self.slot.start:.2f} s: {who} {what}")

    def planned(self, process: Process, containers: int) -> None:
        """Take down that a process has a plan."""
        self.promises.planned(process.slot, containers)
        known = len(process.reconciler.tasks)
        self.tell(process, f"plans {containers} containers for slot {process.slot}, knowing {known} tasks")

    def sent(self, request: Request) -> None:
        """Take down that a request has left."""
        count, token = request.parameters["count"], request.parameters["clientToken"]
        self.tell(request.sender, f"sends {count} tasks of {request.parameters['taskDefinition']}, token {token[:16]}")

    # Moves: the processes.

    def go(self, process: Process, seams: int = 1) -> None:
        """Let a process go on over so many seams, or until it is idle.

        An idle one begins a reconcile. A request whose fate nobody has decided arrives and is answered.
        """
        for _ in range(seams):
            self._let(process)
            if process.seam is None:
                return

    def go_to(self, process: Process, seam: str | None, pace: float = 0.0) -> None:
        """Let a process go on until it waits at a seam of that name; None: until it is idle.

        From each seam to the next it takes ``pace`` seconds.
        """
        self._let(process)
        while (process.seam.name if process.seam else None) != seam:
            assert process.seam is not None, f"{process} never came to {seam}"
            self.pass_to(self.now + pace)
            self._let(process)

    def _let(self, process: Process) -> None:
        if process.seam is not None and process.seam.name == PAUSES:
            self.pass_to(process.seam.wakes_at)
        request = process.request
        if request is not None and request.reply is None:
            if request.arrived:
                self.pass_to(request.gives_up_at)
            else:
                self.decide(process, Fate.CUT_OFF if process.cut_off else Fate.ANSWERED)
        process.go_on()

    def bring_to_request(self, process: Process) -> bool:
        """Let a process go on, over the next look if it holds for the window, until its request is on its way."""
        for _ in range(MOST_SEAMS):
            request = process.request
            if request is not None:
                return not request.arrived and request.reply is None
            if process.seam is None and process.looks_again_at is not None:
                self.pass_to(process.looks_again_at)
            self._let(process)
        return False

    def decide(self, process: Process, fate: Fate, starts: Starts = Starts.ALL) -> None:
        """Decide what becomes of the request that a process has on its way."""
        request = process.request
        assert request is not None
        assert not request.arrived
        process.cut_off = fate is Fate.CUT_OFF
        if fate is Fate.SLOW:
            self.pass_to(request.gives_up_at - ALMOST)
        if fate in {Fate.ANSWERED, Fate.SLOW, Fate.UNANSWERED, Fate.CUT}:
            self._arrive(request, starts)
        else:
            self.tell(process, f"'s request {fate.value}")
        if fate is Fate.THROTTLED:
            request.reply = AwsError(Fault.THROTTLED, "Rate exceeded")
        elif fate is Fate.UNANSWERED:
            request.reply = None
        elif fate not in {Fate.ANSWERED, Fate.SLOW}:
            request.reply = OutcomeUnknownError(fate.value)
        if fate in {Fate.LOST, Fate.CUT_OFF}:
            self.late.append(request)

    def crash(self, process: Process, spec: ScalerSpec) -> None:
        """End a process where it is; one that remembers nothing takes its place."""
        request = process.request
        if request is not None and request.reply is None and not request.arrived:
            self.late.append(request)
        process.crash()
        place = self.processes.index(process)
        self.processes[place] = self._start(spec, process.skew)
        self.tell(process, f"crashes; {self.processes[place]} takes its place")

    # Moves: time and the network.

    def pass_to(self, moment: float) -> None:
        """Let time pass; calls give up when theirs is over."""
        self.now = max(self.now, moment)
        for process in self.processes:
            request = process.request
            if request is not None and request.reply is None and self.now >= request.gives_up_at:
                request.reply = OutcomeUnknownError("no answer in time")
                self.tell(process, "gives its request up")
                if not request.arrived:
                    self.late.append(request)

    def pass_until(self, moment: Moment, nudge: float = 0.0) -> None:
        """Let time pass until a moment, or a little before or after."""
        self.pass_to(self._time_of(moment) + nudge)

    def _time_of(self, moment: Moment) -> float:
        slot, later = self.slot, slot_numbered(SLOTS, self.slot.number + 1)
        oldest = min((request.signed_at for request in self.late), default=self.now - SIGNATURE_LIFETIME)
        return {
            Moment.NOW: self.now,
            Moment.LAST_SEND: slot.last_send if self.now < slot.last_send else later.last_send,
            Moment.OVER: later.start,
            Moment.OPENS: slot.opens if self.now < slot.opens else later.opens,
            Moment.A_POLL: self.now + 10,
            Moment.A_SECOND: self.now + 1,
            Moment.EXPIRES: oldest + SIGNATURE_LIFETIME - 0.1,
            Moment.FORGOTTEN: oldest + SIGNATURE_LIFETIME + L + 0.1,
        }[moment]

    def arrive_late(self, place: int) -> None:
        """Let a request arrive that nobody waits for; AWS refuses it once its signature is too old."""
        request = self.late.pop(place % len(self.late))
        if self.now <= request.valid_until:
            self._arrive(request, Starts.ALL)

    def _arrive(self, request: Request, starts: Starts) -> None:
        request.arrived = True
        try:
            request.reply, new = self.account.run_task(request.parameters, starts, self.now)
        except ConflictError as error:
            request.reply, new = error, []
        self.tell(request.sender, f"'s request arrives and starts {len(new)} tasks ({request.reply})")
        if new:
            try:
                self.promises.started(request, new, self.now)
            except BrokenPromiseError as error:
                raise BrokenPromiseError(self._told(str(error))) from None

    # Moves: the work.

    def send(self, messages: int, claims: int | None = None) -> None:
        """Let messages come, and the queue claim to have so many; None: it tells the truth."""
        self.account.queue.visible += messages
        self.account.queue.claims = claims

    def finish(self, workers: int) -> None:
        """Let every task run, every free worker take a message, and so many workers end."""
        self.account.work(self.now)
        for task in self.account.tasks:
            while task.live and workers:
                self.account.end(task, self.now)
                workers -= 1

    def turn_away(self, tasks: int) -> None:
        """Find no place for so many tasks that do not run yet."""
        waiting = [task for task in self.account.tasks if task.live and task.running_since is None]
        for task in waiting[:tasks]:
            self.account.cut_off(task, StopOutcome.NO_CAPACITY, self.now)

    def reach_deadline(self, tasks: int) -> None:
        """End so many tasks that run at their deadline, the oldest first."""
        running = [task for task in self.account.tasks if task.live and task.running_since is not None]
        for task in running[:tasks]:
            self.account.cut_off(task, StopOutcome.DEADLINE, self.now)

    def fail_newest(self) -> None:
        """Let all tasks of the newest revision fail, unless one has done well."""
        account = self.account
        if not account.has_proven(account.revision, PROVE, self.now):
            newest = [task for task in account.tasks if account.revision_of(task.definition) == account.revision]
            for task in newest:
                if task.live:
                    account.cut_off(task, StopOutcome.FAILED, self.now)

    # Faults end.

    def settle(self) -> None:
        """Let faults end and everything in flight settle; then the backlog has to be served.

        Each slot carries at least one whole plan out, whoever's, and so serves as much as the least of the
        configurations can plan; two slots more are for where in a slot the polls begin. Raises ServedLateError.
        """
        self._calm()
        backlog = self.account.unfinished
        slots = 2 + ceil(backlog / min(capacity(process.spec) for process in self.processes))
        ends_at = self.now + slots * SLOT
        due = {process: self.now + place for place, process in enumerate(self.processes)}
        self.tell("everyone", f"sees {backlog} messages and no more faults")
        while self.account.unfinished:
            process = min(due, key=lambda each: due[each])
            if due[process] > ends_at:
                raise ServedLateError(self._told(f"{backlog} messages took more than {slots} slots"))
            self.pass_to(due[process])
            self._serve()
            self.go_to(process, None)
            poll = self.now + process.spec.policy.poll_interval
            due[process] = min(poll, process.looks_again_at or poll)

    def _calm(self) -> None:
        self.late.clear()
        self.account.hides, self.account.queue.claims = 0, None
        for process in self.processes:
            process.fails = process.cut_off = False
            if process.seam is not None:
                self.go_to(process, None)
        shortage_lasts = max(LONGEST_HOLD if process.spec.policy.providers else 0 for process in self.processes)
        if shortage_lasts:
            self.pass_to(self.now + shortage_lasts + FORGOTTEN_AFTER)
        self.pass_to(self.now + SIGNATURE_LIFETIME + L + SLOT)

    def _serve(self) -> None:
        for task in self.account.tasks:
            if task.running_since is not None and self.now >= task.running_since + A_WORKERS_TIME:
                while task.live:
                    self.account.end(task, self.now)
        self.account.work(self.now)
