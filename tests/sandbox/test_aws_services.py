from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def described(aws: EmbeddedAws, cluster: str, arn: str) -> dict[str, Any]:
    """Return a task as DescribeTasks shows it."""
    [task] = aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    return dict(task)


def test_tasks_of_a_service_are_listed_by_its_name(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """By its ARN as well, and by no other service's; one that was told to stop is not listed any more."""
    first, second = (aws.services.start("ecsq", cluster=cluster, definition=template) for _ in range(2))
    other = aws.services.start("web", cluster=cluster, definition=template)

    def listed(service: str) -> set[str]:
        return set(aws.client("ecs").list_tasks(cluster=cluster, serviceName=service)["taskArns"])

    assert ({first.arn, second.arn}, {other.arn}, set()) == (listed("ecsq"), listed("web"), listed("absent"))
    arn = f"arn:aws:ecs:{aws.region}:123456789012:service/{cluster}/ecsq"
    assert {first.arn, second.arn} == listed(arn)
    aws.services.stop(first.arn)
    assert {second.arn} == listed("ecsq")


def test_a_task_of_a_service_is_described_with_its_group_and_health(
    aws: EmbeddedAws, cluster: str, template: str
) -> None:
    """As ECS shows it; the metadata endpoint in its environment tells its cluster and ARN."""
    task = aws.services.start("ecsq", cluster=cluster, definition=template)
    assert ("service:ecsq", "RUNNING", "UNKNOWN") == (
        *(described(aws, cluster, task.arn)[name] for name in ("group", "lastStatus", "healthStatus")),
    )
    aws.services.judge(task.arn, "UNHEALTHY")
    assert "UNHEALTHY" == described(aws, cluster, task.arn)["healthStatus"]
    with urlopen(f"{task.containers[0].metadata_uri}/task", timeout=10) as answer:  # noqa: S310 - loopback
        document = json.load(answer)
    assert (cluster, task.arn) == (document["Cluster"], document["TaskARN"])
