from __future__ import annotations

from dataclasses import replace

import pytest

from controller.simulate.expectations import find_broken, parse_expectation, require_limit
from controller.simulate.measures import Row

THIS = Row("this", {"p50": 10.0, "p95": 100.0, "p99": 200.0, "max": 400.0}, 0.02, 0, 5.0, 1.0, 2.0, 11.0, peak=40)
OLD = replace(THIS, name="old", dollars=9.0, peak=None)
ROWS = {"this": THIS, "old": OLD, "ssm:/ecsq/my config": OLD}


@pytest.mark.parametrize(
    "line",
    ["wait_p99 <= 5m", "wait_max<=400", "late_share <= 2%", "cost <= 1.25 * old", "peak > 39", "dollars >= old",
     "late <= 2 %", "cost >= ssm:/ecsq/my config", "wait_p50 < 1 * old", "container_hours <= 5"],
)  # fmt: skip
def test_a_promise_that_is_kept_says_nothing(line: str) -> None:
    """Durations, numbers, shares, and other rows, times a factor or not."""
    expected = "wait_p50 < 1 * old: it is 10s, exactly that" if line.startswith("wait_p50") else None
    assert expected == find_broken(parse_expectation(line), ROWS, "this")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wait_p99 <= 2m", "wait_p99 <= 2m: it is 3m20s and not 2m, 66.7 % more"),
        ("cost <= 1.1 * old", "cost <= 1.1 * old: it is $11.00 and not $9.90, 11.1 % more"),
        ("cost <= 0.001 * old", "cost <= 0.001 * old: it is $11.00 and not $0.0090, 122122.2 % more"),
        ("late <= 1%", "late <= 1%: it is 2.00 % and not 1.00 %, 100.0 % more"),
        ("peak < 30", "peak < 30: it is 40 and not 30, 33.3 % more"),
        ("killed <= 0", "killed <= 0: it cannot be told"),
    ],
)
def test_a_broken_promise_says_by_how_much(line: str, said: str) -> None:
    """With its line."""
    assert said == find_broken(parse_expectation(line), ROWS, "this")


def test_a_wait_without_an_end_breaks_every_promise() -> None:
    """However short that of the messages is that were taken."""
    row = replace(THIS, wait={**THIS.wait, "max": None}, left=3)
    told = find_broken(parse_expectation("wait_max <= 1h"), {"this": row}, "this")
    assert "wait_max <= 1h: messages are never taken" == told


def test_any_wait_is_shorter_than_one_without_an_end() -> None:
    """What another configuration never takes is no reason to refuse this one."""
    rows = {"this": THIS, "old": replace(OLD, wait={**OLD.wait, "max": None}, left=3)}
    assert find_broken(parse_expectation("wait_max <= 1.1 * old"), rows, "this") is None
    told = find_broken(parse_expectation("wait_max >= old"), rows, "this")
    assert told is not None
    assert told.endswith(" and not never")


@pytest.mark.parametrize("line", ["fast", "speed <= 3", "cost == 3", "cost <= 3 +"])
def test_what_is_no_promise_is_refused(line: str) -> None:
    """With how to write one, or what can be promised."""
    with pytest.raises(ValueError, match=r"write it as|there are: wait_p50"):
        parse_expectation(line)


@pytest.mark.parametrize("line", ["cost <= 2 * new", "wait_p99 <= new", "peak <= old"])
def test_a_row_that_cannot_be_compared_with_is_named(line: str) -> None:
    """One that there is not, or that does not have the number."""
    with pytest.raises(ValueError, match=r"no row new; there are: this, old, .*|row old has no peak"):
        find_broken(parse_expectation(line), ROWS, "this")


@pytest.mark.parametrize("line", ["cost <= 5m", "wait_p99 <= 5min", "late <= new", "wait_max <= 2 * new"])
def test_what_to_compare_with_is_known_before(line: str) -> None:
    """Nobody waits for a simulation whose promise cannot be judged."""
    for sound in ("cost <= 2 * old", "wait_p99 <= 5m", "late <= 1%"):
        require_limit(parse_expectation(sound), ROWS)
    with pytest.raises(ValueError, match="there are: this, old"):
        require_limit(parse_expectation(line), ROWS)
