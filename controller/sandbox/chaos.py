"""Carries out a chaos plan: disturbs calls, and kills and restarts a controller."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from controller.sandbox.aws import Disturbance
from controller.sandbox.daemon import describe_bad_end
from controller.sandbox.disruptions import Blow, build_disturbances, make_listing_lag, within
from controller.sandbox.progress import format_elapsed

if TYPE_CHECKING:
    from controller.clock import Clock
    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.daemon import Daemon
    from controller.sandbox.disruptions import ChaosPlan, Disruption
    from controller.sandbox.scenario import Scenario

HELD_BACK = 0.3
"""How long the answer to a launch is held back, so that its caller is killed before it arrives, seconds."""
LOOK_INTERVAL = 0.02
"""Seconds between two looks whether that launch has begun."""
RECENT_EVENTS = 2
"""How many of its last lines a view shows."""
PATIENCE = 1.5
"""How long chaos waits for a launch, in slots."""


class Chaos:
    """Carries out a plan against one controller, and against the calls of all, on a thread of its own."""

    def __init__(
        self, plan: ChaosPlan, *, aws: EmbeddedAws, scenario: Scenario, seed: int, victim: Daemon, clock: Clock
    ) -> None:
        self.plan = plan
        self._aws = aws
        self._scenario = scenario
        self._seed = seed
        self._victim = victim
        self._clock = clock
        self._began = 0.0
        self._said: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-chaos", daemon=True)
        self.blows: Counter[Blow] = Counter()
        """How often each blow has hit the controller so far."""
        self.problems: list[str] = []
        """Sentences that say what the controller did wrong when it was restarted."""
        self.error: Exception | None = None
        """Why chaos ended early; None if it did not."""

    def start(self) -> None:
        """Arm the disturbances and begin. The times of the plan count from now."""
        self._began = self._clock.elapsed()
        self._aws.ecs.listing_lag = make_listing_lag(self._scenario, self._seed)
        self._aws.disturbances.add(*build_disturbances(self.plan, self._scenario, self._elapsed))
        self._thread.start()

    def stop(self) -> None:
        """End all disruptions. A controller that is down stays down."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def finished(self) -> bool:
        """Whether every disruption has happened and every disturbance has ended."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def recent(self) -> tuple[str, ...]:
        """The last lines about what chaos has done, oldest first."""
        return tuple(self._said[-RECENT_EVENTS:])

    def _elapsed(self) -> float:
        return self._clock.elapsed() - self._began

    def _run(self) -> None:
        try:
            if self._wait_until(self.plan.begins_at) and not self._victim.started:
                self._victim.start()
                self._say("a second controller starts beside the first")
            for disruption in self.plan.disruptions:
                if not self._wait_until(disruption.at):
                    return
                self._disrupt(disruption)
        except Exception as error:  # noqa: BLE001 - the run ends with it as its message
            self.error = error

    def _wait_until(self, at: float) -> bool:
        """Wait until a time, seconds after the start. Return False if the run ended first."""
        return not self._stopping.wait(max(0.0, at - self._elapsed()))

    def _disrupt(self, disruption: Disruption) -> None:
        if disruption.blow is Blow.KILLED_IN_A_LAUNCH:
            self._await_launch()
        # A controller that has ended by itself stays down, and the run ends because of it.
        if self._victim.exit_code is not None:
            return
        if disruption.blow is Blow.RESTARTED:
            if code := self._victim.stop():
                self.problems.append(describe_bad_end(code))
        else:
            self._victim.kill()
        self.blows[disruption.blow] += 1
        self._say(f"the controller is {disruption.blow}, and back {disruption.down:.1f} s later")
        if not self._stopping.wait(disruption.down):
            self._victim.start()

    def _await_launch(self) -> None:
        """Wait until ECS has started a launch and is holding its answer back, but at most ``PATIENCE``."""
        began = self._elapsed()
        deadline = min(began + PATIENCE * self._scenario.slot, self.plan.ends_at)
        before = self._count_launches()
        in_time = within(self._elapsed, began, deadline)
        client = self._scenario.client
        self._aws.disturbances.add(
            Disturbance("ecs", "RunTask", "slow_answer", client=client, where=in_time, delay=HELD_BACK)
        )
        while self._elapsed() < deadline and self._count_launches() == before:
            if self._stopping.wait(LOOK_INTERVAL):
                return

    def _count_launches(self) -> int:
        return self._aws.journal.count("ecs", "RunTask")

    def _say(self, text: str) -> None:
        self._said.append(f"{format_elapsed(self._elapsed())} {text}")
