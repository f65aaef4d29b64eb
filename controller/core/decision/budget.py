"""The budget of all scalers of a controller: who goes first when there is not room for everyone.

The higher priority goes first; equals take turns, the one that was held the longest first. A claim that waits gains one
priority every AGING, so that nobody is starved for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

AGING = 300.0
"""Seconds of waiting that are worth one priority."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A scaler that waits for a part of the budget."""

    priority: int
    wanted: int
    """Containers."""
    held_since: float
    """Since when it has waited for a launch."""


@dataclass(frozen=True, slots=True)
class Place:
    """A scaler's place in the line for the budget."""

    held_since: float | None = None
    """Since when it has waited for a launch; None: it wants nothing."""
    reserved: int = 0
    """Containers granted to the decision under way, or to one that waits for its slot."""
    wanted: int = 0
    """Containers that it wants beyond those."""


NO_PLACE = Place()
"""Of a scaler that wants nothing."""

HOLDERS_NAMED = 5
"""Of the scalers that hold a budget, the largest: enough for whoever asks where it went."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


def add_up_use(limit: int, holders: Iterable[Holder], division: Division | None = None) -> BudgetUse:
    """Return how the budget, or the share of it, is used up by those that hold some of it."""
    ranked = sorted((each for each in holders if each.taken), key=lambda each: (-each.taken, each.scaler))
    named, others = ranked[:HOLDERS_NAMED], ranked[HOLDERS_NAMED:]
    return BudgetUse(limit, tuple(named), len(others), sum(each.taken for each in others), division)


def grant_share(room: int, claims: Mapping[str, Claim], scaler: str, now: float) -> int:
    """Return the containers that ``scaler`` may launch of the ``room`` that the budget leaves."""
    for name in rank_claims(claims, now):
        share = min(claims[name].wanted, max(0, room))
        if name == scaler:
            return share
        room -= share
    return 0


def rank_claims(claims: Mapping[str, Claim], now: float) -> list[str]:
    """Return the scalers in the order in which they get their share."""
    return sorted(claims, key=lambda name: _rank(name, claims[name], now))


def _rank(name: str, claim: Claim, now: float) -> tuple[float, float, str]:
    """Order claims, the first lowest."""
    aged = claim.priority + max(0.0, now - claim.held_since) // AGING
    return (-aged, claim.held_since, name)
