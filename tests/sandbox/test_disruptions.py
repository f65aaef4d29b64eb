import math
from dataclasses import replace

import pytest

from controller.sandbox.aws import METADATA
from controller.sandbox.disruptions import KINDS, Blow, Disruption, build_disturbances, make_listing_lag, plan_chaos
from controller.sandbox.scenario import Scenario

SCENARIO = Scenario()
SEEDS = range(20)


def plan_of(seed=1, **more):
    return plan_chaos(**({"ends_at": 40.0, "slot": SCENARIO.slot, "seed": seed} | more))


def test_same_seed_same_chaos():
    """A seed repeats the plan, and another seed makes another one."""
    assert plan_of(7) == plan_of(7)
    assert plan_of(7) != plan_of(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_blow_comes_in_a_launch_and_the_last_is_a_restart_at_the_end(seed):
    """This holds for every run, however short, so that each has the worst kill and ends without calls in doubt."""
    first, *_, last = plan_of(seed, ends_at=10.0).disruptions

    assert first.blow is Blow.KILLED_IN_A_LAUNCH
    assert last == Disruption(10.0, Blow.RESTARTED, down=0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_comes_after_the_end_nor_before_its_time(seed):
    """No disruption comes before the plan begins, and no disruption or storm lasts beyond its end."""
    plan = plan_of(seed, begins_at=20.0)

    assert all(20.0 < each.at <= 40.0 for each in plan.disruptions)
    assert all(storm.begins_at < storm.ends_at <= 40.0 for storm in plan.storms)


def test_a_long_run_meets_every_blow_and_storms_of_both_services():
    """Ten minutes have every kind of blow, and storms of both services."""
    plan = plan_of(ends_at=600.0)

    assert set(Blow) == {each.blow for each in plan.disruptions}
    assert {storm.service for storm in plan.storms} == {"ecs", "sqs"}


def test_disturbances_hit_in_their_time_only():
    """Every kind is active from the start to the end of chaos, throttling only in storms, and nothing afterwards."""
    plan, now = plan_of(), [0.0]
    disturbances = list(build_disturbances(plan, SCENARIO, lambda: now[0]))

    def kinds(at: float) -> set[str]:
        now[0] = at
        return {each.kind for each in disturbances if each.where({}) and each.service != METADATA}

    storm = plan.storms[0]
    assert kinds(0.0) == set(KINDS)
    assert kinds(storm.begins_at) == {*KINDS, "throttle"}
    assert kinds(storm.ends_at) == set(KINDS)
    assert kinds(plan.ends_at) == set()
    assert not any(each.where({}) for each in disturbances)


def test_disturbances_hit_controllers_and_keepers_only():
    """The calls of workers and of the load are never disturbed."""
    disturbances = build_disturbances(plan_of(), SCENARIO, lambda: 0.0)
    hit = {(each.service == METADATA, each.client) for each in disturbances}
    assert hit == {(True, None), (False, "ecsq-sandbox")}


def test_a_slow_launch_is_worked_on_within_the_time_that_the_protocol_allows():
    """It takes longer than the caller's time-out, but less than T, which the protocol assumes as the limit."""
    disturbances = build_disturbances(plan_of(), SCENARIO, lambda: 0.0)
    delays = {each.delay for each in disturbances if each.operation == "RunTask"}

    assert all(0.6 * SCENARIO.call_timeout < delay < SCENARIO.call_timeout for delay in delays)


def test_about_every_fifth_answer_to_a_keeper_is_spoiled_in_every_way_there_is():
    """The chances add up to what ``docs/keeper.md`` says of a run under chaos."""
    chances = {each.kind: each.probability for each in disturbances_of_keepers()}

    assert chances.keys() == {"lost_request", "error", "cut", "malformed", "slow"}
    assert 1 - math.prod(1 - chance for chance in chances.values()) == pytest.approx(0.2, abs=0.02)


def test_a_slow_answer_to_a_keeper_is_too_slow_for_it():
    """It takes longer than the time-out of a keeper."""
    assert all(each.delay > SCENARIO.keeper_timeout for each in disturbances_of_keepers())


def disturbances_of_keepers():
    return [each for each in build_disturbances(plan_of(), SCENARIO, lambda: 0.0) if each.service == METADATA]


def test_the_listing_lags_by_less_than_the_window_each_task_on_its_own():
    """The lag is drawn for each task, is the same for the same seed, and stays within L."""
    scenario = replace(SCENARIO, consistency_window=3.0)
    lags = [make_listing_lag(scenario, 1)(f"task/{number}") for number in range(200)]

    assert lags == [make_listing_lag(scenario, 1)(f"task/{number}") for number in range(200)]
    assert 0.0 <= min(lags) < 0.5
    assert 2.0 < max(lags) < 3.0
