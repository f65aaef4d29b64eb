"""The world of a simulation alone: what messages, workers and tasks do in it, whoever decides."""

from __future__ import annotations

from math import inf, nan

import pytest

from controller.simulate.draws import always, between, parse_draw
from controller.simulate.tasks import Task, Workers
from controller.simulate.world import Arrival, World

EXACT = Workers(work=always(60), start=always(40), last_poll=20, ending=10, stale=0)
ONE_EACH = Workers(work=always(60), start=always(40), last_poll=20, ending=10, stale=0, takes_one=True)


def world_of(*arrivals: tuple[float, int], workers: Workers = EXACT, seed: int = 1) -> World:
    """Return a world in which so many messages arrive at these times, beginning at 0."""
    return World([Arrival(at, messages) for at, messages in arrivals], workers, seed, since=0.0)


def launch_at(world: World, at: float, containers: int) -> Task:
    """Launch a task at a time."""
    world.advance(at)
    return world.launch(containers)


def test_a_draining_worker_goes_on_until_the_queue_is_empty() -> None:
    """It takes one message after the other, waits once for another, and its task is gone a little later."""
    world = world_of((0, 2))
    task = launch_at(world, 10, 1)
    world.advance(inf)
    assert [50.0, 110.0] == list(world.taken)
    assert [110.0, 170.0] == list(world.done)
    assert (50.0, 170.0 + 20 + 10, 0) == (task.started_at, task.ended_at, task.empty)


def test_a_worker_of_one_message_exits_after_it() -> None:
    """The second message waits for another worker."""
    world = world_of((0, 2), workers=ONE_EACH)
    task = launch_at(world, 10, 1)
    world.advance(1000)
    assert ([50.0, nan], 120.0) == (pytest.approx(list(world.taken), nan_ok=True), task.ended_at)


def test_a_worker_that_waits_takes_what_arrives() -> None:
    """Within its last poll, at once; after it, never."""
    world = world_of((0, 1), (125, 1), (210, 1))
    task = launch_at(world, 10, 1)
    world.advance(inf)
    assert ([50.0, 125.0, nan], 205.0 + 10) == (pytest.approx(list(world.taken), nan_ok=True), task.ended_at)


def test_a_task_lives_until_its_last_worker_has_exited() -> None:
    """Its copies start together; those that found nothing are counted."""
    world = world_of((0, 2))
    task = launch_at(world, 10, 3)
    world.advance(60)
    assert (2, 0, 3) == (world.in_flight, world.visible, len(task.live))
    world.advance(80)
    assert (2, 1) == (len(task.live), task.empty)
    world.advance(inf)
    assert 110.0 + 20 + 10 == task.ended_at


def test_a_message_whose_worker_is_killed_is_done_by_another() -> None:
    """It returns when its visibility is over; its wait is that until it was taken first."""
    world = world_of((0, 1))
    first = launch_at(world, 0, 1)
    world.advance(50)
    world.stop(first)
    launch_at(world, 50, 1)
    world.advance(inf)
    assert (1, 40.0, 90.0 + 60) == (first.killed, world.taken[0], world.done[0])
    assert 60.0 == first.ended_at


def test_a_task_that_is_stopped_before_it_starts_never_does() -> None:
    """Its workers have found nothing."""
    world = world_of((0, 1))
    task = launch_at(world, 0, 2)
    world.stop(task)
    world.advance(inf)
    assert (2, 10.0, 1) == (task.empty, task.ended_at, world.visible)


def test_what_nobody_pays_is_the_beginning_of_the_start() -> None:
    """From RunTask until the image is pulled, and never longer than the start."""
    world = world_of((0, 1), workers=Workers(start=between(0, 5), unbilled=10))
    task = launch_at(world, 0, 1)
    world.advance(inf)
    assert task.paid_from == task.started_at


def test_messages_have_the_same_work_whoever_decides() -> None:
    """The same seed gives the n-th message the same work; another seed gives another."""
    workers = Workers(work=parse_draw("exp(60s)"), start=always(40))

    def work(seed: int, launches: int) -> list[float]:
        world = world_of((0, 5), workers=workers, seed=seed)
        for _ in range(launches):
            world.launch(1)
        world.advance(inf)
        return [done - taken for taken, done in zip(world.taken, world.done, strict=True)]

    assert work(1, 1) == pytest.approx(work(1, 5))
    assert work(1, 1) != pytest.approx(work(2, 1))


def test_an_arrival_may_say_how_long_its_work_takes() -> None:
    """Then nothing is drawn for it."""
    world = World([Arrival(0, 1, 5.0)], EXACT, 1)
    world.launch(1)
    world.advance(inf)
    assert 45.0 == world.done[0]


def test_arrivals_out_of_order_are_refused() -> None:
    """Time does not go back."""
    with pytest.raises(ValueError, match="an arrival at 5 comes after one at 9"):
        world_of((9, 1), (5, 1)).advance(inf)
