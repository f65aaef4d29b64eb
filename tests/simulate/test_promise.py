"""A promise holds in the simulated world, which is what decides between variants of its rule."""

from __future__ import annotations

import pytest

from controller.core.decision.policy import StartWithin
from tests.simulate.promises import PROMISE, TRIALS, Trial, find_p99, keep

ALLOWANCE = 1.05
SEEDS = (1, 2)
SHORT_WORK = [Trial("bursts", takes_one, "15s", 60.0, seed) for takes_one in (False, True) for seed in SEEDS]
MISLED = [
    *(Trial("bursts", takes_one, "exp(45s)", 60.0, seed) for takes_one in (False, True) for seed in SEEDS),
    *(
        Trial(shape, takes_one=False, duration="45s", stale=60.0, seed=1)
        for shape in ("poisson", "daily", "heavy-tailed")
    ),
]
"""Those that were late, by as much as what was given was wrong, or three times the promise."""


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


@pytest.mark.parametrize("trial", SHORT_WORK, ids=str)
def test_it_is_kept_where_old_counts_hardly_show_the_work(trial: Trial) -> None:
    """Work of 15 s comes and goes within the minute that counts are old; nobody has said how long it takes."""
    run = keep(trial, StartWithin(PROMISE))
    assert 0 == run.left
    assert find_p99(run) <= ALLOWANCE * PROMISE


@pytest.mark.parametrize("share", [0.5, 2.0], ids=["half", "double"])
@pytest.mark.parametrize("trial", MISLED, ids=str)
def test_it_is_kept_with_a_pace_that_is_wrong(trial: Trial, share: float) -> None:
    """From the first burst on: half of the truth is seen through, and double costs."""
    run = keep(trial, StartWithin(PROMISE, 45.0 * share))
    assert 0 == run.left
    assert find_p99(run) <= ALLOWANCE * PROMISE
