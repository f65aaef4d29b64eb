"""The budget's account: what every scaler has and wants, shared by the threads that reconcile them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

from controller.config import ScalerSpec
from controller.core.budget import Claim, granted


@dataclass(frozen=True, slots=True)
class _Account:
    """One scaler's."""

    priority: int
    held: int
    """Containers that live or are in doubt; before the first report as many as there may be, for unknown is not 0."""
    reserved: int = 0
    """Granted since the last report: they may live by now."""
    claim: Claim | None = None


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
                    self._accounts.get(scaler.name, _Account(0, scaler.policy.max_containers)), priority=scaler.priority
                )
                for scaler in scalers
            }

    def report(self, scaler: str, held: int) -> None:
        """Take down what a scaler has; it wants nothing more until it asks."""
        with self._lock:
            if (account := self._accounts.get(scaler)) is not None:
                self._accounts[scaler] = replace(account, held=held, reserved=0)

    def content(self, scaler: str) -> None:
        """Drop a scaler's claim: it wants nothing."""
        with self._lock:
            if (account := self._accounts.get(scaler)) is not None:
                self._accounts[scaler] = replace(account, claim=None)

    def grant(self, scaler: str, wanted: int, now: float) -> int:
        """Return what of ``wanted`` containers may be launched, and reserve it."""
        with self._lock:
            account = self._accounts.get(scaler)
            if self._limit is None or account is None:
                return wanted
            since = now if account.claim is None else account.claim.held_since
            self._accounts[scaler] = replace(account, claim=Claim(account.priority, wanted, since))
            share = granted(self._room(self._limit), self._claims(), scaler, now)
            # Whoever was granted something goes to the end of the line with the rest.
            rest = Claim(account.priority, wanted - share, now if share else since) if share < wanted else None
            self._accounts[scaler] = replace(account, reserved=share, claim=rest)
            return share

    def _room(self, limit: int) -> int:
        return limit - sum(account.held + account.reserved for account in self._accounts.values())

    def _claims(self) -> dict[str, Claim]:
        return {name: account.claim for name, account in self._accounts.items() if account.claim is not None}
