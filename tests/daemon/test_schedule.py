from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event, Thread
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.core.decision.model import QueueCounts
from controller.core.decision.queue_sum import add_up
from controller.daemon.due import find_first_poll, find_next_poll
from controller.daemon.pool import WORKERS
from controller.daemon.progress import Progress
from controller.daemon.schedule import TICK, Schedule
from controller.sandbox.aws import Disturbance
from controller.scaling.lister import Listers
from controller.scaling.reconcile import Reconciler, Steps
from controller.scaling.services import connect
from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages, unique
from tests.support.clock import MACHINE_CLOCK
from tests.support.controller import controller_spec, scaler_spec
from tests.support.daemon import CLIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.clock import Clock
    from controller.sandbox.aws import EmbeddedAws
    from controller.scaling.services import Services

SOON = 60.0
OFTEN = TICK
"""Seconds between polls where a test waits for several: a tick of the schedule, less than a configuration may say."""


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
    """A poll comes at the next moment of the scaler's own phase, strictly after now: those missed are one."""
    assert expected == find_next_poll(interval, phase, now)


@pytest.mark.parametrize(
    ("interval", "beside", "within"),
    [(10, 0, 1), (3600, 0, 1), (3600, 500, 2), (10, 10_000, 10), (3600, 10_000, 21), (1, 10_000, 1)],
    ids=["alone", "alone and hourly", "hundreds", "thousands", "thousands and hourly", "thousands a second"],
)
def test_first_polls_come_soon_and_never_all_at_once(interval: float, beside: int, within: float) -> None:
    """A few within a second, many spread over as long as they take, and never over more than an interval."""
    assert [1000.0, 1000.0 + within / 2] == [find_first_poll(interval, phase, 1000.0, beside) for phase in (0.0, 0.5)]


@given(
    interval=st.floats(min_value=1, max_value=3600),
    phase=st.floats(min_value=0, max_value=1, exclude_max=True),
    now=st.floats(min_value=0, max_value=1e9),
)
@example(interval=1.1, phase=0.0, now=1.1)
def test_always_soon_and_never_now(interval: float, phase: float, now: float) -> None:
    """The next poll is after now and at most an interval away, give or take what a float rounds."""
    ahead = find_next_poll(interval, phase, now) - now
    assert 0 < ahead <= interval + 1e-6


def schedule_on(
    aws: EmbeddedAws, clock: Clock = MACHINE_CLOCK, on_step: Callable[[float], None] = lambda _: None
) -> Schedule:
    """Return a schedule whose progress nobody asks for."""
    polls = connect(controller_spec(aws), MACHINE_CLOCK, dry_run=True).polls
    return Schedule(clock, polls, Listers(clock), Progress(clock, longest=60.0), on_step)


@pytest.fixture
def schedule(aws: EmbeddedAws) -> Iterator[Schedule]:
    """Start a schedule."""
    started = schedule_on(aws)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def reconciler(aws: EmbeddedAws, cluster: str) -> Callable[..., Reconciler]:
    """Make a reconciler of a new, empty queue, to be polled at an interval in seconds."""
    services = connect(controller_spec(aws), MACHINE_CLOCK, dry_run=True)

    def make(poll_interval: float, *, paused: bool = True) -> Reconciler:
        name = create_queue(aws, unique("scheduled")).name
        made = scaler_spec(cluster, "worker", queue=name, name=name, poll_interval=poll_interval, paused=paused)
        return Reconciler(made, services)

    return make


def polls(aws: EmbeddedAws, reconciler: Reconciler) -> int:
    calls = aws.journal.calls("sqs", "GetQueueAttributes", client=CLIENT)
    return sum(call.parameters["QueueUrl"].endswith(f"/{reconciler.spec.name}") for call in calls)


def test_polls_follow_what_was_added_and_removed(
    aws: EmbeddedAws, schedule: Schedule, reconciler: Callable[..., Reconciler]
) -> None:
    """The first poll does not wait for the interval; a removed scaler is polled no more, and may be removed twice."""
    hourly, removed, other = reconciler(3600), reconciler(OFTEN), reconciler(OFTEN)
    for each in (hourly, removed, other):
        schedule.add(each, 0)
    eventually(lambda: polls(aws, hourly) and polls(aws, removed) >= 2, within=SOON)
    schedule.remove(removed.spec.name)
    schedule.remove(removed.spec.name)
    before = polls(aws, other)
    eventually(lambda: polls(aws, other) > before, within=SOON)
    until_now = polls(aws, removed)
    eventually(lambda: polls(aws, other) >= before + 2, within=SOON)
    assert until_now == polls(aws, removed)


def test_each_of_several_queues_is_asked_for_once_a_poll(
    aws: EmbeddedAws, schedule: Schedule, reconciler: Callable[..., Reconciler]
) -> None:
    """And none of them any more when the scaler has gone."""
    one, several = reconciler(OFTEN), reconciler(3600)
    queues = [create_queue(aws, unique("part")).name for _ in range(3)]
    several.configure(replace(several.spec, queues=tuple(queues)))

    def asked() -> list[str]:
        calls = aws.journal.calls("sqs", "GetQueueAttributes", client=CLIENT)
        names = [call.parameters["QueueUrl"].rpartition("/")[2] for call in calls]
        return sorted(name for name in names if name in queues)

    for each in (one, several):
        schedule.add(each, 0)
    eventually(lambda: several.last, within=SOON)
    assert (sorted(queues), add_up((name, QueueCounts(0, 0, 0)) for name in queues)) == (
        asked(),
        several.last.decision.queue,
    )
    schedule.remove(several.spec.name)
    eventually(lambda: schedule._queues.own._bodies.keys() == {one.spec.queues[0]}, within=SOON)


def test_an_idle_queue_takes_no_thread(
    aws: EmbeddedAws, schedule: Schedule, reconciler: Callable[..., Reconciler]
) -> None:
    """Once a scaler rests, polls of its empty queue are made and recorded on the loop alone."""
    idle = reconciler(OFTEN, paused=False)
    reconciled: list[object] = []
    whole = idle.reconcile
    idle.reconcile = lambda reading: reconciled.append(reading) or whole(reading)  # type: ignore[method-assign]
    schedule.add(idle, 0)
    kept = max(idle.spec.policy.hysteresis.rise_after, idle.spec.policy.hysteresis.fall_after)
    eventually(lambda: polls(aws, idle) >= kept + 4, within=2 * SOON)
    eventually(lambda: idle.series.reconciles["held"] >= kept + 4, within=SOON)
    # As many as rises and falls are counted in, and one that begins to count.
    assert len(reconciled) <= kept + 1


def test_a_poll_that_breaks_is_told_and_not_the_last(schedule: Schedule, reconciler: Callable[..., Reconciler]) -> None:
    """A fault of ours on the loop is the scaler's last decision, and its next poll comes."""

    def breaks(_counts: object) -> bool:
        raise LookupError("nowhere")

    broken = reconciler(OFTEN)
    broken.rest = breaks  # type: ignore[method-assign]
    schedule.add(broken, 0)
    eventually(lambda: broken.series.reconciles["failed"] >= 2, within=SOON)
    assert broken.last is not None
    assert "LookupError('nowhere')" in str(broken.last.problem)


def test_an_interval_that_changes(
    aws: EmbeddedAws, cluster: str, schedule: Schedule, reconciler: Callable[..., Reconciler]
) -> None:
    """A scaler whose interval becomes shorter is polled by it from now on."""
    changed = reconciler(3600)
    schedule.add(changed, 0)
    eventually(lambda: polls(aws, changed), within=SOON)
    changed.configure(
        scaler_spec(cluster, "worker", queue=changed.spec.queues[0], name=changed.spec.name, poll_interval=OFTEN)
    )
    schedule.change(changed)
    eventually(lambda: polls(aws, changed) >= 3, within=SOON)


def test_a_queue_that_changes(
    aws: EmbeddedAws, cluster: str, schedule: Schedule, reconciler: Callable[..., Reconciler]
) -> None:
    """Its new queue is known for as long as it reads it, though another scaler that read it first is removed."""
    changed, first = reconciler(OFTEN), reconciler(OFTEN)
    for each in (changed, first):
        schedule.add(each, 0)
    eventually(lambda: first.observed and changed.observed, within=SOON)
    changed.configure(
        scaler_spec(cluster, "worker", queue=first.spec.queues[0], name=changed.spec.name, poll_interval=OFTEN)
    )
    schedule.change(changed)
    schedule.remove(first.spec.name)
    before = polls(aws, first)
    eventually(lambda: polls(aws, first) >= before + 3, within=SOON)
    looked_up = aws.journal.calls("sqs", "GetQueueUrl")
    assert 1 == sum(call.parameters["QueueName"] == first.spec.queues[0] for call in looked_up)


@pytest.mark.parametrize("by", [-3600.0, 86_400.0], ids=["an hour back", "a day forward"])
def test_a_clock_that_steps(aws: EmbeddedAws, reconciler: Callable[..., Reconciler], by: float) -> None:
    """A step of the wall clock is told once, and polls go on at their pace."""
    wall, steps = [time()], []
    schedule = schedule_on(aws, replace(MACHINE_CLOCK, now=lambda: wall[0] + monotonic()), steps.append)
    stepped = reconciler(OFTEN)
    schedule.start()
    try:
        schedule.add(stepped, 0)
        eventually(lambda: polls(aws, stepped), within=SOON)
        wall[0] += by
        before = polls(aws, stepped)
        eventually(lambda: polls(aws, stepped) >= before + 2, within=SOON)
    finally:
        schedule.stop()
    assert [by] == [pytest.approx(step, abs=0.5) for step in steps]


def test_a_stop_waits_for_a_poll_that_wants_to_look_again(
    aws: EmbeddedAws, reconciler: Callable[..., Reconciler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll under way ends, and what it asks for meanwhile does not hold the stop up."""
    polling, let_it_end = Event(), Event()

    def looks_again(_: Reconciler, _reading: object) -> Steps:
        polling.set()
        let_it_end.wait(SOON)
        yield from ()
        return time()

    monkeypatch.setattr(Reconciler, "reconcile", looks_again)
    schedule = schedule_on(aws)
    schedule.start()
    schedule.add(reconciler(3600.0), 0)
    assert polling.wait(SOON)
    stop = Thread(target=schedule.stop, daemon=True)
    stop.start()
    let_it_end.set()
    stop.join(SOON)
    assert not stop.is_alive()


# What waits takes no thread


@dataclass
class Crowd:
    """More scalers with a message each than there are threads that reconcile, in clusters of their own choice."""

    aws: EmbeddedAws
    services: Services
    schedule: Schedule
    template: str

    def add(self, cluster: str, *, every: float = 1.0, **changes: Any) -> Reconciler:
        """Add a scaler whose queue holds a message, polled ``every`` so many seconds."""
        queue = create_queue(self.aws, unique("crowd"))
        send_messages(self.aws, queue.url, 1)
        spec = scaler_spec(cluster, self.template, queue=queue.name, name=queue.name, poll_interval=every, **changes)
        added = Reconciler(spec, self.services)
        self.schedule.add(added, 0)
        return added


@pytest.fixture
def crowd(aws: EmbeddedAws) -> Iterator[Callable[..., Crowd]]:
    """Make a crowd."""
    made: list[Crowd] = []

    def make() -> Crowd:
        services = connect(controller_spec(aws), MACHINE_CLOCK, dry_run=False)
        schedule = Schedule(
            MACHINE_CLOCK, services.polls, services.listers, Progress(MACHINE_CLOCK, longest=60.0), lambda _: None
        )
        schedule.start()
        made.append(Crowd(aws, services, schedule, register_template(aws)))
        return made[-1]

    yield make
    aws.disturbances.clear()
    for each in made:
        each.schedule.stop()


def test_a_cluster_that_hangs_holds_nobody_else(aws: EmbeddedAws, crowd: Callable[..., Crowd]) -> None:
    """Though more scalers wait for its listing than there are threads; when it has come, they all go on."""
    many, hangs, works = crowd(), create_cluster(aws), create_cluster(aws)
    hung = Disturbance("ecs", "ListTasks", "hang", times=None, where=lambda asked: asked["cluster"] == hangs)
    aws.disturbances.add(hung)
    waiting = [many.add(hangs, paused=True) for _ in range(WORKERS + 8)]
    eventually(aws.disturbances.count_hits, within=SOON)
    other, idle = many.add(works, every=OFTEN, paused=True), many.add(works, paused=True)
    eventually(lambda: other.last and other.observed and idle.observed, within=SOON)
    before = other.series.reconciles["held"]
    eventually(lambda: other.series.reconciles["held"] >= before + 3, within=SOON)
    assert not any(each.observed for each in waiting)
    aws.disturbances.clear()
    eventually(lambda: all(each.observed for each in waiting), within=SOON)
