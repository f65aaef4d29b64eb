from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.aws import NETWORK, container, register_template
from tests.support.daemon import CLIENT, Document, configuration, scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

ROUTER = container("log_router", memoryReservation=50, firelensConfiguration={"type": "fluentbit"})
WORKER = container(
    cpu=256,
    memory=700,
    portMappings=[{"containerPort": 80}],
    logConfiguration={"logDriver": "awsfirelens", "options": {"Name": "cloudwatch", "log_stream_name": "w"}},
)


@pytest.fixture
def orders(aws: EmbeddedAws, cluster: str) -> Document:
    """Make a scaler whose template has a log router beside the worker; its queue does not exist."""
    template = register_template(aws, "worker", cpu="512", memory="1024", containerDefinitions=[WORKER, ROUTER])
    return scaler("orders", template, cluster=cluster, task_container="worker", task_max_containers_per_task=4)


@pytest.fixture
def plan(aws: EmbeddedAws, tmp_path: Path) -> Callable[..., Result]:
    """Run ``ecsq plan`` on scalers, with further arguments."""

    def run(*arguments: str, scalers: tuple[Document, ...]) -> Result:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(configuration(aws, *scalers)))
        return CliRunner().invoke(main, ["plan", "--config", str(path), *arguments])

    return run


def parts(text: str) -> tuple[str, dict[str, Any], list[str], list[str]]:
    """Return heading, definition, difference and notes of one scaler."""
    heading, rest = text.split("\n", 1)
    definition, end = json.JSONDecoder().raw_decode(rest)
    blocks = [block.splitlines() for block in rest[end:].strip().split("\n\n")]
    return heading, definition, blocks[0], blocks[1] if blocks[1:] else []


def test_the_definition_and_its_difference(plan: Callable[..., Result], orders: Document) -> None:
    """A reader sees what will run, whole, and then what of it is not the template."""
    result = plan("--definition", "3", scalers=(orders,))
    assert (0, "") == (result.exit_code, result.stderr)
    heading, definition, difference, notes = parts(result.stdout)
    assert "scaler orders: 3 workers a task run worker-x3, derived from worker:1" == heading
    assert ["ecsq-keeper", "worker-1", "worker-2", "worker-3", "log_router"] == [
        each["name"] for each in definition["containerDefinitions"]
    ]
    assert ("worker-x3", "1024", "3072") == (definition["family"], definition["cpu"], definition["memory"])
    assert ["--- worker:1", "+++ worker-x3", "@@ task @@"] == difference[:3]
    assert {'-cpu: "512"', '+cpu: "1024"', "@@ unchanged: log_router @@"} <= set(difference)
    assert ['+logConfiguration.options.log_stream_name: "w-3"'] == [line for line in difference if "w-3" in line]
    said = " ".join(notes)
    assert "the copies have no portMappings (the template has 80/tcp)" in said
    assert "becomes 1024 CPU units and 3072 MiB, of which 256 CPU units and 922 MiB are rounding" in said


def test_what_is_shown_can_be_registered_and_run(
    aws: EmbeddedAws, plan: Callable[..., Result], cluster: str, orders: Document
) -> None:
    """--json gives programs the definition as ECS takes it."""
    [shown] = json.loads(plan("--definition", "2", "--json", scalers=(orders,)).stdout)
    assert ("orders", "worker:1", 2) == (shown["scaler"], shown["template"], shown["containers"])
    ecs = aws.client("ecs")
    arn = ecs.register_task_definition(**shown["definition"])["taskDefinition"]["taskDefinitionArn"]
    ecs.run_task(cluster=cluster, taskDefinition=arn, launchType="FARGATE", networkConfiguration=NETWORK)
    assert [["ecsq-keeper", "worker-1", "worker-2", "log_router"]] == [
        [each.name for each in task.containers] for task in aws.ecs.tasks()
    ]
    text = parts(plan("--definition", "2", scalers=(orders,)).stdout)
    assert (shown["definition"], shown["difference"]) == (text[1], text[2][2:])
    assert [f"- {note}" for note in shown["notes"]] == text[3]


def test_one_worker_a_task_is_the_template(plan: Callable[..., Result], orders: Document) -> None:
    """It is printed without what ECS fills in, and nothing differs."""
    heading, definition, difference, notes = parts(plan("--definition", "1", scalers=(orders,)).stdout)
    assert "scaler orders: one worker a task runs worker:1 itself; nothing is registered for it" == heading
    assert ("worker", ["worker", "log_router"]) == (
        definition["family"],
        [each["name"] for each in definition["containerDefinitions"]],
    )
    assert {"revision", "status", "taskDefinitionArn", "registeredAt"}.isdisjoint(definition)
    assert ([], []) == (difference, notes)


def test_one_worker_with_a_deadline_has_a_keeper(plan: Callable[..., Result], orders: Document) -> None:
    """What is registered for it alone is shown like any other derived definition."""
    orders["task"]["deadline"] = "2h"
    heading, definition, difference, notes = parts(plan("--definition", "1", scalers=(orders,)).stdout)
    assert "scaler orders: 1 worker a task runs worker-x1, derived from worker:1" == heading
    assert ["ecsq-keeper", "worker", "log_router"] == [each["name"] for each in definition["containerDefinitions"]]
    assert "-essential: true" in difference
    assert notes[1].startswith("- 2h after the start of the last worker ecsq-keeper ends the task: ")


def test_more_than_is_configured(plan: Callable[..., Result], orders: Document) -> None:
    """It can be looked at, and the reader is told that it will not be planned."""
    notes = parts(plan("--definition", "5", scalers=(orders,)).stdout)[3]
    assert "- never planned: max_containers_per_task is 4" == notes[-1]
    assert not any("never planned" in note for note in parts(plan("--definition", "4", scalers=(orders,)).stdout)[3])


WINDOWS = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
RESTARTING = {"containerDefinitions": [container(restartPolicy={"enabled": True})]}
LARGE = {"cpu": "16384", "memory": "65536"}
STORING = {"ephemeralStorage": {"sizeInGiB": 50}}


@pytest.mark.parametrize(
    ("members", "k", "reason"),
    [
        (
            WINDOWS,
            2,
            "1 worker: .*: it runs on Windows, .*: use a Linux template, or set max_containers_per_task to 1",
        ),
        (RESTARTING, 2, "1 worker: .*: container worker has a restartPolicy: .*; remove it, or set .*"),
        ({}, 12, "9 workers: .* with 10 workers a task: a task can hold 10 containers, including the keeper: set .*"),
        (LARGE, 3, "2 workers: .* with 3 workers a task: no task size is large enough for them: lower .*"),
        (
            {"containerDefinitions": [container("w" * 250)]},
            9,
            "7 workers: task.environment takes 8,.* for 8 copies of container w+, and ECS allows 8,192: shorten it, .*",
        ),
        (STORING, 6, "4 workers: .* with 5 workers a task: ephemeralStorage would be 250 GiB, and Fargate .*"),
    ],
    ids=["Windows", "restarts", "containers", "size", "overrides", "storage"],
)
def test_what_cannot_be(
    aws: EmbeddedAws,
    plan: Callable[..., Result],
    cluster: str,
    orders: Document,
    members: dict[str, Any],
    k: int,
    reason: str,
) -> None:
    """The most that can be, and why not one more, on one line, exit code 1; the other scalers are shown.

    No key is named to check: the number came from the command line.
    """
    other = scaler("other", register_template(aws, "other", **members), cluster=cluster)
    other["task"]["environment"] = {"BLOB": "x" * 800}
    result = plan("--definition", str(k), scalers=(orders, other))
    assert 1 == result.exit_code
    complaints = [line for line in result.stderr.splitlines() if line.startswith("scaler other: ")]
    assert 1 == len(complaints)
    pattern = rf"scaler other: a task of this template holds at most {reason}"
    assert re.fullmatch(pattern, complaints[0]), complaints[0]
    assert "check scalers[" not in complaints[0]
    room_beside_the_router = 8
    assert (k <= room_beside_the_router) == result.stdout.startswith("scaler orders: ")
    alone = plan("--definition", "1", "--scaler", "other", scalers=(orders, other))
    assert (0, "scaler other: one worker") == (alone.exit_code, alone.stdout[:24])


def test_what_cannot_be_is_told_to_programs_as_well(
    aws: EmbeddedAws, plan: Callable[..., Result], cluster: str, orders: Document
) -> None:
    """--json has an object for each scaler, with the reason that standard error has, or the definition."""
    other = scaler("other", register_template(aws, "other", **WINDOWS), cluster=cluster)
    result = plan("--definition", "2", "--json", scalers=(other, orders))
    refused, shown = json.loads(result.stdout)
    assert ("other", 2, None, f"{refused['error']}\n") == (
        refused["scaler"],
        refused["containers"],
        refused["definition"],
        result.stderr,
    )
    assert ("orders", "worker-x2", None) == (shown["scaler"], shown["definition"]["family"], shown["error"])
    assert (1, list(shown)) == (result.exit_code, list(refused))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"definition": "absent"}, r'task definition "absent" does not exist.*; check scalers\[0\].task.definition'),
        ({"container": "absent"}, r".*no container 'absent': set task.container to one of worker, log_router; .*"),
    ],
    ids=["template", "container"],
)
def test_what_is_missing(
    plan: Callable[..., Result], orders: Document, changes: dict[str, str], complaint: str
) -> None:
    """It is named with the scaler and the key, whatever K is, with nothing on standard output."""
    for k in ("1", "2"):
        result = plan("--definition", k, scalers=(orders | {"task": orders["task"] | changes},))
        assert (1, "") == (result.exit_code, result.stdout)
        assert re.fullmatch(f"scaler orders: {complaint}", result.stderr.strip())


@pytest.mark.parametrize("k", ["0", "-1", "two"])
def test_a_number_that_is_none(plan: Callable[..., Result], orders: Document, k: str) -> None:
    """That is wrong usage."""
    assert 2 == plan("--definition", k, scalers=(orders,)).exit_code


def test_only_definitions_are_looked_up(aws: EmbeddedAws, plan: Callable[..., Result], orders: Document) -> None:
    """Neither queue nor cluster is asked, and nothing is written."""
    plan("--definition", "3", scalers=(orders,))
    expected = ["DescribeTaskDefinition", "ListTaskDefinitions"]
    assert expected == [call.operation for call in aws.journal.calls(client=CLIENT)]
