import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.aws.errors import FOR_A_PERSON
from tests.deploy.documents import DEPLOY, ROOT

PROMETHEUS = DEPLOY / "prometheus"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
IDS = [f"{rule['alert']} {rule['labels']['severity']}" for rule in RULES]
# The metrics that the rules stand on, with the labels they may match on; job and instance are Prometheus's own.
METRICS = {
    "up": set(),
    "ecsq_breaker_open_until_timestamp_seconds": {"scaler"},
    "ecsq_config_last_reload_successful": set(),
    "ecsq_config_source_last_read_timestamp_seconds": set(),
    "ecsq_containers": {"scaler", "state"},
    "ecsq_containers_desired": {"scaler"},
    "ecsq_containers_max": {"scaler"},
    "ecsq_events_total": {"target", "outcome"},
    "ecsq_found_queues_timestamp_seconds": {"scaler"},
    "ecsq_last_successful_reconcile_timestamp_seconds": {"scaler"},
    "ecsq_launch_failures_total": {"scaler", "reason"},
    "ecsq_no_capacity_until_timestamp_seconds": {"scaler"},
    "ecsq_promise_minutes_total": {"scaler", "kept"},
    "ecsq_queue_findings": {"scaler", "finding"},
    "ecsq_provider_short_until_timestamp_seconds": {"scaler", "provider"},
    "ecsq_queue_messages": {"scaler", "state"},
    "ecsq_returned_containers": {"scaler"},
    "ecsq_rollout_standing": {"scaler", "standing"},
    "ecsq_scaler_paused": {"scaler"},
    "ecsq_scalers_configured": set(),
    "ecsq_scalers_owned": set(),
    "ecsq_tasks": {"scaler", "state"},
    "ecsq_tasks_stopped_total": {"scaler", "outcome"},
}
SCRAPES = {
    "cloud-map": PROMETHEUS / "cloud-map.yml",
    "aws-sd": PROMETHEUS / "aws-sd.yml",
    "compose": DEPLOY / "compose" / "prometheus.yml",
}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # It evaluates a day of rules in seconds, and a third of that is its garbage collector at Go's default.
        env={**os.environ, "GOGC": "800"},
        timeout=240,
        check=False,
    )


def promtool_version() -> tuple[int, int]:
    match = re.search(r"version (\d+)\.(\d+)", promtool("--version").stdout)
    assert match is not None
    return int(match[1]), int(match[2])


def scrape_config(name: str) -> dict[str, Any]:
    (scrape,) = yaml.safe_load(SCRAPES[name].read_text())["scrape_configs"]
    assert isinstance(scrape, dict)
    return scrape


@needs_promtool
def test_alert_rules_are_sound() -> None:
    """Promtool takes every expression and template."""
    result = promtool("check", "rules", "--lint-fatal", PROMETHEUS / "alerts.yml")
    assert result.returncode == 0, result.stdout


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then() -> None:
    """Every alert's own examples, silent ones included."""
    result = promtool("test", "rules", PROMETHEUS / "alerts.test.yml")
    assert result.returncode == 0, result.stdout


@needs_promtool
@pytest.mark.parametrize("name", SCRAPES)
def test_prometheus_takes_the_scrape_configuration(name: str, tmp_path: Path) -> None:
    """As mounted: the configuration with the alert rules beside it."""
    if name == "aws-sd" and promtool_version() < (3, 8):
        pytest.skip(f"aws_sd_configs is newer than promtool {promtool_version()}; needs 3.8")
    shutil.copy(PROMETHEUS / "alerts.yml", tmp_path)
    result = promtool("check", "config", shutil.copy(SCRAPES[name], tmp_path))
    assert result.returncode == 0, result.stdout


def test_ecs_discovery_is_spelt_as_prometheus_spells_it() -> None:
    """The keys of <aws_sd_config> for role ecs, which an older promtool cannot check; port 80 would be the default."""
    (discovery,) = scrape_config("aws-sd")["aws_sd_configs"]
    assert (discovery["role"], discovery["port"]) == ("ecs", 8080)
    assert {"role", "region", "clusters", "port", "refresh_interval"} == set(discovery)


@pytest.mark.parametrize("name", SCRAPES)
def test_every_way_of_scraping_is_the_job_that_the_alerts_watch(name: str) -> None:
    """EcsqControllerDown goes by the job's name."""
    (down,) = [rule["expr"] for rule in RULES if rule["alert"] == "EcsqControllerDown"]
    assert f'job="{scrape_config(name)["job_name"]}"' in down


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_alert_says_why_and_what_to_do(rule: dict[str, Any]) -> None:
    """Whoever is woken reads what is at stake, the first step, and where the procedure stands."""
    notes = rule["annotations"]
    assert {"summary", "description", "runbook_url"} == set(notes)
    at_stake, _, first_step = notes["description"].partition(" What to do: ")
    assert at_stake.endswith(".")
    assert first_step.endswith(".")
    assert f"https://REPLACE-ME-DOCS/operating.md#{rule['alert'].lower()}" == notes["runbook_url"]
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_launch_failures_of_every_reason_have_one_alert() -> None:
    """What a person must mend wakes somebody, by the controller's own judgement of it; the rest is a warning."""
    (critical, warning) = [rule for rule in RULES if rule["alert"] == "EcsqLaunchFailures"]
    assert ("critical", "warning") == (critical["labels"]["severity"], warning["labels"]["severity"])
    for_a_person = "|".join(sorted(fault.value for fault in FOR_A_PERSON))
    assert f'{{reason=~"{for_a_person}"}}' in critical["expr"]
    assert f'{{reason!~"{for_a_person}"}}' in warning["expr"]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_alert_reads_gauges_over_minutes(rule: dict[str, Any]) -> None:
    """One scrape that fails, or one value that could not be observed, does not end or delay an alert."""
    moments = re.findall(r"ecsq_[a-z_]+(?:\{[^}]*\})?(?!\[|[a-z_{])", rule["expr"])
    assert [] == moments


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_alert_stands_on_metrics_that_the_daemon_has(rule: dict[str, Any]) -> None:
    """An expression on a metric or label that does not exist is silent for ever."""
    names = set(re.findall(r"\b(?:ecsq_[a-z_]+|up)\b", rule["expr"]))
    matchers = re.findall(r"([a-z_]+)\{([a-z_]+)[=!]", rule["expr"])
    assert names
    assert names <= set(METRICS)
    assert [label for name, label in matchers if label not in METRICS[name] | {"job"}] == []


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_runbook_exists(rule: dict[str, Any]) -> None:
    """The anchor is a heading of docs/operating.md."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operating.md").read_text(), flags=re.MULTILINE)
    assert rule["alert"] in [heading.strip("` ") for heading in headings]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_alert_has_examples(rule: dict[str, Any]) -> None:
    """One moment at least at which it fires, among series and moments that must stay silent."""
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", []) if case["alertname"] == rule["alert"]]
    severities = {alert["exp_labels"]["severity"] for case in cases for alert in case["exp_alerts"]}
    assert rule["labels"]["severity"] in severities
