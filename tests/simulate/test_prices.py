from __future__ import annotations

from math import inf

import pytest

from controller.simulate.draws import always
from controller.simulate.measures import Terms, describe_waits, measure
from controller.simulate.prices import TARIFFS, Bill, Shape, find_spot_share, make_shape
from controller.simulate.run import Scenario, simulate
from controller.simulate.tasks import Task, Workers
from controller.simulate.world import Arrival
from tests.support.controller import scaler_spec

X86 = TARIFFS["x86"]
SMALL = Shape()


def task(containers: int, created_at: float, paid_from: float, ended_at: float) -> Task:
    made = Task("task", containers, created_at, paid_from)
    made.ended_at = ended_at
    return made


def bill(made: Task, until: float = 0.0, spot_share: float = 0.0) -> Bill:
    account = Bill()
    account.enter(made, until, SMALL, X86, spot_share)
    return account


def test_a_task_is_paid_from_the_pull_to_its_end() -> None:
    """By the second; its containers take up room from RunTask's answer on."""
    paid = bill(task(1, 0, 10, 3610))
    assert (3610, 900, 1800) == (paid.container_seconds, paid.vcpu_seconds, paid.gb_seconds)
    assert 0.25 * 0.04048 + 0.5 * 0.004445 == pytest.approx(paid.dollars)


def test_a_minute_is_paid_at_least() -> None:
    """For a task that lived for less, but not for one that never pulled its image."""
    assert 60 * 0.25 == bill(task(1, 0, 10, 12.5)).vcpu_seconds
    assert 0 == bill(task(1, 0, 10, 5)).vcpu_seconds


def test_a_task_of_copies_is_rounded_up_to_a_size() -> None:
    """Three of a quarter vCPU are paid as one whole."""
    assert 3600 * 1.0 == bill(task(3, 0, 0, 3600)).vcpu_seconds


def test_what_still_lives_counts_until_the_end_of_the_run() -> None:
    """Not for ever."""
    assert 1000 == bill(task(1, 0, 0, inf), until=1000).container_seconds


def test_spot_costs_less() -> None:
    """For its share of the capacity providers' weights."""
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 3}, {"capacityProvider": "FARGATE", "weight": 1}]
    assert 0.75 == find_spot_share({"capacityProviderStrategy": strategy})
    assert 0.0 == find_spot_share({"launchType": "FARGATE"})
    assert [1.0, 0.0] == [find_spot_share({}, order) for order in (("FARGATE_SPOT", "FARGATE"), ("FARGATE",))]
    whole = bill(task(1, 0, 0, 3600)).dollars
    assert whole * (0.25 + 0.75 * X86.spot) == pytest.approx(bill(task(1, 0, 0, 3600), spot_share=0.75).dollars)


def test_only_sizes_that_fargate_has_are_taken() -> None:
    """Others are refused with the next larger; how many copies fit depends on the size."""
    assert 9 == make_shape(256, 512).most
    assert 2 == make_shape(16384, 65536).most
    with pytest.raises(ValueError, match="the next larger is 512/1024"):
        make_shape(300, 512)
    with pytest.raises(ValueError, match="Fargate has no task of 99999 CPU units"):
        make_shape(99999, 512)


def test_percentiles_are_those_of_messages() -> None:
    """By nearest rank, of which those that nobody took are the last; without a message there are none."""
    assert {"p50": 50, "p95": 95, "p99": 99, "max": 100} == describe_waits(range(1, 101))
    assert {"p50": None, "p95": None, "p99": None, "max": None} == describe_waits([])
    assert {"p50": 50, "p95": 95, "p99": None, "max": None} == describe_waits(range(1, 98), 3)


def test_a_row_counts_what_has_happened() -> None:
    """Here: thirty messages at once, ten containers, three rounds of a minute."""
    spec = scaler_spec("main", "worker", max_containers=10)
    workers = Workers(work=always(60), start=always(40), last_poll=0, stale=0, ending=0)
    run = simulate(spec, Scenario([Arrival(1_700_000_000.0, 30)], workers))
    row = measure("this", run, Terms(120, SMALL, X86), 10)
    launched_at = run.launches[0].at - 1_700_000_000.0
    assert (10, 10, 1, 1, 0, 0, 10) == (
        row.containers, row.tasks, row.launches, row.run_task_calls, row.revisions, row.empty, row.peak
    )  # fmt: skip
    assert pytest.approx(launched_at + 40 + 120) == row.wait["max"]
    assert pytest.approx(1 / 3) == row.late_share
    assert pytest.approx(10 * 220 / 3600) == row.container_hours
    assert pytest.approx(220 / 60) == row.minutes_at_max
