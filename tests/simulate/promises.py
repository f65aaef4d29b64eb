"""The promise, tried in the simulated world: arrivals of several shapes, both kinds of workers, new and old counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import cos, pi
from random import Random

from controller.core.decision.policy import PerContainer, StartWithin
from controller.simulate.draws import parse_draw
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario, simulate
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival
from tests.support.controller import scaler_spec

START = 1_700_000_000.0
HOURS = 3
END = START + HOURS * 3600.0
PROMISE = 300.0
DURATIONS = ("45s", "exp(45s)", "lognormal(45s, 1.5)")
AGES = (0.0, 60.0)


def poisson(seed: int = 0) -> list[Arrival]:
    """Return messages that arrive at random, six a minute."""
    return _at_random(seed, 0.1)


def daily(seed: int = 0) -> list[Arrival]:
    """Return messages that arrive at random, from none to twelve a minute and back, twice."""
    return _at_random(seed, 0.2, lambda at: (0.5 - 0.5 * cos(4 * pi * at / (HOURS * 3600))) ** 2)


def bursts(seed: int = 0) -> list[Arrival]:
    """Return bursts of 5 to 300 messages, with gaps of 5 to 40 minutes; the first is a large one."""
    source, at, found = _seeded("bursts", seed), 60.0, []
    size = 300
    while at < HOURS * 3600:
        found.append(Arrival(START + at, size))
        at, size = at + source.uniform(300, 2400), source.choice((5, 40, 150, 300))
    return found


def heavy_tailed(seed: int = 0) -> list[Arrival]:
    """Return batches of which most are of a message or two, and few of hundreds."""
    source, at, found = _seeded("heavy", seed), 0.0, []
    while (at := at + source.expovariate(1 / 120)) < HOURS * 3600:
        found.append(Arrival(START + at, min(600, max(1, int(source.paretovariate(0.9))))))
    return found


SHAPES = {"poisson": poisson, "bursts": bursts, "daily": daily, "heavy-tailed": heavy_tailed}


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination."""

    shape: str
    takes_one: bool
    duration: str
    stale: float
    """The counts are at most so many seconds old."""
    seed: int = 0
    """Another one has other arrivals, work and starts."""

    def __str__(self) -> str:
        kind = "takes one" if self.takes_one else "drains"
        seed = f", seed {self.seed}" if self.seed else ""
        return f"{self.shape}, {kind}, {self.duration}, counts {self.stale:g} s old{seed}"

    @property
    def scenario(self) -> Scenario:
        """What happens."""
        work, start = parse_draw(self.duration), parse_draw("30s..90s")
        workers = Workers(work=work, takes_one=self.takes_one, start=start, stale=self.stale)
        return Scenario(SHAPES[self.shape](self.seed), workers, seed=self.seed or 1, until=END)


TRIALS = [Trial(*each) for each in product(SHAPES, (False, True), DURATIONS, AGES)]


def keep(trial: Trial, promise: StartWithin, **changes: object) -> SimulatedRun:
    """Return what becomes of a trial under a promise."""
    spec = scaler_spec("main", "worker", demand=promise, **({"max_containers": 1000} | changes))
    return simulate(spec, trial.scenario)


def give_each_its_own(trial: Trial) -> SimulatedRun:
    """Return what becomes of a trial with a container for each message, and without hysteresis."""
    spec = scaler_spec("main", "worker", demand=PerContainer(1), max_containers=1000)
    rules = replace(spec.policy.hysteresis, fall_after=1, dead_band=0.0)
    spec = replace(spec, policy=replace(spec.policy, hysteresis=rules))
    return simulate(spec, trial.scenario)


def find_p99(run: SimulatedRun) -> float:
    """Return within how many seconds 99 % of the messages were taken."""
    waits = sorted(run.waits)
    return waits[int(0.99 * len(waits))]


def count_paid(run: SimulatedRun) -> float:
    """Return the container-seconds that are paid for a message."""
    return sum(task.containers * (task.ended_at - task.paid_from) for task in run.tasks) / len(run.sent)


def bound_paid(trial: Trial) -> float:
    """Return what whoever knew everything would pay for a message: its work alone, on containers that never wait."""
    work = trial.scenario.workers.work.mean
    return work if not trial.takes_one else work + 30 - trial.scenario.workers.unbilled


def _at_random(seed: int, rate: float, share: object = None) -> list[Arrival]:
    source, at, found = _seeded("random", seed), 0.0, []
    while (at := at + source.expovariate(rate)) < HOURS * 3600:
        if share is None or source.random() < share(at):  # type: ignore[operator]
            found.append(Arrival(START + at))
    return found


def _seeded(what: str, seed: int) -> Random:
    return Random(f"{what}:{seed}" if seed else what)
