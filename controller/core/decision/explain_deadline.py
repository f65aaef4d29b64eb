"""A deadline in words: how long the oldest workers have run of what their tasks may."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.model import Fleet
from controller.core.words import format_age, format_duration

LATE = 60
"""Seconds after which a task that is over its deadline and at work is worth a word: the keeper takes ten of them, and
the next looks some more."""


def explain_deadline(deadline: int | None, fleet: Fleet, now: float) -> Iterator[tuple[str, str]]:
    """Yield a line, its subject and its text: when a task is ended, and how near the first one is; none without one."""
    if deadline is None:
        return
    rule = f"a task is ended {format_duration(deadline)} after the start of its last copy"
    if not fleet.began:
        yield "deadline", f"{rule}; none runs"
        return
    ran = now - min(fleet.began)
    late = ": if all its copies run, its keeper should have ended it" if ran > deadline + LATE else ""
    yield "deadline", f"{rule}; the oldest has run for {format_age(ran)}{late}"
