"""Comparison: one scenario under many ways to decide, a process each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from signal import SIG_DFL, SIGINT, signal
from threading import Thread

from controller.config import ScalerSpec
from controller.simulate.measures import Row, Terms, measure
from controller.simulate.neighbours import (
    Rule,
    Ruled,
    ScaledJob,
    fill_up,
    find_target,
    one_each,
    scale_accurate,
    scale_default,
    scale_eager,
    scheduled,
)
from controller.simulate.outcome import Account, SimulatedRun
from controller.simulate.prices import find_spot_share
from controller.simulate.run import Decider, Scenario, run, simulate
from controller.simulate.tasks import Workers
from controller.simulate.tracking import Service, never_exiting
from controller.simulate.world import World

THIS, BOUND = "this", "bound"
"""The names of this configuration's row, and of the bound's."""
LAMBDA_EVERY, KEDA_EVERY, BATCH_EVERY, EVENT_EVERY = 600.0, 30.0, 10.0, 5.0
"""Seconds between two looks."""

NEIGHBOURS = ("lambda", "keda-default", "keda-accurate", "keda-eager", "ecs", "pipes", "batch", "one-task")
"""The neighbours in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to decide: a configuration, or a neighbour with the numbers of one."""

    name: str
    spec: ScalerSpec
    neighbour: str | None = None
    """One of NEIGHBOURS; None: our controller."""
    target: int | None = None
    """The messages for each task of a neighbour's; None: the scaler's own."""
    budget: int | None = None
    """The most containers that the controller may have, of all its scalers; None: it has no limit."""
    asks_cloudwatch: bool = True
    """Whether it asks how many messages were deleted, and so learns how long they take."""

    @property
    def most(self) -> int | None:
        """Its maximum of containers; None: it has none."""
        return None if self.neighbour in {"lambda", "pipes"} else self.spec.most_containers


def simulate_candidate(candidate: Candidate, scenario: Scenario) -> SimulatedRun:
    """Return what becomes of a scenario."""
    if candidate.neighbour is None:
        told = candidate.asks_cloudwatch
        return simulate(candidate.spec, scenario, budget=candidate.budget, tells_deleted=told)
    workers, build = _describe_neighbour(candidate, scenario)
    scenario = replace(scenario, workers=workers)
    world, account = scenario.build_world(), Account()
    return run(world, build(world, account, scenario.seed), account, scenario.until)


def compare(
    candidates: Sequence[Candidate], scenario: Scenario, terms: Terms, processes: int
) -> Iterator[tuple[str, Row, SimulatedRun | None]]:
    """Yield each candidate's name and row as it is done, in any order, from so many processes; of THIS also the run.

    Raises BrokenProcessPool when a process is ended from outside.
    """
    if processes <= 1 or len(candidates) == 1:
        yield from (_judge(candidate, scenario, terms) for candidate in candidates)
        return
    # Fork would copy the threads' locks of whoever calls; what is handed over is small beside the work.
    workers = min(processes, len(candidates))
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        try:
            pending = [pool.submit(_judge, candidate, scenario, terms) for candidate in candidates]
            yield from (done.result() for done in as_completed(pending))
        except BaseException:
            # Nobody waits for the answer any more, and the pool would wait for all of it.
            for process in active_children():
                process.terminate()
            raise


def _begin() -> None:
    """Let this process of the pool end with Ctrl-C, which goes to all of them, and with whoever has started it."""
    # Those that only calculate have nothing to say to it.
    signal(SIGINT, SIG_DFL)
    Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent has been killed: a worker of a pool would wait for its next work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge(candidate: Candidate, scenario: Scenario, terms: Terms) -> tuple[str, Row, SimulatedRun | None]:
    done = simulate_candidate(candidate, scenario)
    # Where its tasks run is in its own configuration, and may be the very key that differs.
    spec = candidate.spec
    terms = replace(terms, spot_share=find_spot_share(spec.task.run_task, spec.policy.providers))
    row = measure(candidate.name, done, terms, candidate.most)
    return candidate.name, row, done if candidate.name == THIS else None


Build = Callable[[World, Account, int], Decider]


def _describe_neighbour(candidate: Candidate, scenario: Scenario) -> tuple[Workers, Build]:
    """Return the workers that a neighbour's tasks have, and what builds its decider."""
    spec, workers = candidate.spec, scenario.workers
    most, least = spec.most_containers, spec.policy.min_containers
    target = find_target(spec, candidate.target)
    jobs: Mapping[str, ScaledJob] = {
        "keda-default": ScaledJob(scale_default, target, most, least),
        "keda-accurate": ScaledJob(scale_accurate, target, most, least, counts_in_flight=False),
        "keda-eager": ScaledJob(scale_eager, target, most, least),
    }
    if candidate.neighbour is not None and candidate.neighbour in jobs:
        return workers, partial(_rule, jobs[candidate.neighbour], KEDA_EVERY, woken=False)
    if candidate.neighbour == "ecs":
        return never_exiting(workers), lambda world, account, seed: Service(
            world, account, seed, target, (max(1, least), most)
        )
    if candidate.neighbour == "lambda":
        return workers, partial(_rule, scheduled, LAMBDA_EVERY, woken=False)
    if candidate.neighbour == "batch":
        return one_each(workers), partial(_rule, fill_up(most), BATCH_EVERY, woken=False)
    cap = None if candidate.neighbour == "pipes" else most
    return one_each(workers), partial(_rule, fill_up(cap), EVENT_EVERY, woken=True)


def _rule(rule: Rule, every: float, world: World, account: Account, seed: int, *, woken: bool) -> Decider:
    return Ruled(world, account, seed, rule, every, is_woken=woken)
