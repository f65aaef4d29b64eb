"""The budget's accounts: how much every scaler has and wants, shared by the threads that reconcile them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from controller.config import ScalerSpec
from controller.core.decision.budget import Claim, Place, grant_share, rank_claims


@dataclass(frozen=True, slots=True)
class _Account:
    """The account of one scaler."""

    priority: int
    most: int
    """Its max_containers. It counts for as many until it is known how many it has: unknown is not 0."""
    held: int | None = None
    """Containers that live or are in doubt; None before the first report."""
    reserved: int = 0
    """Granted to the decision under way, or to one that waits for its slot."""
    wanted: int = 0
    """Containers that it wants beyond those."""
    held_since: float | None = None
    """Its place in the line: since when it has waited for a launch; None: it wants nothing."""

    @property
    def taken(self) -> int:
        """Containers of the budget that it takes up."""
        return (self.most if self.held is None else self.held) + self.reserved


class SharedBudget:
    """Grants launches so that all scalers together stay within the budget, as far as this controller knows."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._limit: int | None = None
        self._accounts: dict[str, _Account] = {}

    def configure(self, limit: int | None, scalers: Iterable[ScalerSpec]) -> None:
        """Take a configuration; None is no limit. What is known of a scaler that stays is kept."""
        with self._lock:
            self._limit = limit
            self._accounts = {
                scaler.name: replace(
                    self._accounts.get(scaler.name, _Account(0, 0)),
                    priority=scaler.priority,
                    most=scaler.policy.max_containers,
                )
                for scaler in scalers
            }

    def report(self, scaler: str, held: int) -> None:
        """Take down how many containers a scaler has, those in doubt included."""
        with self._lock:
            self._change(scaler, held=held)

    def grant(self, scaler: str, wanted: int | None, now: float) -> int:
        """Return the part of ``wanted`` containers that may be launched, and reserve it.

        The scaler keeps its place in the line until it has launched: it may have to wait for its slot. With 0 it wants
        nothing, and leaves the line. With None it could not observe: it is granted nothing, and keeps its place. A
        scaler that a reload has just removed is granted nothing.
        """
        with self._lock:
            if not wanted:
                self._change(scaler, reserved=0, wanted=0)
                if wanted == 0:
                    self._change(scaler, held_since=None)
                return 0
            if self._limit is None:
                return wanted
            if (account := self._accounts.get(scaler)) is None:
                return 0
            since = now if account.held_since is None else account.held_since
            self._change(scaler, reserved=0, wanted=wanted, held_since=since)
            room = self._limit - sum(each.taken for each in self._accounts.values())
            share = grant_share(room, self._list_claims(), scaler, now)
            self._change(scaler, reserved=share, wanted=wanted - share)
            return share

    def place_of(self, scaler: str) -> Place:
        """Return a scaler's place in the line; one that a reload has removed has none."""
        with self._lock:
            account = self._accounts.get(scaler, _Account(0, 0))
            return Place(account.held_since, account.reserved, account.wanted)

    def line_up(self, places: Mapping[str, Place], now: float) -> list[str]:
        """Give scalers their places in the line, and return all scalers in its order; the others begin to wait now."""
        with self._lock:
            for scaler, place in places.items():
                self._change(scaler, held_since=place.held_since, reserved=place.reserved, wanted=place.wanted)
            claims = {
                name: Claim(account.priority, 0, now if account.held_since is None else account.held_since)
                for name, account in self._accounts.items()
            }
        return rank_claims(claims, now)

    def book(self, scaler: str, containers: int, now: float) -> None:
        """Turn what was granted into the containers that a launch started, or may yet; the scaler goes to the end.

        Even if that is nothing: one whose launches fail must not keep the others from theirs.
        """
        with self._lock:
            if account := self._accounts.get(scaler):
                held = None if account.held is None else account.held + containers
                self._change(scaler, held=held, reserved=0, held_since=now if account.wanted else None)

    def _change(self, scaler: str, **changes: int | float | None) -> None:
        """Change an account; one that a reload has removed stays so."""
        if account := self._accounts.get(scaler):
            self._accounts[scaler] = replace(account, **changes)  # type: ignore[arg-type]  # each under its own name

    def _list_claims(self) -> dict[str, Claim]:
        return {
            name: Claim(account.priority, account.wanted, account.held_since)
            for name, account in self._accounts.items()
            if account.held_since is not None
        }
