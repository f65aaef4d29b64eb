"""Hunts: the machine with one rule switched off; ``python -m tests.proof.hunts`` says of each whether it finds why."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import Phase
from hypothesis.internal.conjecture import providers
from sortedcontainers import SortedSet

from tests.proof import switched_off
from tests.proof.machine import Launches, play
from tests.proof.promises import BrokenPromiseError
from tests.proof.quiet import listen_for_broken_reconciles
from tests.proof.switched_off import SwitchOff

FOUND: tuple[tuple[SwitchOff, int, int], ...] = (
    (switched_off.slots_of_the_configuration, 2, 26),
    (switched_off.random_tokens, 2, 1),
    (switched_off.no_window, 2, 1),
    (switched_off.window_judged_at_the_decision, 2, 1),
    (switched_off.sends_unchecked, 2, 7),
    (switched_off.going_on_after_an_unknown, 2, 33),
    (switched_off.going_on_after_a_conflict, 2, 13),
    (switched_off.doubts_uncounted, 1, 18),
)
"""The rules whose absence the machine finds, with how many controllers, and the seed to begin with: with the locked
Hypothesis it finds each within some 50 schedules; another version, or another move of the machine, may need the other
seeds."""
NUMBERS = (*range(64), 2**16 - 1)
"""What is drawn more often than other numbers: few tasks that a listing hides, or all of them."""
MOST_SCHEDULES = 50
"""Of one seed."""
MOST_SEEDS = 48


class Hunt(Launches):
    """The same machine, for safety alone: how fast the backlog is served is not what a rule is switched off for."""

    serves = False


def hunt(switch_off: SwitchOff, controllers: int, seed: int) -> bool:
    """Say whether the machine finds a broken promise with that rule switched off."""
    with pytest.MonkeyPatch.context() as patch:
        switch_off(patch)
        patch.setattr(Hunt, "controllers", (controllers, controllers))
        return any(_finds(each) for each in range(seed, seed + MOST_SEEDS))


def _finds(seed: int) -> bool:
    try:
        play(Hunt, MOST_SCHEDULES, seed=seed, phases=[Phase.generate])
    except BrokenPromiseError:
        return True
    return False


def draw_on_the_same_numbers() -> None:
    """Let a seed play the same schedules whatever changes in the code.

    By itself Hypothesis draws on the constants of all modules that a process has imported, so that an edit anywhere
    plays others, and a hunt that was over in a second then takes a minute of seeds.
    """
    always = providers.Constants(
        integers=SortedSet(NUMBERS), floats=SortedSet(), bytes=SortedSet(), strings=SortedSet()
    )
    providers._get_local_constants = lambda: always


if __name__ == "__main__":
    draw_on_the_same_numbers()
    listen_for_broken_reconciles()
    json.dump({switch_off.__name__: hunt(switch_off, *given) for switch_off, *given in FOUND}, sys.stdout)
