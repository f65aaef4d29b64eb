from __future__ import annotations

from tests.support.recorded import QUEUES, record
from tests.support.replayed import count_by_slot, count_simulated_by_slot, replay, spec_of

BURST = 21.0
"""Seconds of a run in which there is time for one burst."""


def test_a_simulation_launches_what_the_sandbox_has_launched() -> None:
    """From the messages and the starts of the tasks alone; `make fidelity` compares more, and waits as well."""
    recording = record("single", BURST, 3)
    run = replay(recording, QUEUES["single"].worker)
    real, simulated = count_by_slot(recording), count_simulated_by_slot(spec_of(recording), run)
    assert [*real.values()] == [*simulated.values()]
    assert (len(recording["sends"]), 0) == (recording["done"], run.left)
