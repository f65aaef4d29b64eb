"""The hand that carries chaos out: arms the faults, and kills and restarts a controller."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from controller.sandbox.aws import Fault
from controller.sandbox.daemon import not_as_asked
from controller.sandbox.disruptions import Blow, faults_of, listing_lag, within
from controller.sandbox.progress import clock

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.daemon import Daemon
    from controller.sandbox.disruptions import ChaosPlan, Disruption
    from controller.sandbox.scenario import Scenario

HELD_BACK = 0.3
"""How long the answer to a launch is held back for its caller to be killed before it comes, seconds."""
LOOK = 0.02
"""Seconds between two looks for that launch."""
PATIENCE = 1.5
"""How many slots it is waited for."""


class Chaos:
    """Carries a plan out against one controller, and the calls of all, from a thread of its own."""

    def __init__(self, plan: ChaosPlan, *, aws: EmbeddedAws, scenario: Scenario, seed: int, victim: Daemon) -> None:
        self.plan = plan
        self._aws = aws
        self._scenario = scenario
        self._seed = seed
        self._victim = victim
        self._began = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-chaos", daemon=True)
        self.blows: Counter[Blow] = Counter()
        """What was done to the controller so far."""
        self.said: list[str] = []
        """The same, a line each, oldest first."""
        self.problems: list[str] = []
        """What the controller did wrong when it was restarted: sentences."""
        self.error: Exception | None = None
        """Why chaos ended before its time."""

    def start(self) -> None:
        """Arm the faults and begin; the plan's times count from now."""
        self._began = time.monotonic()
        self._aws.ecs.listing_lag = listing_lag(self._scenario, self._seed)
        self._aws.faults.add(*faults_of(self.plan, self._scenario, self._elapsed))
        self._thread.start()

    def stop(self) -> None:
        """Disrupt nothing any more; a controller that is down stays down."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def finished(self) -> bool:
        """Whether all faults have ended."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _run(self) -> None:
        try:
            if self._wait_until(self.plan.begins_at) and not self._victim.started:
                self._victim.start()
                self._say("a second controller starts beside the first")
            for disruption in self.plan.disruptions:
                if not self._wait_until(disruption.at):
                    return
                self._disrupt(disruption)
        except Exception as error:  # noqa: BLE001 - it ends the run with a message of its own
            self.error = error

    def _wait_until(self, at: float) -> bool:
        """Return whether the time has come; False if the run ends first."""
        return not self._stopping.wait(max(0.0, at - self._elapsed()))

    def _disrupt(self, disruption: Disruption) -> None:
        if disruption.blow is Blow.KILLED_IN_A_LAUNCH:
            self._await_launch()
        # One that has ended by itself is left as it is: the run ends with that.
        if self._victim.exit_code is not None:
            return
        if disruption.blow is Blow.RESTARTED:
            if code := self._victim.stop():
                self.problems.append(not_as_asked(code))
        else:
            self._victim.kill()
        self.blows[disruption.blow] += 1
        self._say(f"the controller is {disruption.blow}, and back {disruption.down:.1f} s later")
        if not self._stopping.wait(disruption.down):
            self._victim.start()

    def _await_launch(self) -> None:
        """Return when ECS has started what a launch asked for and holds its answer back.

        Or after a slot and a half, if nothing is launched.
        """
        began = self._elapsed()
        deadline = min(began + PATIENCE * self._scenario.slot, self.plan.ends_at)
        before = self._launches()
        in_time = within(self._elapsed, began, deadline)
        client = self._scenario.client
        self._aws.faults.add(Fault("ecs", "RunTask", "slow_answer", client=client, where=in_time, delay=HELD_BACK))
        while self._elapsed() < deadline and self._launches() == before:
            if self._stopping.wait(LOOK):
                return

    def _launches(self) -> int:
        return self._aws.journal.count("ecs", "RunTask")

    def _say(self, text: str) -> None:
        self.said.append(f"{clock(self._elapsed())} {text}")
