from __future__ import annotations

from collections import Counter

import pytest

from tests.proof.account import Starts
from tests.proof.configurations import CONFIGURATIONS, in_order, workers_delete_first
from tests.proof.machine import (
    Launches,
    LaunchesInOrder,
    LaunchesInWindows,
    LaunchesThatChangeHands,
    LaunchesThatProve,
    play,
)
from tests.proof.process import AWAITS
from tests.proof.world import Fate, Moment, World

SCHEDULES = 250
"""Enough for what is common: the hunts find each missing rule within 50. ``python -m tests.proof`` looks for more."""


def test_no_schedule_breaks_a_promise() -> None:
    """Whatever fails, in whatever order, and however many controllers there are."""
    play(Launches, SCHEDULES)


class LaunchesOfBusyWorkers(Launches):
    """The same for workers that delete a message as they take it, and scalers that say so."""

    configurations = tuple(workers_delete_first(spec) for spec in CONFIGURATIONS)


def test_no_schedule_breaks_a_promise_to_workers_that_delete_first() -> None:
    """What runs stands for what is in flight: it limits launches, and serves the backlog, as well as that does."""
    play(LaunchesOfBusyWorkers, SCHEDULES // 3)


def test_no_schedule_breaks_a_promise_when_scalers_change_hands() -> None:
    """Whoever lets a scaler go, and takes it back, forgets what a restart forgets; a doubt is not given up for it."""
    play(LaunchesThatChangeHands, SCHEDULES // 3)


def test_no_schedule_breaks_a_promise_with_providers_in_order_and_deadlines() -> None:
    """Whichever refuses, whatever is cut off, and whatever two controllers know of it: nothing starts twice."""
    play(LaunchesInOrder, SCHEDULES // 2)


def test_no_schedule_breaks_a_promise_over_the_edges_of_time_windows() -> None:
    """What lives never exceeds the maximum that its launch was decided by, and a slot starts no more than one plan."""
    play(LaunchesInWindows, SCHEDULES // 3)


def test_no_schedule_launches_more_than_the_canary_of_a_revision_that_has_not_proven_itself() -> None:
    """Whoever crashes, whatever is lost, and however many controllers there are; what is in doubt may be one."""
    play(LaunchesThatProve, SCHEDULES // 3)


def test_what_a_provider_refuses_is_asked_of_the_next_in_the_next_slot() -> None:
    """With another token, after a listing that shows what has started all the same."""
    world = World((in_order(CONFIGURATIONS[0]),))
    world.send(60)
    try:
        process = world.processes[0]
        world.pass_until(Moment.OPENS, 0.1)
        assert world.bring_to_request(process)
        world.decide(process, Fate.ANSWERED, Starts.SOME)
        world.go_to(process, None)
        assert 5 == world.account.live
        world.pass_until(Moment.OVER)
        world.pass_until(Moment.OPENS, 0.1)
        world.go_to(process, None)
        assert {"spot": 5, "on-demand": 20} == Counter(task.provider for task in world.account.tasks)
    finally:
        world.end()


def test_what_no_store_less_design_can_close_is_one_call() -> None:
    """A request that arrives after its sender has crashed is a stray: one call of 10, and the next slot sees it."""
    world = World(CONFIGURATIONS[:1])
    world.send(60)
    try:
        process = world.processes[0]
        world.pass_until(Moment.OPENS, 0.1)
        assert world.bring_to_request(process)
        world.crash(process, process.spec)
        world.pass_until(Moment.OVER)
        world.pass_until(Moment.OPENS, 0.1)
        world.go_to(world.processes[0], None)
        world.arrive_late(0)
        assert ([10], 35) == ([stray.containers for stray in world.promises.strays], world.account.live)
        world.pass_until(Moment.OVER)
        world.pass_until(Moment.OPENS, 0.1)
        world.go_to(world.processes[0], None)
        assert 35 == world.account.live
    finally:
        world.end()


def test_a_process_can_crash_at_every_seam() -> None:
    """Its place is taken by one that remembers nothing, and the backlog is served."""
    seams = []
    for crashes_after in range(1, 16):
        world = World(CONFIGURATIONS[1:2])
        world.send(12)
        world.pass_until(Moment.OPENS, 0.1)
        process = world.processes[0]
        world.go(process, crashes_after)
        seams.append(process.seam.name if process.seam else None)
        world.crash(process, process.spec)
        try:
            world.settle()
        finally:
            world.end()
    assert {"counts", "lists", "describes", "template", "registers", "pauses", "sends", AWAITS, None} == set(seams)


@pytest.mark.parametrize("operation", ["stop_task", "deregister"])
def test_the_controller_has_nothing_to_stop_a_task_with(operation: str) -> None:
    """Whatever is asked of a seam that is not there is a broken promise, not a silent attribute."""
    world = World(CONFIGURATIONS[:1])
    try:
        with pytest.raises(AssertionError, match=operation):
            getattr(world.processes[0].seams, operation)
    finally:
        world.end()


def test_a_lie_of_the_answer_costs_nothing() -> None:
    """Failures that name what has started are put right by the next listing."""
    world = World(CONFIGURATIONS[:1])
    world.send(60)
    try:
        process = world.processes[0]
        for _ in range(4):
            world.pass_until(Moment.OPENS, 0.1)
            if world.bring_to_request(process):
                world.decide(process, Fate.ANSWERED, Starts.LIES)
            world.go_to(process, None)
        assert 25 == world.account.live
    finally:
        world.end()


@pytest.mark.parametrize("back", [3.0, 40.0, 100.0], ids=lambda seconds: f"{seconds:.0f}s")
def test_a_clock_that_steps_back_repeats_no_slot(back: float) -> None:
    """However far: the process plans for no slot that it has used, and for no older one."""
    world = World(CONFIGURATIONS[:1])
    world.send(60)
    try:
        process = world.processes[0]
        world.pass_until(Moment.OPENS, 0.1)
        assert world.bring_to_request(process)
        world.decide(process, Fate.ANSWERED, Starts.NONE)  # so that no cooldown holds the next launch
        world.go_to(process, None)
        process.skew = -back
        for _ in range(12):
            world.finish(25)
            world.go_to(process, None)
            world.pass_to(world.now + 5)
        slots = [each.decision.slot for each in process.reconciler.decisions if each.decision.launch]
        assert sorted(set(slots)) == slots
    finally:
        world.end()
