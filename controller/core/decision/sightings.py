"""Sightings: how old the queue's counts are, told from the messages in flight.

SQS's counts may be a minute old. Containers that took their message since then have it among the visible ones still;
those that have left since then have it in flight. So it is looked for when, in that minute, as many containers ran as
messages are in flight: who has left since has taken a message, and does not stand for one that a live container has.
Without this, workers of short work that come and go are taken for idle, or their messages for unclaimed, and new ones
are launched that find nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

OLDEST = 60.0
"""Seconds that the counts are old at most; what SQS says of its metrics and has been seen of its attributes."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """How many containers ran at a look, and had left by then."""

    at: float
    running: int
    left: int
    """Since the first of the sightings that are kept."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """The looks of the last minute, from the first at which containers ran, the newest last."""

    seen: tuple[Sighting, ...] = ()
    left: int = 0
    """Containers that have left since the first of them."""


NOTHING_SEEN = Sightings()


def note_left(sightings: Sightings, containers: int) -> Sightings:
    """Return the sightings after so many containers have left."""
    return Sightings(sightings.seen, sightings.left + containers) if sightings.seen else sightings


def note_running(sightings: Sightings, running: int, now: float) -> Sightings:
    """Return the sightings after a look at ``now``."""
    kept = [each for each in sightings.seen if 0 <= now - each.at <= OLDEST]
    if running or kept:
        kept.append(Sighting(now, running, sightings.left))
    # Once none has run for that long, there is nothing to tell the age by.
    is_told = running or any(seen.running for seen in kept)
    return Sightings(tuple(kept), sightings.left) if is_told else NOTHING_SEEN


def count_left_since(sightings: Sightings, in_flight: int) -> int:
    """Return how many containers have left since the queue was counted, by the look that fits those in flight best.

    Of looks that fit as well the last counts: counts may be fresh, and a message that waits must not wait for longer.
    More messages in flight than containers ran tell nothing: somebody else has them, or a worker has several.
    """
    if not sightings.seen or in_flight > max([seen.running for seen in sightings.seen]):
        return 0
    fitting = sightings.seen[-1]
    for seen in reversed(sightings.seen):
        if abs(seen.running - in_flight) < abs(fitting.running - in_flight):
            fitting = seen
    # If fewer messages were in flight than containers ran, the first of those that left were gone by then.
    return max(0, sightings.left - fitting.left - max(0, fitting.running - in_flight))
