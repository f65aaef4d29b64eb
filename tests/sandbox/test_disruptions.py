import math
from dataclasses import replace

import pytest

from controller.sandbox.aws import METADATA
from controller.sandbox.disruptions import KINDS, Blow, Disruption, faults_of, listing_lag, plan_chaos
from controller.sandbox.scenario import Scenario

SCENARIO = Scenario()
SEEDS = range(20)


def plan_of(seed=1, **more):
    return plan_chaos(**({"ends_at": 40.0, "slot": SCENARIO.slot, "seed": seed} | more))


def test_same_seed_same_chaos():
    """A seed repeats what is done and when."""
    assert plan_of(7) == plan_of(7)
    assert plan_of(7) != plan_of(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_blow_comes_in_a_launch_and_the_last_is_a_restart_at_the_end(seed):
    """Every run, however short, shows the worst moment to die, and ends with a controller that has no doubts."""
    first, *_, last = plan_of(seed, ends_at=10.0).disruptions

    assert first.blow is Blow.KILLED_IN_A_LAUNCH
    assert last == Disruption(10.0, Blow.RESTARTED, down=0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_comes_after_the_end_nor_before_its_time(seed):
    """What is left of the run is for the work; the controller of the first half of a soak is left alone."""
    plan = plan_of(seed, begins_at=20.0)

    assert all(20.0 < each.at <= 40.0 for each in plan.disruptions)
    assert all(storm.begins_at < storm.ends_at <= 40.0 for storm in plan.storms)


def test_a_long_run_meets_every_blow_and_storms_of_both_services():
    """Ten minutes leave nothing out."""
    plan = plan_of(ends_at=600.0)

    assert set(Blow) == {each.blow for each in plan.disruptions}
    assert {storm.service for storm in plan.storms} == {"ecs", "sqs"}


def test_faults_hit_in_their_time_only():
    """Each kind of fault is there from the start to the end, throttling while its storms last, and nothing after."""
    plan, now = plan_of(), [0.0]
    faults = list(faults_of(plan, SCENARIO, lambda: now[0]))

    def kinds(at: float) -> set[str]:
        now[0] = at
        return {fault.kind for fault in faults if fault.where({}) and fault.service != METADATA}

    storm = plan.storms[0]
    assert kinds(0.0) == set(KINDS)
    assert kinds(storm.begins_at) == {*KINDS, "throttle"}
    assert kinds(storm.ends_at) == set(KINDS)
    assert kinds(plan.ends_at) == set()
    assert not any(fault.where({}) for fault in faults)


def test_faults_hit_controllers_and_keepers_only():
    """The workers' and the load's own calls arrive."""
    hit = {(fault.service == METADATA, fault.client) for fault in faults_of(plan_of(), SCENARIO, lambda: 0.0)}
    assert hit == {(True, None), (False, "ecsq-sandbox")}


def test_a_slow_launch_is_worked_on_within_the_time_that_the_protocol_allows():
    """Past the caller's time-out, which is a fault; later than T would be a broken assumption."""
    faults = faults_of(plan_of(), SCENARIO, lambda: 0.0)
    delays = {fault.delay for fault in faults if fault.operation == "RunTask"}

    assert all(0.6 * SCENARIO.call_timeout < delay < SCENARIO.call_timeout for delay in delays)


def test_about_every_fifth_answer_to_a_keeper_is_spoiled_in_every_way_there_is():
    """What ``docs/keeper.md`` says of a run under chaos."""
    chances = {fault.kind: fault.probability for fault in to_keepers()}

    assert chances.keys() == {"lost_request", "error", "cut", "malformed", "slow"}
    assert 1 - math.prod(1 - chance for chance in chances.values()) == pytest.approx(0.2, abs=0.02)


def test_a_slow_answer_to_a_keeper_is_too_slow_for_it():
    """A keeper does not wait for it."""
    assert all(fault.delay > SCENARIO.keeper_timeout for fault in to_keepers())


def to_keepers():
    return [fault for fault in faults_of(plan_of(), SCENARIO, lambda: 0.0) if fault.service == METADATA]


def test_the_listing_lags_by_less_than_the_window_each_task_on_its_own():
    """The lag is drawn for each task, again the same for the same seed, and stays within L."""
    scenario = replace(SCENARIO, consistency_window=3.0)
    lags = [listing_lag(scenario, 1)(f"task/{number}") for number in range(200)]

    assert lags == [listing_lag(scenario, 1)(f"task/{number}") for number in range(200)]
    assert 0.0 <= min(lags) < 0.5
    assert 2.0 < max(lags) < 3.0
