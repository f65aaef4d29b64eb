"""The budget's accounts: how much every scaler has and wants, shared by the threads that reconcile them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from threading import Lock

from controller.config import ScalerSpec
from controller.core.decision.budget import (
    HOLDERS_NAMED,
    NO_PLACE,
    BudgetUse,
    Division,
    Holder,
    Place,
    grant_share,
    rank_claim,
    share_of,
)
from controller.core.sharding import Peers
from controller.scaling.ranking import Ranking


@dataclass(frozen=True, slots=True)
class _Account:
    """The account of one scaler."""

    priority: int
    most: int
    """Its max_containers. It counts for as many until it is known how many it has: unknown is not 0."""
    held: int | None = None
    """Containers that live, of tasks that are not gone yet, or in doubt; None before the first report."""
    place: Place = NO_PLACE
    refused_by: BudgetUse | None = None
    """How the budget was used when it last granted less than was wanted; None: it granted all, or was not asked."""

    @property
    def taken(self) -> int:
        """Containers of the budget that it takes up."""
        return (self.most if self.held is None else self.held) + self.place.reserved

    def describe(self, scaler: str) -> Holder:
        """Return what it has, under the name of its scaler."""
        is_known = self.held is not None
        return Holder(scaler, self.most if self.held is None else self.held, self.place.reserved, is_known)


@dataclass(frozen=True, slots=True)
class _Sharing:
    """With whom the budget is shared."""

    peers: Peers
    since: float
    """When that became known, seconds since the epoch."""
    count_beside: Callable[[Collection[str]], int]
    """Returns the containers of all listed tasks but those of the scalers that it is given."""


class SharedBudget:
    """Grants launches so that all scalers together stay within the budget, as far as this controller knows."""

    def __init__(self, slot_length: float = 0.0) -> None:
        """Begin without a limit; ``slot_length`` seconds pass after each change of the controllers that share it."""
        self._slot_length = slot_length
        self._lock = Lock()
        self._limit: int | None = None
        self._sharing: _Sharing | None = None
        self._accounts: dict[str, _Account] = {}
        self._taken = 0
        self._holders = Ranking()
        """Those that take up some of it, the one with the most first."""
        self._line = Ranking()
        """Those that wait for more than they were granted, who goes first first."""

    def configure(self, limit: int | None, scalers: Iterable[ScalerSpec]) -> None:
        """Take a configuration; None is no limit. What is known of a scaler that stays is kept."""
        with self._lock:
            self._limit = limit
            self._accounts = {
                scaler.name: replace(
                    self._accounts.get(scaler.name, _Account(0, 0)),
                    priority=scaler.priority,
                    most=scaler.most_containers,
                )
                for scaler in scalers
            }
            self._taken, self._holders, self._line = 0, Ranking(), Ranking()
            for name in self._accounts:
                self._rank(name, taken_before=0)

    def share(self, peers: Peers, count_beside: Callable[[Collection[str]], int], now: float) -> None:
        """Use this controller's share of the limit from now on, a slot after the peers have changed."""
        with self._lock:
            if self._sharing is None or self._sharing.peers != peers:
                self._sharing = _Sharing(peers, now, count_beside)

    def report(self, scaler: str, held: int) -> None:
        """Take down how many containers count against a scaler's maximum, those in doubt included."""
        with self._lock:
            self._change(scaler, held=held)

    def grant(self, scaler: str, wanted: int | None, now: float) -> int:
        """Return the part of ``wanted`` containers that may be launched, and reserve it.

        The scaler keeps its place in the line until it has launched: it may have to wait for its slot. With 0 it wants
        nothing, and leaves the line. With None it could not observe: it is granted nothing, and keeps its place. A
        scaler that a reload has just removed is granted nothing.
        """
        with self._lock:
            before = self._place_of(scaler)
            if not wanted:
                self._change(scaler, place=Place(before.held_since if wanted is None else None), refused_by=None)
                return 0
            if self._limit is None:
                return wanted
            if scaler not in self._accounts:
                return 0
            since = before.began_by(now)
            self._change(scaler, place=Place(since, wanted=wanted))
            division = self._divide(self._limit, now)
            room = self._limit - self._taken if division is None else division.find_room(self._taken)
            share = grant_share(room, wanted, self._list_wanted_before(scaler))
            self._change(scaler, place=Place(since, share, wanted - share))
            # Taken down in the same breath: a moment later another scaler may have given its part back.
            self._change(scaler, refused_by=self._add_up(self._limit, division) if share < wanted else None)
            return share

    def find_refusal(self, scaler: str) -> BudgetUse | None:
        """Return how the budget was used when it last granted the scaler less than it wanted; None: it did not."""
        with self._lock:
            account = self._accounts.get(scaler)
            return None if account is None else account.refused_by

    def count_taken(self, scaler: str) -> int | None:
        """Return the containers of the budget that a scaler takes up; None: there is no budget, or no such scaler."""
        with self._lock:
            account = self._accounts.get(scaler)
            return None if account is None or self._limit is None else account.taken

    def place_of(self, scaler: str) -> Place:
        """Return a scaler's place in the line; one that a reload has removed has none."""
        with self._lock:
            return self._place_of(scaler)

    def line_up(self, places: Mapping[str, Place], now: float) -> list[str]:
        """Give scalers their places in the line, and return all scalers in its order; the others begin to wait now."""
        with self._lock:
            for scaler, place in places.items():
                self._change(scaler, place=place)
            claims = (
                rank_claim(name, account.priority, account.place.began_by(now))
                for name, account in self._accounts.items()
            )
            return [name for *_, name in sorted(claims)]

    def book(self, scaler: str, containers: int, now: float) -> None:
        """Turn what was granted into the containers that a launch started, or may yet; the scaler goes to the end.

        Even if that is nothing: one whose launches fail must not keep the others from theirs.
        """
        with self._lock:
            if account := self._accounts.get(scaler):
                held = None if account.held is None else account.held + containers
                wanted = account.place.wanted
                self._change(scaler, held=held, place=Place(now if wanted else None, wanted=wanted))

    def _place_of(self, scaler: str) -> Place:
        account = self._accounts.get(scaler)
        return NO_PLACE if account is None else account.place

    def _change(self, scaler: str, **changes: int | Place | BudgetUse | None) -> None:
        """Change an account; one that a reload has removed stays so."""
        if account := self._accounts.get(scaler):
            self._accounts[scaler] = replace(account, **changes)  # type: ignore[arg-type]  # each under its own name
            self._rank(scaler, account.taken)

    def _rank(self, scaler: str, taken_before: int) -> None:
        account = self._accounts[scaler]
        taken, place = account.taken, account.place
        self._taken += taken - taken_before
        self._holders.put(scaler, (-taken, 0, scaler) if taken else None)
        since = place.held_since if place.wanted else None
        self._line.put(scaler, None if since is None else rank_claim(scaler, account.priority, since))

    def _divide(self, limit: int, now: float) -> Division | None:
        """Return how the limit is divided now; None: this controller has it alone."""
        if (sharing := self._sharing) is None:
            return None
        share = share_of(limit, sharing.peers.index, sharing.peers.of)
        # A clock that was set back to before the change would have it wait for that long.
        waits = sharing.since <= now < sharing.since + self._slot_length
        return Division(limit, share, sharing.count_beside(self._accounts), waits)

    def _add_up(self, limit: int, division: Division | None) -> BudgetUse:
        named = tuple(self._accounts[name].describe(name) for name in islice(self._holders, HOLDERS_NAMED))
        others = self._taken - sum(each.taken for each in named)
        limit = limit if division is None else division.share
        return BudgetUse(limit, named, len(self._holders) - len(named), others, division)

    def _list_wanted_before(self, scaler: str) -> Iterator[int]:
        """Yield what each wants that goes before a scaler in the line."""
        for name in self._line:
            if name == scaler:
                return
            yield self._accounts[name].place.wanted
