from __future__ import annotations

from dataclasses import fields, replace

import pytest

from controller.core.decision.following import FREE
from controller.core.decision.lessons import NOTHING_LEARNED
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Fleet
from controller.core.decision.policy import PerContainer
from controller.core.decision.state import ScalerState
from controller.core.frozen import change


@pytest.mark.parametrize("record", [ScalerState(), NOTHING_LEARNED, FREE, LevelState(), Fleet(0.0), PerContainer(5)])
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


def test_a_record_has_no_room_for_other_members() -> None:
    with pytest.raises(AttributeError):
        FREE.widht = 3  # type: ignore[attr-defined]
