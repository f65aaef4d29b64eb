"""A promise holds in the simulated world, which is what decides between variants of its rule."""

from __future__ import annotations

import pytest

from controller.core.decision.policy import StartWithin
from tests.simulate.promises import PROMISE, START, TRIALS, Trial, find_p99, keep

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


@pytest.mark.parametrize("trial", [each for each in TRIALS if each.shape == "bursts" and each.stale][::2], ids=str)
def test_half_of_the_truth_makes_it_late_until_it_is_seen(trial: Trial) -> None:
    """A pace that is given is not believed any more once messages take longer: from half an hour on it is kept."""
    run = keep(trial, StartWithin(PROMISE, 22.5))
    later = sorted(wait for sent, wait in zip(run.sent, run.waits, strict=True) if sent > START + 1800)
    assert 0 == run.left
    assert later[int(0.99 * len(later))] <= ALLOWANCE * PROMISE
