"""Following: queues that more workers cannot drain faster, told from what becomes of those that were launched.

A FIFO queue hands the messages of a group out one after the other, and counts those that wait behind one in flight as
visible. So many visible messages may be work for a single worker. Fair queues, and consumers of somebody else, look the
same. More workers come back empty there, and would be launched again for as long as messages are visible::

    free ---- containers came back empty, and visible has stood still for 2 min ----> braked
      ^       (a FIFO queue: more were launched than in flight has followed)            |
      |                                                                 the pause is over: one more is tried
      '---- in flight rises (or, of another queue, visible falls) ----------- it comes back empty: twice the pause

A FIFO queue begins with 1, and goes on to twice as many as in flight has followed to. Counts may be a minute old, so a
try is judged once that has passed. An empty queue forgets everything: the next burst may be of many groups.
"""

from __future__ import annotations

from controller.core.decision.pause import doubling_pause
from controller.core.decision.sightings import OLDEST
from controller.core.frozen import change, frozen

FIRST_PAUSE = 60.0
"""Seconds until one more is tried."""
MAX_PAUSE = 1800.0
"""Seconds at most."""
STOOD_STILL = 120.0
"""Seconds for which visible must have stood still before containers that came back empty count."""
JUDGED_AFTER = OLDEST + 10.0
"""Seconds after a start from which on in flight must show that it has found a message."""


@frozen
class Following:
    """How many workers have found a message at the same time, and what became of more."""

    width: int = 0
    """The most containers that were busy at once since the queue was last empty, or since a try failed."""
    visible: int = 0
    """At the last look."""
    still_since: float | None = None
    """Since when visible has fallen from no look to the next; None: nothing was visible."""
    full_at: float | None = None
    """The last look at which every container that ran was busy."""
    empty: int = 0
    """Containers that came back empty since visible last fell, or in flight rose."""
    tried_at: float | None = None
    """Since when more live than have ever been busy; None: they do not."""
    fruitless: int = 0
    """Tries in a row that found nothing."""
    since: float | None = None
    """When the first of them had shown that."""
    until: float | None = None
    """When one more is tried; None: it is not braked."""


FREE = Following()


@frozen
class Workers:
    """What a look has seen of them."""

    busy: int
    running: int
    live: int
    newest_began: float | None
    """When the newest of those that run began to; None: none runs, or nobody knows."""
    visible: int
    """Messages that wait."""


def note_empty(following: Following, at: float, ran_for: float, containers: int) -> Following:
    """Return the following after containers have exited: empty, if others were idle for as long as they ran."""
    if following.full_at is not None and following.full_at > at - ran_for:
        return following
    return change(following, empty=following.empty + containers)


def follow(before: Following, seen: Workers, now: float, *, is_fifo: bool) -> Following:
    """Return the following after a look."""
    if not seen.visible and not seen.busy:
        return FREE
    after = _watch(before, seen, now)
    if seen.busy > after.width:
        # They have found messages: more may find more.
        return change(_forget_tries(after), width=seen.busy)
    if is_fifo:
        return _judge_try(after, seen, now)
    if after.still_since is None or now == after.still_since:
        # Something is done: more may do more.
        return _forget_tries(after)
    if after.until is not None:
        return _judge_try(after, seen, now)
    return _brake(after, seen.busy, now) if after.empty and now - after.still_since >= STOOD_STILL else after


def count_followed(following: Following, now: float, *, is_fifo: bool) -> int | None:
    """Return how many containers may live, as far as others found a message; None: any number."""
    found = max(1, following.width)
    if following.until is None and not is_fifo:
        return None
    if following.tried_at is not None:
        # What was tried has to be judged first.
        return found
    if following.until is None:
        return max(1, 2 * following.width)
    return found + (now >= following.until)


def _forget_tries(following: Following) -> Following:
    tried = (following.empty, following.tried_at, following.fruitless, following.since, following.until)
    if tried == (0, None, 0, None, None):
        return following
    return change(following, empty=0, tried_at=None, fruitless=0, since=None, until=None)


def _watch(before: Following, seen: Workers, now: float) -> Following:
    """Return the following with what a look tells of visible messages, and of workers that are all busy."""
    fell = before.still_since is None or seen.visible < before.visible
    still_since = None if not seen.visible else now if fell else before.still_since
    full_at = now if seen.running and seen.busy >= seen.running else before.full_at
    return change(before, visible=seen.visible, still_since=still_since, full_at=full_at)


def _judge_try(following: Following, seen: Workers, now: float) -> Following:
    """Judge those that are more than have ever been busy, once it can be seen whether they found a message.

    One that starts and comes back empty between two looks is seen by its end alone: while others were at work it tells
    the same. While none was, it may as well have taken a message and be done.
    """
    if following.tried_at is None:
        if following.until is not None and now < following.until:
            # Those of the last try may come back late.
            return change(following, empty=0)
        is_tried = seen.live > following.width or (following.empty and seen.busy)
        return change(following, tried_at=now) if is_tried else following
    begun = following.tried_at if seen.newest_began is None else max(following.tried_at, seen.newest_began)
    if seen.live > seen.running or now - begun < JUDGED_AFTER:
        return following
    return _brake(following, seen.busy, now)


def _brake(following: Following, busy: int, now: float) -> Following:
    pause = doubling_pause(FIRST_PAUSE, MAX_PAUSE, following.fruitless)
    return change(
        following,
        width=max(1, busy),
        empty=0,
        tried_at=None,
        fruitless=following.fruitless + 1,
        since=now if following.since is None else following.since,
        until=now + pause,
    )
