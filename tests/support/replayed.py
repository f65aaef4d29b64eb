"""A recorded run of the sandbox, simulated: from its messages and the lives of its workers, or as a prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from controller.config import ScalerSpec, load
from controller.core.decision.slots import slot_at
from controller.sandbox.load import plan_load
from controller.sandbox.scenario import QueueScenario, Scenario
from controller.simulate.draws import Draw, between
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario as SimulatedScenario
from controller.simulate.run import simulate
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival

OVERHEAD = 0.03
"""Seconds that a worker of the sandbox takes to receive and to delete a message."""
KEEPER = 0.6
"""Seconds, on the average, until a keeper that looks each second has ended its task."""


@dataclass(frozen=True)
class Replayed:
    """The starts of a recording, one task after the other; whoever launches more draws as the sandbox does."""

    starts: Iterator[float]
    drawn: Draw

    def take(self, source: Random) -> float:
        return next(self.starts, self.drawn.take(source))

    @property
    def least(self) -> float:
        return self.drawn.least


def spec_of(recording: dict[str, Any]) -> ScalerSpec:
    """Return the scaler of a recording."""
    return load(Path("config.yaml"), recording["configuration"].encode()).spec.scalers[0]


def replay(recording: dict[str, Any], worker: str) -> SimulatedRun:
    """Simulate a recording from what was sent and how its tasks have started, and nothing else of it."""
    starts = (started - created for created, started, *_ in recording["tasks"] if started is not None)
    workers = _workers(worker, Replayed(starts, between(*Scenario().start_delay)))  # type: ignore[arg-type]
    arrivals = [Arrival(at, 1, seconds + OVERHEAD) for at, seconds in recording["sends"]]
    scenario = SimulatedScenario(arrivals, workers, since=recording["polls"][0] - 1)
    return simulate(spec_of(recording), scenario, first_poll=recording["polls"][0])


def predict(
    spec: ScalerSpec, queue: QueueScenario, duration: float, seed: int, began: float, overhead: float = OVERHEAD
) -> SimulatedRun:
    """Simulate what the sandbox would do with a seed, before it does: from the plan of its load alone.

    ``overhead`` is what a worker's requests take for each message, seconds.
    """
    bursts = plan_load(Scenario(queues=(queue,)), duration=duration, seed=seed)
    arrivals = [Arrival(began + burst.at, 1, each.seconds + overhead) for burst in bursts for each in burst.messages]
    workers = _workers(queue.worker, between(*Scenario().start_delay))
    return simulate(spec, SimulatedScenario(arrivals, workers, seed, since=began))


def _workers(worker: str, start: Draw) -> Workers:
    return Workers(start=start, takes_one=worker == "single", last_poll=0, stale=0, ending=KEEPER)


def count_by_slot(recording: dict[str, Any]) -> dict[int, int]:
    """Return the containers that a recorded run has launched, by slot."""
    launched: Counter[int] = Counter()
    for *_, containers, token in recording["tasks"]:
        launched[int(token.split("-")[1])] += containers
    return dict(sorted(launched.items()))


def count_simulated_by_slot(spec: ScalerSpec, run: SimulatedRun) -> dict[int, int]:
    """Return the containers that a simulation has launched, by slot."""
    return {slot_at(spec.policy.slots, each.at).number: each.plan.containers for each in run.launches}


def find_middle(waits: Sequence[float]) -> float:
    """Return the median of waits."""
    return sorted(waits)[len(waits) // 2]
