"""Reconciles and launches run to their end in one go, as tests ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from controller.scaling.line import Pause
from controller.scaling.reconcile import Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from controller.core.decision.model import QueueCounts
    from controller.scaling.reconcile import Wait

Result = TypeVar("Result")


def run_through(steps: Generator[Wait, None, Result], pause: Callable[[float], object]) -> Result:
    """Run something to its end: looks at a cluster are taken here and now, and time passes by ``pause``."""
    while True:
        try:
            wait = next(steps)
        except StopIteration as end:
            return end.value
        if isinstance(wait, Pause):
            pause(wait.seconds)
        else:
            wait.take()


class Whole(Reconciler):
    """A reconciler that waits for nothing: its queue is read, as before each poll, and it is run to its end."""

    def reconcile(self, reading: QueueCounts | Exception | None = None) -> float | None:  # type: ignore[override]
        """Reconcile once, and return when to look again."""
        reading = self._read() if reading is None and not self.waits else reading
        return run_through(super().reconcile(reading), self._services.clock.pause)

    def _read(self) -> QueueCounts | Exception:
        try:
            return self._target.aim.queue.read_counts()
        except Exception as error:  # noqa: BLE001 - whatever it is, the reconcile tells it
            return error
