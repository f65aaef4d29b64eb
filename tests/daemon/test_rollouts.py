"""A rollout by a real process: a bad revision of the template comes, the process is killed, another one goes on."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages
from tests.support.daemon import SOON, Daemon, Document, configuration, running, scaler

if TYPE_CHECKING:
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws


def standing(daemon: Daemon) -> tuple[str, int | None] | None:
    """Return how the newest revision stands, and which one is trusted; None: nothing is known of it."""
    last: dict[str, Any] | None = daemon.scaler("work")["last_decision"]
    known = last and last["rollout"]
    return (known["standing"], known["trusted"]) if known else None


def launched(aws: EmbeddedAws) -> Counter[str]:
    """Return the tasks that were ever launched, by what they run."""
    return Counter(task.definition_arn.rpartition("/")[2] for task in aws.ecs.tasks())


def take(aws: EmbeddedAws, url: str) -> None:
    """Let workers take what waits, and keep it."""
    aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600)


def wanted(aws: EmbeddedAws) -> Document:
    """Return a configuration in which a task proves its revision by a good end, for nobody waits here for so long."""
    rollout = {"rollout": {"prove": "1h"}, "cooldown": {"launch": "3s"}}
    return configuration(aws, scaler("work", "worker", cluster="main", **rollout))


def end_first(aws: EmbeddedAws, definition: str, code: int) -> None:
    """End the worker of the first task that runs a revision, once it runs."""

    def ends() -> bool:
        arns = [task.arn for task in aws.ecs.tasks() if task.definition_arn.endswith(f"/{definition}")]
        return bool(arns) and aws.ecs.exit_container(arns[0], "worker", code)

    eventually(ends, within=SOON)


def test_a_bad_revision_costs_one_task_and_a_restart_remembers_it(aws: EmbeddedAws, tmp_path: Path) -> None:
    """The page and the metrics say so; work goes on by the revision before."""
    create_cluster(aws, "main")
    queue = create_queue(aws, "work")
    register_template(aws, "worker")
    with running(tmp_path, wanted(aws)) as daemon:
        send_messages(aws, queue.url, 1)
        end_first(aws, "worker:1", 0)
        take(aws, queue.url)
        eventually(lambda: standing(daemon) == ("trusted", 1), within=SOON)
        register_template(aws, "worker")
        send_messages(aws, queue.url, 1)
        end_first(aws, "worker:2", 1)
        take(aws, queue.url)
        eventually(lambda: standing(daemon) == ("gone_back", 1), within=SOON)
        assert 1.0 == daemon.sample("rollout_standing", scaler="work", standing="gone_back")
        assert "revision 2 failed (container worker exited with code 1)" in daemon.get("/scalers/work")[1]
        before = launched(aws)["worker:1"]
        daemon.stop(signal.SIGKILL)
    with running(tmp_path, wanted(aws)) as daemon:
        send_messages(aws, queue.url, 2)
        eventually(lambda: launched(aws)["worker:1"] >= before + 2, within=SOON)
        assert (("gone_back", 1), 1) == (standing(daemon), launched(aws)["worker:2"])
