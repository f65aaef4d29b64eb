from __future__ import annotations

from random import Random
from statistics import mean, stdev

import pytest

from controller.simulate.draws import parse_draw


@pytest.mark.parametrize(
    ("text", "average", "least"),
    [("45s", 45, 45), ("2m", 120, 120), ("30s..90s", 60, 30), ("exp(45s)", 45, 0), ("lognormal(45s, 1.5)", 45, 0)],
)
def test_what_is_written_is_drawn(text: str, average: float, least: float) -> None:
    """The mean is what stands there, nothing is shorter than the least, and it is written again as it was."""
    draw, source = parse_draw(text), Random(1)
    drawn = [draw.take(source) for _ in range(20_000)]
    assert average == pytest.approx(mean(drawn), rel=0.05)
    assert (average, least) == (draw.mean, draw.least)
    assert min(drawn) >= least
    assert parse_draw(str(draw)) == draw


def test_the_spread_of_a_lognormal_is_its_deviation_over_its_mean() -> None:
    """One of 0.5 and a minute deviates by half a minute."""
    source = Random(1)
    assert 30 == pytest.approx(stdev(parse_draw("lognormal(60s, 0.5)").take(source) for _ in range(50_000)), rel=0.05)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "90s..30s", "exp(45s, 2)", "lognormal(45s)", "gamma(4s)", "lognormal(4s, 0)", "lognormal(4s, 1.5.2)"],
)
def test_what_is_no_draw_is_refused(text: str) -> None:
    """The error says how to write one."""
    with pytest.raises(ValueError, match=r"(distribution|duration.*|first|unit.*); write it as 45s, "):
        parse_draw(text)
