"""The probe: a single task that is launched once a hold is over, to find out whether others may follow.

While a hold lasts nothing is launched, and after it one task, so a task that was born since is the probe. That is all
that tells one, and ECS remembers it: a restart waits for the probe of the process before.
"""

from __future__ import annotations

CLOCK_MARGIN = 5.0
"""Seconds by which ECS's clock, which dates tasks, may be behind ours."""


def is_probe(until: float | None, born_at: float | None) -> bool:
    """Say whether a task is a probe by its birth; ``until`` is when the hold is over, None: there is none."""
    return until is not None and born_at is not None and born_at >= until - CLOCK_MARGIN


def count_allowed(until: float | None, newest_task_at: float | None, in_doubt: int, now: float) -> int | None:
    """Return how many containers may be launched: None is any number, 1 is the probe.

    There is one probe at a time, so it waits for the one that lives, and for containers that may yet start.
    """
    if until is None:
        return None
    return 1 if now >= until and not in_doubt and not is_probe(until, newest_task_at) else 0
