"""The metrics, in a registry of their own. Values are set when something happens; a scrape reads them.

Beside ours there are the ``process_`` metrics that every exporter has: CPU, memory, descriptors, start.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from controller.telemetry.lines import LINES

RECONCILE_OUTCOMES = ("launched", "held", "failed")
RELOAD_OUTCOMES = ("success", "failure")
COOLDOWNS = ("launch", "fall")
REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
START_BUCKETS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Every series of one controller."""

    def __init__(self, version: str, operations: Iterable[tuple[str, str]], outcomes: Iterable[str]) -> None:
        """Make the metrics; ``operations`` are the (service, operation) that AWS is asked for."""
        self.registry = CollectorRegistry()
        # The one thing that a scrape asks for: the kernel, about this process.
        ProcessCollector(registry=self.registry)
        self.owners: dict[str, object] = {}
        """Who sets a scaler's series: the newest of that name."""
        self._of_scalers: list[MetricWrapperBase] = []
        self._make_global()
        self._make_observed()
        self._make_counted()
        self.build_info.labels(version=version).set(1)
        self.registry.register(_DroppedLines())
        for outcome in RELOAD_OUTCOMES:
            self.config_reloads.labels(outcome=outcome)
        for service, operation in operations:
            self.aws_request_duration.labels(service=service, operation=operation)
            for outcome in outcomes:
                self.aws_requests.labels(service=service, operation=operation, outcome=outcome)

    def forget(self, scaler: str) -> None:
        """Remove every series of a scaler."""
        self.owners.pop(scaler, None)
        for metric in self._of_scalers:
            metric.remove_by_labels({"scaler": scaler})

    def observe_request(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one request to AWS."""
        self.aws_requests.labels(service, operation, outcome).inc()
        self.aws_request_duration.labels(service, operation).observe(seconds)

    def note_reload(self, at: float | None) -> None:
        """Note how the configuration was taken: at ``at``, or not, if that is None. The start is no reload."""
        self.config_last_reload_successful.set(at is not None)
        if at is not None:
            self.config_last_reload_success_timestamp.set(at)

    def count_reload(self, at: float | None) -> None:
        """Count a reload and note how it went, as ``note_reload`` does."""
        self.config_reloads.labels("failure" if at is None else "success").inc()
        self.note_reload(at)

    def _make_global(self) -> None:
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
        self.budget_containers = Gauge(
            "ecsq_budget_containers", "budget.max_containers of the configuration; 0: there is none.", registry=registry
        )
        self.config_reloads = Counter("ecsq_config_reloads_total", "Reloads.", ["outcome"], registry=registry)
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

    def _make_observed(self) -> None:
        self.queue_messages = self._gauge("queue_messages", "Messages in the queue, as SQS counts them.", "state")
        self.containers = self._gauge("containers", "Live worker containers.", "state")
        self.tasks = self._gauge("tasks", "Tasks that are not gone yet.", "state")
        self.containers_held = self._gauge(
            "containers_held",
            "Worker containers of tasks that are not at work, but count against the maximum.",
            "state",
        )
        self.containers_desired = self._gauge("containers_desired", "Worker containers that should live.")
        self.containers_min = self._gauge("containers_min", "min_containers of the configuration.")
        self.containers_max = self._gauge("containers_max", "max_containers of the configuration.")
        self.cooldown_until = self._gauge(
            "cooldown_until_timestamp_seconds", "When the cooldown ends; 0: there is none.", "kind"
        )
        self.breaker_open_until = self._gauge(
            "breaker_open_until_timestamp_seconds",
            "Until when failing tasks hold launches back, then a single task probes; 0: they do not.",
        )
        self.last_successful_reconcile = self._gauge(
            "last_successful_reconcile_timestamp_seconds",
            "When a reconcile last showed that the way to a launch works; 0: none has yet.",
        )
        self.oldest_task_start = self._gauge(
            "oldest_task_start_timestamp_seconds", "When the oldest live task was created; absent if none lives."
        )
        self.budget_held = self._gauge(
            "budget_held_containers",
            "Containers of the budget that the scaler takes up: live, in doubt or reserved; absent without a budget.",
        )
        self.scaler_paused = self._gauge("scaler_paused", "Whether the configuration pauses the scaler.")

    def _make_counted(self) -> None:
        self.reconciles = self._counter("reconciles_total", "Reconciles.", "outcome")
        self.decisions = self._counter("decisions_total", "Decisions.", "reason")
        self.containers_launched = self._counter("containers_launched_total", "Worker containers launched.")
        self.tasks_launched = self._counter("tasks_launched_total", "Tasks launched.")
        self.tasks_stopped = self._counter("tasks_stopped_total", "Tasks that have ended.", "outcome")
        self.launch_failures = self._counter("launch_failures_total", "Launches that did not go through.", "reason")
        self.task_definitions_registered = self._counter(
            "task_definitions_registered_total", "Derived revisions registered."
        )
        self.task_start_duration = Histogram(
            "ecsq_task_start_duration_seconds",
            "From RunTask until a task's first worker runs.",
            ["scaler"],
            buckets=START_BUCKETS,
            registry=self.registry,
        )
        self._of_scalers.append(self.task_start_duration)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        gauge = Gauge(f"ecsq_{name}", text, ["scaler", *labels], registry=self.registry)
        self._of_scalers.append(gauge)
        return gauge

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(f"ecsq_{name}", text, ["scaler", *labels], registry=self.registry)
        self._of_scalers.append(counter)
        return counter


class _DroppedLines(Collector):
    """The log lines that were lost; a scrape asks for them, so that counting needs no lock of ours."""

    def collect(self) -> Iterable[Metric]:
        """Return the counter."""
        yield CounterMetricFamily(
            "ecsq_log_lines_dropped", "Log lines lost because nobody read them in time.", value=LINES.dropped
        )
