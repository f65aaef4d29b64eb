"""Shard: this controller's part of the work, where several share it without a store.

::

    ECS, every 10 s -> peers -> whose is a scaler? -> mine: poll it, as after a restart
         |                                        '-> another's: let it go, once nothing of it is in doubt
         '-- a look that fails keeps the peers that are known

Two that disagree for a while both poll a scaler, or neither does. A launch stays single, by its slot and its token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from threading import Thread
from typing import Any

import structlog

from controller.aws.errors import AwsError
from controller.aws.session import StoppingError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.core.copies.packing import MAX_TASKS_PER_CALL
from controller.core.decision.rate import Rate
from controller.core.printable import show
from controller.core.sharding import LookedUp, Peers
from controller.daemon.contact import Contact
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import Services

LOOK_EVERY = 10.0
"""Seconds from one look for peers to the next."""
ALWAYS = float("-inf")
"""Since when peers are the same that never change."""
_BEGINS_ANEW = (
    "those taken over begin as after a restart: level, cooldowns, measured starts and places in the budget's line are "
    "learned anew"
)

Wanted = Peers | LookedUp | None
"""With whom to share: with those given by number, with those that are looked up, or with nobody."""
Share = Callable[[], object]
"""Brings the reconcilers in line with what is this controller's now; may be called from any thread."""


class Shard:
    """Which scalers are this controller's, as far as it knows its peers."""

    def __init__(self, wanted: Peers | LookedUp, services: Services, rate: Rate, clock: Clock) -> None:
        """Look for nobody yet; ``rate`` is how fast all controllers together may start tasks."""
        self.contact = Contact(clock)
        self.peers = wanted if isinstance(wanted, Peers) else None
        """None: they are not known yet, and nothing is this controller's."""
        self._look = services.look_for_peers(wanted.metadata_uri) if isinstance(wanted, LookedUp) else None
        self._services = services
        self._rate = rate
        self._clock = clock
        self._since = ALWAYS
        self._problem: str | None = None
        self._kept: frozenset[str] = frozenset()
        """Scalers of others that are let go of once nothing of them is in doubt."""
        services.metrics.watch_requests(self.contact.note_request)

    def begin(self, share: Share) -> None:
        """Look for the peers, if they are to be looked for: now, and again and again in a thread of its own."""
        if self._look is not None:
            self.look()
            Thread(target=self._follow, args=(share,), name="peers", daemon=True).start()

    def look(self) -> bool:
        """Look for the peers once, and say whether others are known than before."""
        try:
            peers = self._look.look() if self._look else self.peers
        except StoppingError:
            return False
        except AwsError as error:
            self._note_problem(show(str(error)))
            return False
        self._note_problem(None)
        if peers == self.peers:
            return False
        # In this order: whoever sees other peers also sees since when.
        self._since = self._clock.now()
        self.peers = peers
        return True

    def _follow(self, share: Share) -> None:
        due = self._clock.elapsed() + LOOK_EVERY
        while not self._clock.pause(max(0.0, due - self._clock.elapsed())):
            due = self._clock.elapsed() + LOOK_EVERY
            try:
                if self.look() or self._kept:
                    share()
            except Exception:  # noqa: BLE001 - a look that breaks must not be the last
                structlog.get_logger().exception("looking for other controllers broke")

    def _note_problem(self, problem: str | None) -> None:
        """Keep why the last look failed, and log it once."""
        if problem is not None and problem != self._problem:
            kept = "nothing is polled until they are found" if self.peers is None else "those known stay"
            structlog.get_logger().warning("other controllers not found", error=problem, text=kept)
        self._problem = problem

    def choose(self, scalers: Sequence[ScalerSpec], held: Mapping[str, Reconciler]) -> tuple[ScalerSpec, ...]:
        """Return the scalers to look after; of those ``held`` until now, whatever is not kept is let go.

        The rates and the budget that all controllers share are divided accordingly.
        """
        if (peers := self.peers) is None:
            return ()
        self._services.lines.configure(self._rate.divide(max(1, peers.of), least=MAX_TASKS_PER_CALL))
        self._services.budget.share(peers, self._services.clusters.count_beside, self._since)
        others = [scaler.name for scaler in scalers if not peers.owns(scaler.name)]
        self._kept = frozenset(name for name in others if name in held and not held[name].let_go())
        given_up = frozenset(others) - self._kept
        return tuple(scaler for scaler in scalers if scaler.name not in given_up)

    def report(self, before: Collection[str], after: Collection[str]) -> None:
        """Log what has changed hands."""
        taken, left = len(set(after) - set(before)), len(set(before) - set(after))
        if self.peers is not None and (taken or left):
            told = self.describe(len(after)) | {"taken_over": taken, "given_up": left}
            del told["problem"]
            structlog.get_logger().info("scalers shared", **told, text=_BEGINS_ANEW if taken else None)

    def describe(self, owned: int) -> dict[str, Any]:
        """Return the shard for ``/status``: which controller of how many this is, and how many scalers it has.

        None is unknown; without an index it is not one of the live ones.
        """
        peers = self.peers
        return {
            "index": peers.index if peers else None,
            "of": peers.of if peers else None,
            "owned": owned,
            "kept": len(self._kept),
            "problem": self._problem,
        }

    def find_cut_off(self, reconcilers: Iterable[Reconciler]) -> str | None:
        """Return what it has not reached for too long, as a sentence; None: it has reached all."""
        polls = (reconciler.policy.poll_interval for reconciler in reconcilers)
        return self.contact.find_cut_off(LOOK_EVERY if self._look else min(polls, default=None))
