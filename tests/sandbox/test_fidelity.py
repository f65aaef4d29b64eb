from __future__ import annotations

from statistics import median

import pytest

from tests.fidelity import CHANGED, SEEDS
from tests.support.hastened import hasten
from tests.support.recorded import QUEUES, describe, record
from tests.support.replayed import count_by_slot, count_simulated_by_slot, predict, replay, spec_of

BURST = 21.0
"""Seconds of a run in which there is time for one burst."""
BURSTS = 46.0
"""Seconds of a run in which there is time for three."""


def test_a_simulation_launches_what_the_sandbox_has_launched() -> None:
    """From the messages and the starts of the tasks alone; `make fidelity` compares more, and waits as well."""
    recording = record("single", BURST, 3)
    run = replay(recording, QUEUES["single"].worker)
    real, simulated = count_by_slot(recording), count_simulated_by_slot(spec_of(recording), run)
    assert [*real.values()] == [*simulated.values()]
    assert (len(recording["sends"]), 0) == (recording["done"], run.left)


def test_what_is_predicted_of_a_changed_key_comes_true() -> None:
    """Containers, tasks and waits are within 10 % of the prediction, as the median of five seeds.

    The prediction knows the plan of the load, and draws starts of its own; nor does it know when polls come. The
    sandbox plays in virtual time here, with its AWS asked over HTTP, but without a process and threads that take their
    time: `make fidelity` compares with those.
    """
    predicted, real = [], []
    for seed in SEEDS:
        outcome = hasten(describe("drain", **CHANGED), BURSTS, seed)
        spec = outcome.loaded.spec.scalers[0]
        run = predict(spec, describe("drain", **CHANGED), BURSTS, seed, outcome.began, overhead=0.0)
        assert len(outcome.waits) == len(run.waits)
        predicted.append((run.containers, len(run.tasks), *_describe(run.waits)))
        real.append((outcome.containers, outcome.tasks, *_describe(outcome.waits)))
    said, came = ([median(each) for each in zip(*rows, strict=True)] for rows in (predicted, real))
    assert pytest.approx(said, rel=0.1) == came


def _describe(waits: list[float]) -> tuple[float, float]:
    """Return the median and the p95."""
    return median(waits), sorted(waits)[int(len(waits) * 0.95)]
