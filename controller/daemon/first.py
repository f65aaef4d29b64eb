"""The first reading of the configuration: a file is good or the end, and what AWS keeps is waited for.

A controller that ends because its configuration is out of reach, or bad, is started again at once, and for ever. So it
goes on trying, and says on two pages that it lives and why it is not ready. One that shares its work says after a while
that it is of no use: to the others it runs, and they leave it its part.
"""

from __future__ import annotations

import signal
from concurrent.futures import Future
from itertools import chain, repeat
from threading import Event, Thread

import structlog

from controller.clock import Clock
from controller.config import ConfigError, LogSpec, ServerSpec
from controller.config.kept import Kept
from controller.config.pins import Pins
from controller.core.words import format_span
from controller.daemon import web
from controller.daemon.contact import REACHED_WITHIN
from controller.daemon.reload import KeptConfiguration
from controller.daemon.signals import ENDS, Signals
from controller.telemetry import log

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between two tries; the last one repeats."""
LOG = LogSpec("info", "auto")
"""The log as long as no configuration says otherwise."""
_READ = 0
"""Stands among the signals for a configuration that was read; no signal has this number."""


class FirstReading:
    """Reads a configuration until there is a good one, or somebody asks for the end."""

    def __init__(self, kept: Kept, pins: Pins, listen: ServerSpec, clock: Clock, *, shares: bool) -> None:
        """Take where it is kept, what it has to agree with, and where the two pages are served meanwhile.

        ``shares`` says whether others stand by to take over what it does not do.
        """
        self._kept = kept
        self._pins = pins
        self._listen = listen
        self._clock = clock
        self._shares = shares
        self._began = clock.elapsed()
        self._hurry = Event()
        self._reason = ""
        self._server: web.WebServer | None = None

    def read(self, signals: Signals) -> KeptConfiguration | None:
        """Return the configuration; None if the process is to end before it could be read.

        In a thread, since a pipe that nobody writes to, or a mount that hangs, lets it wait for ever. Raises
        ConfigError for a file, and CannotListenError.
        """
        reading: Future[KeptConfiguration] = Future()
        Thread(target=self._read, args=[reading, signals], name="configuration", daemon=True).start()
        asked_to_reload = False
        while (caught := signals.get()) != _READ:
            if caught in ENDS:
                return None
            asked_to_reload = True
            self._hurry.set()
        if asked_to_reload:  # It may have changed after it was read.
            signals.put(signal.SIGHUP)
        return reading.result()

    def _read(self, reading: Future[KeptConfiguration], signals: Signals) -> None:
        try:
            reading.set_result(self._read_until_good())
        except Exception as error:  # noqa: BLE001 - whatever it is, the main thread waits to be told
            reading.set_exception(error)
        finally:
            if self._server is not None:
                self._server.stop()
        signals.put(_READ)

    def _read_until_good(self) -> KeptConfiguration:
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return KeptConfiguration(self._kept, self._clock.now, self._pins)
            except ConfigError as error:
                if not self._kept.is_remote:
                    raise
                self._tell(error)
            self._hurry.wait(pause)
            self._hurry.clear()
            self._kept.renew()
        raise AssertionError("the pauses have no end")

    def _tell(self, error: ConfigError) -> None:
        """Say what is in the way, in the log and on the pages, which are there from the first failure on."""
        problems = str(error).splitlines()
        self._reason = f"no configuration yet: {'; '.join(problems)}"
        if self._server is None:
            log.configure(LOG)
            bound = web.bind(self._listen, "--listen")
            self._server = web.WebServer(web.build_waiting_application(self._find_cut_off, lambda: self._reason), bound)
            self._server.start()
        structlog.get_logger().error("no configuration yet, trying again", problems=problems)

    def _find_cut_off(self) -> str | None:
        waited = self._clock.elapsed() - self._began
        return f"no configuration for {format_span(waited)}" if self._shares and waited > REACHED_WITHIN else None
