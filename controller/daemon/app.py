"""The daemon: wiring, signals, reload and shutdown."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from importlib.metadata import version
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import time
from typing import Any

import structlog

from controller.aws.definitions import Definitions
from controller.aws.pace import Pacer
from controller.aws.queue import Queue
from controller.aws.session import REQUEST_OUTCOMES, Clients
from controller.aws.tasks import Tasks, run_task
from controller.clock import machine_clock
from controller.config import ConfigError, ControllerSpec, ScalerSpec
from controller.daemon import status, web
from controller.daemon.reload import Configuration
from controller.daemon.schedule import Schedule
from controller.scaling.budget import SharedBudget
from controller.scaling.fleet import Clusters
from controller.scaling.launch import Launcher
from controller.scaling.reconcile import Reconciler, Services
from controller.telemetry import log
from controller.telemetry.metrics import Metrics

VERSION = version("ecs-queue-controller")
OPERATIONS = (
    ("sqs", "GetQueueUrl"),
    ("sqs", "GetQueueAttributes"),
    ("ecs", "ListTasks"),
    ("ecs", "DescribeTasks"),
    ("ecs", "DescribeTaskDefinition"),
    ("ecs", "ListTaskDefinitions"),
    ("ecs", "RegisterTaskDefinition"),
    ("ecs", "RunTask"),
)
"""All that AWS is ever asked for."""
WATCH_EVERY = 1.0
"""Seconds between two looks at the configuration file."""
STOP_WITHIN = 15.0
"""Seconds that reconciles under way get to finish; an exit within 20 is promised."""


def connect(spec: ControllerSpec, stopping: Event, *, dry_run: bool) -> Services:
    """Return what the reconciles of a controller share. Asks AWS nothing yet."""
    clock = machine_clock(stopping)
    metrics = Metrics(VERSION, OPERATIONS, REQUEST_OUTCOMES)
    clients = Clients(spec.aws, spec.name, metrics.observe_request, clock.elapsed, stopping)
    pacer = Pacer(spec.aws.launch_rate, clock)
    run = partial(run_task, clients)
    return Services(
        queue=partial(Queue, clients),
        clusters=Clusters(lambda cluster: Tasks(clients, cluster, spec.name), clock),
        launcher=Launcher(Definitions(clients), run, spec.name, pacer, clock, dry_run=dry_run),
        budget=SharedBudget(),
        metrics=metrics,
        clock=clock,
    )


class Controller:
    """Every scaler of a configuration, polled and served."""

    def __init__(self, configuration: Configuration, *, dry_run: bool) -> None:
        """Bind the port and wire everything. Raises web.CannotListenError."""
        spec = configuration.spec
        self._configuration = configuration
        self._dry_run = dry_run
        self._started_at = time()
        self._stopping = Event()
        self._services = connect(spec, self._stopping, dry_run=dry_run)
        self._schedule = Schedule()
        self._reconcilers: dict[str, Reconciler] = {}
        bound = web.bind(spec.server)
        self.address = bound.getsockname()[:2]
        pages = web.application(
            self._services.metrics.registry, lambda: self._schedule.ticks, self._not_observed, self._status
        )
        self._server = web.Server(pages, bound)

    def start(self) -> None:
        """Begin to serve and to poll."""
        self._services.metrics.reloaded(self._configuration.report.at)
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
        metrics.reloaded(self._configuration.report.at)
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

    def _not_observed(self) -> list[str]:
        return [reconciler.spec.name for reconciler in self._in_order() if not reconciler.observed]

    def _status(self) -> dict[str, Any]:
        configuration, report = self._configuration, self._configuration.report
        reload = {"at": report.at, "successful": report.error is None, "error": report.error}
        return {
            "version": VERSION,
            "name": configuration.spec.name,
            "started_at": self._started_at,
            "now": time(),
            "dry_run": self._dry_run,
            "config": {"path": str(configuration.path), "hash": configuration.hash, "last_reload": reload},
            "scalers": status.scalers(self._in_order()),
        }


def run(configuration: Configuration, *, dry_run: bool, watch: bool) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises web.CannotListenError."""
    log.configure(configuration.spec.log)
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda caught, _frame: signals.put(caught))
    controller = Controller(configuration, dry_run=dry_run)
    events = structlog.get_logger()
    host, port = controller.address
    events.info("started", version=VERSION, name=configuration.spec.name, host=host, port=port, dry_run=dry_run)
    _warn(configuration)
    controller.start()
    while (caught := _next(signals, WATCH_EVERY if watch else None)) not in {signal.SIGTERM, signal.SIGINT}:
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


def _next(signals: SimpleQueue[int], timeout: float | None) -> int | None:
    """Return the next signal, or None when none came in time."""
    try:
        return signals.get(timeout=timeout)
    except Empty:
        return None


def _warn(configuration: Configuration) -> None:
    for warning in configuration.warnings:
        structlog.get_logger().warning("configuration", warning=str(warning))
