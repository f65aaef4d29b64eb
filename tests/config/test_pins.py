from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import load_content
from controller.config.pins import PinError, Pins, find_disagreements, read_pins
from tests.config.files import LEAST

FILE = Path("c.yaml")
WAY_OUT = "put it back, or stop every controller of this name, print the stack again (ecsq stack) and deploy it"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Pins()),
        ({"ECSQ_NAME": "", "ECSQ_CONSISTENCY_WINDOW": ""}, Pins()),
        ({"ECSQ_NAME": "orders", "ECSQ_CONSISTENCY_WINDOW": "1500ms"}, Pins("orders", 1.5)),
        ({"ECSQ_CONSISTENCY_WINDOW": "5"}, Pins(None, 5.0)),
    ],
    ids=["nothing", "empty", "both", "whole seconds"],
)
def test_the_environment_holds_fast_what_it_names(environment: dict[str, str], expected: Pins) -> None:
    """Each variable that is set and not empty is something that a configuration has to agree with."""
    assert expected == read_pins(environment)


def test_a_window_that_is_none_is_refused() -> None:
    """A variable that is no duration is named with how one is written."""
    with pytest.raises(PinError, match=r"^ECSQ_CONSISTENCY_WINDOW: .*write it as 10s"):
        read_pins({"ECSQ_CONSISTENCY_WINDOW": "soon"})


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (Pins(), []),
        (Pins("ecsq", 5.0), []),
        (Pins("orders"), [f"c.yaml:9:7: name: is ecsq, but ECSQ_NAME says orders: {WAY_OUT}"]),
        (
            Pins(consistency_window=6.0),
            [f"c.yaml:10:27: aws.consistency_window: is 5s, but ECSQ_CONSISTENCY_WINDOW says 6s: {WAY_OUT}"],
        ),
    ],
    ids=["nothing held", "agreed", "name", "window"],
)
def test_what_disagrees_is_told_with_its_place_and_the_way_to_change_it(pins: Pins, expected: list[str]) -> None:
    """Name and window are compared as they are in force, defaults included."""
    loaded = load_content(f"{LEAST}name: ecsq\naws: {{consistency_window: 5s}}\n".encode(), FILE)
    assert expected == [str(problem) for problem in find_disagreements(loaded, pins)]
