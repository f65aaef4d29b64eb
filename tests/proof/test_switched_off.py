from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from controller.config import ScalerSpec
from tests.proof import scenarios, switched_off
from tests.proof.hunts import FOUND
from tests.proof.promises import BrokenPromiseError
from tests.proof.scenarios import BRISK, IN_ORDER, LARGE_TASKS, PLAIN, PROVING
from tests.proof.switched_off import SwitchOff
from tests.proof.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds that all hunts together may take; they take about five."""
Scenario = Callable[[World], None]
SHORTEST: tuple[tuple[SwitchOff, Scenario, tuple[ScalerSpec, ...]], ...] = (
    (switched_off.slots_of_the_configuration, scenarios.both_poll_all_the_time, (PLAIN, BRISK)),
    (switched_off.random_tokens, scenarios.an_answer_is_lost, (PLAIN,)),
    (switched_off.no_window, scenarios.a_poll_comes_when_the_slot_begins, (PLAIN, PLAIN)),
    (switched_off.window_judged_at_the_decision, scenarios.a_listing_takes_long, (PLAIN, PLAIN)),
    (switched_off.sends_unchecked, scenarios.a_process_stands_still_before_it_sends, (PLAIN, PLAIN)),
    (switched_off.going_on_after_an_unknown, scenarios.a_request_is_lost, (PLAIN, LARGE_TASKS)),
    (switched_off.going_on_after_a_conflict, scenarios.two_plans_meet, (LARGE_TASKS, PLAIN)),
    (switched_off.the_next_provider_at_once, scenarios.an_answer_lies_of_what_has_started, (IN_ORDER,)),
    (switched_off.canaries_beside_doubts, scenarios.a_request_arrives_five_minutes_late, (PROVING,)),
    (switched_off.doubts_uncounted, scenarios.a_request_arrives_five_minutes_late, (PLAIN,)),
    (switched_off.doubts_given_up, scenarios.a_scaler_changes_hands_while_a_request_is_lost, (PLAIN,)),
    (switched_off.doubts_judged_at_the_decision, scenarios.a_late_request_arrives_during_a_listing, (PLAIN,)),
    (switched_off.doubts_without_skew, scenarios.a_late_request_arrives_by_a_slow_clock, (PLAIN,)),
    (
        switched_off.doubts_resolved_by_nothing,
        scenarios.an_answer_without_tasks_follows_a_lost_request,
        (PLAIN,),
    ),
)


@contextmanager
def world_of(specs: tuple[ScalerSpec, ...]) -> Iterator[World]:
    """Give a world where more waits than anyone may start."""
    world = World(specs)
    world.send(60)
    try:
        yield world
    finally:
        world.end()


@pytest.mark.parametrize(
    ("switch_off", "schedule", "specs"), SHORTEST, ids=[switch_off.__name__ for switch_off, *_ in SHORTEST]
)
def test_each_rule_is_what_keeps_a_schedule_harmless(
    monkeypatch: pytest.MonkeyPatch, switch_off: SwitchOff, schedule: Scenario, specs: tuple[ScalerSpec, ...]
) -> None:
    """The same schedule breaks no promise with the rule, and one without it."""
    with world_of(specs) as world:
        schedule(world)
    switch_off(monkeypatch)
    with world_of(specs) as world, pytest.raises(BrokenPromiseError):
        schedule(world)


@pytest.fixture(scope="module")
def hunted() -> dict[str, bool]:
    """Hunt for every rule in a process of its own, in which nothing but the seed decides what is drawn."""
    hunt = subprocess.run(
        [sys.executable, "-m", "tests.proof.hunts"], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=PATIENCE
    )
    outcome: dict[str, bool] = json.loads(hunt.stdout)
    return outcome


@pytest.mark.parametrize("rule", [switch_off.__name__ for switch_off, *_ in FOUND])
def test_the_machine_finds_what_each_rule_prevents(hunted: dict[str, bool], rule: str) -> None:
    """Nobody tells it where to look."""
    assert hunted[rule]
