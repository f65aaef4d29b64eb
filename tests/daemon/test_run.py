"""One daemon with several scalers, from its first poll to its last, through what goes wrong meanwhile."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from controller.sandbox.aws import Disturbance
from tests.support.aws import container, create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import CLIENT, SOON, Daemon, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws
    from controller.sandbox.aws.disturbances import Kind

QUEUES = ("bursts", "idle", "vanishing", "no-cluster", "no-template", "no-container", "wrong-container")


def of_cluster(name: str, operation: str, kind: Kind, times: int = 2, **members: Any) -> Disturbance:
    """Make a disturbance that hits ECS calls for one cluster."""
    return Disturbance("ecs", operation, kind, times, where=lambda asked: asked["cluster"] == name, **members)


NONSENSE = {
    "no-counts": (
        Disturbance("sqs", "GetQueueAttributes", "malformed", 2, where=lambda asked: "no-counts" in asked["QueueUrl"]),
    ),
    "no-json": (of_cluster("no-json", "ListTasks", "malformed"),),
    "no-tasks": (of_cluster("no-tasks", "ListTasks", "replace"),),
    # A lost answer is asked for a second time.
    "no-service": (of_cluster("no-service", "ListTasks", "lost_answer", times=4),),
}
"""By scaler, which has a queue and a cluster of its own, what is wrong with two of its polls."""


@pytest.fixture(scope="module")
def daemon(shared_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon whose scalers are sound, wrongly configured, or about to be broken by a test."""
    aws = shared_aws
    for name in ("main", *NONSENSE):
        create_cluster(aws, name)
    template = register_template(aws, "worker")
    register_template(aws, "two", containerDefinitions=[container("worker"), container("log-router")])
    for queue in (*QUEUES, *NONSENSE):
        url = create_queue(aws, queue).url
        if queue not in {"idle", "vanishing"}:
            send_messages(aws, url, 3)
    scalers = (
        scaler("bursts", template, cluster="main"),
        scaler("idle", template, cluster="main"),
        scaler("vanishing", template, cluster="main"),
        scaler("no-queue", template, cluster="main"),
        scaler("no-cluster", template, cluster="absent"),
        scaler("no-template", "absent-worker", cluster="main"),
        scaler("no-container", "two", cluster="main"),
        scaler("wrong-container", "two", cluster="main", task_container="woker"),
        *(scaler(name, template, cluster=name, paused=True) for name in NONSENSE),
    )
    with running(tmp_path_factory.mktemp("run"), configuration(aws, *scalers)) as process:
        yield process
        assert process.stop() == 0


def test_messages_become_running_containers(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """Three messages become three live workers of the controller's own, by one call, and the metrics say so."""
    eventually(lambda: daemon.sample("containers", scaler="bursts", state="running") == 3, within=SOON)
    tasks = [task for task in shared_aws.ecs.tasks("main") if task.group == "bursts"]
    assert [("ecsq", "RUNNING", "worker")] * 3 == [(task.started_by, task.last_status, task.family) for task in tasks]
    assert 1 == len(daemon.decisions("bursts", outcome="launched"))
    totals = ("containers_launched_total", "tasks_launched_total", "task_definitions_registered_total")
    assert [3, 3, 0] == [daemon.sample(total, scaler="bursts") for total in totals]
    assert len({task.client_token for task in tasks}) == 1


def test_status_tells_the_same(daemon: Daemon) -> None:
    """/status shows the tasks, the level, the cooldown and the last decision of a scaler."""
    eventually(lambda: [task["running"] for task in daemon.scaler("bursts").get("tasks", [])] == [1, 1, 1], within=SOON)
    eventually(lambda: daemon.last("bursts").get("running") == 3, within=SOON)
    shown = daemon.scaler("bursts")
    [launch] = daemon.decisions("bursts", outcome="launched")
    assert (3, "satisfied", launch["at"] + 600) == (
        shown["level"],
        shown["last_decision"]["reason"],
        shown["launch_cooldown_until"],
    )
    made = {(task["family"], task["revision"], task["cpu"], task["memory"]) for task in shown["tasks"]}
    assert {("worker", 1, 256, 512)} == made


@pytest.mark.parametrize(
    ("name", "reason", "complaint"),
    [
        (
            "no-queue",
            "unknown_backlog",
            'scaler no-queue: queue "no-queue" does not exist in us-east-1; check scalers[3].queue',
        ),
        (
            "no-cluster",
            "unknown_fleet",
            'scaler no-cluster: cluster "absent": ClusterNotFoundException: Cluster not found; '
            "check scalers[4].task.cluster",
        ),
        (
            "no-template",
            "launch",
            'scaler no-template: task definition "absent-worker" does not exist in us-east-1, or is not active; '
            "check scalers[5].task.definition",
        ),
        ("no-container", "launch", r"scaler no-container: .*worker, log-router.*; check scalers[6].task.container"),
        ("wrong-container", "launch", r"scaler wrong-container: .*woker.*; check scalers[7].task.container"),
    ],
    ids=["queue", "cluster", "template", "ambiguous container", "absent container"],
)
def test_what_is_missing_is_named(daemon: Daemon, name: str, reason: str, complaint: str) -> None:
    """Something missing is said as a warning, with the scaler and the key to check."""
    said = eventually(lambda: daemon.decisions(name, level="warning", reason=reason), within=SOON)[0]["error"]
    pattern = ".*".join(re.escape(part) for part in complaint.split(".*"))
    assert re.fullmatch(pattern, said), said


def test_readiness_names_who_was_not_observed(daemon: Daemon) -> None:
    """/readyz is 503 while a scaler was never observed, and names only those."""
    eventually(lambda: daemon.get("/readyz") == (503, "not observed yet: no-queue, no-cluster\n"), within=SOON)


def test_health_asks_for_no_more_than_the_loop(daemon: Daemon) -> None:
    """/healthz is 200 although some scalers cannot be observed."""
    assert (200, "ok\n") == daemon.get("/healthz")


def test_an_idle_night_is_logged_once(daemon: Daemon) -> None:
    """A hold that repeats itself is one line in the log and one counted decision in /status."""
    eventually(lambda: daemon.last("idle").get("repeated", 0) >= 3, within=SOON)
    assert ["idle"] == [decision["reason"] for decision in daemon.decisions("idle")]
    assert ["idle"] == [decision["reason"] for decision in daemon.scaler("idle")["decisions"]]
    assert (daemon.sample("decisions_total", scaler="idle", reason="idle") or 0) >= 4


def test_a_queue_that_vanishes_and_comes_back(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """A scaler without its queue holds and shows no counts; when the queue is there again, so is the scaler."""
    sqs = shared_aws.client("sqs")
    eventually(lambda: daemon.sample("queue_messages", scaler="vanishing", state="visible") == 0, within=SOON)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="vanishing")["QueueUrl"])
    eventually(lambda: daemon.decisions("vanishing", reason="unknown_backlog"), within=SOON)
    assert not [
        labels
        for name, labels in daemon.samples()
        if name == "ecsq_queue_messages" and ("scaler", "vanishing") in labels
    ]
    create_queue(shared_aws, "vanishing")
    eventually(lambda: daemon.sample("queue_messages", scaler="vanishing", state="visible") == 0, within=SOON)
    assert "idle" == daemon.last("vanishing")["reason"]


def test_nonsense_from_aws_never_stops_the_loop(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """Answers that make no sense fail reconciles and are counted; afterwards each scaler goes on as before."""

    def counted(name: str, outcome: str) -> float:
        return daemon.sample("reconciles_total", scaler=name, outcome=outcome) or 0

    failed = {name: counted(name, "failed") for name in NONSENSE}
    shared_aws.disturbances.add(*chain.from_iterable(NONSENSE.values()))
    eventually(lambda: all(counted(name, "failed") >= failed[name] + 2 for name in NONSENSE), within=SOON)
    held = {name: counted(name, "held") for name in NONSENSE}
    eventually(lambda: all(counted(name, "held") > held[name] for name in NONSENSE), within=SOON)
    assert {"paused"} == {daemon.last(name)["reason"] for name in NONSENSE}
    assert [] == daemon.events("reconcile broke")


def test_nothing_is_ever_stopped_or_asked_in_vain(shared_aws: EmbeddedAws, daemon: Daemon) -> None:
    """What it asks of AWS is what it has a counter for, and StopTask is not among it."""
    eventually(lambda: daemon.last("bursts").get("running") == 3, within=SOON)
    asked = {(service, operation) for client, service, operation in shared_aws.journal.counts() if client == CLIENT}
    known = {
        (dict(labels)["service"], dict(labels)["operation"])
        for name, labels in daemon.samples()
        if name == "ecsq_aws_requests_total"
    }
    assert set() == asked - known
    assert ("ecs", "StopTask") not in known
