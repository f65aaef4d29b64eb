"""``ecsq plan --from URL``: decided with what a running daemon remembers; and the budget, which all scalers share."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.aws import create_cluster, create_queue, eventually, register_template, run_tasks, send_messages
from tests.support.controller import NOBODY_LISTENS
from tests.support.daemon import SOON, Daemon, Document, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

COLD = (
    "Decided as after a restart. Levels, cooldowns and launches in doubt are known to a\n"
    "running daemon only: with --from URL they are taken from it."
)


def plan(path: Path, wanted: Document, *arguments: str) -> Result:
    """Run ``ecsq plan`` on a configuration."""
    path.write_text(yaml.safe_dump(wanted))
    return CliRunner().invoke(main, ["plan", "--config", str(path), *arguments])


def explained(text: str, name: str) -> dict[str, str]:
    """Return the lines of a scaler by what they are about."""
    block = next(block for block in text.split("\n\n") if block.startswith(f"scaler {name}\n"))
    return dict(re.findall(r"^  (\w+) +(.*)$", block, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def daemon(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon whose scaler has launched four, and whose level may not fall yet though the work is gone."""
    aws = embedded_aws
    aws.reset()
    create_cluster(aws, "main")
    queue = create_queue(aws, "busy")
    create_queue(aws, "unknown")
    send_messages(aws, queue.url, 4)
    busy = scaler("busy", register_template(aws, "worker"), cluster="main", demand={"messages_per_container": 1})
    with running(tmp_path_factory.mktemp("memory"), configuration(aws, busy)) as process:
        eventually(lambda: process.last("busy").get("running") == 4, within=SOON)
        aws.client("sqs").purge_queue(QueueUrl=queue.url)
        eventually(lambda: process.last("busy").get("backlog") == 0, within=SOON)
        yield process
    aws.reset()


@pytest.fixture
def wanted(embedded_aws: EmbeddedAws, daemon: Daemon) -> Document:
    """Give the daemon's configuration, and a scaler that it does not run."""
    there = yaml.safe_load(daemon.config.read_text())["scalers"]
    return configuration(embedded_aws, *there, scaler("unknown", "worker", cluster="main"))


def test_a_daemons_memory_goes_into_the_decision(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Its level holds until the fall cooldown is over; without it the level is that of a restart."""
    path = tmp_path / "config.yaml"
    warm, cold = plan(path, wanted, "--from", daemon.url), plan(path, wanted)
    assert (0, "", 0, "") == (warm.exit_code, warm.stderr, cold.exit_code, cold.stderr)
    levels = [explained(result.stdout, "busy")["level"].partition(":")[0] for result in (warm, cold)]
    assert ["4", "0"] == levels


def test_it_says_whose_memory_it_is(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Below the scalers, once, with the scalers that the daemon does not run; programs find it at each scaler."""
    path = tmp_path / "config.yaml"
    assert COLD == plan(path, wanted).stdout.rstrip("\n").split("\n\n")[-1]
    expected = (
        f"Decided with what the daemon at {daemon.url} remembers, but as after a restart for unknown: "
        "it does not run them."
    )
    assert expected == plan(path, wanted, "--from", daemon.url).stdout.splitlines()[-1]
    told = json.loads(plan(path, wanted, "--from", f"{daemon.url}/status", "--json").stdout)
    assert [("busy", True), ("unknown", False)] == [(each["scaler"], each["remembered"]) for each in told]


def test_a_daemon_of_another_name_is_refused(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Its scalers may have the same names, and drive other tasks."""
    result = plan(tmp_path / "config.yaml", wanted | {"name": "nightly"}, "--from", daemon.url)
    assert (1, "") == (result.exit_code, result.stdout)
    expected = f"Error: the daemon at {daemon.url} is the controller ecsq, and this configuration is that of nightly\n"
    assert expected == result.stderr


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        pytest.param(NOBODY_LISTENS, f"no daemon answers at {NOBODY_LISTENS}: ", id="nobody"),
        pytest.param("{aws}", "{aws} answers, but {aws}/status is ", id="somebody-else"),
    ],
)
def test_whoever_is_no_daemon_is_named(
    embedded_aws: EmbeddedAws, wanted: Document, tmp_path: Path, url: str, complaint: str
) -> None:
    """Nothing is decided with a memory that could not be had."""
    result = plan(tmp_path / "config.yaml", wanted, "--from", url.replace("{aws}", embedded_aws.url))
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(f"Error: {complaint.replace('{aws}', embedded_aws.url)}")


@pytest.fixture
def sharing(aws: EmbeddedAws, cluster: str) -> Document:
    """Give three scalers of eight containers between them: one has three that run, one goes before the other."""
    template = register_template(aws, "worker")
    for name in ("has", "first", "later"):
        create_queue(aws, name)
    run_tasks(aws, cluster, template, 3, startedBy="ecsq", group="has")
    for name in ("first", "later"):
        send_messages(aws, create_queue(aws, f"{name}-work").url, 4)
    scalers = [
        scaler("later", template, cluster=cluster, queue="later-work"),
        scaler("has", template, cluster=cluster),
        scaler("first", template, cluster=cluster, queue="first-work", priority=5),
    ]
    return configuration(aws, *scalers, budget={"max_containers": 8})


def test_the_budget_of_all_scalers_counts(sharing: Document, tmp_path: Path) -> None:
    """As in the daemon: live containers take their part, then the higher priority, and the rest is for the others."""
    told = json.loads(plan(tmp_path / "config.yaml", sharing, "--json").stdout)
    assert [("later", 4, 1), ("has", 0, None), ("first", 4, 4)] == [
        (each["scaler"], each["wanted"], each["granted"]) for each in told
    ]


def test_one_scaler_is_planned_beside_the_others(sharing: Document, tmp_path: Path) -> None:
    """With --scaler too: the others are looked at, for they share the budget, and not shown."""
    text = plan(tmp_path / "config.yaml", sharing, "--scaler", "later").stdout
    expected = "1 of 4 granted: the budget of all scalers has no more room"
    assert expected == explained(text, "later")["budget"]
    assert "scaler first" not in text


def test_a_budget_that_is_used_up_holds(sharing: Document, tmp_path: Path) -> None:
    """What the daemon would not launch, a plan does not promise."""
    sharing["budget"]["max_containers"] = 7
    said = explained(plan(tmp_path / "config.yaml", sharing, "--scaler", "later").stdout, "later")
    assert said["decision"].startswith("hold: 4 containers short, but the budget of all scalers leaves none")
    assert said["plan"].startswith("would launch when it may: 4 containers")
