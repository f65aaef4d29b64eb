"""The memory of a scaler, on its way through ``/status`` and back."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from typing import Any

import pytest

from controller.core.decision.breaker import Breaker
from controller.core.decision.budget import Place
from controller.core.decision.contradiction import Contradiction
from controller.core.decision.level_state import LevelState
from controller.core.decision.rollout import Rollout
from controller.core.decision.scarcity import Scarcity
from controller.core.decision.setback import Setback, Trouble
from controller.core.decision.state import Doubt, ScalerState
from controller.scaling.memory import KnownTask, Memory, read_memory, to_plain

NOTHING = Memory(ScalerState(), 30.0, Place(), None, "main", None, ())
EVERYTHING = Memory(
    state=ScalerState(
        level=LevelState(4, awake=True, tail=True, polled_at=10.5, asked=(1, 4), asked_padded=(2, 5), rose_at=9.0),
        launched_at=8.0,
        last_slot=56_000_000,
        doubts=(Doubt(3, 7.0), Doubt(1, 7.5)),
        history_read=True,
        breaker=Breaker(bad_ends=5, row_born_at=1.0, trips=2, open_until=99.0, cause="no image"),
        scarcity=Scarcity(turned_away=7, until=98.0, cause="no room", ran_born_at=30.0),
        shortages={"FARGATE_SPOT": Scarcity(turned_away=2, until=99.0, cause="no Spot", holds=3)},
        rollout=Rollout((8, 7, 6), (6,), (Setback(8, 50.0, 110.0, 1, Trouble.FAILED, cause="exited"),), assumed=7),
        contradiction=Contradiction(since=20.0, seen_at=40.0, looks=3, visible=5),
    ),
    slot_length=30.0,
    place=Place(held_since=12.0, reserved=3, wanted=1),
    retry_at=70.0,
    cluster="main",
    start_delay=41.5,
    tasks=(
        KnownTask("arn", 1, 2, 3.5, None, 1, draining=False, provider="FARGATE_SPOT"),
        KnownTask("gone", 1, 0, 3.5, 60.0, 0, draining=True, provider=None),
    ),
)


def tell(memory: Memory) -> dict[str, Any]:
    """Return a memory as it comes out of ``/status``."""
    told: dict[str, Any] = json.loads(json.dumps(to_plain(memory)))
    return told


@pytest.mark.parametrize("memory", [NOTHING, EVERYTHING], ids=["nothing", "everything"])
def test_a_memory_survives_its_way_through_json(memory: Memory) -> None:
    """Every part of it, in the very types that the rules take."""
    assert memory == read_memory(tell(memory))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(["state", "last_slot"], "56000000", id="a number as text"),
        pytest.param(["state", "level", "level"], -1, id="a negative level"),
        pytest.param(["state", "doubts", 0, "containers"], -1000, id="a negative doubt"),
        pytest.param(["state", "doubts", 0, "containers"], 10**13, id="an absurd doubt"),
        pytest.param(["state", "launched_at"], 1e300, id="a time that no calendar has"),
        pytest.param(["state", "launched_at"], math.nan, id="a time that is no number"),
        pytest.param(["state", "breaker", "open_until"], math.inf, id="for ever"),
        pytest.param(["state", "scarcity", "until"], -1.0, id="a hold before all times"),
        pytest.param(["state", "scarcity"], {"until": 98.0}, id="half a scarcity"),
        pytest.param(["retry_at"], 1e12, id="a time after the last year"),
        pytest.param(["tasks", 0, "starting"], 10**6, id="a task of a million"),
        pytest.param(["state", "future"], 1, id="a part that this version does not know"),
        pytest.param(["tasks"], None, id="no tasks"),
        pytest.param(["state"], {}, id="an empty state"),
    ],
)
def test_what_is_no_whole_memory_is_refused(path: list[str | int], value: object) -> None:
    """An older daemon, a newer one, or something else: nothing is decided with half a memory."""
    told: Any = tell(EVERYTHING)
    part = told
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ValueError, match=r"memory|validation"):
        read_memory(told)


@pytest.mark.parametrize("missing", ["state", "slot_length", "place", "retry_at", "cluster", "start_delay", "tasks"])
def test_a_memory_that_lacks_a_part_is_refused(missing: str) -> None:
    """A part that has a default as well: the default is not what the daemon remembers."""
    told = deepcopy(tell(EVERYTHING))
    del told[missing]
    with pytest.raises(ValueError, match=r"memory|validation"):
        read_memory(told)
