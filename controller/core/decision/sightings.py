"""Sightings: how old the queue's counts are, told from the messages in flight.

SQS's counts may be a minute old. Containers that took their message since then have it among the visible ones still;
those that have left since then have it in flight. So it is looked for when, in that minute, as many containers ran as
messages are in flight: who has left since has taken a message, and does not stand for one that a live container has.
Without this, workers of short work that come and go are taken for idle, or their messages for unclaimed, and new ones
are launched that find nothing.

A fleet that rises and falls had as many containers more than once. Where the queue's counts were surely old lately, the
first of these moments counts: the others would launch for messages that are long taken. Else it is the last, since a
message that waits must not wait for longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from controller.core.frozen import change, frozen

OLDEST = 60.0
"""Seconds that the counts are old at most; what SQS says of its metrics and has been seen of its attributes."""

SURELY_OLD = 10.0
"""Seconds from which on counts are called old: a poll, and what a listing takes."""
OLD_REMEMBERED = 3600.0
"""Seconds for which it is remembered that they were."""


@frozen
class Sighting:
    """How many containers ran at a look, and had left by then."""

    at: float
    running: int
    left: int
    """Since the first of the sightings that are kept."""


@frozen
class Sightings:
    """The looks of the last minute, from the first at which containers ran, the newest last."""

    seen: tuple[Sighting, ...] = ()
    left: int = 0
    """Containers that have left since the first of them."""
    old_at: float | None = None
    """When the counts were last surely old; None: not lately."""


NOTHING_SEEN = Sightings()


def note_left(sightings: Sightings, containers: int) -> Sightings:
    """Return the sightings after so many containers have left."""
    return change(sightings, left=sightings.left + containers) if sightings.seen else sightings


def note_running(sightings: Sightings, running: int, now: float) -> Sightings:
    """Return the sightings after a look at ``now``."""
    kept = [each for each in sightings.seen if 0 <= now - each.at <= OLDEST]
    if running or kept:
        kept.append(Sighting(now, running, sightings.left))
    is_remembered = sightings.old_at is not None and 0 <= now - sightings.old_at <= OLD_REMEMBERED
    old_at = sightings.old_at if is_remembered else None
    # Once none has run for that long, there is nothing to tell the age by.
    is_told = running or any(seen.running for seen in kept)
    if not is_told and old_at is None:
        return NOTHING_SEEN
    return Sightings(tuple(kept), sightings.left, old_at) if is_told else Sightings(old_at=old_at)


def note_age(sightings: Sightings, in_flight: int, now: float, *, waits: bool) -> Sightings:
    """Return the sightings after counts beside a fresh listing; ``waits``: whether a message is visible by them.

    They are surely old if they fit an earlier look, and more messages are in flight than containers run, or fewer while
    a message waits that one of them would have taken.
    """
    if not sightings.seen:
        return sightings
    running = sightings.seen[-1].running
    is_old = in_flight > running or (in_flight < running and waits)
    fit = _find_last_fit(sightings, in_flight) if is_old else None
    return change(sightings, old_at=now) if fit is not None and now - fit.at > SURELY_OLD else sightings


def count_busy(sightings: Sightings, in_flight: int) -> int:
    """Return how many containers had a message in hand when the queue was counted, by the messages in flight.

    At most as many as ran at any look of the last minute: they may have left since. Of workers that come and go the
    messages in flight would else be cut down to those that are left, and half of their work would not be seen.
    """
    return min(in_flight, max([seen.running for seen in sightings.seen], default=0))


def count_left_since(sightings: Sightings, in_flight: int) -> int:
    """Return how many containers have left since the queue was counted, by the moment that fits those in flight.

    More messages in flight than containers ran tell nothing: somebody else has them, or a worker has several.
    """
    if not sightings.seen or in_flight > max([seen.running for seen in sightings.seen]):
        return 0
    find_fit = _find_last_fit if sightings.old_at is None else _find_first_fit
    if (fit := find_fit(sightings, in_flight)) is not None:
        return max(0, round(sightings.left - fit.left))
    fitting = min(reversed(sightings.seen), key=lambda seen: abs(seen.running - in_flight))
    # If fewer messages were in flight than containers ran, the first of those that left were gone by then.
    return max(0, sightings.left - fitting.left - max(0, fitting.running - in_flight))


class _Fit(NamedTuple):
    """A moment at which as many containers ran as messages are in flight."""

    at: float
    left: float
    """Containers that had left by then."""


def _find_first_fit(sightings: Sightings, in_flight: int) -> _Fit | None:
    return next(_find_fits(pairwise(sightings.seen), in_flight), None) or _fit_newest(sightings, in_flight)


def _find_last_fit(sightings: Sightings, in_flight: int) -> _Fit | None:
    fit = _fit_newest(sightings, in_flight)
    return fit or next(_find_fits(reversed([*pairwise(sightings.seen)]), in_flight), None)


def _fit_newest(sightings: Sightings, in_flight: int) -> _Fit | None:
    newest = sightings.seen[-1]
    return _Fit(newest.at, newest.left) if newest.running == in_flight else None


def _find_fits(looks: Iterable[tuple[Sighting, Sighting]], in_flight: int) -> Iterator[_Fit]:
    """Yield the fits between looks that follow one another: the fleet is taken to have changed evenly meanwhile."""
    for before, after in looks:
        more = after.running - before.running
        if before.running <= in_flight <= after.running or after.running <= in_flight <= before.running:
            share = (in_flight - before.running) / more if more else 0.0
            yield _Fit(before.at + share * (after.at - before.at), before.left + share * (after.left - before.left))
