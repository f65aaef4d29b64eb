"""Code that runs in a thread of its own, but only when it is told to, from one seam to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any


class Crash(BaseException):
    """The process ends here; nothing that it runs may catch this."""


@dataclass(frozen=True, slots=True)
class Seam:
    """Where code waits: about to call what is behind a seam, or for its answer."""

    name: str
    wakes_at: float = 0.0
    """When a pause is over, true time."""


class Stepped:
    """Runs ``work`` again and again, each time up to the next seam that it meets.

    The baton is passed to and fro: either the thread runs or whoever drives it, never both. So what happens depends on
    nothing but the order in which the driver lets its threads go on.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._go, self._back = Lock(), Lock()
        self._go.acquire()
        self._back.acquire()
        self._crashes = False
        self._broke: BaseException | None = None
        self.seam: Seam | None = None
        """None: idle."""
        self.result: Any = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Let the thread run up to its next seam, or to the end of its work. Raises what broke in it."""
        self._go.release()
        self._back.acquire()
        if self._broke is not None:
            raise self._broke

    def crash(self) -> None:
        """End the thread where it is."""
        self._crashes = True
        self._go.release()
        self._thread.join()

    def wait(self, seam: Seam) -> None:
        """Give the baton back, from within the thread. Raises Crash if the process ends here."""
        self.seam = seam
        self._back.release()
        self._go.acquire()
        if self._crashes:
            raise Crash
        self.seam = None

    def _run(self) -> None:
        while True:
            self._go.acquire()
            if self._crashes:
                return
            try:
                self.result = self._work()
            except Crash:
                return
            except BaseException as error:  # noqa: BLE001 - raised again by the driver
                self._broke = error
            self.seam = None
            self._back.release()
