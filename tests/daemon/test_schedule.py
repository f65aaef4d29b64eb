from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.daemon.schedule import STILL_ALIVE, Phased, Schedule
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import connect
from tests.support.aws import create_queue, eventually, unique
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import controller_spec, scaler_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock

SOON = 15.0


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("interval", "phase", "now", "expected"),
    [
        (10, 0.0, 1000.0, 1010.0),
        (10, 0.0, 1009.999, 1010.0),
        (10, 0.25, 1000.0, 1002.5),
        (10, 0.25, 1002.5, 1012.5),
        (10, 0.25, 1002.6, 1012.5),
        (3600, 0.5, 1800.0, 5400.0),
        (3600, 0.5, 1799.0, 1800.0),
    ],
    ids=["on the beat", "just before", "own phase", "on its phase", "after its phase", "an hour away", "a second away"],
)
def test_phase(interval: float, phase: float, now: float, expected: float) -> None:
    """A poll comes at the next moment of the scaler's own phase, strictly after now."""
    assert at(expected) == Phased(interval, phase).get_next_fire_time(at(now - interval), at(now))


def test_first_poll() -> None:
    """The first poll comes when it is told to, those after it in phase."""
    trigger = Phased(10, 0.25, at(1001))
    assert at(1001) == trigger.get_next_fire_time(None, at(1000))
    assert at(1002.5) == trigger.get_next_fire_time(at(1001), at(1001))


def test_a_changed_interval_keeps_the_phase() -> None:
    """Without a first poll of its own, as after a change, a trigger begins in phase."""
    assert at(1002.5) == Phased(10, 0.25).get_next_fire_time(None, at(1000))


def test_missed_polls_are_one() -> None:
    """After a pause of many intervals the next poll is the next in phase: none is made up for."""
    assert at(2002.5) == Phased(10, 0.25).get_next_fire_time(at(1002.5), at(2000))


def test_a_clock_that_steps_back() -> None:
    """After a step back of the clock the next poll is one interval away at most, not the whole step."""
    assert at(1002.5) == Phased(10, 0.25).get_next_fire_time(at(5002.5), at(1000))


INTERVALS = st.floats(min_value=1, max_value=3600)
PHASES = st.floats(min_value=0, max_value=1, exclude_max=True)
MOMENTS = st.integers(min_value=1_600_000_000_000_000, max_value=2_000_000_000_000_000).map(lambda moment: moment / 1e6)
"""Microseconds of this century's clocks."""


@given(interval=INTERVALS, phase=PHASES, now=MOMENTS)
@example(interval=1.1, phase=0.0, now=1_785_820_564.0)
def test_always_soon_and_never_now(interval: float, phase: float, now: float) -> None:
    """The next poll is after now and at most an interval away, give or take the clock's microsecond."""
    ahead = Phased(interval, phase).get_next_fire_time(at(now - 1), at(now)) - at(now)
    assert timedelta(0) < ahead <= timedelta(seconds=interval, microseconds=2)


@given(interval=INTERVALS, phase=PHASES, now=MOMENTS)
def test_a_poll_on_the_microsecond(interval: float, phase: float, now: float) -> None:
    """A scheduler that wakes at the very microsecond of a poll gets another time: it would ask for ever otherwise."""
    trigger = Phased(interval, phase)
    poll = trigger.get_next_fire_time(at(now - 1), at(now))
    assert trigger.get_next_fire_time(poll, poll) > poll


@pytest.fixture
def schedule() -> Iterator[Schedule]:
    """Start a schedule."""
    started = Schedule(MACHINE_CLOCK)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def reconciler(aws: EmbeddedAws, cluster: str) -> Callable[[float], Reconciler]:
    """Make a reconciler of a new, empty queue, to be polled at an interval in seconds."""
    services = connect(controller_spec(aws), MACHINE_CLOCK, dry_run=True)

    def make(poll_interval: float) -> Reconciler:
        name = create_queue(aws, unique("scheduled")).name
        made = scaler_spec(cluster, "worker", queue=name, name=name, poll_interval=poll_interval, paused=True)
        return Reconciler(made, services)

    return make


def polls(aws: EmbeddedAws, reconciler: Reconciler) -> int:
    calls = aws.journal.calls("sqs", "GetQueueAttributes")
    return sum(call.parameters["QueueUrl"].endswith(f"/{reconciler.spec.name}") for call in calls)


def test_polls_follow_what_was_added_and_removed(
    aws: EmbeddedAws, schedule: Schedule, reconciler: Callable[[float], Reconciler]
) -> None:
    """The first poll does not wait for the interval; a removed scaler is polled no more, and may be removed twice."""
    hourly, removed, other = reconciler(3600), reconciler(1), reconciler(1)
    for each in (hourly, removed, other):
        schedule.add(each)
    eventually(lambda: polls(aws, hourly) and polls(aws, removed) >= 2, within=SOON)
    schedule.remove(removed.spec.name)
    schedule.remove(removed.spec.name)
    before = polls(aws, other)
    eventually(lambda: polls(aws, other) > before, within=SOON)
    until_now = polls(aws, removed)
    eventually(lambda: polls(aws, other) >= before + 2, within=SOON)
    assert until_now == polls(aws, removed)


def test_an_interval_that_changes(
    aws: EmbeddedAws, cluster: str, schedule: Schedule, reconciler: Callable[[float], Reconciler]
) -> None:
    """A scaler whose interval becomes shorter is polled by it from now on."""
    changed = reconciler(3600)
    schedule.add(changed)
    eventually(lambda: polls(aws, changed), within=SOON)
    changed.configure(scaler_spec(cluster, "worker", queue=changed.spec.queue, name=changed.spec.name, poll_interval=1))
    schedule.change(changed)
    eventually(lambda: polls(aws, changed) >= 3, within=SOON)


def test_heartbeat(clock: ManualClock) -> None:
    """The loop counts as stuck once no beat has come for a while, and as alive again with the next one."""
    schedule = Schedule(clock.handed_in())
    assert schedule.ticks
    clock.now += STILL_ALIVE
    assert not schedule.ticks
    schedule.start()
    eventually(lambda: schedule.ticks, within=SOON)
    schedule.stop()


def test_a_stop_waits_for_a_poll_that_wants_to_look_again(
    reconciler: Callable[[float], Reconciler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll under way ends, and what it asks for meanwhile does not hold the stop up."""
    polling, let_it_end = Event(), Event()

    def looks_again(_: Reconciler) -> float:
        polling.set()
        let_it_end.wait(SOON)
        return time()

    monkeypatch.setattr(Reconciler, "reconcile", looks_again)
    schedule = Schedule(MACHINE_CLOCK)
    schedule.start()
    schedule.add(reconciler(3600.0))
    assert polling.wait(SOON)
    stop = Thread(target=schedule.stop, daemon=True)
    stop.start()
    let_it_end.set()
    stop.join(SOON)
    assert not stop.is_alive()
