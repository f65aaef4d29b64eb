"""Reloads in a thread of their own, so that a file that cannot be read now, or is long, holds nothing else."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread, current_thread

import structlog

from controller.clock import Clock

READ_WITHIN = 10.0
"""Seconds after which a reload that has not ended is reported: its file is on a mount that hangs, or a pipe."""


class Reloader:
    """Reloads when asked to; whatever is asked for while a reload is under way is one more reload."""

    def __init__(self, begin: Callable[[], None], reload: Callable[[], None], look: Callable[[], None], clock: Clock):
        """Take what begins, what takes the file as it is, and what takes it if it has changed. Nothing runs yet."""
        self._begin = begin
        self._reload = reload
        self._look = look
        self._clock = clock
        self._asked = Event()
        self._wants_reload = False
        self._reading_since: float | None = None
        self._is_reported = False
        self._thread = Thread(target=self._work, name="configuration", daemon=True)

    def start(self) -> None:
        """Begin, and then wait for requests."""
        self._thread.start()

    def ask(self) -> None:
        """Ask for a reload.

        If one was reported late, another thread makes this one: what that one reads may never come, as out of a pipe
        that is gone by now.
        """
        self._wants_reload = True
        if self._is_reported:
            self._is_reported, self._reading_since = False, None
            self._thread = Thread(target=self._read_on, name="configuration", daemon=True)
            self._thread.start()
        self._asked.set()

    def look(self) -> None:
        """Ask for a look at the file."""
        self._asked.set()

    def find_late(self) -> float | None:
        """Return for how many seconds a reload has not ended, once for each that is late; None: none is."""
        since = self._reading_since
        if since is None or self._is_reported or self._clock.elapsed() - since < READ_WITHIN:
            return None
        self._is_reported = True
        return self._clock.elapsed() - since

    def _work(self) -> None:
        self._begin()
        self._read_on()

    def _read_on(self) -> None:
        while self._thread is current_thread():
            self._asked.wait()
            self._asked.clear()
            if self._clock.is_stopping():
                return
            wants_reload, self._wants_reload = self._wants_reload, False
            self._is_reported, self._reading_since = False, self._clock.elapsed()
            try:
                (self._reload if wants_reload else self._look)()
            except Exception:  # noqa: BLE001 - a reload that breaks must not be the last
                structlog.get_logger().exception("reload broke")
            if self._thread is current_thread():
                self._reading_since = None
