"""The metrics, in a registry of their own. Values are set when something happens; a scrape reads them.

Beside ours there are the ``process_`` metrics that every exporter has: CPU, memory, descriptors, start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.core.notices import Notice
from controller.telemetry.found import FoundQueues
from controller.telemetry.lines import LINES
from controller.telemetry.scalers import ScalersCollector
from controller.telemetry.series import Series

RELOAD_OUTCOMES = ("success", "failure")
REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

EVENT_TARGETS = ("eventbridge", "webhook")
EVENT_OUTCOMES = ("sent", "dropped")

RequestWatcher = Callable[[str, str, str, float], None]
"""Is told of a request: its service, operation, outcome and seconds."""

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Every series of one controller."""

    def __init__(self, version: str, operations: Iterable[tuple[str, str]], outcomes: Iterable[str]) -> None:
        """Make the metrics; ``operations`` are the (service, operation) that AWS is asked for."""
        self.registry = CollectorRegistry()
        # The one thing that a scrape asks for: the kernel, about this process.
        ProcessCollector(registry=self.registry)
        self.series: dict[str, Series] = {}
        """The values of every scaler, by its name: those of the newest of that name. Read by families.py."""
        self.searches = FoundQueues()
        self._watchers: list[RequestWatcher] = []
        self._listeners: list[Callable[[Notice], None]] = []
        self._make_configuration()
        self._make_work()
        self.build_info.labels(version=version).set(1)
        self.registry.register(ScalersCollector(self.series))
        self.registry.register(_DroppedLines())
        self.registry.register(self.searches)
        for outcome in RELOAD_OUTCOMES:
            self.config_reloads.labels(outcome=outcome)
        for target, outcome in product(EVENT_TARGETS, EVENT_OUTCOMES):
            self.events.labels(target, outcome)
        self._requests: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        """Where each request is counted: to look that up anew takes as long as to count it."""
        for service, operation in operations:
            for outcome in outcomes:
                self._open_request(service, operation, outcome)

    def observe_request(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one request to AWS."""
        known = self._requests.get((service, operation, outcome))
        # A command may ask for what a daemon never does.
        counted, took = known or self._open_request(service, operation, outcome)
        counted.inc()
        took.observe(seconds)
        for watch in self._watchers:
            watch(service, operation, outcome, seconds)

    def watch_requests(self, watch: RequestWatcher) -> None:
        """Tell ``watch`` of each request to AWS as well."""
        self._watchers.append(watch)

    def tell(self, notice: Notice) -> None:
        """Tell every listener of a change."""
        for listen in self._listeners:
            listen(notice)

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Tell ``listener`` of each change; it must not wait for anything."""
        self._listeners.append(listener)

    def observe_reconcile(self, seconds: float) -> None:
        """Count how long a reconcile took."""
        self.reconcile_duration.observe(seconds)

    def note_reload(self, at: float | None) -> None:
        """Note how the configuration was taken: at ``at``, or not, if that is None. The start is no reload."""
        self.config_last_reload_successful.set(at is not None)
        if at is not None:
            self.config_last_reload_success_timestamp.set(at)

    def count_reload(self, at: float | None) -> None:
        """Count a reload and note how it went, as ``note_reload`` does."""
        self.config_reloads.labels("failure" if at is None else "success").inc()
        self.note_reload(at)

    def _open_request(self, service: str, operation: str, outcome: str) -> tuple[Counter, Histogram]:
        """Return where a request is counted, from now on known."""
        counted = self.aws_requests.labels(service=service, operation=operation, outcome=outcome)
        took = self.aws_request_duration.labels(service=service, operation=operation)
        self._requests[service, operation, outcome] = counted, took
        return counted, took

    def _make_configuration(self) -> None:
        registry = self.registry
        self.build_info = Gauge("ecsq_build_info", "The version that runs.", ["version"], registry=registry)
        self.config_last_reload_successful = Gauge(
            "ecsq_config_last_reload_successful", "Whether the last reload was taken.", registry=registry
        )
        self.config_last_reload_success_timestamp = Gauge(
            "ecsq_config_last_reload_success_timestamp_seconds",
            "When the configuration was last taken.",
            registry=registry,
        )
        self.config_source_last_read = Gauge(
            "ecsq_config_source_last_read_timestamp_seconds",
            "When the configuration was last read from where it is kept, changed or not; 0 without --watch.",
            registry=registry,
        )
        self.budget_containers = Gauge(
            "ecsq_budget_containers", "budget.max_containers of the configuration; 0: there is none.", registry=registry
        )
        self.scalers_configured = Gauge("ecsq_scalers_configured", "Scalers of the configuration.", registry=registry)
        self.scalers_owned = Gauge(
            "ecsq_scalers_owned", "Scalers that this controller looks after: all, unless it shares.", registry=registry
        )
        self.config_reloads = Counter("ecsq_config_reloads_total", "Reloads.", ["outcome"], registry=registry)

    def _make_work(self) -> None:
        registry = self.registry
        self.events = Counter(
            "ecsq_events_total", "Changes of which somebody was told.", ["target", "outcome"], registry=registry
        )
        self.aws_requests = Counter(
            "ecsq_aws_requests_total",
            "Requests sent to AWS, retries included.",
            ["service", "operation", "outcome"],
            registry=registry,
        )
        self.aws_request_duration = Histogram(
            "ecsq_aws_request_duration_seconds",
            "How long AWS took to answer a request.",
            ["service", "operation"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.reconcile_duration = Histogram(
            "ecsq_reconcile_duration_seconds",
            "How long one reconcile took, the launch included.",
            buckets=RECONCILE_BUCKETS,
            registry=registry,
        )


class _DroppedLines(Collector):
    """The log lines that were lost; a scrape asks for them, so that counting needs no lock of ours."""

    def collect(self) -> Iterable[Metric]:
        """Return the counter."""
        yield CounterMetricFamily(
            "ecsq_log_lines_dropped", "Log lines lost because nobody read them in time.", value=LINES.dropped
        )
