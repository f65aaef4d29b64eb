"""The daemon as a process: its first configuration, its signals, its end."""

from __future__ import annotations

import gc
import os
import signal
import sys
from dataclasses import dataclass
from threading import Event

import structlog

from controller.clock import machine_clock
from controller.config import ServerSpec
from controller.config.kept import Kept
from controller.config.pins import Pins
from controller.daemon.app import Controller
from controller.daemon.first import FirstReading
from controller.daemon.reload import report_warnings
from controller.daemon.shard import Wanted
from controller.daemon.signals import ENDS, Signals
from controller.scaling.services import VERSION
from controller.telemetry import log

SWITCHES = 0.0005
"""Seconds after which a busy thread gives way to others. Polls are many short steps. With Python's own 0.005 each of
them may wait ten times as long while a page of ten thousand scalers is made, or while they are reloaded."""

GARBAGE = (5_000, 20, 20)
"""Thresholds of Python's collector of cycles. What a tick of many polls makes is gone by itself a moment later; with
Python's own 700 the collector goes through it and, again and again, through the records of all scalers."""

BAD_NEWEST = "the newest configuration is bad, an earlier version runs: mend it"
"""The event of a start on an earlier version."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a daemon runs, besides what its configuration says."""

    dry_run: bool
    """Whether it writes nothing, and says what it would have done."""
    watch: bool
    """Whether it takes a configuration that has changed, without being asked."""
    alive: bool
    """Whether it says every minute that it runs."""
    listen: ServerSpec
    """Where it is served until there is a configuration that says it."""
    pins: Pins
    """What its configuration has to agree with."""
    shard: Wanted
    """With whom it shares the scalers; None: with nobody."""


def run(kept: Kept, signals: Signals, options: RunOptions) -> None:
    """Run the daemon until ``signals`` has SIGTERM or SIGINT. Raises ConfigError and web.CannotListenError.

    The main thread waits for signals and does nothing else, so that whatever may last delays none of them. It then ends
    the process at once: Python would first wait for a call that hangs, though what it does is decided by then, and then
    take itself apart under a thread that still reads a file.
    """
    gc.set_threshold(*GARBAGE)
    sys.setswitchinterval(SWITCHES)
    stopping = Event()
    clock = machine_clock(stopping)
    first = FirstReading(kept, options.pins, options.listen, clock, shares=options.shard is not None)
    configuration = first.read(signals)
    if configuration is None:
        log.finish()
        os._exit(0)
    log.configure(configuration.spec.log)
    controller = Controller(configuration, clock, options.shard, dry_run=options.dry_run)
    events = structlog.get_logger()
    host, port = controller.address
    name = configuration.spec.name
    events.info("started", version=VERSION, name=name, host=host, port=port, dry_run=options.dry_run)
    if configuration.earlier is not None:
        problems = (configuration.report.error or "").splitlines()
        events.error(BAD_NEWEST, version=configuration.earlier, problems=problems)
    report_warnings(configuration)
    controller.start(watch=options.watch, alive=options.alive)
    while (caught := signals.get()) not in ENDS:
        controller.reload()
    # First of all: whatever else takes the processor then ends.
    stopping.set()
    events.info("stopping", signal=signal.Signals(caught).name)
    finished = controller.stop()
    events.info("stopped", finished=finished)
    log.finish()
    os._exit(0)
