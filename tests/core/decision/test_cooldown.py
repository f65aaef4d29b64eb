from dataclasses import replace

import pytest

from controller.core.decision.cooldown import fall_cooldown_until, launch_cooldown_until, may_launch
from controller.core.decision.decide import remember_launch
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Reason
from controller.core.decision.state import ScalerState
from tests.core.decision.builders import NOW, SLOTS, cooldown, fleet, policy, queue, settled
from tests.core.decision.deciding import decide


@pytest.mark.parametrize(
    ("launch", "window", "expected"),
    [
        pytest.param(90.0, 5.0, 90.0, id="as-configured"),
        pytest.param(0.0, 5.0, 30.0, id="a-slot-is-the-least"),
        pytest.param(30.0, 10.0, 60.0, id="a-longer-slot"),
    ],
)
def test_a_launch_cooldown_lasts_at_least_a_slot(launch: float, window: float, expected: float) -> None:
    """Whatever is configured, the cooldown is 6 L or more."""
    rules = policy(cooldown=cooldown(launch=launch), slots=replace(SLOTS, consistency_window=window))
    assert launch_cooldown_until(rules, settled(launched_at=1000.0)) == 1000.0 + expected


@pytest.mark.parametrize(("since", "allowed"), [(0.0, False), (84.9, False), (85.0, True), (90.0, True), (1e6, True)])
def test_a_launch_cooldown_tolerates_half_a_poll(since: float, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    """With polls of 10 s a cooldown of 90 s is over after 85 s."""
    rules = policy(cooldown=cooldown(launch=90.0))
    assert allowed == may_launch(rules, settled(launched_at=NOW - since), NOW)


def test_the_tolerance_follows_the_poll_interval() -> None:
    """With polls of 60 s the same cooldown of 90 s is over after 60 s."""
    rules = policy(cooldown=cooldown(launch=90.0), poll_interval=60.0)
    assert not may_launch(rules, settled(launched_at=NOW - 59.9), NOW)
    assert may_launch(rules, settled(launched_at=NOW - 60.0), NOW)


def test_without_a_launch_or_a_rise_there_is_no_cooldown() -> None:
    """Nothing launched: nothing to wait for."""
    assert launch_cooldown_until(policy(), settled()) is None
    assert may_launch(policy(), settled(), NOW)
    assert fall_cooldown_until(policy(), LevelState(level=3)) is None


def test_the_fall_cooldown_counts_from_the_last_rise() -> None:
    """A decision says until when the level cannot fall."""
    decision, _ = decide(policy(), queue(5), fleet(), settled(), NOW)
    assert decision.numbers.fall_cooldown_until == NOW + 300


def test_a_launch_that_started_something_starts_the_cooldown_at_its_decision() -> None:
    """Not at its answer: a slow RunTask does not make the next launch later."""
    first, state = decide(policy(), queue(5), fleet(), settled(), NOW)
    state = remember_launch(state, first, started=True, doubt=None)
    held, _ = decide(policy(), queue(9), fleet(starting=5, listed_at=NOW + 10), state, NOW + 10)
    assert held.reason == Reason.COOLDOWN
    assert held.numbers.launch_cooldown_until == NOW + 30


def test_a_launch_that_started_nothing_starts_no_cooldown() -> None:
    """The next slot tries again as soon as its window is open."""
    rules = policy(cooldown=cooldown(launch=600.0))
    _, state = decide(rules, queue(5), fleet(), settled(), NOW)
    again, _ = decide(rules, queue(5), fleet(listed_at=NOW + 30), state, NOW + 30)
    assert (again.reason, again.launch) == (Reason.LAUNCH, 5)


@pytest.mark.parametrize(
    ("newest", "reason"),
    [
        pytest.param(NOW - 20, Reason.COOLDOWN, id="20s-ago"),
        pytest.param(NOW - 30, Reason.LAUNCH, id="30s-ago"),
        pytest.param(None, Reason.LAUNCH, id="nothing-lives"),
    ],
)
def test_after_a_restart_the_cooldown_counts_from_the_newest_live_task(newest, reason) -> None:
    """What the process before has launched is read back from ECS."""
    alive = fleet(running=2, newest_task_at=newest) if newest else fleet()
    decision, state = decide(policy(), queue(5, 2), alive, ScalerState(), NOW)
    assert reason == decision.reason
    assert newest == state.launched_at


def test_only_a_restart_reads_the_cooldown_from_the_fleet() -> None:
    """A process that has decided before goes by its own launches."""
    decision, _ = decide(policy(), queue(5, 2), fleet(running=2, newest_task_at=NOW - 1), settled(2), NOW)
    assert decision.reason == Reason.LAUNCH
