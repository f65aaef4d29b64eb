from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.decision.objection import find_objection
from tests.core.decision.builders import COOLDOWN, policy

BEFORE = policy(max_containers=20)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"paused": True}, "the scaler was paused"),
        ({"paused": True, "paused_by_schedule": True}, "a window of its schedule pauses the scaler"),
        ({"max_containers": 19}, "max_containers was lowered to 19"),
        ({"max_containers": 21}, None),
        ({"min_containers": 5, "poll_interval": 60.0, "cooldown": replace(COOLDOWN, launch=600.0)}, None),
    ],
    ids=["nothing", "a pause", "a window that pauses", "a lower maximum", "a higher maximum", "something else"],
)
def test_what_forbids_the_rest_of_a_launch(changes: dict[str, Any], expected: str | None) -> None:
    """What would launch less, if it were decided now; anything else counts from the next decision on."""
    assert expected == find_objection(BEFORE, replace(BEFORE, **changes))


def test_a_launch_that_was_decided_in_a_pause_is_not_objected_to() -> None:
    """There is none; but nothing is new about a pause that was there before."""
    paused = replace(BEFORE, paused=True)
    assert None is find_objection(paused, paused)
