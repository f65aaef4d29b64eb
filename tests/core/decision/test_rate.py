import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.rate import Bucket, Rate, take
from tests.core.decision.builders import NOW

ROUNDING = 1e-3
"""What adding to a time of some 10^9 s may lose, in tokens."""


@pytest.mark.parametrize(
    ("takes", "waits"),
    [
        ([(0, 100)], [0]),
        ([(0, 100), (0, 10)], [0, 0.5]),
        ([(0, 100), (0, 10), (0, 10)], [0, 0.5, 1.0]),
        ([(0, 100), (1, 20)], [0, 0]),
        ([(0, 100), (1, 30)], [0, 0.5]),
        ([(0, 100), (3600, 100), (3600, 10)], [0, 0, 0.5]),
        ([(0, 100), (-3600, 10), (-3599.5, 10)], [0, 0.5, 0.5]),
    ],
    ids=[
        "burst",
        "beyond",
        "in line",
        "made up for",
        "half made up for",
        "never more than a burst",
        "clock steps back",
    ],
)
def test_what_is_taken_too_fast_waits(takes: list[tuple[float, int]], waits: list[float]) -> None:
    """At 20 a second and 100 at once; each take is (seconds, tokens)."""
    bucket, found = Bucket(), []
    for at, tokens in takes:
        bucket, wait = take(Rate(20.0, 100), bucket, tokens, NOW + at)
        found.append(wait)
    assert waits == pytest.approx(found)


@given(
    rate=st.builds(Rate, st.sampled_from([0.5, 1.0, 20.0, 100.0]), st.integers(10, 200)),
    takes=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), min_size=1, max_size=60),
)
def test_no_stretch_of_time_gets_more_than_its_share(rate: Rate, takes: list[tuple[float, int]]) -> None:
    """At most the burst and what the rate allows for as long as it is, wherever it begins."""
    bucket, now, used = Bucket(), NOW, []
    for wait, tokens in takes:
        now += wait
        bucket, pause = take(rate, bucket, tokens, now)
        assert pause >= 0
        used.append((now + pause, tokens))
    assert used == sorted(used, key=lambda use: use[0])
    for first, (begin, _) in enumerate(used):
        together = 0
        for end, tokens in used[first:]:
            together += tokens
            assert together <= rate.burst + rate.per_second * (end - begin) + ROUNDING


@given(st.lists(st.integers(1, 10), min_size=1, max_size=60))
def test_no_time_is_wasted(takes: list[int]) -> None:
    """Whoever waits does not wait longer than the rate makes him."""
    rate, bucket, wait = Rate(20.0, 100), Bucket(), 0.0
    for tokens in takes:
        bucket, wait = take(rate, bucket, tokens, NOW)
    assert max(0.0, (sum(takes) - rate.burst) / rate.per_second) == pytest.approx(wait)


@given(rate=st.builds(Rate, st.sampled_from([0.5, 1.0, 20.0, 100.0]), st.integers(10, 200)), parts=st.integers(1, 12))
def test_the_parts_of_a_rate_are_no_more_than_the_rate(rate: Rate, parts: int) -> None:
    """In the long run they are as much; a burst that cannot be divided loses its remainder."""
    part = rate.divide(parts, least=0)
    assert rate.per_second == pytest.approx(part.per_second * parts)
    assert rate.burst - parts < part.burst * parts <= rate.burst


def test_a_part_of_a_small_burst_still_gives_a_call() -> None:
    """A bucket that is smaller would be full, and would still not give it, for ever."""
    assert (Rate(2.0, 10), 0.0) == (part := Rate(20.0, 10).divide(10, least=10), take(part, Bucket(), 10, NOW)[1])
