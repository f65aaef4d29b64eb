from __future__ import annotations

from math import isnan

import pytest

from controller.core.decision.policy import PerContainer
from controller.simulate.bound import Work, find_bound
from controller.simulate.bounded import measure_bound
from controller.simulate.comparison import NEIGHBOURS, Candidate, simulate_candidate
from controller.simulate.draws import parse_draw
from controller.simulate.measures import Terms, measure
from controller.simulate.prices import TARIFFS, Shape
from controller.simulate.run import Scenario
from controller.simulate.shapes import Period, draw_shapes
from controller.simulate.tasks import Workers
from tests.support.controller import scaler_spec

START = 1_700_000_000.0
SPEC = scaler_spec("main", "worker", demand=PerContainer(5), max_containers=20)
TERMS = Terms(300, Shape(), TARIFFS["x86"])
TRACES = {
    "bursts": "burst 200 every 1h",
    "stream": "poisson 2/min",
    "both": "burst 60 every 30m, poisson 1/min",
}


def test_nobody_needs_less_than_the_work() -> None:
    """With time enough it is the work itself; without, ten containers must start, and each adds its start."""
    work = Work([0.0] * 10, [60.0] * 10)
    assert 600 == pytest.approx(find_bound(work, 1e5, 30.0), rel=0.01)
    assert 900 == pytest.approx(find_bound(work, 0.0, 30.0), rel=0.1)


def test_who_may_wait_less_needs_more() -> None:
    """Ten at once and no time to wait: more containers start."""
    work = Work([0.0] * 100, [60.0] * 100)
    waits = (0.0, 300.0, 3000.0)
    bounds = [find_bound(work, wait, 40.0) for wait in waits]
    assert sorted(bounds, reverse=True) == bounds
    assert bounds[0] > 1.1 * bounds[-1]


def test_nothing_needs_nothing() -> None:
    """No message, no container."""
    assert 0.0 == find_bound(Work([], []), 10.0, 30.0)


@pytest.mark.parametrize("text", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("candidate", ["this", *NEIGHBOURS])
def test_nobody_is_below_the_bound(text: str, candidate: str) -> None:
    """Of its own longest wait, on every trace: neither in container-hours nor in dollars."""
    arrivals = draw_shapes(text, Period(START, START + 3 * 3600), 1)
    workers = Workers(work=parse_draw("exp(45s)"))
    scenario = Scenario(arrivals, workers, until=START + 3 * 3600)
    run = simulate_candidate(Candidate(candidate, SPEC, None if candidate == "this" else candidate), scenario)
    row = measure(candidate, run, TERMS)
    bound = measure_bound(run, workers, TERMS)
    assert not any(map(isnan, run.done))
    assert 0 < bound.container_hours <= row.container_hours
    assert 0 < bound.dollars <= row.dollars
