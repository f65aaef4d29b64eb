from __future__ import annotations

from dataclasses import replace

import pytest

from controller.daemon.progress import POLLS_LATE_AFTER, Progress, longest_reconcile
from tests.support.clock import ManualClock
from tests.support.controller import UNREACHABLE_AWS

LONGEST = 100.0


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that the test moves."""
    return ManualClock(1000.0)


@pytest.fixture
def progress(clock: ManualClock) -> Progress:
    """Give the progress of a controller that has just begun."""
    return Progress(clock.handed_in(), LONGEST)


def test_an_idle_controller_is_well(clock: ManualClock, progress: Progress) -> None:
    """A loop that ticks and has nothing due for hours is not stuck."""
    for _ in range(100):
        clock.now += POLLS_LATE_AFTER
        progress.note_tick()
        assert progress.find_stuck() is None


def test_a_loop_that_does_not_tick(clock: ManualClock, progress: Progress) -> None:
    """A loop that has not ticked for too long begins no poll, so it is stuck; with the next tick it is not."""
    progress.note_tick()
    clock.now += POLLS_LATE_AFTER
    assert progress.find_stuck() is None
    clock.now += 1
    assert "no poll has been begun for 31s" == progress.find_stuck()
    progress.note_tick()
    assert progress.find_stuck() is None


def test_a_reconcile_that_does_not_end(clock: ManualClock, progress: Progress) -> None:
    """A reconcile that lasts longer than AWS at its slowest could make it is named; once it ends all is well."""
    progress.note_waiting("orders")
    progress.note_begin("orders")
    clock.now += LONGEST
    progress.note_tick()
    assert progress.find_stuck() is None
    clock.now += 1
    progress.note_tick()
    assert "scaler orders: a poll has not ended for 1m41s" == progress.find_stuck()
    progress.note_end("orders")
    assert progress.find_stuck() is None


def test_reconciles_that_wait_while_others_end(clock: ManualClock, progress: Progress) -> None:
    """A scaler may wait for a thread for as long as threads come free; when none does, its waiting counts."""
    progress.note_waiting("late")
    for _ in range(10):
        progress.note_begin("orders")
        clock.now += LONGEST
        progress.note_tick()
        assert progress.find_stuck() is None
        progress.note_end("orders")
    clock.now += LONGEST + 1
    progress.note_tick()
    assert "no reconcile has begun or ended for 1m41s, though some are due" == progress.find_stuck()
    progress.note_begin("late")
    assert progress.find_stuck() is None


def test_how_long_a_reconcile_may_last() -> None:
    """It follows from the configured time of a call and from the slot: twenty-five calls and two slots."""
    assert 25 * 5.0 + 2 * 30.0 == longest_reconcile(UNREACHABLE_AWS)
    assert 25 * 2.0 + 2 * 6.0 == longest_reconcile(replace(UNREACHABLE_AWS, consistency_window=1.0, call_timeout=2.0))
