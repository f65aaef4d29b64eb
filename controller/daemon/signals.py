"""Signals in the order they come: none is lost, and none waits for another to be noticed.

Python calls its handlers when the main thread next runs. One that is just about to wait in a queue, or on a lock, goes
on waiting, and a signal that came in that moment is not noticed before the next one comes. So the interpreter writes
each signal's number into a pipe at once, and the main thread reads there.
"""

from __future__ import annotations

import os
import signal

ENDS = frozenset({signal.SIGTERM, signal.SIGINT})
"""The signals that ask the process to end."""


class Signals:
    """The signals that the process was sent since this was made, and what its own threads put among them."""

    def __init__(self) -> None:
        """Catch the signals that the daemon answers from now on; only in the main thread."""
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in (*ENDS, signal.SIGHUP):
            signal.signal(number, _do_nothing)

    def get(self) -> int:
        """Return the number of the next signal; waits for it."""
        return os.read(self._read_end, 1)[0]

    def put(self, number: int) -> None:
        """Put a number, 0 to 255, behind those that are there. May be called from any thread."""
        os.write(self._write_end, bytes([number]))


def _do_nothing(_number: int, _frame: object) -> None:
    """Stand in for the system's own answer to a signal, which would end the process."""
