from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.aws import run_tasks

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def test_tasks_run_listed_and_described(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """What RunTask starts is listed and described in its cluster, with what it was started with."""
    started = run_tasks(aws, cluster, template, 2, startedBy="ecsq/a", group="scaler-a")
    ecs = aws.client("ecs")
    assert sorted(started) == ecs.list_tasks(cluster=cluster, startedBy="ecsq/a")["taskArns"]
    described = ecs.describe_tasks(cluster=cluster, tasks=started)["tasks"]
    assert [
        (task["startedBy"], task["group"], task["lastStatus"], task["desiredStatus"]) for task in described
    ] == [("ecsq/a", "scaler-a", "RUNNING", "RUNNING")] * 2
