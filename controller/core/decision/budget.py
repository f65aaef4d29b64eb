"""The budget of all scalers of a controller: who goes first when there is not room for everyone.

The higher priority goes first; equals take turns, the one that was held the longest first. To have waited AGING longer
is worth one priority, so that nobody is starved for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.core.frozen import frozen

AGING = 300.0
"""Seconds of waiting that are worth one priority."""


@frozen
class Place:
    """A scaler's place in the line for the budget."""

    held_since: float | None = None
    """Since when it has waited for a launch; None: it wants nothing."""
    reserved: int = 0
    """Containers granted to the decision under way, or to one that waits for its slot."""
    wanted: int = 0
    """Containers that it wants beyond those."""

    def began_by(self, now: float) -> float:
        """Return since when whoever wants something now has waited. What began before the clock stepped back is now."""
        return now if self.held_since is None else min(now, self.held_since)


NO_PLACE = Place()
"""Of a scaler that wants nothing."""

HOLDERS_NAMED = 5
"""Of the scalers that hold a budget, the largest: enough for whoever asks where it went."""


@frozen
class Holder:
    """What one scaler has of the budget, containers."""

    scaler: str
    live: int
    """Live or in doubt; its max_containers as long as that is not known."""
    reserved: int = 0
    """Granted to a launch that is under way, or waits for its slot."""
    is_known: bool = True

    @property
    def taken(self) -> int:
        """All that it takes up."""
        return self.live + self.reserved


@frozen
class Division:
    """How a budget is divided among several controllers, as one of them sees it; containers."""

    whole: int
    """The budget of all of them."""
    share: int
    """What this one may use of it."""
    elsewhere: int = 0
    """What is listed of tasks that are not of its own scalers."""
    waits: bool = False
    """Whether the controllers have just changed. Others may still go by a larger share, unseen by any listing yet."""

    def find_room(self, taken: int) -> int:
        """Return what may be launched beyond the ``taken`` of its own scalers; below 0 if they have too much already.

        The share alone keeps to the budget while all know the same peers. What others have beyond theirs, after a
        change, is in the listing.
        """
        return 0 if self.waits else min(self.share, self.whole - self.elsewhere) - taken


def share_of(whole: int, index: int | None, of: int) -> int:
    """Return the share of the ``index``-th of so many controllers, from 1: all of them are the whole. None has none."""
    return 0 if index is None else whole * index // of - whole * (index - 1) // of


@frozen
class BudgetUse:
    """How a budget was used up when it granted a scaler less than that wanted, containers."""

    limit: int
    """The controller's share, where several divide the budget."""
    holders: tuple[Holder, ...] = ()
    """The scalers that have the most of it, at most HOLDERS_NAMED, the largest first."""
    others: int = 0
    """How many more scalers have some of it."""
    taken_by_others: int = 0
    """What those have together."""
    division: Division | None = None
    """None: one controller has the whole budget."""

    @property
    def free(self) -> int:
        """What nobody has: scalers that come first in the line wait for it. Never below 0."""
        taken = sum(holder.taken for holder in self.holders) + self.taken_by_others
        return max(0, self.division.find_room(taken) if self.division else self.limit - taken)


def grant_share(room: int, wanted: int, ahead: Iterable[int]) -> int:
    """Return what may be launched of the ``wanted`` containers, after those ``ahead`` in the line had what they want.

    ``room`` is what the budget leaves. No more of the line is looked at than there is room for.
    """
    if room <= 0:
        return 0
    for each in ahead:
        room -= each
        if room <= 0:
            return 0
    return min(room, wanted)


def rank_claim(scaler: str, priority: int, held_since: float) -> tuple[float, float, str]:
    """Return the place of a claim in the line, the first lowest. It stays the same for as long as the claim waits."""
    return held_since - AGING * priority, held_since, scaler
