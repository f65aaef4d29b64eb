"""The bound: what nobody can do with less, who knows every message before it comes.

A fluid relaxation, solved exactly by HiGHS (``scipy.optimize.linprog``). Containers may be split, start when the
clairvoyant likes, and stop at once; work may be split as well. In each step of time, with containers ``c``, their rise
``u`` and the work ``w`` that is done::

    minimize    sum of c x step + the shortest start x sum of u
    such that   w <= c x step,  u >= c - c before
                work done by t <= work that has come by t
                work done by t + the longest wait + the longest work >= work that has come by t

Whatever a real policy does whose messages wait no longer obeys all of it, so that it takes up as much at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_array, diags_array, eye_array

STEPS = 1500
"""Steps of time, at most: more make the bound closer and slower to find."""
LEAST_STEP = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a run: when each message came, and how long it takes."""

    sent: Sequence[float]
    seconds: Sequence[float]


def find_bound(work: Work, longest_wait: float, shortest_start: float) -> float:
    """Return the container-seconds, from RunTask's answer on, that serving the work so soon takes at least.

    Raises RuntimeError when the solver finds no solution, which such a problem always has.
    """
    if not len(work.sent):
        return 0.0
    sent, seconds = np.asarray(work.sent), np.asarray(work.seconds)
    slack = longest_wait + float(seconds.max())
    span = float(sent.max() - sent.min()) + slack
    step = max(LEAST_STEP, span / STEPS)
    steps = ceil(span / step) + 1
    ends = sent.min() + step * np.arange(1, steps + 1)
    order = np.argsort(sent)
    came = np.concatenate([[0.0], np.cumsum(seconds[order])])
    # A step's end sees what has come before it; what must be done by then came so much earlier.
    at_most = came[np.searchsorted(sent[order], ends, side="right")]
    at_least = came[np.searchsorted(sent[order], ends - slack, side="right")]
    return _solve(at_most, at_least, step, shortest_start)


def _solve(at_most: np.ndarray, at_least: np.ndarray, step: float, shortest_start: float) -> float:
    """Return the least container-seconds with which the work done stays within two cumulative courses."""
    steps = len(at_most)
    unit = eye_array(steps, format="csr")
    change = unit - diags_array([np.ones(steps - 1)], offsets=[-1], shape=(steps, steps), format="csr")
    # Variables: containers, their rises, and the work that is done up to the end of each step.
    constraints = block_array(
        [[-step * unit, None, change], [change, -unit, None]],
        format="csr",
    )
    bounds = [(0, None)] * (2 * steps) + list(zip(at_least, at_most, strict=True))
    # The work that is done does not become less.
    constraints = block_array(
        [[constraints], [block_array([[0 * unit, 0 * unit, -change]], format="csr")]], format="csr"
    )
    costs = np.concatenate([np.full(steps, step), np.full(steps, shortest_start), np.zeros(steps)])
    solved = linprog(costs, A_ub=constraints, b_ub=np.zeros(3 * steps), bounds=bounds, method="highs")
    if not solved.success:
        raise RuntimeError(f"the bound was not found: {solved.message}")
    return float(solved.fun)
