"""A scaler in a simulated world: the daemon's own cycle decides, and the world answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest

from controller.core.decision.model import Decision
from controller.core.decision.policy import PerContainer
from controller.core.decision.slots import slot_at
from controller.simulate.draws import always, parse_draw
from controller.simulate.outcome import SimulatedRun
from controller.simulate.run import Scenario, simulate
from controller.simulate.tasks import Task, Workers
from controller.simulate.world import Arrival
from tests.support.controller import SLOTS, scaler_spec

START = 1_700_000_000.0
HOUR = 3600.0
WORKERS = Workers(work=parse_draw("exp(45s)"), start=parse_draw("30s..90s"), last_poll=20, stale=5)
SPEC = scaler_spec("main", "worker", demand=PerContainer(5), max_containers=10)


def bursts(messages: int, every: float, times: int) -> list[Arrival]:
    """Return so many messages at once, again and again."""
    return [Arrival(START + number * every, messages) for number in range(times)]


@pytest.fixture(scope="module")
def served() -> tuple[SimulatedRun, list[Decision]]:
    """Simulate four bursts of sixty messages, half an hour apart; give the run and all decisions."""
    decisions: list[Decision] = []
    return simulate(SPEC, Scenario(bursts(60, HOUR / 2, 4), WORKERS), watch=decisions.append), decisions


def test_every_message_is_done(served: tuple[SimulatedRun, list[Decision]]) -> None:
    """All tasks end by themselves, and a message is taken after it was sent and before it is done."""
    run, _ = served
    assert (240, 0, 240) == (len(run.sent), run.left, len(run.waits))
    assert all(sent < taken < done for sent, taken, done in zip(run.sent, run.taken, run.done, strict=True))
    assert max(task.ended_at for task in run.tasks) < inf


def test_the_maximum_holds(served: tuple[SimulatedRun, list[Decision]]) -> None:
    """Bursts of this size reach it."""
    assert 10 == served[0].peak


def test_launches_keep_to_their_slots(served: tuple[SimulatedRun, list[Decision]]) -> None:
    """Each leaves within a window, on a listing from within it, and no slot has two."""
    run, decisions = served
    launching = [decision for decision in decisions if decision.launch]
    slots = [slot_at(SLOTS, decision.at) for decision in launching]
    assert all(slot.opens <= launch.at <= slot.last_send for slot, launch in zip(slots, run.launches, strict=True))
    assert all(slot.opens <= each.fleet.listed_at for slot, each in zip(slots, launching, strict=True) if each.fleet)
    assert all(before.number < after.number for before, after in pairwise(slots))


def test_a_launch_is_packed_as_the_configuration_says(served: tuple[SimulatedRun, list[Decision]]) -> None:
    """What was decided is what its plan holds, and what then lives as tasks."""
    run, decisions = served
    assert [each.launch for each in decisions if each.launch] == [each.plan.containers for each in run.launches]
    assert run.containers == sum(each.plan.containers for each in run.launches)


def test_the_start_delay_is_measured_from_the_listings(served: tuple[SimulatedRun, list[Decision]]) -> None:
    """It is unknown until a start was seen, and then within what starts take."""
    delays = [each.fleet.start_delay for each in served[1] if each.fleet]
    assert None is delays[0]
    assert delays[-1] is not None
    assert 30 <= delays[-1] <= 90


def test_polls_of_a_quiet_queue_are_counted_and_left_out() -> None:
    """A day with an hour of work takes few decisions; every poll has its reason all the same."""
    arrivals = [*bursts(60, HOUR / 2, 2), Arrival(START + 23 * HOUR, 1)]
    run = simulate(SPEC, Scenario(arrivals, WORKERS, until=START + 24 * HOUR))
    polls = 24 * HOUR / SPEC.policy.poll_interval
    looks_between = run.reasons["slot"]
    assert len(run.polls) < polls / 8
    assert polls / 2 < run.reasons["idle"]
    assert abs(polls * 23 / 24 - (run.reasons.total() - looks_between)) < polls / 12


def test_leaving_quiet_polls_out_changes_nothing() -> None:
    """The launches are those of a run in which every poll is decided, and so are the counts of reasons."""
    exact = replace(WORKERS, stale=0)  # The age of counts is drawn at each reading, and there are fewer readings.
    scenario = Scenario(bursts(60, HOUR, 3), exact)
    quick, restless = simulate(SPEC, scenario), simulate(SPEC, scenario, skips_quiet=False)
    assert len(quick.polls) < len(restless.polls)
    assert (restless.launches, restless.reasons) == (quick.launches, quick.reasons)
    assert list(quick.taken) == list(restless.taken)


def test_the_quiet_end_of_a_period_has_its_polls() -> None:
    """Whether they are left out or decided one by one."""
    exact = replace(WORKERS, stale=0)
    scenario = Scenario(bursts(60, HOUR, 1), exact, since=START, until=START + 6 * HOUR)
    quick, restless = simulate(SPEC, scenario), simulate(SPEC, scenario, skips_quiet=False)
    assert restless.reasons == quick.reasons
    assert len(quick.polls) < len(restless.polls)


def test_the_same_seed_gives_the_same_run() -> None:
    """Another seed gives another one."""
    first, again, other = (simulate(SPEC, Scenario(bursts(60, HOUR, 2), WORKERS, seed)) for seed in (1, 1, 2))
    assert (list(first.taken), first.launches) == (list(again.taken), again.launches)
    assert list(first.taken) != list(other.taken)


def test_a_scaler_that_is_paused_leaves_the_messages() -> None:
    """After a day it is given up that anybody takes them."""
    run = simulate(scaler_spec("main", "worker", paused=True), Scenario([Arrival(START, 3)], WORKERS))
    assert (3, 0, [], {"paused"}) == (run.left, run.containers, run.waits, set(run.reasons))


def test_a_budget_below_the_maximum_holds() -> None:
    """What other scalers are known to hold can be left out of the scaler's share."""
    assert 4 == simulate(SPEC, Scenario(bursts(60, HOUR, 1), WORKERS), budget=4).peak


def test_a_minimum_lives_until_the_period_is_over() -> None:
    """Workers that exit on an empty queue are replaced for as long as anybody looks."""
    spec = scaler_spec("main", "worker", min_containers=1)
    workers = Workers(work=always(10), start=always(30), last_poll=20, stale=0)
    run = simulate(spec, Scenario([Arrival(START, 1)], workers, until=START + HOUR))
    assert max(task.created_at for task in run.tasks) > START + HOUR - 120
    assert max(task.ended_at for task in run.tasks) < START + HOUR + 120


def test_a_run_lasts_until_its_last_message_is_done() -> None:
    """A period that is over with the last arrival is not the end of the work."""
    run = simulate(SPEC, Scenario(bursts(60, HOUR, 1), WORKERS))
    assert max(run.done) == run.ended_at
    assert START + HOUR == simulate(SPEC, Scenario(bursts(1, HOUR, 1), WORKERS, until=START + HOUR)).ended_at


def test_a_copy_that_has_exited_lives_no_longer() -> None:
    """A task counts against the maximum whole only once it stops, as the fleet is counted."""
    task = Task("task-1", 3, START, START + 10)
    task.exits, task.ended_at = [START + 60, START + 70, START + 80], START + 95
    run = replace(simulate(SPEC, Scenario([Arrival(START, 0)], WORKERS)), tasks=[task])
    assert [(0, 3), (60, 2), (70, 1), (80, 0), (95, 0)] == [(at - START, count) for at, count in run.live]
    assert [(0, 3), (60, 2), (70, 1), (80, 3), (95, 0)] == [(at - START, count) for at, count in run.held]
    assert 3 == run.peak
