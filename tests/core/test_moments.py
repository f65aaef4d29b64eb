"""Moments as people write them."""

from __future__ import annotations

import pytest

from controller.core.moments import parse_moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("2000000580.5", 2_000_000_580.5),
        ("2033-05-18T03:43:00Z", 2_000_000_580.0),
        ("2033-05-18T05:43:00+02:00", 2_000_000_580.0),
        ("2033-05-18T03:43:00", 2_000_000_580.0),
        ("2033-05-18", 1_999_987_200.0),
    ],
    ids=["the beginning", "epoch", "UTC", "another zone", "no zone", "a day"],
)
def test_a_moment(text: str, expected: float) -> None:
    """A moment is seconds since the epoch or a time of ISO 8601; without a zone it is one of UTC."""
    assert expected == parse_moment(text)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-1", "nan", "inf", "1e99", "2000000580000", "2033-13-01", "0001-01-01T00:00:00+14:00"]
)
def test_no_moment(text: str) -> None:
    """Anything else is refused, as is a count of milliseconds."""
    with pytest.raises(ValueError, match=r"moment|isoformat|must be|range"):
        parse_moment(text)
