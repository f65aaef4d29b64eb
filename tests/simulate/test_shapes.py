from __future__ import annotations

import pytest

from controller.simulate.shapes import Period, draw_shapes

DAY = Period(0.0, 86_400.0)


def test_bursts_come_again_and_again() -> None:
    """From a time after the beginning on, until the end."""
    assert [(600.0 + 7200 * number, 500) for number in range(12)] == [
        (arrival.at, arrival.messages) for arrival in draw_shapes("burst 500 every 2h at 10m", DAY, 1)
    ]
    assert [86_400.0] == [arrival.at for arrival in draw_shapes("burst 7 at 1d", Period(0.0, 2 * 86_400.0), 1)]
    assert [(0.0, 7)] == [(arrival.at, arrival.messages) for arrival in draw_shapes("burst 7", DAY, 1)]
    daily = draw_shapes("burst 7 every 1d at 6h", Period(0.0, 3 * 86_400.0), 1)
    assert [6 * 3600.0, 30 * 3600.0, 54 * 3600.0] == [arrival.at for arrival in daily]


def test_a_stream_has_its_rate() -> None:
    """Steady ones evenly, poisson ones on the average; the same seed gives the same."""
    steady, poisson, other = (draw_shapes(text, DAY, 1) for text in ("steady 2/min", "poisson 2/min", "poisson 3/min"))
    assert 2879 == len(steady)
    assert 2880 == pytest.approx(len(poisson), rel=0.1)
    assert steady == draw_shapes("steady 2/minute", DAY, 1)
    assert poisson == draw_shapes("poisson 2/min", DAY, 1)
    assert poisson != draw_shapes("poisson 2/min", DAY, 2)
    assert len(other) > len(poisson)


@pytest.mark.parametrize(("hours", "inside"), [("09:00..17:00", range(9, 17)), ("22:00..02:00", (22, 23, 0, 1))])
def test_a_stream_may_have_hours(hours: str, inside: range | tuple[int, ...]) -> None:
    """Outside of them nothing comes, also where they go over midnight."""
    arrivals = draw_shapes(f"steady 60/h between {hours}", DAY, 1)
    assert set(inside) == {int(arrival.at // 3600) for arrival in arrivals}


def test_several_come_together_in_order() -> None:
    """Whatever is written first."""
    times = [arrival.at for arrival in draw_shapes("poisson 30/h,  burst 5 every 1h", DAY, 1)]
    assert sorted(times) == times
    assert 24 == sum(time % 3600 == 0 for time in times)


def test_more_than_a_simulation_takes_is_refused() -> None:
    """Before the memory is full."""
    for text in ("burst 5000000 every 1s", "poisson 1000000/s", "steady 1000000/s between 09:00..09:00"):
        with pytest.raises(ValueError, match="more messages come than a simulation takes"):
            draw_shapes(text, DAY, 1)


@pytest.mark.parametrize("text", ["", "burst", "burst 0 every 1s", "burst 5 every 0s", "burst 5 every 2w",
                                  "burst 5 at x", "poisson 3", "poisson 3/year", "poisson 0/min",
                                  "steady 3/min between 9..25:00", "rain 3/min"])  # fmt: skip
def test_what_is_no_shape_is_refused(text: str) -> None:
    """And quoted."""
    with pytest.raises(ValueError, match=repr(text)[:12] if text else "''"):
        draw_shapes(text, DAY, 1)
