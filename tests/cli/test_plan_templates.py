"""``ecsq plan`` of templates that cannot run as configured, or hardly as meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import main
from tests.support.aws import container, create_queue, register_template, send_messages
from tests.support.daemon import Document, configuration, scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

ON_EC2: dict[str, Any] = {"requiresCompatibilities": ["EC2"], "containerDefinitions": [container(memory=512)]}
QUEUE_WORKER = container("queue-worker", essential=False)
WEB = container("web")


@pytest.fixture
def plan(aws: EmbeddedAws, cluster: str, tmp_path: Path) -> Callable[..., Result]:
    """Run ``ecsq plan`` on one scaler with three messages and a template of these members."""
    send_messages(aws, create_queue(aws, "orders").url, 3)

    def run(*arguments: str, members: dict[str, Any], **task: Any) -> Result:
        template = register_template(aws, "orders", **members)
        wanted: Document = scaler("orders", template, cluster=cluster, task_max_tasks_per_launch=1)
        wanted["task"] |= task
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(configuration(aws, wanted)))
        return CliRunner().invoke(main, ["plan", "--config", str(path), *arguments])

    return run


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "bridge on Fargate": (
        {**ON_EC2, "networkMode": "bridge", "cpu": "", "memory": ""},
        {},
        "task definition orders:1 cannot run on FARGATE: its networkMode is bridge and not awsvpc, it has no "
        "task-level cpu and memory; set task.launch_type to EC2, or name a definition for Fargate; "
        "check scalers[0].task.launch_type",
    ),
    "awsvpc without subnets": (
        ON_EC2,
        {"launch_type": "EC2", "subnets": []},
        "task definition orders:1 needs subnets: its networkMode is awsvpc; set task.subnets; "
        "check scalers[0].task.subnets",
    ),
    "subnets for bridge": (
        {**ON_EC2, "networkMode": "bridge"},
        {"launch_type": "EC2"},
        "task definition orders:1 takes no subnets: its networkMode is bridge and not awsvpc; remove task.subnets, "
        "task.security_groups and task.assign_public_ip; check scalers[0].task.subnets",
    ),
    "a volume that nobody configures": (
        {"volumes": [{"name": "data", "configuredAtLaunch": True}]},
        {},
        "task definition orders:1 has the volume data, which is configuredAtLaunch: "
        "add it to task.run_task.volumeConfigurations; check scalers[0].task.run_task",
    ),
}


@pytest.mark.parametrize("arguments", [(), ("--definition", "1"), ("--definition", "3")], ids=["plan", "1", "3"])
@pytest.mark.parametrize(("members", "task", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_run_task_must_refuse_is_not_promised(
    plan: Callable[..., Result],
    members: dict[str, Any],
    task: dict[str, Any],
    reason: str,
    arguments: tuple[str, ...],
) -> None:
    """The exit code is 1, with the reason and the key to change; no task and no definition is drawn."""
    result = plan(*arguments, members=members, **task)
    assert (1, f"scaler orders: {reason}\n") == (result.exit_code, result.stderr)
    assert "would launch" not in result.stdout
    [told] = json.loads(plan(*arguments, "--json", members=members, **task).stdout)
    assert reason.replace("orders:1", "orders:2") in told["error"]


def test_a_windows_image_without_a_platform_has_no_copies(plan: Callable[..., Result]) -> None:
    """The keeper of copies is a POSIX shell script, as plan and refusal say; one worker a task is planned."""
    members = {"containerDefinitions": [container(image="mcr.microsoft.com/windows/servercore/iis")]}
    refused = plan("--definition", "3", members=members)
    assert (1, "") == (refused.exit_code, refused.stdout)
    assert "it runs on Windows, where the keeper, a POSIX shell script, cannot run" in refused.stderr
    planned = plan(members=members)
    assert (0, True) == (planned.exit_code, "1 x [worker]  orders:2\n" in planned.stdout)
    assert "at most 1 a task: task definition orders:2: it runs on Windows" in planned.stdout


def test_a_container_that_others_need_to_succeed_has_no_copies(plan: Callable[..., Result]) -> None:
    """If one copy failed, the task would end in the middle of the others' work."""
    waiting = container("next", dependsOn=[{"containerName": "app", "condition": "SUCCESS"}])
    members = {"containerDefinitions": [container("app", essential=False), waiting]}
    refused = plan("--definition", "2", members=members, container="app")
    assert (1, "") == (refused.exit_code, refused.stdout)
    assert "container next depends on app with the condition SUCCESS" in refused.stderr


@pytest.mark.parametrize("most", [1, 3])
def test_tasks_that_outlive_their_workers_are_warned_of(plan: Callable[..., Result], most: int) -> None:
    """For one worker a task as for copies, in the text, in JSON, and with the definition."""
    members = {"containerDefinitions": [QUEUE_WORKER, WEB]}
    task = {"container": "queue-worker", "max_containers_per_task": most}
    sentence = "container queue-worker is not essential and web is, so a task does not end with its workers: it stays, "
    result = plan(members=members, **task)
    assert (0, "") == (result.exit_code, result.stderr)
    assert f"  warning   task definition orders:1: {sentence}" in result.stdout
    [told] = json.loads(plan("--json", members=members, **task).stdout)
    assert [True] == [sentence in warning for warning in told["plan_warnings"]]
    shown = plan("--definition", str(most), members=members, **task)
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("- warning")]
    assert (0, True) == (shown.exit_code, line.startswith(f"- warning: task definition orders:3: {sentence}"))
    [told] = json.loads(plan("--definition", str(most), "--json", members=members, **task).stdout)
    assert sentence in told["notes"][0]


def test_a_warning_needs_no_launch(aws: EmbeddedAws, plan: Callable[..., Result]) -> None:
    """An idle scaler is told as well, before its first message comes."""
    aws.client("sqs").purge_queue(QueueUrl=aws.client("sqs").get_queue_url(QueueName="orders")["QueueUrl"])
    text = plan(members={"containerDefinitions": [QUEUE_WORKER, WEB]}, container="queue-worker").stdout
    assert (True, False) == ("  warning   task definition orders:1: " in text, "would launch" in text)


def test_copies_that_check_their_health_on_one_port(plan: Callable[..., Result]) -> None:
    """Three copies have a note that the port is taken in two of them; one worker a task has none."""
    health = {"command": ["CMD-SHELL", "curl -f http://localhost:8080/"]}
    members = {"containerDefinitions": [container(healthCheck=health)]}
    text = plan(members=members).stdout
    assert "container worker seems to listen on port 8080 (by its healthCheck)" in text
    assert "in all copies but one the port is taken" in text
    assert "the port is taken" in plan("--definition", "3", members=members).stdout
    assert "the port is taken" not in plan("--definition", "1", members=members).stdout
    assert "the port is taken" not in plan(members=members, max_containers_per_task=1).stdout


def test_one_note_on_what_runs_after_the_worker(plan: Callable[..., Result]) -> None:
    """It runs once all copies have ended, and nothing says that it may end the task before."""
    after = container("after", dependsOn=[{"containerName": "app", "condition": "COMPLETE"}])
    members = {"containerDefinitions": [container("app", essential=False), after]}
    text = plan("--definition", "2", members=members, container="app").stdout
    assert ["- after runs once all copies have ended; until then ECS shows the task as PENDING"] == [
        line for line in text.splitlines() if line.startswith("- ") and "after" in line
    ]


def test_the_container_left_out_beside_router_and_proxy(plan: Callable[..., Result]) -> None:
    """What is left is the worker."""
    members = {
        "containerDefinitions": [
            container("log_router", firelensConfiguration={"type": "fluentbit"}),
            container("envoy"),
            container("worker"),
        ],
        "proxyConfiguration": {"type": "APPMESH", "containerName": "envoy"},
    }
    result = plan(members=members)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "1 x [ecsq-keeper | worker-1 | worker-2 | worker-3]  orders-x3" in result.stdout
