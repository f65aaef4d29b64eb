"""Reloads one after the other, in a thread that nothing ends."""

from __future__ import annotations

from threading import Event
from threading import enumerate as list_threads

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


def test_no_reload_is_begun_while_the_process_stops() -> None:
    """What was asked for before is not begun any more: it would take the processor from what has to end."""
    stopping, began = Event(), Event()

    def reload() -> None:
        began.set()
        stopping.wait(SOON)
        reloads.append("reload")

    reloads: list[str] = []
    before = set(list_threads())
    reloader = Reloader(nothing, reload, nothing, ManualClock(0.0).handed_in(stopping))
    reloader.start()
    [thread] = set(list_threads()) - before
    reloader.ask()
    assert began.wait(SOON)
    reloader.ask()
    stopping.set()
    thread.join(SOON)
    assert ["reload"] == reloads
    assert not thread.is_alive()
