"""The line of a decision about workers that found nothing, and the same in the verdict."""

from __future__ import annotations

from controller.core.decision.following import Following
from controller.core.words import format_clock, format_count


def explain_following(following: Following, returned: int | None, now: float) -> str:
    """Say what became of more workers, and when one more is tried.

    ``returned`` are containers that ended while nothing was deleted, if that is what holds launches back.
    """
    if returned is not None:
        ended = format_count(returned, "container")
        return f"{ended} ended and no message was deleted: work comes back, and is paid for again"
    if following.until is not None:
        since = format_clock(following.since or now, now)
        tries = "now" if now >= following.until else f"at {format_clock(following.until, now)}"
        return f"more workers found nothing since {since}; next try {tries}"
    if not following.width:
        return "a FIFO queue: none had a message yet, and a single container is tried first"
    found = format_count(following.width, "container")
    return f"a FIFO queue: {found} had a message at once, and at most twice as many are tried"
