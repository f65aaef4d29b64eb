from __future__ import annotations

from dataclasses import fields, replace

import pytest

from controller.core.changes import change
from controller.core.decision.following import FREE
from controller.core.decision.lessons import NOTHING_LEARNED
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Fleet
from controller.core.decision.state import ScalerState


@pytest.mark.parametrize("record", [ScalerState(), NOTHING_LEARNED, FREE, LevelState(), Fleet(0.0)])
def test_a_changed_record_is_what_replace_gives(record: object) -> None:
    """Each member by itself, and the record that it comes from stays."""
    before = replace(record)  # type: ignore[type-var]
    for field in fields(record):  # type: ignore[arg-type]
        expected = replace(record, **{field.name: 7})  # type: ignore[type-var]
        assert expected == change(record, **{field.name: 7})
    assert before == record


def test_a_member_that_there_is_not_is_refused() -> None:
    """As replace does, though nobody has checked its name."""
    with pytest.raises(TypeError, match="Following has no widht"):
        change(FREE, widht=3)
