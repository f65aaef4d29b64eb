"""The memory of a scaler as ``/status`` tells it, and as ``ecsq plan --from`` takes it back."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from controller.core.decision.breaker import Breaker
from controller.core.decision.model import Doubt, LevelState, ScalerState
from controller.daemon.status import read_memories

REMEMBERED = ScalerState(
    level=LevelState(4, awake=True, tail=True, polled_at=10.5, asked=(1, 4), asked_padded=(2, 5), rose_at=9.0),
    launched_at=8.0,
    last_slot=56_000_000,
    doubts=(Doubt(3, 7.0), Doubt(1, 7.5)),
    breaker=Breaker(bad_ends=5, row_born_at=1.0, trips=2, open_until=99.0, cause="no image"),
)


@pytest.mark.parametrize("state", [ScalerState(), REMEMBERED], ids=["nothing", "everything"])
def test_a_memory_survives_its_way_through_json(state: ScalerState) -> None:
    """Every part of it, in the very types that the rules take."""
    told = json.loads(json.dumps({"scalers": [{"name": "ingest", "memory": asdict(state)}]}))
    assert {"ingest": state} == read_memories(told)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="no scalers"),
        pytest.param({"scalers": [{"name": "ingest"}]}, id="no memory"),
        pytest.param({"scalers": [{"name": "ingest", "memory": {"last_slot": "soon"}}]}, id="a wrong type"),
        pytest.param({"scalers": 5}, id="a number"),
    ],
)
def test_what_is_no_memory_is_refused(status: dict[str, object]) -> None:
    """An older daemon, or something else: nothing is decided with half a memory."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_memories(status)
