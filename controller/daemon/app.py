"""The daemon: wiring, reload and shutdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock, Thread
from typing import Any

import structlog

from controller.clock import Clock
from controller.config import ConfigError, ScalerSpec
from controller.core.envelopes import Sender
from controller.core.words import format_span
from controller.daemon import web
from controller.daemon.alive import ALIVE_EVERY, AliveLine, list_successes
from controller.daemon.asking import add_questions
from controller.daemon.chores import Chores
from controller.daemon.finder import Finder
from controller.daemon.outlets import Outlets
from controller.daemon.pages.sight import Sight
from controller.daemon.pages.site import add_pages
from controller.daemon.progress import Progress, longest_reconcile
from controller.daemon.reload import KeptConfiguration, OvertakenError, report_warnings
from controller.daemon.reloader import Reloader
from controller.daemon.schedule import Schedule
from controller.daemon.shard import Shard, Wanted
from controller.daemon.status import Running, in_order
from controller.daemon.windows import Windows
from controller.scaling.reconcile import Reconciler
from controller.scaling.services import VERSION, connect
from controller.telemetry import log

REPORT_EVERY = 5.0
"""Seconds between two looks at what is to be said when it lasts."""
STOP_WITHIN = 10.0
"""Seconds from a signal to end on that everything under way gets to finish. Twice that is promised until the exit: on a
busy machine the signal is noticed late, and the last lines take long to be written."""


class Controller:
    """Every scaler of a configuration, polled and served."""

    def __init__(self, configuration: KeptConfiguration, clock: Clock, wanted: Wanted, *, dry_run: bool) -> None:
        """Bind the port and wire everything; ``wanted`` says with whom it shares. Raises web.CannotListenError."""
        spec = configuration.spec
        self._configuration = configuration
        self._clock = clock
        self._services = connect(spec, clock, dry_run=dry_run)
        self._finder = Finder(self._services, clock)
        self._running = Running(VERSION, clock.now(), dry_run, configuration, self._finder.describe)
        configuration.kept.report_to(self._services.metrics.observe_request)
        self._shard = None if wanted is None else Shard(wanted, self._services, spec.aws.launch_rate, clock)
        self._sharing = Lock()
        self._progress = Progress(clock, longest_reconcile(spec.aws))
        self._schedule = Schedule(clock, self._services.polls, self._services.listers, self._progress, self._note_step)
        self._outlets = Outlets(self._services, Sender(spec.name, VERSION))
        self._chores = Chores()
        self._reloader = Reloader(self._begin, self._reload, self._reload_if_changed, clock)
        self._reconcilers: dict[str, Reconciler] = {}
        self._watches = False
        bound = web.bind(spec.server)
        self.address = bound.getsockname()[:2]
        pages = web.build_application(
            self._services.metrics.registry, self._find_stuck, self._find_not_observed, self._status
        )
        sight = Sight(self._running, self._services.history, clock, lambda: self._reconcilers, self._describe_shard)
        add_pages(pages, sight)
        self._server = web.WebServer(pages, bound)

    def start(self, *, watch: bool, alive: bool) -> None:
        """Begin to serve and to poll, and with ``watch`` to look at the configuration; returns before that is done.

        With ``alive`` it says every minute that it runs.
        """
        self._watches = watch
        if watch:
            self._chores.every(self._configuration.kept.watch_every, self._reloader.look)
            # Where AWS keeps it, an outage would end all controllers at once, and none could begin until it is over.
            if self._shard is not None and not self._configuration.kept.is_remote:
                self._shard.contact.expect_reads()
        if alive:
            line = AliveLine(self._clock)
            self._chores.every(ALIVE_EVERY, lambda: line.say(list_successes(self._reconcilers.values())))
        self._chores.every(REPORT_EVERY, self._report_late_reload)
        self._chores.every(REPORT_EVERY, log.LostLines().report)
        add_questions(self._chores, self._services.realms, lambda: self._reconcilers.values())  # noqa: PLW0108 - swapped
        windows = Windows(lambda: self._reconcilers, self._schedule.wake)
        self._chores.at(windows.find_next, windows.look)
        self._chores.start()
        # Here, and not with the scalers: who is told to stop before they are there finds it running.
        self._schedule.start()
        self._reloader.start()

    def reload(self) -> None:
        """Ask for the configuration file to be taken as it is now; what cannot be taken changes nothing."""
        self._reloader.ask()

    def stop(self) -> bool:
        """Begin nothing more, and let the calls in flight finish; False if something did not end within STOP_WITHIN."""
        deadline = self._clock.elapsed() + STOP_WITHIN
        ends = (self._schedule.stop, self._server.stop, self._chores.stop, self._outlets.stop)
        ending = [Thread(target=end, daemon=True) for end in ends]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join(max(0.0, deadline - self._clock.elapsed()))
        return not any(thread.is_alive() for thread in ending)

    def _begin(self) -> None:
        report = self._configuration.report
        self._services.metrics.note_reload(report.at)
        self._services.metrics.config_last_reload_successful.set(report.error is None)
        self._note_reading()
        self._tell_others()
        self._outlets.note_configuration(report.error)
        if self._shard is not None:
            self._shard.begin(self._share)
        self._finder.begin(self._share)
        if self._share():
            # After the scalers are there: without one, everything there is would have been observed.
            self._server.start()

    def _reload(self) -> None:
        """Take the file as it is now.

        Credentials are read anew, and what waits after a failure is tried again, whether or not the file can be taken:
        they may be what was mended.
        """
        self._services.renew()
        self._configuration.kept.renew()
        for reconciler in self._reconcilers.values():
            reconciler.retries.ask()
        self._take(self._configuration.reload)

    def _reload_if_changed(self) -> None:
        self._take(self._configuration.reload_if_changed)
        if self._shard is not None and self._configuration.is_readable:
            self._shard.contact.note_read()

    def _note_reading(self) -> None:
        if self._watches:
            self._services.metrics.config_source_last_read.set(self._configuration.read_at)

    def _take(self, read: Callable[[], bool]) -> None:
        """Put in force what the file says, or keep what is in force; nothing that runs is touched."""
        metrics, events = self._services.metrics, structlog.get_logger()
        try:
            if not read():
                # Nothing new, and it could be read: a look that was reported as late is over.
                metrics.config_last_reload_successful.set(self._configuration.report.error is None)
                return
        except OvertakenError:
            return
        except ConfigError as error:
            self._services.count_reload(None)
            events.error("configuration not taken, the last good one stays", problems=str(error).splitlines())
            self._outlets.note_configuration(str(error))
            return
        finally:
            self._note_reading()
        log.configure(self._configuration.spec.log)
        self._tell_others()
        self._outlets.note_configuration(None)
        if not self._share():
            return
        self._services.count_reload(self._configuration.report.at)
        report_warnings(self._configuration)
        events.info("configuration taken", hash=self._configuration.hash, scalers=len(self._reconcilers))

    def _tell_others(self) -> None:
        """Tell of changes whom the configuration names. A dry run tells nobody: it writes nothing."""
        if not self._running.dry_run:
            self._outlets.configure(self._configuration.spec.events)

    def _report_late_reload(self) -> None:
        late = self._reloader.find_late()
        if late is not None:
            self._services.metrics.config_last_reload_successful.set(0)
            structlog.get_logger().error(
                "configuration not read yet, the last good one stays",
                path=str(self._configuration.kept.address),
                waited=format_span(late),
            )

    def _note_step(self, seconds: float) -> None:
        """Note that the wall clock has stepped: slots and cooldowns go by it, polls do not."""
        structlog.get_logger().warning(
            "the clock has stepped", by=("-" if seconds < 0 else "+") + format_span(abs(seconds))
        )
        self._chores.restart()

    def _change(self, reconciler: Reconciler, scaler: ScalerSpec) -> None:
        before = reconciler.spec.queues, reconciler.spec.queue_access, reconciler.policy.poll_interval
        reconciler.configure(scaler)
        if (scaler.queues, scaler.queue_access, reconciler.policy.poll_interval) != before:
            self._schedule.change(reconciler)

    def _share(self) -> bool:
        """Bring the reconcilers in line with the configuration, and with what of it is this controller's.

        Called by who reloads and by who looks for peers: the one must not wait for a file that cannot be read.
        """
        configured, shard, metrics = self._configuration.spec.scalers, self._shard, self._services.metrics
        with self._sharing:
            before = self._reconcilers
            scalers = self._finder.choose(configured, before)
            is_done = self._swap(scalers if shard is None else shard.choose(scalers, before))
            metrics.scalers_configured.set(len(scalers))
            metrics.scalers_owned.set(len(self._reconcilers))
            if shard is not None:
                shard.report(before, self._reconcilers)
        return is_done

    def _swap(self, scalers: tuple[ScalerSpec, ...]) -> bool:
        """Bring the reconcilers in line, those that stay with their state; False if it was given up, for a stop."""
        budget = self._configuration.spec.budget
        self._services.configure(budget, scalers)
        reconcilers = dict(self._reconcilers)
        for name in reconcilers.keys() - {scaler.name for scaler in scalers}:
            self._schedule.remove(name)
            reconcilers.pop(name).retire()
        for scaler in scalers:
            if self._clock.is_stopping():
                return False
            if scaler.name not in reconcilers:
                reconcilers[scaler.name] = Reconciler(scaler, self._services)
                self._schedule.add(reconcilers[scaler.name], len(reconcilers))
            elif scaler != reconcilers[scaler.name].spec:
                self._change(reconcilers[scaler.name], scaler)
        # Swapped whole: pages are rendered meanwhile.
        self._reconcilers = reconcilers
        self._services.keep_clusters(scalers)
        return True

    def _find_stuck(self) -> str | None:
        cut_off = None if self._shard is None else self._shard.find_cut_off(self._reconcilers.values())
        return self._progress.find_stuck() or cut_off

    def _find_not_observed(self) -> list[str]:
        unknown = [] if self._shard is None or self._shard.peers else ["the other controllers"]
        missing = [each.spec.name for each in in_order(self._reconcilers) if not each.observed]
        return [*unknown, *self._finder.list_unknown(), *missing]

    def _describe_shard(self) -> dict[str, Any] | None:
        return None if self._shard is None else self._shard.describe(len(self._reconcilers))

    def _status(self) -> Iterator[str]:
        return self._running.write(in_order(self._reconcilers), self._clock.now(), self._describe_shard())
