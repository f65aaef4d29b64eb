"""The inhibition rules: they fit the alerts, and leave one alert for each cause."""

import re
import shutil
import subprocess
from typing import NamedTuple

import pytest
import yaml

from tests.deploy.documents import DEPLOY

PROMETHEUS = DEPLOY / "prometheus"
CONFIG = PROMETHEUS / "alertmanager.yml"
AMTOOL = shutil.which("amtool")
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
TESTS = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
PREFIX = "one cause: "
Labels = dict[str, str]


class Matcher(NamedTuple):
    """One comparison of Alertmanager's: ``label = value``, with ``!=``, ``=~`` and ``!~`` beside it."""

    label: str
    sign: str
    value: str

    def matches(self, alert: Labels) -> bool:
        """Say whether an alert is meant; a regular expression has to fit the whole value."""
        found = alert.get(self.label, "")
        equal = bool(re.fullmatch(self.value, found)) if "~" in self.sign else self.value == found
        return equal is not self.sign.startswith("!")


class Inhibition(NamedTuple):
    """While an alert fires that is a source, targets with the same labels are kept back."""

    source: list[Matcher]
    target: list[Matcher]
    equal: list[str]

    def keeps_back(self, alert: Labels, firing: list[Labels]) -> bool:
        """Say whether one of the alerts that fire keeps this one back."""
        return fits(self.target, alert) and any(
            fits(self.source, other) and all(other.get(label) == alert.get(label) for label in self.equal)
            for other in firing
            if other is not alert
        )


def parse(matchers: list[str]) -> list[Matcher]:
    """Read matchers as Alertmanager does: a name, a sign, and a value in quotes or without."""
    parsed = [re.fullmatch(r'([a-z_]+) (=~|!~|!=|=) (?:"([^"]*)"|(\w+))', text) for text in matchers]
    return [Matcher(found[1], found[2], found[3] or found[4]) for found in parsed if found is not None]


def fits(matchers: list[Matcher], alert: Labels) -> bool:
    """Say whether every matcher means the alert."""
    return all(matcher.matches(alert) for matcher in matchers)


def read_inhibitions() -> list[Inhibition]:
    """Return the rules of the file."""
    return [
        Inhibition(parse(rule["source_matchers"]), parse(rule["target_matchers"]), rule["equal"])
        for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
    ]


INHIBITIONS = read_inhibitions()
NUMBERED = [f"rule {number}" for number, _ in enumerate(INHIBITIONS, 1)]


def labels_of(sample: str) -> Labels:
    """Return the labels of a sample of ``ALERTS``."""
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', sample))


CAUSES = [
    pytest.param(
        [labels_of(sample["labels"]) for sample in look["exp_samples"]], id=f"{test['name']} {look['eval_time']}"
    )
    for test in TESTS
    if test["name"].startswith(PREFIX)
    for look in test["promql_expr_test"]
]


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_alertmanager_takes_it() -> None:
    """It is a whole configuration, as Alertmanager reads it."""
    assert AMTOOL is not None
    done = subprocess.run(
        [AMTOOL, "check-config", str(CONFIG)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_spelt_as_alertmanager_spells_it() -> None:
    """Its keys are Alertmanager's, every matcher can be read, and the route leads to a receiver that is there."""
    config = yaml.safe_load(CONFIG.read_text())
    assert {"route", "receivers", "inhibit_rules"} == set(config)
    assert [{"name": config["route"]["receiver"]}] == config["receivers"]
    for rule in config["inhibit_rules"]:
        assert {"source_matchers", "target_matchers", "equal"} == set(rule)
        for matchers in (rule["source_matchers"], rule["target_matchers"]):
            assert len(parse(matchers)) == len(matchers)


@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=NUMBERED)
def test_every_inhibition_names_alerts_that_there_are(inhibition: Inhibition) -> None:
    """A rule for an alert that does not exist keeps nothing back; one that means itself would keep everything back."""
    alerts = [{"alertname": rule["alert"], **rule["labels"]} for rule in RULES]
    sources = [alert for alert in alerts if fits(inhibition.source, alert)]
    targets = [alert for alert in alerts if fits(inhibition.target, alert)]
    assert len(sources) == 1
    assert targets
    assert [] == [alert for alert in targets if alert in sources]


@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=NUMBERED)
def test_an_inhibition_stays_within_its_scaler(inhibition: Inhibition) -> None:
    """An alert of one scaler or controller keeps none of another's back."""
    fired = [alert for cause in CAUSES for alert in cause.values[0]]
    (source,) = [alert for alert in fired if fits(inhibition.source, alert)][:1]
    (target,) = [alert for alert in fired if fits(inhibition.target, alert)][:1]
    other = target | {inhibition.equal[-1]: "another"}
    assert [True, False] == [inhibition.keeps_back(alert, [source, alert]) for alert in (target, other)]


@pytest.mark.parametrize("firing", CAUSES)
def test_each_cause_has_one_alert(firing: list[Labels]) -> None:
    """Of all the alerts that fire for one cause, one comes through."""
    told = [alert for alert in firing if not any(rule.keeps_back(alert, firing) for rule in INHIBITIONS)]
    assert 1 == len(told)


def test_every_alert_is_what_is_told_of_some_cause() -> None:
    """There is a cause for each alert of which it is the one that comes through."""
    told = {
        (alert["alertname"], alert["severity"])
        for cause in CAUSES
        for alert in cause.values[0]
        if not any(rule.keeps_back(alert, cause.values[0]) for rule in INHIBITIONS)
    }
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in RULES} == told
