"""``--dry-run --watch`` on one daemon: it reads and decides, writes nothing, and takes the file as it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import CLIENT, NOT_TAKEN, SOON, TAKEN, Daemon, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws

CLUSTER = "main"
READS = {
    ("sqs", "GetQueueUrl"),
    ("sqs", "GetQueueAttributes"),
    ("ecs", "ListTasks"),
    ("ecs", "DescribeTasks"),
    ("ecs", "DescribeTaskDefinition"),
    ("ecs", "ListTaskDefinitions"),
}


@pytest.fixture(scope="module")
def template(shared_aws: EmbeddedAws) -> str:
    """Create the cluster, two queues, one with 30 messages, and the template; name the template."""
    create_cluster(shared_aws, CLUSTER)
    send_messages(shared_aws, create_queue(shared_aws, "busy").url, 30)
    create_queue(shared_aws, "idle")
    return register_template(shared_aws, "worker")


@pytest.fixture(scope="module")
def daemon(shared_aws: EmbeddedAws, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon that would launch at every slot if it might."""
    wanted = configuration(
        shared_aws,
        scaler(
            "busy",
            template,
            cluster=CLUSTER,
            max_containers=25,
            cooldown={"launch": "3s"},
            task_max_tasks_per_launch=10,
        ),
    )
    with running(tmp_path_factory.mktemp("dry-run"), wanted, "--dry-run", "--watch") as process:
        yield process
        assert process.stop() == 0


def test_it_says_what_it_would_launch(daemon: Daemon) -> None:
    """The log tells the plan of each launch that was suppressed, and the cooldown runs between two of them."""
    eventually(lambda: len(daemon.decisions("busy", outcome="dry_run")) >= 2, within=SOON)
    first = daemon.decisions("busy", outcome="dry_run")[0]
    said = ("reason", "launch", "launched_tasks", "launched_containers", "level")
    assert ["launch", 25, 0, 0, "info"] == [first[key] for key in said]
    assert [(5, 3), (5, 2)] == [(group["tasks"], group["containers"]) for group in first["plan"]]
    reasons = [decision["reason"] for decision in daemon.decisions("busy")]
    assert "cooldown" == reasons[reasons.index("launch") + 1]
    assert daemon.status()["dry_run"]


def test_it_writes_nothing(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """AWS is only read from, no revision is registered, and the counters of what was launched stay 0."""
    eventually(lambda: daemon.decisions("busy", outcome="dry_run"), within=SOON)
    asked = {(service, operation) for client, service, operation in shared_aws.journal.counts() if client == CLIENT}
    assert set() == asked - READS
    assert ("ecs", "DescribeTaskDefinition") in asked
    assert [] == shared_aws.ecs.tasks()
    totals = ("containers_launched_total", "tasks_launched_total", "task_definitions_registered_total")
    assert [0, 0, 0] == [daemon.sample(total, scaler="busy") for total in totals]


def test_watch_takes_the_file_as_it_changes(shared_aws: EmbeddedAws, template: str, daemon: Daemon) -> None:
    """Without a signal a bad file is refused once, a good one is taken, and a missing one is refused."""
    good = configuration(shared_aws, scaler("idle", template, cluster=CLUSTER))
    daemon.write("scalers: []")
    eventually(lambda: daemon.events(NOT_TAKEN), within=SOON)
    daemon.write(good)
    eventually(lambda: daemon.events(TAKEN), within=SOON)
    eventually(lambda: daemon.scalers_with_series() == {"idle"}, within=SOON)
    daemon.config.unlink()
    eventually(lambda: len(daemon.events(NOT_TAKEN)) == 2, within=SOON)
    assert (200, "ok\n") == daemon.get("/healthz")
    first, second = (event["problems"][0].removeprefix(f"{daemon.config}:") for event in daemon.events(NOT_TAKEN))
    assert "scalers: " in first
    assert second.startswith("1:1: does not exist")
