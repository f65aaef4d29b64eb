"""What lets a scaler go on: for every reason a time, a key or a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.config import Place
from controller.core.decision.breaker import Breaker
from controller.core.decision.following import Following
from controller.core.decision.lessons import TENS, Lessons
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import RevisionUse, Rollout
from controller.core.decision.scarcity import Scarcity
from controller.core.decision.state import ScalerState
from controller.core.record import LaunchResult, Reconciled, describe_breakage
from controller.core.words import format_clock
from controller.daemon.pages.unblock import By, estimate_start, find_ways
from controller.telemetry.marks import Mark
from controller.telemetry.past import Count, Point
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, hysteresis, policy, queue, settled, steps
from tests.core.decision.deciding import decide

EASY = policy(cooldown=NO_COOLDOWN)


def find_seventh(key: str) -> Place:
    """Return a key as if it stood in line 7."""
    return Place(key, 7, is_set=True)


def ways(done: Reconciled, rules: Any = EASY, retry_at: float | None = None) -> list[tuple[str, str | None]]:
    """Return by whom or what it goes on, and the key."""
    found = find_ways(done, rules, retry_at, find_seventh)
    return [(way.by.value, way.key.key if way.key else None) for way in found]


def decided(rules: Any, *seen: Any, state: ScalerState | None = None, granted: int | None = None) -> Decision:
    """Decide."""
    grant = int if granted is None else lambda _: granted
    return decide(rules, *seen, state or settled(), NOW, grant)[0]


SCARCE = Scarcity(until=NOW + 60, turned_away=1, cause="RESOURCE:ENI")
FAILING = replace(settled(4), breaker=Breaker(bad_ends=5, open_until=NOW + 60, cause="no image"), history_read=True)


@pytest.mark.parametrize(
    ("rules", "seen", "state", "reason", "expected"),
    [
        (EASY, (queue(), fleet()), None, Reason.IDLE, [("nothing", None)]),
        (EASY, (queue(visible=2), fleet()), None, Reason.LAUNCH, [("nothing", None)]),
        (
            policy(),
            (queue(visible=4), fleet()),
            replace(settled(), launched_at=NOW - 1),
            Reason.COOLDOWN,
            [("time", None), ("key", "cooldown.launch")],
        ),
        (
            replace(EASY, hysteresis=hysteresis(rise_after=3)),
            (queue(visible=4), fleet()),
            None,
            Reason.RISING,
            [("time", None), ("key", "hysteresis.rise_after")],
        ),
        (
            EASY,
            (queue(visible=40, in_flight=10), fleet(running=10)),
            settled(10),
            Reason.AT_MAX,
            [("time", None), ("key", "max_containers")],
        ),
        (replace(EASY, paused=True), (queue(visible=4), fleet()), None, Reason.PAUSED, [("key", "paused")]),
        (
            replace(EASY, paused=True, paused_by_schedule=True),
            (queue(visible=4), fleet()),
            None,
            Reason.PAUSED_BY_SCHEDULE,
            [("key", "schedule")],
        ),
        (
            EASY,
            (queue(visible=4, in_flight=1), fleet(running=1)),
            replace(settled(5), following=Following(width=1, visible=4, still_since=NOW - 200, until=NOW + 60)),
            Reason.FOUND_NOTHING,
            [("time", None)],
        ),
        (
            EASY,
            (queue(visible=4, in_flight=1), fleet(running=1)),
            replace(settled(5), lessons=Lessons(fruitless=TENS)),
            Reason.FOUND_NOTHING,
            [("time", None), ("person", None)],
        ),
        (
            EASY,
            (queue(visible=4), fleet()),
            FAILING,
            Reason.BACKING_OFF,
            [("time", None), ("person", None), ("key", "breaker.after")],
        ),
        (
            replace(EASY, rollout=RolloutPolicy(1, 120.0)),
            (queue(visible=4), fleet(1, revisions=(RevisionUse(8, 1),))),
            replace(settled(), rollout=Rollout(active=(8,))),
            Reason.PROVING,
            [("time", None), ("key", "rollout.prove")],
        ),
        (
            policy(),
            (queue(visible=4), fleet()),
            replace(FAILING, launched_at=NOW - 1, breaker=replace(FAILING.breaker, open_until=NOW - 1)),
            Reason.COOLDOWN,
            [("person", None), ("key", "breaker.after"), ("time", None), ("key", "cooldown.launch")],
        ),
        (
            EASY,
            (queue(visible=4), fleet()),
            replace(settled(4), scarcity=SCARCE),
            Reason.BACKING_OFF,
            [("time", None), ("person", "task.subnets")],
        ),
        (
            replace(EASY, providers=("FARGATE_SPOT",)),
            (queue(visible=4), fleet()),
            replace(settled(4), shortages={"FARGATE_SPOT": SCARCE}),
            Reason.BACKING_OFF,
            [("time", None), ("person", "task.capacity")],
        ),
        (
            replace(EASY, demand=steps((1, 2))),
            (queue(visible=9, in_flight=2), fleet(running=2)),
            settled(2),
            Reason.SATISFIED,
            [("time", None), ("key", "demand")],
        ),
        (
            replace(EASY, hysteresis=hysteresis(activate_at=10)),
            (queue(visible=4), fleet()),
            None,
            Reason.IDLE,
            [("time", None), ("key", "hysteresis.activate_at")],
        ),
    ],
    ids=[
        "idle",
        "launch",
        "cooldown",
        "rising",
        "at max",
        "paused",
        "window",
        "braked",
        "comes back",
        "failing",
        "proving",
        "failing, but cooling down",
        "no capacity",
        "all providers short",
        "top step",
        "asleep",
    ],
)
def test_what_unblocks(
    rules: Any, seen: Any, state: ScalerState | None, reason: Reason, expected: list[tuple[str, str | None]]
) -> None:
    """The time comes first, if there is one, then what somebody can do; before all of it the mending of what fails."""
    decision = decided(rules, *seen, state=state)
    assert (reason, expected) == (decision.reason, ways(Reconciled("one", decision), rules))


def test_the_budget() -> None:
    """Others hold it: it passes, or the budget grows, or the scaler goes first."""
    held = Reconciled("one", decided(EASY, queue(visible=4), fleet(), granted=0))
    assert [("time", None), ("key", "budget.max_containers"), ("key", "priority")] == ways(held)


def test_workers_that_seem_to_take_nothing_are_for_a_person() -> None:
    """Before a higher maximum, which would only launch more of them."""
    decision = decided(EASY, queue(visible=40), fleet(running=10), state=settled(10))
    assert decision.numbers is not None
    stuck = replace(decision, numbers=replace(decision.numbers, contradicted_since=NOW - 60))
    assert [("person", "busy"), ("time", None), ("key", "max_containers")] == ways(Reconciled("one", stuck))


def test_a_failure_is_for_a_person() -> None:
    """What AWS said comes first, with when it is tried again."""
    failed = LaunchResult(Outcome.FAILED, None, fault="access_denied", error="scaler one: not allowed.")
    done = Reconciled("one", decided(EASY, queue(visible=4), fleet()), failed)
    found = find_ways(done, EASY, NOW + 60, find_seventh)
    assert By.PERSON is found[0].by
    assert found[0].text.startswith("not allowed. It is tried again from ")


@pytest.mark.parametrize(
    ("queue_seen", "fault", "check", "expected"),
    [
        (None, "missing", "; check scalers[3].queue", ("person", "queue")),
        (queue(visible=4), "missing", "; check scalers[3].task.cluster", ("person", "task.cluster")),
        (None, "access_denied", "", ("person", None)),
        (None, "throttled", "; check scalers[3].queue", ("time", None)),
        (None, "unreachable", "", ("time", None)),
    ],
    ids=["no queue", "no cluster", "denied", "throttled", "unreachable"],
)
def test_what_cannot_be_read(queue_seen: Any, fault: str, check: str, expected: tuple[str, str | None]) -> None:
    """What is not there is named by a key; what passes by itself gets nobody up."""
    decision = decide(EASY, queue_seen, None, settled(), NOW)[0]
    done = Reconciled("one", decision, problem=f"scaler one: so it is{check}", fault=fault)
    assert [expected] == ways(done)
    assert expected[0] == "time" or "check scalers" not in find_ways(done, EASY, None, find_seventh)[0].text


def test_what_a_failed_launch_names() -> None:
    """The key that AWS's refusal is about stands beside it, with its line."""
    error = "scaler one: the task definition is not there; check scalers[0].task.definition"
    failed = LaunchResult(Outcome.FAILED, None, fault="missing", error=error)
    done = Reconciled("one", decided(EASY, queue(visible=4), fleet()), failed)
    way = find_ways(done, EASY, NOW + 60, find_seventh)[0]
    assert (By.PERSON, Place("task.definition", 7, is_set=True)) == (way.by, way.key)
    assert way.text.startswith("the task definition is not there. It is tried again from ")


def test_a_fault_of_ours() -> None:
    """Whoever reads it finds the traceback in the log, and may report it."""
    found = find_ways(describe_breakage("one", "KeyError()", NOW), EASY, None, find_seventh)
    assert "The log has the traceback" in found[-1].text


def counted(*backlogs: tuple[float, int | None]) -> list[Point]:
    """Return points with such backlogs, so many seconds before now."""
    none = Count(None, None, None)
    return [
        Point(NOW - ago, 0, Count(count, count, count), none, none, none, None, "satisfied", Mark(0))
        for ago, count in backlogs
    ]


@pytest.mark.parametrize(
    ("points", "waiting", "backlog", "expected"),
    [
        (counted((700, 300), (300, 250)), 40, 240, "About "),
        (counted((700, 200)), 40, 240, "Not at this rate: the backlog has not shrunk over the last 10m"),
        (counted((60, 240)), 40, 240, "Not at this rate: the backlog has not shrunk over the last 1m"),
        (counted((600, 1_000_001)), 10**6, 10**6, "Not within a week at this rate: 1 message less over the last 10m"),
        ([], 40, 240, "Nothing is known yet of how fast the backlog shrinks"),
        (counted((700, 3)), 0, 2, "Nothing waits"),
        (counted((700, None)), None, None, "How much waits is unknown"),
    ],
    ids=["shrinks", "grows", "young", "slow", "new", "all taken", "unknown"],
)
def test_when_all_has_started(points: list[Point], waiting: int | None, backlog: int | None, expected: str) -> None:
    """It goes by how the backlog has shrunk over ten minutes, or for as long as is known."""
    assert estimate_start(points, waiting, backlog, NOW).startswith(expected)


def test_the_moment_that_is_estimated() -> None:
    """60 messages less in ten minutes: the 40 that wait are taken in 400 s, though more are worked on by then."""
    expected = f"About {format_clock(NOW + 400)}, at 6.0 messages a minute, as over the last 10m"
    assert expected == estimate_start(counted((600, 300)), 40, 240, NOW)
