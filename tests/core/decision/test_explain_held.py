"""Tasks that are not at work and count against the maximum all the same."""

from dataclasses import replace

import pytest

from controller.core.decision.breaker import Breaker
from controller.core.decision.explain import explain, summarize
from controller.core.decision.ledger import count_fleet
from controller.core.decision.model import Decision, Fleet, Reason
from controller.core.decision.state import Doubt
from controller.core.decision.task import LiveTask, Part, Start, TaskState
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide


def task(running: int, starting: int, stopped: int, **changes) -> LiveTask:
    """Return a live task of so many workers in each state."""
    born = LiveTask("a", "ingest", running, starting, NOW - 60, start=Start(NOW - 30 if running or stopped else None))
    return replace(born, stopped=stopped, **changes)


@pytest.mark.parametrize(
    ("seen", "state", "counted"),
    [
        (task(0, 3, 0), TaskState.STARTING, Fleet(NOW, starting=(NOW - 60,) * 3, starting_tasks=1)),
        (task(1, 2, 0), TaskState.RUNNING, Fleet(NOW, 1, (NOW - 60,) * 2, running_tasks=1)),
        (task(1, 0, 8), TaskState.RUNNING, Fleet(NOW, 1, running_tasks=1)),
        (task(0, 0, 9), TaskState.ENDED, Fleet(NOW, ended=9, ended_tasks=1)),
        (task(0, 0, 1), TaskState.ENDED, Fleet(NOW, ended=1, ended_tasks=1)),
        (task(0, 0, 1, draining=True), TaskState.DRAINING, Fleet(NOW, draining=1, draining_tasks=1)),
        (task(2, 1, 1, draining=True), TaskState.DRAINING, Fleet(NOW, draining=4, draining_tasks=1)),
        (
            task(0, 9, 0, guessed=frozenset({Part.CREW})),
            TaskState.STARTING,
            Fleet(NOW, starting=(NOW - 60,) * 9, starting_tasks=1, odd_tasks=1),
        ),
    ],
)
def test_a_task_counts_by_its_state(seen: LiveTask, state: TaskState, counted: Fleet) -> None:
    """At work by its worker containers, else with all that it was made with; never as none."""
    assert state is seen.state
    began = (seen.start.at,) * counted.running
    newest = NOW - 60 if counted.live else None
    expected = replace(counted, newest_task_at=newest, oldest_task_at=NOW - 60, began=began)
    assert expected == count_fleet([seen], NOW, None)
    assert expected.live + expected.held >= 1


def test_a_task_that_may_be_anothers_counts_against_the_maximum_alone() -> None:
    """It is not at work for this scaler, as far as known."""
    alive = count_fleet([], NOW, None, unowned=[task(0, 9, 0), task(0, 2, 0)])
    assert (0, 11, 11) == (alive.live, alive.unowned, alive.held)


@pytest.mark.parametrize(
    ("held", "launch"),
    [
        ({}, 6),
        ({"draining": 4}, 4),
        ({"ended": 4}, 4),
        ({"unowned": 4}, 4),
        ({"draining": 2, "ended": 2, "unowned": 2}, 2),
        ({"draining": 7}, 1),
        ({"ended": 8}, 0),
        ({"unowned": 50}, 0),
    ],
)
def test_what_is_held_leaves_less_room_and_is_not_at_work(held, launch: int) -> None:
    """What desired lacks is counted without it, what max allows with it; a doubt counts beside it."""
    decision, _ = decide(policy(), queue(8), fleet(2, **held), settled(), NOW)
    room = 10 - 2 - sum(held.values())
    assert decision.numbers is not None
    assert (6, room, launch) == (decision.numbers.shortfall, room, decision.launch)
    assert (Reason.LAUNCH if launch else Reason.AT_MAX) is decision.reason
    doubtful, _ = decide(policy(), queue(8), fleet(2, **held), settled(doubts=(Doubt(3, NOW),)), NOW)
    assert max(0, min(6, room - 3)) == doubtful.launch


def test_a_draining_task_takes_no_message() -> None:
    """Its workers are not about to take what waits, so new ones are launched for it."""
    decision, _ = decide(policy(), queue(3), fleet(draining=5, draining_tasks=5), settled(), NOW)
    assert 3 == decision.launch


@pytest.mark.parametrize(
    ("probe", "launch"),
    [(task(1, 0, 0), 0), (task(0, 1, 0), 0), (task(0, 0, 1), 1), (task(0, 0, 1, draining=True), 1)],
    ids=["runs", "starts", "has ended", "drains"],
)
def test_a_probe_that_is_no_more_at_work_may_be_followed_by_another(probe: LiveTask, launch: int) -> None:
    """A container that goes on beside its ended worker, for ever perhaps, does not keep a breaker open."""
    alive = count_fleet([replace(probe, created_at=NOW - 60)], NOW, None)
    state = settled(breaker=Breaker(bad_ends=5, trips=1, open_until=NOW - 60))
    assert launch == decide(policy(cooldown=NO_COOLDOWN), queue(7), alive, state, NOW)[0].launch


def test_the_minimum_is_held_without_it() -> None:
    """A minimum of workers at work; the maximum is not passed for it."""
    decision, _ = decide(policy(min_containers=3, max_containers=4), queue(), fleet(ended=2), settled(), NOW)
    assert 2 == decision.launch


@pytest.mark.parametrize(
    ("alive", "about", "expected"),
    [
        (
            fleet(draining=9, draining_tasks=1),
            "draining",
            "1 task of 9 containers is stopping: it counts against max_containers",
        ),
        (
            fleet(draining=3, draining_tasks=2),
            "draining",
            "2 tasks of 3 containers are stopping: they count against max_containers",
        ),
        (
            fleet(ended=1, ended_tasks=1),
            "ended",
            "1 task of 1 container has no worker left but goes on: it counts against max_containers",
        ),
        (
            fleet(ended=4, ended_tasks=2),
            "ended",
            "2 tasks of 4 containers have no worker left but go on: they count against max_containers",
        ),
        (
            fleet(unowned=9),
            "unowned",
            "up to 9 containers may be of this scaler or of another: against max_containers they count for both",
        ),
        (
            fleet(odd_tasks=1),
            "odd",
            "of 1 task ECS does not tell all that counts: what it may be at most stands in for it",
        ),
        (
            fleet(2, draining=1, ended=2, unowned=1),
            "limits",
            "room for 4 below max_containers 10 (2 live, 4 not gone yet); "
            "6 of 8 visible messages without a container (2 about to be taken)",
        ),
    ],
)
def test_what_counts_is_said(alive: Fleet, about: str, expected: str) -> None:
    """With its tasks and its containers, in a line of its own."""
    decision, _ = decide(policy(), queue(8), alive, settled(), NOW)
    assert expected == dict(explain(policy(), decision))[about]


@pytest.mark.parametrize(
    ("alive", "expected"),
    [
        (fleet(2, ended=8), "max_containers is reached with 8 containers of tasks that are not gone yet"),
        (fleet(10, ended=1), "max_containers is reached"),
    ],
    ids=["held", "at work"],
)
def test_the_verdict_says_what_fills_the_maximum(alive: Fleet, expected: str) -> None:
    """Whoever reads "reached" beside two live containers would look for the other eight."""
    decision: Decision = decide(policy(), queue(20), alive, settled(), NOW)[0]
    assert summarize(decision).startswith(f"hold: {expected}, and 20 messages wait (")
