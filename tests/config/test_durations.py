from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1s500ms", 1.5), ("1h1m1s1ms", 3661.001),
        ("0s", 0.0), (0, 0.0), (90, 90.0),
    ],
)  # fmt: skip
def test_durations(text: str | int, seconds: float) -> None:
    """A duration is units in falling order, or whole seconds."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "value",
    [
        "", "10", "s", "5 m", "5M", "30m1h", "1m1m", "-5s", "1.5s", "1:30", "5min", "5m\n",
        "\u0665s", True, 1.5, None, [], -1, 10**9,
    ],
)  # fmt: skip
def test_not_durations(value: object) -> None:
    """Anything else is refused, never guessed."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_duration(value)


@given(st.integers(0, 366 * 86_400_000))
def test_formatted_durations_read_back(milliseconds: int) -> None:
    """What is written as a duration in a message is the same duration when it is read."""
    assert milliseconds / 1000 == parse_duration(format_duration(milliseconds / 1000))
