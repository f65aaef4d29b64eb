"""Objections: what a launch that is under way is given up for.

A launch may wait for its turn for most of a slot. What was decided stays decided, with its slot and its calls; but who
pauses a scaler, or lowers its maximum, means the calls that have not left yet as well, and so does a time window.
"""

from __future__ import annotations

from controller.core.decision.policy import Policy


def find_objection(decided_by: Policy, now: Policy) -> str | None:
    """Return why the rest of a launch, decided by one policy, is dropped under that of now; None: it is not."""
    if now.paused and not decided_by.paused:
        return "a window of its schedule pauses the scaler" if now.paused_by_schedule else "the scaler was paused"
    if now.max_containers < decided_by.max_containers:
        return f"max_containers was lowered to {now.max_containers}"
    return None
