"""The daemon: wiring, signals, reload and shutdown."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import structlog

from controller.clock import Clock, machine_clock
from controller.config import ConfigError, ScalerSpec
from controller.daemon import web
from controller.daemon.reload import ConfigurationFile
from controller.daemon.schedule import Schedule
from controller.daemon.status import Running
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import VERSION, connect
from controller.telemetry import log

WATCH_EVERY = 1.0
"""Seconds between two looks at the configuration file."""
STOP_WITHIN = 15.0
"""Seconds that reconciles under way get to finish; an exit within 20 is promised."""


class Controller:
    """Every scaler of a configuration, polled and served."""

    def __init__(self, configuration: ConfigurationFile, stopping: Event, clock: Clock, *, dry_run: bool) -> None:
        """Bind the port and wire everything; ``stopping`` ends the clock's pauses. Raises web.CannotListenError."""
        spec = configuration.spec
        self._configuration = configuration
        self._stopping = stopping
        self._clock = clock
        self._running = Running(VERSION, clock.now(), dry_run, configuration)
        self._services = connect(spec, clock, dry_run=dry_run)
        self._schedule = Schedule(clock)
        self._reconcilers: dict[str, Reconciler] = {}
        bound = web.bind(spec.server)
        self.address = bound.getsockname()[:2]
        pages = web.build_application(
            self._services.metrics.registry, lambda: self._schedule.ticks, self._find_not_observed, self._status
        )
        self._server = web.WebServer(pages, bound)

    def start(self) -> None:
        """Begin to serve and to poll."""
        self._services.metrics.note_reload(self._configuration.report.at)
        self._schedule.start()
        self._swap(self._configuration.spec.scalers)
        # After the scalers are there: without one, everything there is would have been observed.
        self._server.start()

    def reload(self) -> None:
        """Take the configuration file as it is now, or keep what is in force; nothing that runs is touched."""
        metrics, events = self._services.metrics, structlog.get_logger()
        try:
            self._configuration.reload()
        except ConfigError as error:
            metrics.config_reloads.labels("failure").inc()
            metrics.config_last_reload_successful.set(0)
            events.error("configuration not taken, the last good one stays", problems=str(error).splitlines())
            return
        log.configure(self._configuration.spec.log)
        self._swap(self._configuration.spec.scalers)
        metrics.config_reloads.labels("success").inc()
        metrics.note_reload(self._configuration.report.at)
        _warn(self._configuration)
        events.info("configuration taken", hash=self._configuration.hash, scalers=len(self._reconcilers))

    def stop(self) -> bool:
        """Let the call in flight finish and send no further one; False if something did not end in time."""
        self._stopping.set()
        finishing = Thread(target=self._schedule.stop, daemon=True)
        finishing.start()
        finishing.join(STOP_WITHIN)
        self._server.stop()
        return not finishing.is_alive()

    def reload_if_changed(self) -> None:
        """Reload when the file's content has changed."""
        if self._configuration.has_changed():
            self.reload()

    def _add(self, scaler: ScalerSpec) -> None:
        self._reconcilers[scaler.name] = Reconciler(scaler, self._services)
        self._schedule.add(self._reconcilers[scaler.name])

    def _swap(self, scalers: tuple[ScalerSpec, ...]) -> None:
        """Bring the reconcilers in line: those that stay keep their state, those that are gone are forgotten."""
        self._services.budget.configure(self._configuration.spec.budget, scalers)
        reconcilers = dict(self._reconcilers)
        for name in reconcilers.keys() - {scaler.name for scaler in scalers}:
            self._schedule.remove(name)
            reconcilers.pop(name).retire()
        self._reconcilers = reconcilers
        for scaler in scalers:
            if scaler.name not in reconcilers:
                self._add(scaler)
            elif scaler != reconcilers[scaler.name].spec:
                before = reconcilers[scaler.name].spec.policy.poll_interval
                reconcilers[scaler.name].configure(scaler)
                if scaler.policy.poll_interval != before:
                    self._schedule.change(reconcilers[scaler.name])

    def _in_order(self) -> list[Reconciler]:
        """Return the reconcilers in the configuration's order."""
        return sorted(self._reconcilers.values(), key=lambda reconciler: reconciler.spec.index)

    def _find_not_observed(self) -> list[str]:
        return [reconciler.spec.name for reconciler in self._in_order() if not reconciler.observed]

    def _status(self) -> dict[str, Any]:
        return self._running.status(self._in_order(), self._clock.now())


def run(path: Path, *, dry_run: bool, watch: bool) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigError and web.CannotListenError."""
    stopping = Event()
    clock = machine_clock(stopping)
    configuration = ConfigurationFile(path, clock.now)
    log.configure(configuration.spec.log)
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda caught, _frame: signals.put(caught))
    controller = Controller(configuration, stopping, clock, dry_run=dry_run)
    events = structlog.get_logger()
    host, port = controller.address
    events.info("started", version=VERSION, name=configuration.spec.name, host=host, port=port, dry_run=dry_run)
    _warn(configuration)
    controller.start()
    while (caught := _wait_for_signal(signals, WATCH_EVERY if watch else None)) not in {signal.SIGTERM, signal.SIGINT}:
        if caught == signal.SIGHUP:
            controller.reload()
        else:
            controller.reload_if_changed()
    events.info("stopping", signal=signal.Signals(caught).name)
    finished = controller.stop()
    events.info("stopped", finished=finished)
    if not finished:
        # A call that hangs holds its thread, and the interpreter would wait for it: what it does is decided by now.
        sys.stderr.flush()
        os._exit(0)


def _wait_for_signal(signals: SimpleQueue[int], timeout: float | None) -> int | None:
    """Return the next signal, or None when none came in time."""
    try:
        return signals.get(timeout=timeout)
    except Empty:
        return None


def _warn(configuration: ConfigurationFile) -> None:
    for warning in configuration.warnings:
        structlog.get_logger().warning("configuration", warning=str(warning))
