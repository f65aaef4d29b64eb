from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import Place, Places, load

FILE = """\
budget:
  max_containers: 100
scalers:
  - name: one
    queue: one
    demand:
      messages_per_container: 1
    cooldown: &short
      fall: 1m
    task: {definition: worker, subnets: [subnet-0a1b2c3d]}
  - name: two
    queue: two
    demand:
      steps:
        - {backlog: 1, containers: 1}
    cooldown: *short
    max_containers: 1
    task:
      definition: worker
      subnets: [subnet-0a1b2c3d]
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Read where the keys of the file stand."""
    path = tmp_path / "config.yaml"
    path.write_text(FILE, encoding="utf-8")
    return load(path).find_places()


@pytest.mark.parametrize(
    ("key", "scaler", "line", "is_set"),
    [
        ("max_containers", 1, 17, True),
        ("task.definition", 0, 10, True),
        ("task.definition", 1, 19, True),
        ("max_containers", 0, 4, False),
        ("task.packing", 1, 18, False),
        ("hysteresis.fall_after", 1, 11, False),
        ("budget.max_containers", None, 2, True),
        ("aws.consistency_window", None, 1, False),
        ("cooldown.fall", 1, 9, True),
    ],
    ids=["set", "on one line", "in a section", "default", "its section", "no section", "top", "not at top", "alias"],
)
def test_where_a_key_stands(places: Places, key: str, scaler: int | None, line: int, is_set: bool) -> None:  # noqa: FBT001 - a table
    """A key that is set has its own line, any other that of what it would stand in; of an alias it is the anchor's."""
    assert Place(key, line, is_set) == places.find(key, scaler)


def test_where_the_strategy_stands(places: Places) -> None:
    """Of several keys that exclude each other, the one that is set is found."""
    found = [places.find_set("demand", scaler) for scaler in (0, 1)]
    assert [Place("demand.messages_per_container", 7, is_set=True), Place("demand.steps", 14, is_set=True)] == found
    assert Place("breaker", 11, is_set=False) == places.find_set("breaker", 1)
