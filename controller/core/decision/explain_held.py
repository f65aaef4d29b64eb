"""Tasks that are not at work and count against the maximum all the same, in words: what explains a missing room."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.decision.model import Fleet
from controller.core.words import format_count


def explain_held(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yield a line, its subject and its text, for each kind of such tasks, and for what is only guessed."""
    if fleet.draining_tasks:
        verb = _agree(fleet.draining_tasks, "is stopping: it counts", "are stopping: they count")
        yield "draining", f"{_count(fleet.draining_tasks, fleet.draining)} {verb} against max_containers"
    if fleet.ended_tasks:
        alone, several = "has no worker left but goes on: it counts", "have no worker left but go on: they count"
        verb = _agree(fleet.ended_tasks, alone, several)
        yield "ended", f"{_count(fleet.ended_tasks, fleet.ended)} {verb} against max_containers"
    if fleet.unowned:
        most = format_count(fleet.unowned, "container")
        yield "unowned", f"up to {most} may be of this scaler or of another: against max_containers they count for both"
    if fleet.odd_tasks:
        tasks = format_count(fleet.odd_tasks, "task")
        yield "odd", f"of {tasks} ECS does not tell all that counts: what it may be at most stands in for it"


def _count(tasks: int, containers: int) -> str:
    return f"{format_count(tasks, 'task')} of {format_count(containers, 'container')}"


def _agree(number: int, one: str, several: str) -> str:
    return one if number == 1 else several
