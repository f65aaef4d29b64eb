"""Windows: wakes scalers whose schedule changes their settings, at the moment at which it does.

A poll would find that out by itself, since the settings in force follow from the time alone. But the next poll may be
an hour away, and its rhythm may be what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.core.decision.timetable import find_edge
from controller.scaling.reconcile import Reconciler

LOOK_EVERY = 60.0
"""Seconds after which it looks in any case: whatever was missed, such as an edge that a reload has just added."""


class Windows:
    """The scalers with a schedule."""

    def __init__(self, reconcilers: Callable[[], Mapping[str, Reconciler]], wake: Callable[[Reconciler], None]) -> None:
        """Look at those that ``reconcilers`` returns; ``wake`` polls one at once, and then in its rhythm of now."""
        self._reconcilers = reconcilers
        self._wake = wake

    def find_next(self, now: float) -> float:
        """Return when to look next, seconds since the epoch: as soon as a window opens or closes.

        Whether that changes anything is seen then: to find the next time at which something does can take long.
        """
        scheduled = (each.spec.schedule for each in self._reconcilers().values() if each.spec.schedule)
        edges = (find_edge(schedule, now) for schedule in scheduled)
        return min([now + LOOK_EVERY, *(edge for edge in edges if edge is not None)])

    def look(self) -> None:
        """Show the settings in force, and wake the scalers that have decided by others."""
        for reconciler in self._reconcilers().values():
            if reconciler.spec.schedule:
                reconciler.in_force.show()
                if reconciler.in_force.has_changed:
                    self._wake(reconciler)
