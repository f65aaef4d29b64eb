"""The process that the daemon is: from its first signal to its exit."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Thread

import structlog

from controller.clock import Clock, machine_clock
from controller.daemon.app import Controller
from controller.daemon.reload import ConfigurationFile, report_warnings
from controller.daemon.shard import Wanted
from controller.daemon.signals import ENDS, Signals
from controller.scaling.services import VERSION
from controller.telemetry import log

STOP_SWITCHES = 0.0005
"""Seconds after which a busy thread gives way to others while the process stops. With Python's 0.005 the main thread
waits ten times as long between any two of its steps while scalers are reloaded and polled."""
_LOADED = 0
"""Stands among the signals for a configuration that was read; no signal has this number."""


def run(path: Path, signals: Signals, shard: Wanted, *, dry_run: bool, watch: bool) -> None:
    """Run the daemon until ``signals`` has SIGTERM or SIGINT. Raises ConfigError and web.CannotListenError.

    The main thread waits for signals and does nothing else, so that whatever may last delays none of them. It then ends
    the process at once: Python would first wait for a call that hangs, though what it does is decided by then, and then
    take itself apart under a thread that still reads a file.
    """
    stopping = Event()
    clock = machine_clock(stopping)
    configuration = _load(path, clock, signals)
    if configuration is None:
        os._exit(0)
    log.configure(configuration.spec.log)
    controller = Controller(configuration, clock, shard, dry_run=dry_run)
    events = structlog.get_logger()
    host, port = controller.address
    events.info("started", version=VERSION, name=configuration.spec.name, host=host, port=port, dry_run=dry_run)
    report_warnings(configuration)
    controller.start(watch=watch)
    while (caught := signals.get()) not in ENDS:
        controller.reload()
    # First of all: whatever else takes the processor then ends, and the rest of this does not wait for it.
    stopping.set()
    sys.setswitchinterval(STOP_SWITCHES)
    events.info("stopping", signal=signal.Signals(caught).name)
    finished = controller.stop()
    events.info("stopped", finished=finished)
    log.finish()
    os._exit(0)


def _load(path: Path, clock: Clock, signals: Signals) -> ConfigurationFile | None:
    """Load the configuration; None if the process is to end before it could be read. Raises ConfigError.

    In a thread, since a pipe that nobody writes to, or a mount that hangs, lets it wait for ever.
    """
    loading: Future[ConfigurationFile] = Future()

    def read() -> None:
        try:
            loading.set_result(ConfigurationFile(path, clock.now))
        except Exception as error:  # noqa: BLE001 - whatever it is, the main thread waits to be told
            loading.set_exception(error)
        signals.put(_LOADED)

    Thread(target=read, name="configuration", daemon=True).start()
    asked_to_reload = False
    while (caught := signals.get()) != _LOADED:
        if caught in ENDS:
            return None
        asked_to_reload = True
    if asked_to_reload:  # The file may have changed after it was read.
        signals.put(signal.SIGHUP)
    return loading.result()
