from __future__ import annotations

import re
from dataclasses import fields, replace

import mypy.api
import pytest

from controller.core.decision.following import FREE
from controller.core.decision.lessons import NOTHING_LEARNED
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import PerContainer
from controller.core.decision.queue_sum import add_up
from controller.core.decision.state import ScalerState
from controller.core.frozen import change

RECORDS = [
    ScalerState(),
    NOTHING_LEARNED,
    FREE,
    LevelState(),
    Fleet(0.0),
    pytest.param(PerContainer(5), id="of-one-member"),
    pytest.param(add_up([("urgent", QueueCounts(1, 2, 3))]), id="with-a-parent"),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_changed_record_is_what_replace_gives(record: object) -> None:
    """Each member by itself, and the record that it comes from stays."""
    before = replace(record)  # type: ignore[type-var]
    for field in fields(record):  # type: ignore[arg-type]
        expected = replace(record, **{field.name: 7})  # type: ignore[type-var]
        assert expected == change(record, **{field.name: 7})  # type: ignore[type-var]
    assert before == record


def test_a_member_that_there_is_not_is_refused() -> None:
    with pytest.raises(AttributeError, match="widht"):
        change(FREE, widht=3)  # type: ignore[call-arg]


def test_records_of_the_same_members_are_the_same_to_a_set() -> None:
    assert {FREE, change(FREE, width=3), change(FREE, width=0)} == {FREE, change(FREE, width=3)}


WRITES = """
from controller.core.frozen import change, frozen

@frozen
class Size:
    width: int

size = Size(1)
change(size, width=2)
size.width = 3
change(size, depth=3)
"""


def test_the_type_checker_refuses_what_nothing_stops_at_run_time() -> None:
    """To write to a record, and to change a member that it does not have."""
    told, _, _ = mypy.api.run(["--config-file=", "--cache-dir=/dev/null", "--strict", "-c", WRITES])
    found = re.findall(r":(\d+): error: .*\[(.+)\]$", told, re.MULTILINE)
    assert [("10", "misc"), ("11", "call-arg")] == found, told


def test_a_record_has_no_room_for_other_members() -> None:
    with pytest.raises(AttributeError):
        FREE.widht = 3  # type: ignore[attr-defined]
