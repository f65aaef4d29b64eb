from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.durations import FORMS, parse_argument, parse_duration
from controller.core.words import format_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1s500ms", 1.5), ("1h1m1s1ms", 3661.001),
        ("0s", 0.0), (0, 0.0), (90, 90.0),
    ],
)  # fmt: skip
def test_durations(text: str | int, seconds: float) -> None:
    """A duration is written in units from the largest to the smallest, or as whole seconds."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "value",
    [
        "", "10", "s", "5 m", "5M", "30m1h", "1m1m", "-5s", "1.5s", "1:30", "5min", "5m\n",
        "\u0665s", True, 1.5, None, [], -1, 10**9,
    ],
)  # fmt: skip
def test_not_durations(value: object) -> None:
    """Anything else is refused and not guessed at."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "way_out"),
    [
        ("0.5s", "write it as 500ms"), (".5s", "write it as 500ms"), ("0,5s", "write it as 500ms"),
        ("1.5h", "write it as 1h30m"), ("0.1m", "write it as 6s"), ("1.10s", "write it as 1s100ms"),
        (1.5, "write it as 1s500ms"), ("1.5", "write it as 1s500ms"), ("0.5ms", FORMS), ("1.5h2m", FORMS),
        ("1.0000000000000000001s", FORMS),
    ],
)  # fmt: skip
def test_fractions(value: object, way_out: str) -> None:
    """A fraction is refused, and the message shows the same duration in units if it is whole milliseconds."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_duration(value)
    assert f"must not have a fraction: {way_out}" == str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("0", 0.0), ("007", 7.0), ("5s", 5.0), ("1m30s", 90.0)])
def test_arguments(text: str, seconds: float) -> None:
    """On a command line, where everything is text, a whole number without a unit is seconds."""
    assert seconds == parse_argument(text)


@pytest.mark.parametrize("text", ["", "-5", "+5", "5.0", " 5", "5 ", "\u0665", "1_0", "999999999", "9" * 5000])
def test_not_arguments(text: str) -> None:
    """A number that is not whole, or is longer than a year, is refused."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_argument(text)


@given(st.integers(0, 366 * 86_400_000))
def test_formatted_durations_read_back(milliseconds: int) -> None:
    """A duration that a message shows is the same duration when it is read from a configuration."""
    assert milliseconds / 1000 == parse_duration(format_duration(milliseconds / 1000))
