"""Time windows in a simulated world: they are in force at the times of its arrivals."""

from __future__ import annotations

from dataclasses import replace

from controller.core.decision.model import Decision
from controller.core.decision.policy import PerContainer
from controller.core.decision.timetable import TimeWindow
from controller.simulate.draws import always, parse_draw
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario, simulate
from controller.simulate.tasks import Workers
from controller.simulate.world import Arrival
from tests.core.decision.windows import window
from tests.support.controller import scaler_spec

START = 1_700_000_000.0
HOUR = 3600.0
WORKERS = Workers(work=parse_draw("45s"), start=always(30.0), last_poll=20, stale=5)
SPEC = scaler_spec("main", "worker", demand=PerContainer(1), max_containers=2)


def play(
    *schedule: TimeWindow, arrivals: list[Arrival], skips_quiet: bool = True, until: float | None = None
) -> tuple[SimulatedRun, list[Decision]]:
    """Simulate a scaler with a schedule; give the run and all decisions."""
    decisions: list[Decision] = []
    scenario = Scenario(arrivals, WORKERS, since=START, until=until)
    spec = replace(SPEC, schedule=schedule)
    return simulate(spec, scenario, watch=decisions.append, skips_quiet=skips_quiet), decisions


def test_a_window_that_pauses_holds_messages_until_it_is_over() -> None:
    """And the scaler looks at the moment at which it is."""
    ends = START + HOUR + 7
    run, decisions = play(window(START, lasts=HOUR + 7), arrivals=[Arrival(START + 60, 4)])
    assert (0, True) == (run.left, min(run.taken) > ends)
    assert ends in [decision.at for decision in decisions]
    assert {"paused_by_schedule"} == {decision.reason.value for decision in decisions if decision.at < ends}


def test_a_higher_maximum() -> None:
    """Six messages are taken at once in its window, and two at a time before it."""
    night, day = START + 60, START + 2 * HOUR
    run, _ = play(window(day - 60, lasts=HOUR, max_containers=6), arrivals=[Arrival(night, 6), Arrival(day, 6)])
    at_once = [
        max(sum(taken <= at < done for taken, done in zip(run.taken, run.done, strict=True)) for at in span)
        for span in (range(int(night), int(day)), range(int(day), int(day + HOUR)))
    ]
    assert [2, 6] == at_once


def test_a_minimum_wakes_a_quiet_queue() -> None:
    """Polls that are left out end where a window opens, whether or not a message ever comes again."""
    opens = START + 5 * HOUR
    for skips in (True, False):
        run, _ = play(
            window(opens, lasts=60.0, min_containers=2),
            arrivals=[Arrival(START, 1)],
            skips_quiet=skips,
            until=START + 6 * HOUR,
        )
        assert [opens <= task.created_at < opens + 60 for task in run.tasks[1:]] == [True] * (len(run.tasks) - 1)
        assert len(run.tasks) > 1


def test_the_rhythm_of_a_window() -> None:
    """Polls come at the interval of the window, from its opening on until it closes."""
    opens, closes = START + 1000, START + 2000
    _, decisions = play(
        window(opens, lasts=1000.0, poll_interval=100.0, paused=True),
        arrivals=[Arrival(START, 1), Arrival(START + 2500, 1)],
        skips_quiet=False,
    )
    inside = [decision.at for decision in decisions if opens <= decision.at < closes]
    assert 10 <= len(inside) <= 12
    assert opens == inside[0]
    assert closes in [decision.at for decision in decisions]
