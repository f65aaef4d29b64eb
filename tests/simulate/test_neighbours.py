"""The neighbours' rules. KEDA's are held to its own tests (v2.20.2, pkg/scaling/executor/scale_jobs_test.go)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from controller.core.decision.model import QueueCounts
from controller.core.decision.policy import PerContainer
from controller.simulate.comparison import NEIGHBOURS, Candidate, simulate_candidate
from controller.simulate.draws import always
from controller.simulate.measures import Terms, measure
from controller.simulate.neighbours import (
    ScaledJob,
    Seen,
    fill_up,
    scale_accurate,
    scale_default,
    scale_eager,
    scheduled,
)
from controller.simulate.prices import TARIFFS, Shape
from controller.simulate.run import Scenario
from controller.simulate.tasks import Workers
from controller.simulate.tracking import find_capacity
from controller.simulate.world import Arrival
from tests.support.controller import scaler_spec

START = 1_700_000_000.0
SPEC = scaler_spec("main", "worker", demand=PerContainer(5), max_containers=10)
WORKERS = Workers(work=always(60), start=always(40), last_poll=20, stale=0)


def seen(visible: int, in_flight: int = 0, running: int = 0, pending: int = 0) -> Seen:
    return Seen(QueueCounts(visible, in_flight, 0), running, pending)


@pytest.mark.parametrize(
    ("max_scale", "running", "pending", "most", "expected"),
    [(3, 2, 0, 5, 1), (2, 0, 0, 5, 2)],
)
def test_keda_default(max_scale: int, running: int, pending: int, most: int, expected: int) -> None:
    """TestDefaultScalingStrategy."""
    assert (expected, 1) == scale_default(max_scale, running, pending, most, 1)


@pytest.mark.parametrize(
    ("max_scale", "running", "pending", "most", "expected"),
    [
        (3, 2, 0, 5, 3),
        (5, 2, 0, 5, 3),
        (3, 4, 2, 10, 1),
        (5, 4, 2, 5, 1),
        (3, 3, 3, 5, 0),
        (15, 15, 15, 20, 0),
        (10, 10, 10, 15, 0),
        (20, 15, 10, 20, 5),
    ],
)
def test_keda_accurate(max_scale: int, running: int, pending: int, most: int, expected: int) -> None:
    """TestAccurateScalingStrategy."""
    assert (expected, 1) == scale_accurate(max_scale, running, pending, most, 1)


@pytest.mark.parametrize(
    ("max_scale", "running", "pending", "most", "expected"),
    [(4, 3, 0, 10, 4), (4, 0, 3, 10, 4), (4, 7, 0, 10, 3), (4, 1, 6, 10, 3), (15, 0, 0, 10, 10)],
)
def test_keda_eager(max_scale: int, running: int, pending: int, most: int, expected: int) -> None:
    """TestEagerScalingStrategy."""
    assert (expected, 10) == scale_eager(max_scale, running, pending, most, 1)


def test_a_scaled_job_without_work_creates_nothing() -> None:
    """And with work a job for each target's worth that has none, up to its maximum."""
    job = ScaledJob(scale_default, target=5, most=10)
    assert [0, 1, 2, 0, 10] == [
        job(seen(0)), job(seen(3)), job(seen(6, 4)), job(seen(2, 4, running=2)), job(seen(500)),
    ]  # fmt: skip


def test_a_scaled_job_fills_up_its_minimum() -> None:
    """TestRunningJobCountIsDeductedFromMinReplicaCount."""
    assert 1 == ScaledJob(scale_default, target=5, most=10, least=2)(seen(0, running=1))


def test_the_minimum_is_left_out_of_what_runs() -> None:
    """As KEDA does it: two that run for the minimum take nothing from what five messages ask for."""
    assert 1 == ScaledJob(scale_default, target=5, most=10, least=2)(seen(5, running=2))


def test_the_schedule_starts_none_one_or_ten() -> None:
    """Whatever runs."""
    assert [0, 1, 1, 10, 10] == [scheduled(seen(visible, running=9)) for visible in (0, 1, 9, 10, 500)]


def test_filling_up_starts_one_for_each_message() -> None:
    """That has no task on its way, within the maximum if there is one."""
    assert (3, 499) == (fill_up(10)(seen(5, 0, 5, 2)), fill_up(None)(seen(500, pending=1)))


@pytest.mark.parametrize(
    ("metrics", "capacity", "expected"),
    [
        ([6.0, 7.0], 2, 2),  # too few datapoints
        ([6.0, 4.0, 7.0], 2, 2),  # not in a row
        ([6.0, 7.0, 8.0], 2, 4),  # 2 x 8 / 5
        ([50.0] * 3, 0, 10),  # from none, up to the maximum
        ([4.0] * 14, 4, 4),
        ([4.0] * 15, 4, 4),  # 4 x 4 / 5, rounded up
        ([2.0] * 15, 4, 2),
        ([3.0] * 15, 4, 3),
        ([4.6] * 15, 4, 4),  # above 90 % of the target
        ([0.0] * 15, 4, 0),
    ],
)
def test_target_tracking(metrics: list[float], capacity: int, expected: int) -> None:
    """Three minutes above the target, or fifteen below 90 % of it, bring the backlog for each task to the target."""
    assert expected == find_capacity(metrics, 5.0, capacity, 0, 10)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_every_neighbour_serves_every_message(neighbour: str) -> None:
    """Forty at once and four later: all are done, sooner or later."""
    arrivals = [Arrival(START, 40), Arrival(START + 1800, 4)]
    run = simulate_candidate(Candidate(neighbour, SPEC, neighbour), Scenario(arrivals, WORKERS, until=START + 3600))
    assert (44, 0) == (len(run.waits), run.left)
    assert all(done > taken for taken, done in zip(run.taken, run.done, strict=True))


@pytest.mark.parametrize(
    ("neighbour", "every"),
    [("lambda", 600), ("keda-default", 30), ("keda-accurate", 30), ("keda-eager", 30), ("batch", 10), ("ecs", 60)],
)
def test_each_looks_as_often_as_its_project_does(neighbour: str, every: float) -> None:
    """While there is work; a queue in which nothing is is left out in whole looks."""
    arrivals = [Arrival(START + minute * 60, 9) for minute in range(30)]
    run = simulate_candidate(Candidate(neighbour, SPEC, neighbour), Scenario(arrivals, WORKERS))
    looks = [poll.at for poll in run.polls]
    assert {every} == {after - before for before, after in pairwise(looks)}


def test_who_counts_what_is_in_flight_sees_no_hidden_work() -> None:
    """KEDA takes the workers that run off the length of the queue, and starts more too late where work is hidden."""
    arrivals = [Arrival(START + minute * 60, 9) for minute in range(30)]
    seen_working, hidden = (
        simulate_candidate(Candidate("keda-default", SPEC, "keda-default"), Scenario(arrivals, workers))
        for workers in (WORKERS, replace(WORKERS, deletes_first=True))
    )
    assert max(poll.in_flight or 0 for poll in seen_working.polls) > 0
    assert max(poll.in_flight or 0 for poll in hidden.polls) == 0
    assert sum(hidden.waits) > 1.1 * sum(seen_working.waits)


def test_a_service_scales_out_once_in_its_cooldown() -> None:
    """However fast the backlog grows."""
    arrivals = [Arrival(START + minute * 60, 5) for minute in range(40)]
    run = simulate_candidate(Candidate("ecs", SPEC, "ecs"), Scenario(arrivals, WORKERS))
    times = [launch.at for launch in run.launches[1:]]
    assert len(times) > 1
    assert min(after - before for before, after in pairwise(times)) >= 300


def test_scaling_in_kills_workers_in_their_work() -> None:
    """A service's tasks are stopped whatever they do; the message is done by another, later."""
    arrivals = [Arrival(START + minute * 60, 4) for minute in range(40)]
    arrivals += [Arrival(START + 2400 + minute * 120, 1) for minute in range(60)]
    workers = Workers(work=always(110), start=always(40), last_poll=20, stale=0)
    run = simulate_candidate(Candidate("ecs", SPEC, "ecs"), Scenario(arrivals, workers))
    assert sum(task.killed for task in run.tasks) > 0
    assert 0 == run.left


def test_a_service_costs_something_though_it_never_ends() -> None:
    """Until the last message is done, also one that came with the last arrival; and its minimum is its maximum here."""
    scenario = Scenario([Arrival(START, 20)], WORKERS)
    candidate = Candidate("ecs", scaler_spec("main", "worker", max_containers=1), "ecs")
    run = simulate_candidate(candidate, scenario)
    row = measure("ecs", run, Terms(300, Shape(), TARIFFS["x86"]), candidate.most)
    assert sum(run.work) < row.container_hours * 3600 == pytest.approx(row.minutes_at_max * 60)
