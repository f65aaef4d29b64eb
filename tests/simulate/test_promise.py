"""A promise holds in the simulated world, which is what decides between variants of its rule."""

from __future__ import annotations

import pytest

from controller.core.decision.policy import StartWithin
from tests.simulate.promises import PROMISE, TRIALS, Trial, find_p99, keep

ALLOWANCE = 1.05


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_the_promise_is_kept_by_whoever_knows_nothing(trial: Trial) -> None:
    """Nobody has said how long a message takes, nor of which kind the workers are; 99 % are taken within 1.05 x T."""
    run = keep(trial, StartWithin(PROMISE))
    assert 0 == run.left
    assert find_p99(run) <= ALLOWANCE * PROMISE


@pytest.mark.parametrize("trial", TRIALS[::5], ids=str)
def test_it_is_kept_with_a_pace_that_is_given(trial: Trial) -> None:
    """The kind of the workers is still to be learned."""
    assert find_p99(keep(trial, StartWithin(PROMISE, 45.0))) <= ALLOWANCE * PROMISE


@pytest.mark.parametrize("trial", TRIALS[1::12], ids=str)
def test_the_maximum_holds_whatever_is_promised(trial: Trial) -> None:
    """No promise goes beyond max_containers."""
    assert keep(trial, StartWithin(PROMISE), max_containers=7).peak <= 7
