"""How numbers, times of day and durations are written for people."""

from __future__ import annotations

import pytest

from controller.core.words import as_clause, format_age, format_clock, format_count, format_span


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.25, "250ms"), (1, "1s"), (59.6, "1m"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m"), (0, "0s")],
)
def test_a_span_is_written_as_in_the_configuration(seconds: float, expected: str) -> None:
    """The same units, the largest first, nothing that is zero."""
    assert expected == format_span(seconds)


@pytest.mark.parametrize(("number", "expected"), [(0, "0 tasks"), (1, "1 task"), (2, "2 tasks")])
def test_one_is_singular(number: int, expected: str) -> None:
    """Numbers agree with their nouns."""
    assert expected == format_count(number, "task")


def test_a_time_of_day_says_that_it_is_utc() -> None:
    """Nobody on call has to guess a time zone."""
    assert "01:02:03Z" == format_clock(3723.9)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Cluster not found.", "Cluster not found"),
        ("Rate exceeded", "Rate exceeded"),
        ("cut here...", "cut here..."),
        ("", ""),
    ],
)
def test_ours_goes_on_behind_somebody_elses_sentence(sentence: str, expected: str) -> None:
    """Which ends there without its full stop; what was left out stays marked."""
    assert expected == as_clause(sentence)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (3723.9, "01:02:03Z"),
        (3723.9 + 86_399, "01:02:03Z"),
        (3723.9 + 86_400, "1970-01-01 01:02:03Z"),
        (3723.9 - 86_400, "1970-01-01 01:02:03Z"),
    ],
    ids=["now", "within a day", "a day ago", "a day ahead"],
)
def test_a_time_that_is_a_day_away_carries_its_date(now: float, expected: str) -> None:
    """Nobody takes yesterday for today."""
    assert expected == format_clock(3723.9, now)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (-5, "0s"), (59.4, "59s"), (60, "1m"), (3_723, "1h2m"), (86_400, "1d"), (200_000, "2d7h")],
)
def test_an_age_is_written_in_its_two_largest_units(seconds: float, expected: str) -> None:
    """More would not be read."""
    assert expected == format_age(seconds)
