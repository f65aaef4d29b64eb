"""The finder: scalers come and go with their queues, by the path by which a reload brings them and takes them away.

::

    every minute -> look for the queues -> something has changed?  share -> expand -> scalers that are new are added
                          ^                                                     '---> those of queues that are gone stay
                          '-- a reload that looks for something new                   until nothing of theirs lives
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event, Thread
from typing import Any

import structlog

from controller.aws.session import StoppingError
from controller.clock import Clock
from controller.config import ScalerSpec
from controller.config.expansion import NEVER_FOUND, FoundQueues, expand, make_departing, make_scaler
from controller.core.printable import show
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import Services
from controller.telemetry.found import Found

LOOK_EVERY = 60.0
"""Seconds from one look for queues to the next."""

Share = Callable[[], object]
"""Brings the reconcilers in line with the scalers that there are now; may be called from any thread."""


class Finder:
    """Which scalers a configuration comes to, by the queues that there are."""

    def __init__(self, services: Services, clock: Clock) -> None:
        """Look for nothing yet."""
        self._services = services
        self._clock = clock
        self._blocks: tuple[ScalerSpec, ...] = ()
        """The scalers of the configuration that look for queues."""
        self._departing: frozenset[str] = frozenset()
        """The scalers whose queue is gone, and of which something may live."""
        self._asked = Event()
        self._problems: dict[str, str] = {}
        """What the log has been told, by scaler."""

    def begin(self, share: Share) -> None:
        """Look for queues from now on, in a thread of its own, which waits for ever where none are looked for."""
        Thread(target=self._follow, args=(share,), name="finder", daemon=True).start()

    def choose(self, scalers: Sequence[ScalerSpec], held: Mapping[str, Reconciler]) -> tuple[ScalerSpec, ...]:
        """Return the scalers to run for those of the configuration, as far as their queues are known.

        Of those ``held`` until now, one whose queue is gone is among them until nothing of it lives.
        """
        self._blocks = tuple(scaler for scaler in scalers if scaler.search is not None)
        if not self._blocks:
            self._departing = frozenset()
            return tuple(scalers)
        found = self._services.searches.found
        if any(block.search not in found for block in self._blocks):
            self._asked.set()
        running = expand(scalers, found)
        departing = tuple(self._list_departing({scaler.name for scaler in running}, held))
        self._departing = frozenset(scaler.name for scaler in departing)
        return (*running, *departing)

    def _list_departing(self, running: set[str], held: Mapping[str, Reconciler]) -> Iterator[ScalerSpec]:
        blocks = {block.name: _find(self._services, block) for block in self._blocks}
        for name, reconciler in held.items():
            known = blocks.get(reconciler.spec.found_by or "")
            if known is None or name in running:
                continue
            if known.queues is None:
                yield self._keep(reconciler.spec)
            elif name not in self._departing or not self._has_ended(reconciler):
                yield make_departing(reconciler.spec)

    def _keep(self, scaler: ScalerSpec) -> ScalerSpec:
        """Return a scaler of which nobody knows yet whether its queue is gone, since a reload looks for other queues.

        What else the reload says holds for it at once: who pauses it, or lowers its maximum, does not mean later.
        """
        (block,) = [each for each in self._blocks if each.name == scaler.found_by]
        kept = [make_scaler(block, queue) for queue in scaler.queues]
        return kept[0] if kept else make_departing(scaler)

    def _has_ended(self, reconciler: Reconciler) -> bool:
        """Say whether nothing of a scaler lives, is in doubt or is being launched; then it has retired.

        Not of one that departs only now: what it knows stands on an older listing.
        """
        cluster = self._services.cluster_of(reconciler.spec)
        fleet = cluster.fleet_of(reconciler.spec.name)
        return cluster.is_known and not fleet.live and not fleet.held and reconciler.let_go()

    def _follow(self, share: Share) -> None:
        while not self._clock.is_stopping():
            self._asked.wait(LOOK_EVERY if self._blocks else None)
            self._asked.clear()
            try:
                self.look(share)
            except StoppingError:
                return
            except Exception:  # noqa: BLE001 - a look that breaks must not be the last
                structlog.get_logger().exception("looking for queues broke")

    def look(self, share: Share) -> None:
        """Look once, and share if anything has changed, or something may have ended."""
        blocks = self._blocks
        has_changed = self._services.searches.look({block.search: None for block in blocks if block.search})
        self._tell(blocks)
        if has_changed or self._departing:
            share()

    def _tell(self, blocks: Iterable[ScalerSpec]) -> None:
        """Show how many queues were found, and log once why they were not."""
        before, shown = self._services.metrics.searches.found, dict[str, Found]()
        problems: dict[str, str] = {}
        for block in blocks:
            known = _find(self._services, block)
            if known.problem is not None:
                problems[block.name] = known.problem
                if self._problems.get(block.name) != known.problem:
                    log = structlog.get_logger()
                    log.warning("queues not found", scaler=block.name, error=show(known.problem))
                shown[block.name] = before.get(block.name, Found())
            elif known.queues is not None:
                shown[block.name] = Found(len(known.queues), self._clock.now())
        self._services.metrics.searches.found, self._problems = shown, problems

    def describe(self) -> list[dict[str, Any]]:
        """Return the searches for ``/status``, as plain data; None is unknown."""
        return [_describe(block, _find(self._services, block)) for block in self._blocks]

    def list_unknown(self) -> list[str]:
        """Return what has to be found before all is observed, in words."""
        return [f"the queues of {each['scaler']}" for each in self.describe() if each["queues"] is None]


def _find(services: Services, block: ScalerSpec) -> FoundQueues:
    """Return what is known of the queues that a scaler looks for."""
    return services.searches.found.get(block.search, NEVER_FOUND) if block.search else NEVER_FOUND


def _describe(block: ScalerSpec, known: FoundQueues) -> dict[str, Any]:
    return {
        "scaler": block.name,
        "search": str(block.search),
        "queues": None if known.queues is None else len(known.queues),
        "problem": None if known.problem is None else show(known.problem),
    }
