"""Looks: which of the known tasks need not be described at a listing.

ECS lists a task until it is to stop, so a task whose only container is its worker runs for as long as it is listed. Of
a task with more containers the listing does not tell whether its workers still run: those are described in turn, the
ones that were looked at longest ago first. Everything else that is known, or new, is described each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from controller.core.decision.task import LiveTask
from controller.core.frozen import change

LOOKS_A_CALL = 100
"""Tasks that one call describes."""
TURNS = 4
"""Listings in which each running task of several containers is described once, where one call does not do for all."""


def spare(known: Iterable[LiveTask]) -> frozenset[str]:
    """Return the ARNs of the tasks that need no description now, each as long as it is listed."""
    running = [task for task in known if _runs(task)]
    in_turn = sorted((task for task in running if not task.alone), key=_looked_at)
    due = max(LOOKS_A_CALL, ceil(len(in_turn) / TURNS))
    return frozenset(task.arn for task in (*(task for task in running if task.alone), *in_turn[due:]))


def note_listed(task: LiveTask, listed_at: float) -> LiveTask:
    """Return a spared task that a listing, begun at ``listed_at``, has shown: one that is alone ran until then."""
    return change(task, ran_until=listed_at) if task.alone else task


def _runs(task: LiveTask) -> bool:
    """Say whether a task is known whole, and so that nothing but its end is left to come."""
    is_whole = not task.guessed and task.missing_since is None and not task.draining
    return is_whole and task.running > 0 and not task.starting


def _looked_at(task: LiveTask) -> float:
    return task.looked_at or 0.0
