"""The pictures: that they show what a reader looks for in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from controller.core.decision.policy import PerContainer
from controller.simulate.draws import always
from controller.simulate.measures import Row, Terms
from controller.simulate.pictures import paint
from controller.simulate.prices import TARIFFS
from controller.simulate.report import write_report
from controller.simulate.run import Scenario, simulate
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival
from tests.support.controller import scaler_spec

if TYPE_CHECKING:
    from pathlib import Path

START = 1_700_000_000.0
DAY = 86_400.0
SPEC = scaler_spec("main", "worker", demand=PerContainer(1), max_containers=10)


def draw_course(arrivals: list[Arrival]) -> Figure:
    """Return the picture of backlog and containers of quick workers."""
    scenario = Scenario(arrivals, Workers(work=always(1), start=always(1), last_poll=1, stale=0))
    terms = Terms(300, scenario.shape, TARIFFS["x86"])
    pictures = {each.title: each for each in paint([], [], simulate(SPEC, scenario), SPEC, scenario, terms)}
    figure = Figure()
    pictures["Backlog and containers"].draw(figure)
    return figure


def test_a_report_sets_off_keys_and_escapes_the_rest(tmp_path: Path) -> None:
    """A verdict names its edit as it stands in a file."""
    write_report(tmp_path / "report.html", "one", [], ["`max_containers: 8` would <keep> it"], [])
    assert "<p><code>max_containers: 8</code> would &lt;keep&gt; it</p>" in (tmp_path / "report.html").read_text()


def cost(*waits: float) -> Figure:
    """Return the picture of cost against rows with such p99 waits; the first is this configuration's."""
    scenario = Scenario([Arrival(START)], Workers(work=always(1), start=always(1), last_poll=1, stale=0))
    terms = Terms(300, scenario.shape, TARIFFS["x86"])
    rows = [
        Row("other" if index else "this", {"p99": wait}, 0.0, 1, 1.0, 1.0, 1.0, 1.0) for index, wait in enumerate(waits)
    ]
    picture = paint(rows, [], simulate(SPEC, scenario), SPEC, scenario, terms)[0]
    figure = Figure(figsize=picture.size)
    picture.draw(figure)
    return figure


@pytest.mark.parametrize(("waits", "scale"), [((60, 90), "linear"), ((60, 70_000), "log"), ((0, 70_000), "linear")])
def test_one_that_waits_for_ever_does_not_hide_the_others(waits: tuple[float, ...], scale: str) -> None:
    """They are told apart on a logarithmic scale, and every name stands within the axes."""
    figure = cost(*waits)
    axes = figure.axes[0]
    assert scale == axes.get_xscale()
    figure.canvas.draw()
    assert all(name.get_window_extent().x0 >= axes.bbox.x0 for name in axes.texts)


def test_a_burst_is_as_high_as_it_was() -> None:
    """However long the time that a picture shows, and however soon the messages were taken."""
    [waiting] = draw_course([Arrival(START + number * DAY, 10) for number in range(7)]).axes[0].lines
    assert (10, 7) == (max(waiting.get_ydata()), sum(count == 10 for count in waiting.get_ydata()))


def test_a_worker_runs_until_it_exits() -> None:
    """Its task goes on for 15 s, in which nobody works."""
    running = draw_course([Arrival(START, 1)]).axes[1].collections[0].get_paths()[0].vertices
    times = [num2date(at).timestamp() for at, count in running if count > 0]
    assert 2 == pytest.approx(max(times) - min(times), abs=0.2)


def test_the_last_burst_is_shown_until_it_is_done() -> None:
    """A trace may end with its largest row."""
    figure = draw_course([Arrival(START, 1), Arrival(START + 60, 10)])
    assert num2date(figure.axes[1].get_xlim()[1]).timestamp() > START + 65
