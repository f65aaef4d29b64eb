"""Reloads one after the other, in a thread that nothing ends."""

from __future__ import annotations

from threading import Event

from controller.daemon.reloader import Reloader
from tests.support.clock import ManualClock

SOON = 15.0
"""Seconds within which a thread has done what it was asked for: a bound, not an expectation."""


class Files:
    """What a reloader calls: it breaks as often as it was told to."""

    def __init__(self, breaks: int) -> None:
        self.left = breaks
        self.asked = Event()
        self.reloaded = Event()

    def reload(self) -> None:
        """Break, or reload."""
        self.left -= 1
        self.asked.set()
        if self.left >= 0:
            raise RecursionError
        self.reloaded.set()


def nothing() -> None:
    """Do nothing."""


def test_a_reload_that_breaks_is_not_the_last() -> None:
    """By a fault of ours the next request would be lost, and nobody told."""
    files = Files(breaks=1)
    reloader = Reloader(nothing, files.reload, nothing, ManualClock(0.0).handed_in())
    reloader.start()
    reloader.ask()
    assert files.asked.wait(SOON)
    reloader.ask()
    assert files.reloaded.wait(SOON)
