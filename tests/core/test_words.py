"""How numbers, times of day and durations are written for people."""

from __future__ import annotations

import pytest

from controller.core.words import as_clause, format_clock, format_count, format_span


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
