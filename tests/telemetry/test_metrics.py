from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from controller.aws.errors import Fault
from controller.aws.operations import ANSWERS
from controller.aws.outcomes import REQUEST_OUTCOMES
from controller.core.copies.packing import Plan
from controller.core.decision.doctor import NOT_READ, Checkup, QueueTraits, examine
from controller.core.decision.lessons import TENS, Lessons
from controller.core.decision.model import Decision, Fleet, Outcome, QueueCounts, Reason
from controller.core.decision.policy import Policy, RolloutPolicy, StartWithin
from controller.core.decision.providers import ProviderUse
from controller.core.decision.queue_sum import add_up
from controller.core.decision.rollout import NOTHING_KNOWN, note_active
from controller.core.decision.state import ScalerState
from controller.core.decision.stopped import StopOutcome
from controller.core.record import LaunchResult, Reconciled
from controller.scaling.services import VERSION
from controller.telemetry.exposition import Encode, expose
from controller.telemetry.found import Found
from controller.telemetry.metrics import Metrics
from controller.telemetry.scalers import WRITTEN_AT_ONCE, ScalersCollector
from controller.telemetry.series import Series
from tests.support.controller import FAULTS, SCALER, scaler_spec, series_of
from tests.telemetry.decisions import NOW, decided

PROMTOOL = shutil.which("promtool")
POLICY = replace(scaler_spec("main", "worker").policy, deadline=7200, providers=("FARGATE_SPOT", "FARGATE"))
PROMISING = replace(POLICY, demand=StartWithin(300.0, 60.0))
IDLE = QueueCounts(visible=0, in_flight=0, delayed=0)
FINDINGS = examine(POLICY, QueueTraits(dead_letter_queue=""), None)
BUSY = (QueueCounts(visible=5, in_flight=2, delayed=1), Fleet(listed_at=2e9, running=1, running_tasks=1))

GAUGES = {
    "queue_messages": {"scaler", "state"},
    "queue_visible_messages": {"scaler", "queue"},
    "found_queues": {"scaler"},
    "found_queues_timestamp_seconds": {"scaler"},
    "containers": {"scaler", "state"},
    "containers_held": {"scaler", "state"},
    "tasks": {"scaler", "state"},
    "containers_desired": {"scaler"},
    "containers_min": {"scaler"},
    "containers_max": {"scaler"},
    "cooldown_until_timestamp_seconds": {"scaler", "kind"},
    "breaker_open_until_timestamp_seconds": {"scaler"},
    "no_capacity_until_timestamp_seconds": {"scaler"},
    "last_successful_reconcile_timestamp_seconds": {"scaler"},
    "oldest_task_start_timestamp_seconds": {"scaler"},
    "queue_findings": {"scaler", "finding"},
    "dead_letter_messages": {"scaler"},
    "scaler_paused": {"scaler"},
    "schedule_window_in_force": {"scaler"},
    "promise_seconds": {"scaler"},
    "seconds_per_message": {"scaler"},
    "learned_messages": {"scaler"},
    "returned_containers": {"scaler"},
    "oldest_message_age_seconds": {"scaler"},
    "provider_containers": {"scaler", "provider"},
    "provider_short_until_timestamp_seconds": {"scaler", "provider"},
    "template_revision": {"scaler", "which"},
    "rollout_standing": {"scaler", "standing"},
    "saving_ratio": {"scaler"},
    "task_deadline_seconds": {"scaler"},
    "budget_held_containers": {"scaler"},
    "budget_containers": set(),
    "scalers_configured": set(),
    "scalers_owned": set(),
    "config_last_reload_successful": set(),
    "config_last_reload_success_timestamp_seconds": set(),
    "config_source_last_read_timestamp_seconds": set(),
    "build_info": {"version"},
    "process_virtual_memory_bytes": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
}
COUNTERS = {
    "reconciles": {"scaler", "outcome"},
    "decisions": {"scaler", "reason"},
    "containers_launched": {"scaler"},
    "containers_empty": {"scaler"},
    "promise_minutes": {"scaler", "kept"},
    "tasks_launched": {"scaler"},
    "provider_tasks_launched": {"scaler", "provider"},
    "provider_refusals": {"scaler", "provider"},
    "tasks_stopped": {"scaler", "outcome"},
    "launch_failures": {"scaler", "reason"},
    "task_definitions_registered": {"scaler"},
    "config_reloads": {"outcome"},
    "events": {"target", "outcome"},
    "log_lines_dropped": set(),
    "aws_requests": {"service", "operation", "outcome"},
    "process_cpu_seconds": set(),
}
HISTOGRAMS = {
    "reconcile_duration_seconds": set(),
    "aws_request_duration_seconds": {"service", "operation"},
    "task_start_duration_seconds": {"scaler"},
}
DOCUMENTED: dict[str, dict[str, set[str]]] = {"gauge": GAUGES, "counter": COUNTERS, "histogram": HISTOGRAMS}
"""Every metric by its type, with its labels; the names without our prefix, those of counters without ``_total``."""


@pytest.fixture
def metrics() -> Metrics:
    """Make the metrics as the daemon does."""
    return Metrics(VERSION, ANSWERS, REQUEST_OUTCOMES)


@pytest.fixture
def series(metrics: Metrics) -> Series:
    """Make the series of one scaler."""
    return Series(metrics, SCALER, FAULTS)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample by name without the prefix and its labels' values, the scaler's left out."""
    return {
        (
            sample.name.removeprefix("ecsq_"),
            tuple(value for label, value in sample.labels.items() if label != "scaler"),
        ): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def labelled(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of one name by their labels' values."""
    return {labels: value for (sample, labels), value in samples(metrics).items() if sample == name}


def fill(series: Series, rules: Policy = POLICY) -> None:
    """Show everything that a scaler can show."""
    fleet = Fleet(
        listed_at=2e9,
        running=1,
        starting=(1.9e9,),
        running_tasks=1,
        starting_tasks=1,
        oldest_task_at=1.8e9,
        providers=(ProviderUse("FARGATE_SPOT", 1, 1.9e9),),
        draining=3,
        draining_tasks=2,
        ended=9,
        ended_tasks=1,
    )
    series.show_configuration(rules, is_in_window=True)
    series.show_budget(2)
    seen = add_up([("urgent", replace(BUSY[0], visible=4)), ("normal", QueueCounts(1, 0, 0))])
    state = ScalerState(rollout=note_active(NOTHING_KNOWN, (8, 7)))
    series.show_reconcile(Reconciled(SCALER, decided(rules, seen, fleet, state=state)), 0.01)
    series.count_start(12.0)
    series.show_age(12.0)
    dead = QueueTraits(dead_letter_queue="arn:aws:sqs:eu-west-1:111122223333:dead")
    series.checkups = (
        Checkup(QueueTraits(dead_letter_queue=""), findings=FINDINGS, queue="urgent"),
        Checkup(dead, NOT_READ.add(NOW, 3), queue="normal"),
    )


def test_exactly_what_is_documented(metrics: Metrics, series: Series) -> None:
    """Every documented metric is there with its type and labels, and no other."""
    fill(series, replace(PROMISING, rollout=RolloutPolicy(1, 120.0)))
    metrics.searches.found = {SCALER: Found(3, NOW)}
    found: dict[str, dict[str, set[str]]] = {"gauge": {}, "counter": {}, "histogram": {}}
    for family in metrics.registry.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.type][family.name.removeprefix("ecsq_")] = labels
    assert DOCUMENTED == found


def test_of_several_queues_each_is_shown_by_its_name(metrics: Metrics, series: Series) -> None:
    """Beside their sum; a scaler of one queue has no such series."""
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, *BUSY)), 0.01)
    assert {} == labelled(metrics, "queue_visible_messages")
    fill(series)
    assert {("urgent",): 4, ("normal",): 1} == labelled(metrics, "queue_visible_messages")


def test_what_was_found_goes_with_its_scaler(metrics: Metrics) -> None:
    """How many queues there are is absent until they were all found; when that was is 0."""
    metrics.searches.found = {"new": Found(), "old": Found(3, NOW)}
    assert {"old": 3} == by_scaler(metrics, "found_queues")
    assert {"new": 0.0, "old": NOW} == by_scaler(metrics, "found_queues_timestamp_seconds")
    metrics.searches.found = {}
    assert {} == by_scaler(metrics, "found_queues_timestamp_seconds")


def by_scaler(metrics: Metrics, name: str) -> dict[str, float]:
    """Return the samples of one name by their scalers."""
    every = (sample for family in metrics.registry.collect() for sample in family.samples)
    return {sample.labels["scaler"]: sample.value for sample in every if sample.name == f"ecsq_{name}"}


def test_every_metric_is_ours_or_of_the_process_and_explained(metrics: Metrics) -> None:
    """Every name has our prefix or is one of the process, and has a sentence of help."""
    assert [] == [
        family.name
        for family in metrics.registry.collect()
        if not (family.name.startswith(("ecsq_", "process_")) and family.documentation.endswith("."))
    ]


def test_the_process_is_this_one(metrics: Metrics) -> None:
    """A scrape shows the descriptors that the process has open at that moment."""
    before = samples(metrics)["process_open_fds", ()]
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(Path(os.devnull).open("rb"))
        assert before + 3 == samples(metrics)["process_open_fds", ()]


KNOWN: dict[str, set[tuple[str, ...]]] = {
    "reconciles_total": {("launched",), ("held",), ("failed",)},
    "decisions_total": {(reason.value,) for reason in Reason},
    "containers_launched_total": {()},
    "tasks_launched_total": {()},
    "tasks_stopped_total": {(outcome.value,) for outcome in StopOutcome},
    "launch_failures_total": {(fault.value,) for fault in Fault},
    "task_definitions_registered_total": {()},
    "config_reloads_total": {("success",), ("failure",)},
    "events_total": set(product(("eventbridge", "webhook"), ("sent", "dropped"))),
    "aws_requests_total": {(*operation, outcome) for operation, outcome in product(ANSWERS, REQUEST_OUTCOMES)},
    "aws_request_duration_seconds_count": set(ANSWERS),
    "reconcile_duration_seconds_count": {()},
    "cooldown_until_timestamp_seconds": {("launch",), ("fall",)},
    "last_successful_reconcile_timestamp_seconds": {()},
}
"""The sets of labels, the scaler's left out, that are known before anything has happened."""


@pytest.mark.parametrize(("name", "labels"), list(KNOWN.items()), ids=list(KNOWN))
def test_known_label_sets_start_at_zero(
    metrics: Metrics, series: Series, name: str, labels: set[tuple[str, ...]]
) -> None:
    """Every set of labels that there can be is 0 from the start: a rate sees the first increment."""
    assert dict.fromkeys(labels, 0) == labelled(metrics, name)


@pytest.mark.parametrize("encode", [generate_latest, generate_openmetrics], ids=["classic", "OpenMetrics"])
def test_parts_are_what_the_library_writes(metrics: Metrics, encode: Encode) -> None:
    """Part by part, a scrape gets to the byte what the library makes of all metrics at once, in either format."""
    for number in range(WRITTEN_AT_ONCE + 1):
        fill(series_of(metrics, f"scaler-{number}"))
    registry = CollectorRegistry()
    registry.register(ScalersCollector(metrics.series))
    Gauge("ecsq_other", "Beside them.", registry=registry)
    assert encode(registry) == b"".join(expose(registry, encode))


def test_what_was_not_observed_is_absent(metrics: Metrics, series: Series) -> None:
    """Before the first look there is no count of messages, containers or tasks, rather than 0."""
    series.show_configuration(POLICY)
    observed = ("queue_messages", "containers", "containers_held", "tasks", "containers_desired")
    observed += ("oldest_task_start_timestamp_seconds", "breaker_open_until_timestamp_seconds")
    observed += ("no_capacity_until_timestamp_seconds", "provider_short_until_timestamp_seconds")
    assert [] == [name for name in observed if labelled(metrics, name)]


def test_no_created_series(metrics: Metrics, series: Series) -> None:
    """No format of the exposition carries ``_created`` series."""
    fill(series)
    assert b"_created" not in generate_latest(metrics.registry)
    assert b"_created" not in generate_openmetrics(metrics.registry)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_has_nothing_to_say(metrics: Metrics, series: Series) -> None:
    """``promtool check metrics`` finds nothing in names, types and help."""
    fill(series)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(metrics.registry), capture_output=True, check=False
    )
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_numbers_of_a_reconcile(metrics: Metrics, series: Series) -> None:
    """The gauges show what the decision stood on."""
    fill(series)
    shown = samples(metrics)
    expected = {
        ("queue_messages", ("visible",)): 5,
        ("queue_messages", ("in_flight",)): 2,
        ("queue_messages", ("delayed",)): 1,
        ("containers", ("running",)): 1,
        ("containers", ("starting",)): 1,
        ("tasks", ("running",)): 1,
        ("tasks", ("starting",)): 1,
        ("tasks", ("draining",)): 2,
        ("tasks", ("ended",)): 1,
        ("containers_held", ("draining",)): 3,
        ("containers_held", ("ended",)): 9,
        ("containers_held", ("unowned",)): 0,
        ("containers_desired", ()): 7,
        ("containers_min", ()): 0,
        ("containers_max", ()): 10,
        ("oldest_task_start_timestamp_seconds", ()): 1.8e9,
        ("scaler_paused", ()): 0,
        ("reconcile_duration_seconds_count", ()): 1,
        ("reconcile_duration_seconds_sum", ()): 0.01,
    }
    assert expected == {key: shown[key] for key in expected}


def test_an_unknown_queue_loses_its_counts(metrics: Metrics, series: Series) -> None:
    """A queue that cannot be read has no count, rather than a stale one, until it can be read again."""
    fill(series)
    decision = decided(POLICY, None, None)
    series.show_reconcile(Reconciled(SCALER, decision, problem="gone"), 0.01)
    unknown = ("queue_messages", "containers", "containers_held", "tasks")
    assert [{}] * 4 == [labelled(metrics, name) for name in unknown]
    assert (1, 1) == (
        labelled(metrics, "decisions_total")["unknown_backlog",],
        labelled(metrics, "reconciles_total")["failed",],
    )
    fill(series)
    assert 5 == labelled(metrics, "queue_messages")["visible",]


@pytest.mark.parametrize(
    ("outcome", "arns", "fault", "expected"),
    [
        (Outcome.LAUNCHED, ("a", "b"), None, ("launched", 2, 6)),
        (Outcome.PARTLY_LAUNCHED, ("a",), Fault.CAPACITY, ("launched", 1, 3)),
        (Outcome.FAILED, (), Fault.MISSING, ("failed", 0, 0)),
        (Outcome.IN_DOUBT, ("a",), Fault.IN_DOUBT, ("failed", 1, 3)),
        (Outcome.DRY_RUN, (), None, ("held", 0, 0)),
    ],
    ids=["launched", "partly", "failed", "in doubt", "dry run"],
)
def test_a_launch_is_counted_by_what_started(
    metrics: Metrics,
    series: Series,
    outcome: Outcome,
    arns: tuple[str, ...],
    fault: Fault | None,
    expected: tuple[str, int, int],
) -> None:
    """Tasks and containers count when they started, a failure by its kind, and the reconcile by how it went."""
    launch = LaunchResult(outcome, Plan(), arns, containers=3 * len(arns), fault=fault)
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, *BUSY), launch), 0.01)
    reconciles = labelled(metrics, "reconciles_total")
    went = next(labels[0] for labels, count in reconciles.items() if count)
    totals = samples(metrics)
    assert expected == (went, totals["tasks_launched_total", ()], totals["containers_launched_total", ()])
    failures = {labels[0]: count for labels, count in labelled(metrics, "launch_failures_total").items() if count}
    assert ({fault.value: 1} if fault else {}) == failures


def test_a_failure_does_not_look_like_a_success(metrics: Metrics, series: Series) -> None:
    """The time of the last successful reconcile stands still while reconciles fail."""
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, IDLE, Fleet(listed_at=NOW))), 0.01)
    before = samples(metrics)["last_successful_reconcile_timestamp_seconds", ()]
    assert NOW == before
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, None, None, later=60)), 0.01)
    series.show_reconcile(Reconciled(SCALER, Decision(NOW + 80, Reason.BROKEN), problem="a fault of ours"), 0.01)
    series.show_reconcile(Reconciled(SCALER, Decision(NOW + 90, Reason.COOLDOWN)), 0.01)
    assert before == samples(metrics)["last_successful_reconcile_timestamp_seconds", ()]


def test_cooldowns(metrics: Metrics, series: Series) -> None:
    """The end of a cooldown is a time, and 0 while there is none."""
    state = ScalerState(launched_at=1e9)
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, *BUSY)), 0.01)
    assert 0 == labelled(metrics, "cooldown_until_timestamp_seconds")["launch",]
    warm = decided(POLICY, *BUSY, state=state, polls=2)
    series.show_reconcile(Reconciled(SCALER, warm), 0.01)
    assert warm.numbers is not None
    expected = (warm.numbers.launch_cooldown_until or 0, warm.numbers.fall_cooldown_until or 0)
    found = labelled(metrics, "cooldown_until_timestamp_seconds")
    assert expected == (found["launch",], found["fall",])


def test_what_a_scaler_promises_and_how_long_a_message_takes(metrics: Metrics, series: Series) -> None:
    """Neither is there with another strategy."""
    series.show_configuration(PROMISING)
    series.show_reconcile(Reconciled(SCALER, decided(PROMISING, *BUSY)), 0.01)
    assert (300, 60) == (labelled(metrics, "promise_seconds")[()], labelled(metrics, "seconds_per_message")[()])
    series.show_configuration(POLICY)
    series.show_reconcile(Reconciled(SCALER, decided(POLICY, *BUSY)), 0.01)
    assert ({}, {}) == (labelled(metrics, "promise_seconds"), labelled(metrics, "seconds_per_message"))


def test_minutes_in_which_the_promise_was_kept(metrics: Metrics, series: Series) -> None:
    """Both kinds are there from the start, and neither with another strategy."""
    series.show_configuration(PROMISING)
    assert {("no",): 0, ("yes",): 0} == labelled(metrics, "promise_minutes_total")
    series.count_promise(kept=True)
    series.show_age(12.0)
    assert {("no",): 0, ("yes",): 1} == labelled(metrics, "promise_minutes_total")
    assert 12 == labelled(metrics, "oldest_message_age_seconds")[()]
    series.show_configuration(POLICY)
    assert {} == labelled(metrics, "promise_minutes_total")


def test_containers_that_come_back(metrics: Metrics, series: Series) -> None:
    """Those that seem to have found nothing, and those whose work is not deleted once they are too many for chance."""
    for fruitless, expected in ((TENS - 1, 0), (TENS, TENS)):
        known = ScalerState(lessons=Lessons(fruitless=fruitless), ended_empty=3)
        series.show_reconcile(Reconciled(SCALER, decided(PROMISING, *BUSY, state=known)), 0.01)
        assert expected == labelled(metrics, "returned_containers")[()]
    assert 3 == labelled(metrics, "containers_empty_total")[()]


def test_what_a_scaler_takes_of_the_budget(metrics: Metrics, series: Series) -> None:
    """It is there with a budget, and gone with it."""
    series.show_budget(0)
    series.show_budget(7)
    assert 7 == labelled(metrics, "budget_held_containers")[()]
    series.show_budget(None)
    assert {} == labelled(metrics, "budget_held_containers")


def test_a_scaler_that_goes_takes_its_series_along(metrics: Metrics, series: Series) -> None:
    """Of a removed scaler no series is left; another's stay."""
    other = Series(metrics, "other", FAULTS)
    fill(series)
    fill(other)
    series.forget()
    scalers = {
        sample.labels["scaler"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if "scaler" in sample.labels
    }
    assert {"other"} == scalers


@pytest.mark.parametrize(("at", "expected"), [(2e9, (1, 2e9)), (None, (0, 1e9))], ids=["taken", "refused"])
def test_reload(metrics: Metrics, at: float | None, expected: tuple[float, float]) -> None:
    """A refused reload turns the gauge 0 and leaves the time of the last that was taken."""
    metrics.note_reload(1e9)
    metrics.note_reload(at)
    shown = samples(metrics)
    assert expected == (
        shown["config_last_reload_successful", ()],
        shown["config_last_reload_success_timestamp_seconds", ()],
    )


def test_requests(metrics: Metrics) -> None:
    """A request to AWS is counted by what became of it, and its time by what was asked."""
    metrics.observe_request("ecs", "RunTask", "throttled", 0.2)
    shown = samples(metrics)
    assert (1, 0, 1) == (
        shown["aws_requests_total", ("ecs", "RunTask", "throttled")],
        shown["aws_requests_total", ("ecs", "RunTask", "success")],
        shown["aws_request_duration_seconds_count", ("ecs", "RunTask")],
    )


def test_a_scaler_that_came_back_keeps_its_series() -> None:
    """Removed and added again while the old one still worked: the old one's leaving takes nothing from the new one."""
    metrics = Metrics("0", (), REQUEST_OUTCOMES)
    old, new = series_of(metrics), series_of(metrics)
    new.count_stop(StopOutcome.SUCCEEDED)
    old.forget()
    labels = {"scaler": SCALER, "outcome": "succeeded"}
    assert 1 == metrics.registry.get_sample_value("ecsq_tasks_stopped_total", labels)
