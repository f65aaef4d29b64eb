"""What is promised, asserted whenever a task starts.

With T, L and S kept, a request takes effect before its slot is over, by every clock. One that arrives later than that,
while its signature is still valid, is *overdue*. Whoever sent it counts it as in doubt, and as long as nobody else
launches, the promise holds for it as for any other. What no design without a store can close is an overdue request
that its sender does not remember (it crashed), or that another process, which launched meanwhile, never knew of. It is
called a *stray* here, at most one call of each process and slot. It is let pass, and whoever launches in a slot that
had begun when another's overdue request arrived need not have counted that. Nothing else is let pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from controller.core.decision.slots import slot_numbered
from tests.proof.account import ALMOST, Account, AccountTask
from tests.proof.configurations import S
from tests.proof.process import Process, Request


class BrokenPromiseError(AssertionError):
    """A launch happened twice, or was too large."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What one request has started."""

    request: Request
    at: float
    """True time."""
    tasks: tuple[AccountTask, ...]
    overdue: bool

    @property
    def containers(self) -> int:
        """Worker containers that it started."""
        return sum(task.workers for task in self.tasks)

    @property
    def live(self) -> int:
        """Those of them that live."""
        return sum(task.live for task in self.tasks)


@dataclass(slots=True)
class Promises:
    """Every launch so far, and what has to be true of it."""

    account: Account
    launches: list[Launch] = field(default_factory=list)
    strays: list[Launch] = field(default_factory=list)
    plans: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By slot: the containers of its largest plan."""

    def planned(self, slot: int, containers: int) -> None:
        """Take down a plan."""
        self.plans[slot] = max(self.plans[slot], containers)

    def started(self, request: Request, tasks: list[AccountTask], now: float) -> None:
        """Take down what a request has started. Raises BrokenPromiseError."""
        launch = Launch(request, now, tuple(tasks), overdue=now > _over(request) + ALMOST)
        self.launches.append(launch)
        self._token_starts_once(launch)
        self._slot_within_its_plan(request.slot)
        if launch.overdue and not self._in_doubt(launch):
            self._one_stray(launch)
        else:
            self._within_max(launch)
            self._within_canaries(launch)

    def _token_starts_once(self, launch: Launch) -> None:
        token = launch.request.parameters["clientToken"]
        times = sum(each.request.parameters["clientToken"] == token for each in self.launches)
        if times > 1:
            raise BrokenPromiseError(f"token {token} has started tasks {times} times")

    def _slot_within_its_plan(self, slot: int) -> None:
        started = sum(each.containers for each in self.launches if each.request.slot == slot)
        if started > self.plans[slot]:
            raise BrokenPromiseError(
                f"slot {slot} has started {started} containers, its largest plan {self.plans[slot]}"
            )

    def _within_max(self, launch: Launch) -> None:
        """No call lifts what lives above the max that its sender decided by: so nothing ever exceeds the largest."""
        sender = launch.request.sender
        began = _start_of(sender, launch.request.slot)
        unseen = sum(
            each.live
            for each in self.launches
            if each.overdue and each.request.sender is not sender and each.at > began
        )
        most = launch.request.most
        if self.account.live - unseen > most:
            raise BrokenPromiseError(
                f"{self.account.live} containers live ({unseen} of them strays): {sender}'s max is {most}"
            )

    def _within_canaries(self, launch: Launch) -> None:
        """No call lifts what runs the newest revision above its canaries as long as that has not proven itself.

        Strays apart: nobody who launches meanwhile knows of them.
        """
        rollout, newest = launch.request.sender.spec.policy.rollout, self.account.revision
        if rollout is None or self.account.revision_of(launch.request.parameters["taskDefinition"]) != newest:
            return
        if self.account.has_proven(newest, rollout.prove - S, launch.at):
            return
        strays = {task.arn for stray in self.strays for task in stray.tasks}
        live = [
            task
            for task in self.account.tasks
            if task.live and task.arn not in strays and self.account.revision_of(task.definition) == newest
        ]
        if len(live) > rollout.canary:
            raise BrokenPromiseError(f"{len(live)} tasks run revision {newest}, which has not proven itself")

    def _in_doubt(self, overdue: Launch) -> bool:
        """Say whether whoever might have launched meanwhile knew of the request: its sender alone."""
        sender, slot = overdue.request.sender, overdue.request.slot
        others = any(each.request.sender is not sender and each.request.slot > slot for each in self.launches)
        return sender.alive and not others

    def _one_stray(self, launch: Launch) -> None:
        self.strays.append(launch)
        whose = [(each.request.sender, each.request.slot) for each in self.strays]
        if whose.count(whose[-1]) > 1:
            raise BrokenPromiseError(f"two calls of {launch.request.sender} and slot {launch.request.slot} were strays")


def _start_of(sender: Process, slot: int) -> float:
    return slot_numbered(sender.spec.policy.slots, slot).start


def _over(request: Request) -> float:
    """Return when the slot of a request is over by every clock, true time."""
    return _start_of(request.sender, request.slot + 1) + S / 2
