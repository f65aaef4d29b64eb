from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import container, create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, Daemon, Document, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

ROLE = {"executionRoleArn": "arn:aws:iam::123456789012:role/execution"}
EBS = {"roleArn": "arn:aws:iam::123456789012:role/volumes", "sizeInGiB": 20, "filesystemType": "ext4"}
TEMPLATES: dict[str, dict[str, Any]] = {
    "plain": {},
    "routed": {
        **ROLE,
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [
            container(
                logConfiguration={
                    "logDriver": "awsfirelens",
                    "options": {"Name": "cloudwatch", "log_stream_name": "w"},
                },
                secrets=[{"name": "TOKEN", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/token"}],
                dependsOn=[{"containerName": "proxy", "condition": "HEALTHY"}],
                portMappings=[{"containerPort": 8080}],
            ),
            container("router", memoryReservation=50, firelensConfiguration={"type": "fluentbit"}),
            container("proxy", memoryReservation=50, healthCheck={"command": ["CMD", "true"]}),
        ],
    },
    "ebs": {
        "containerDefinitions": [container(mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}])],
        "volumes": [{"name": "data", "configuredAtLaunch": True}],
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 30},
    },
    "bridge": {
        "requiresCompatibilities": ["EC2"],
        "networkMode": "bridge",
        "containerDefinitions": [
            container(memory=128, links=["cache"], resourceRequirements=[{"type": "GPU", "value": "1"}]),
            container("cache", memory=64, portMappings=[{"containerPort": 6379, "hostPort": 0}]),
        ],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ g5.*"}],
    },
    "windows": {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
    "restarting": {"containerDefinitions": [container(restartPolicy={"enabled": True})]},
    "large": {"cpu": "16384", "memory": "65536"},
    "ambiguous": {"containerDefinitions": [container("a"), container("b")]},
}
"""Templates by the name of their scaler."""


def settings(name: str) -> Document:
    """Return what a scaler's task needs beside its template."""
    task: Document = {"task_max_tasks_per_launch": 2, "task_packing": "dense"}
    if name in {"routed", "bridge"}:
        task["task_container"] = "worker"
    if name == "ebs":
        task["task_run_task"] = {"volumeConfigurations": [{"name": "data", "managedEBSVolume": EBS}]}
        task["task_capacity_providers"] = [{"provider": "FARGATE_SPOT", "weight": 1}]
    if name == "bridge":
        task |= {"task_launch_type": "EC2", "task_subnets": []}
    return task


@pytest.fixture(scope="module")
def shared_aws(embedded_aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """Give an AWS with four messages in a queue for each of the templates."""
    embedded_aws.reset()
    create_cluster(embedded_aws, "main")
    for name, members in TEMPLATES.items():
        register_template(embedded_aws, name, **members)
        send_messages(embedded_aws, create_queue(embedded_aws, name).url, 4)
    yield embedded_aws
    embedded_aws.reset()


@pytest.fixture(scope="module")
def daemon(shared_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run one daemon with a scaler for each of the templates, each of which has launched or was refused."""
    scalers = [scaler(name, name, cluster="main", **settings(name)) for name in TEMPLATES]
    with running(tmp_path_factory.mktemp("templates"), configuration(shared_aws, *scalers)) as process:
        for name in TEMPLATES:
            outcome = "failed" if name == "ambiguous" else "launched"
            eventually(lambda name=name, outcome=outcome: process.decisions(name, outcome=outcome), within=SOON)
        yield process


def tasks_of(aws: EmbeddedAws, name: str) -> list[list[str]]:
    """Return the containers of each task of a scaler."""
    return [[each.name for each in task.containers] for task in aws.ecs.tasks("main") if task.group == name]


@pytest.mark.parametrize(
    ("name", "sidecars"),
    [("plain", []), ("routed", ["router", "proxy"]), ("ebs", []), ("bridge", ["cache"])],
    ids=["plain", "routed", "ebs", "bridge"],
)
def test_templates_that_can_be_copied(shared_aws: EmbeddedAws, daemon: Daemon, name: str, sidecars: list[str]) -> None:
    """Four messages are four copies in one task, with the keeper and whatever the template has beside the worker."""
    copies = [f"worker-{number}" for number in range(1, 5)]
    assert [sorted(["ecsq-keeper", *copies, *sidecars])] == [sorted(each) for each in tasks_of(shared_aws, name)]
    [launch] = daemon.decisions(name, outcome="launched")
    assert 4 == launch["launched_containers"]
    assert (None, None, None) == tuple(launch.get(name) for name in ("plan_limit", "plan_cut", "error"))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("windows", "at most 1 a task: task definition windows:1: it runs on Windows, where the keeper, "),
        ("restarting", "at most 1 a task: task definition restarting:1: container worker has a restartPolicy: "),
    ],
    ids=["windows", "restarts"],
)
def test_templates_that_cannot_be_copied_run_as_they_are(
    shared_aws: EmbeddedAws, daemon: Daemon, name: str, limit: str
) -> None:
    """One worker a task within the same limit of tasks, nothing is registered, and the launch says why."""
    assert [["worker"]] * 2 == tasks_of(shared_aws, name)
    [launch] = daemon.decisions(name, outcome="launched")
    assert (2, None) == (launch["launched_containers"], launch.get("error"))
    cut = "planned 2 of 4 containers: max_tasks_per_launch is 2, with at most 1 a task; the rest waits for "
    assert f"{cut}a later launch" == launch["plan_cut"]
    assert launch["plan_limit"].startswith(limit)
    listed = shared_aws.client("ecs").list_task_definition_families(familyPrefix=f"{name}-x")
    assert [] == listed["families"]


def test_a_size_that_there_is_not_is_never_planned(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """Two workers of 16 vCPU fill Fargate's largest task, so that four are two tasks."""
    assert [["ecsq-keeper", "worker-1", "worker-2"]] * 2 == tasks_of(shared_aws, "large")
    [launch] = daemon.decisions("large", outcome="launched")
    assert "with 3 workers a task: no task size is large enough" in launch["plan_limit"]


def test_a_template_that_cannot_run_at_all_is_refused(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """With the reason, the way out and the key; the scalers beside it have launched."""
    said = daemon.decisions("ambiguous", outcome="failed")[0]
    assert ("launch", "warning") == (said["reason"], said["level"])
    assert (
        f"scaler ambiguous: task definition ambiguous:1 has 2 containers (a, b): set task.container to the one that "
        f"does the work; check scalers[{list(TEMPLATES).index('ambiguous')}].task.container"
    ) == said["error"]
    assert [] == tasks_of(shared_aws, "ambiguous")


def test_status_shows_what_is_paid(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """The last launch stays in /status with the size of its tasks and how much of that is rounding."""
    shown = {name: daemon.scaler(name)["last_launch"] for name in ("routed", "windows", "large", "ambiguous")}
    assert None is shown.pop("ambiguous")
    keys = ("tasks", "containers", "cpu", "memory", "cpu_rounding", "memory_rounding")
    assert {
        "routed": [(1, 4, 2048, 4096, 0, 300)],
        "windows": [(2, 1, 256, 512, 0, 0)],
        "large": [(2, 2, 32768, 249856, 0, 118784)],
    } == {name: [tuple(group[key] for key in keys) for group in launch["plan"]] for name, launch in shown.items()}


def test_each_revision_was_registered_once(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """As often as the metrics say."""
    families = {"plain-x4", "routed-x4", "ebs-x4", "bridge-x4", "large-x2"}
    sent = [call.parameters for call in shared_aws.journal.calls("ecs", "RegisterTaskDefinition", client="ecsq-ecsq")]
    assert sorted(families) == sorted(each["family"] for each in sent)
    counted = {name: daemon.sample("task_definitions_registered_total", scaler=name) for name in TEMPLATES}
    assert {f"{name}-x{2 if name == 'large' else 4}" for name, times in counted.items() if times == 1} == families
    assert {0.0, 1.0} == set(counted.values())


def test_what_run_task_says_of_volumes_reaches_the_copies(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """A volume that is configured at launch keeps its name in the derived revision; storage grows with the copies."""
    *_, call = [
        call.parameters
        for call in shared_aws.journal.calls("ecs", "RunTask")
        if call.parameters["group"] == daemon.scaler("ebs")["name"]
    ]
    assert [{"name": "data", "managedEBSVolume": EBS}] == call["volumeConfigurations"]
    assert [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}] == call["capacityProviderStrategy"]
    derived = shared_aws.client("ecs").describe_task_definition(taskDefinition=call["taskDefinition"])["taskDefinition"]
    assert TEMPLATES["ebs"]["volumes"] == derived["volumes"]
    assert ({"sizeInGiB": 120}, TEMPLATES["ebs"]["runtimePlatform"]) == (
        derived["ephemeralStorage"],
        derived["runtimePlatform"],
    )
