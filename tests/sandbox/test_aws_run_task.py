from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import NETWORK, container, create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def refusal(aws: EmbeddedAws, **parameters: Any) -> str:
    """Return the error code with which RunTask refuses these parameters."""
    with pytest.raises(ClientError) as caught:
        aws.client("ecs").run_task(**parameters)
    return caught.value.response["Error"]["Code"]


def test_started_tasks_are_described_with_what_started_them(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """DescribeTasks shows the parameters of RunTask, and tags only on request."""
    overrides = {"containerOverrides": [{"name": "worker", "environment": [{"name": "A", "value": "1"}]}]}
    [arn] = run_tasks(
        aws,
        cluster,
        template,
        startedBy="ecsq/a",
        group="scaler-a",
        overrides=overrides,
        tags=[{"key": "team", "value": "ingest"}],
    )
    describe = aws.client("ecs").describe_tasks
    [task] = describe(cluster=cluster, tasks=[arn], include=["TAGS"])["tasks"]
    assert task["tags"] == [{"key": "team", "value": "ingest"}]
    assert (task["startedBy"], task["group"], task["launchType"]) == ("ecsq/a", "scaler-a", "FARGATE")
    assert task["overrides"]["containerOverrides"] == overrides["containerOverrides"]
    assert task["taskDefinitionArn"].endswith(f"task-definition/{template}")
    assert "tags" not in describe(cluster=cluster, tasks=[arn])["tasks"][0]


def test_a_group_is_made_of_the_family_if_none_is_given(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Without ``group`` ECS names a task's group after its family."""
    [arn] = run_tasks(aws, cluster, template)
    assert aws.ecs.task(arn).group == f"family:{template.partition(':')[0]}"


@pytest.mark.parametrize("count", [0, 11, 25, -1])
def test_a_call_starts_one_to_ten_tasks(aws: EmbeddedAws, cluster: str, template: str, count: int) -> None:
    """Any other count is refused, and nothing starts."""
    code = refusal(
        aws,
        cluster=cluster,
        taskDefinition=template,
        count=count,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
    )
    assert (code, aws.ecs.tasks()) == ("InvalidParameterException", [])


REFUSED: dict[str, dict[str, Any]] = {
    "launch type with a strategy": {
        "launchType": "FARGATE",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    },
    "launch type that is none": {"launchType": "LAMBDA"},
    "no network configuration": {"launchType": "FARGATE", "networkConfiguration": None},
    "no subnets": {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
    "subnet that is none": {
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["vpc-1"]}},
    },
    "override of an unknown container": {
        "launchType": "FARGATE",
        "overrides": {"containerOverrides": [{"name": "wroker"}]},
    },
    "overrides too long": {
        "launchType": "FARGATE",
        "overrides": {
            "containerOverrides": [
                {"name": "worker", "environment": [{"name": "A", "value": "x" * 8192}]},
            ]
        },
    },
    "placement constraints on Fargate": {
        "launchType": "FARGATE",
        "placementConstraints": [{"type": "distinctInstance"}],
    },
    "placement strategy on Fargate": {
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        "placementStrategy": [{"type": "random"}],
    },
    "platform version on EC2": {"launchType": "EC2", "platformVersion": "LATEST"},
    "public address on EC2": {
        "launchType": "EC2",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"], "assignPublicIp": "ENABLED"},
        },
    },
    "launch type that the definition does not fit": {"launchType": "EXTERNAL"},
    "volume that the definition has not": {
        "launchType": "FARGATE",
        "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "role", "sizeInGiB": 20}}],
    },
    "tags of a service": {"launchType": "FARGATE", "propagateTags": "SERVICE"},
    "startedBy with a space": {"launchType": "FARGATE", "startedBy": "ecsq a"},
    "startedBy too long": {"launchType": "FARGATE", "startedBy": "a" * 129},
    "token too long": {"launchType": "FARGATE", "clientToken": "a" * 65},
    "token with a space": {"launchType": "FARGATE", "clientToken": "a b"},
    "51 tags": {"launchType": "FARGATE", "tags": [{"key": f"k{n}", "value": "v"} for n in range(51)]},
    "provider that the cluster has not": {
        "capacityProviderStrategy": [{"capacityProvider": "spot-fleet", "weight": 1}]
    },
    "strategy without a weight": {
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}]
    },
    "two bases": {
        "capacityProviderStrategy": [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "base": 1},
        ]
    },
}


@pytest.mark.parametrize("parameters", REFUSED.values(), ids=REFUSED)
def test_bad_parameters_are_refused(aws: EmbeddedAws, cluster: str, template: str, parameters: dict[str, Any]) -> None:
    """RunTask refuses what AWS refuses, with InvalidParameterException, and nothing starts."""
    given = {"networkConfiguration": NETWORK, **parameters}
    asked = {name: value for name, value in given.items() if value is not None}
    assert refusal(aws, cluster=cluster, taskDefinition=template, **asked) == "InvalidParameterException"
    assert aws.ecs.tasks() == []


def test_a_volume_of_a_definition_is_configured_at_launch(aws: EmbeddedAws, cluster: str) -> None:
    """One that is configuredAtLaunch needs its configuration in the call."""
    template = register_template(aws, volumes=[{"name": "data", "configuredAtLaunch": True}])
    asked = {"cluster": cluster, "taskDefinition": template, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    assert refusal(aws, **asked) == "InvalidParameterException"
    volume = {"name": "data", "managedEBSVolume": {"roleArn": "role", "sizeInGiB": 20}}
    started = aws.client("ecs").run_task(**asked, volumeConfigurations=[volume])
    assert [template] == [task["taskDefinitionArn"].rpartition("/")[2] for task in started["tasks"]]


def test_a_missing_cluster_or_definition_is_an_error(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A missing cluster and a missing or inactive definition are the same errors as on AWS."""
    asked = {"launchType": "FARGATE", "networkConfiguration": NETWORK}
    assert refusal(aws, cluster="nowhere", taskDefinition=template, **asked) == "ClusterNotFoundException"
    with pytest.raises(ClientError, match=r"ClientException.*TaskDefinition not found"):
        aws.client("ecs").run_task(cluster=cluster, taskDefinition="nothing", **asked)
    aws.client("ecs").deregister_task_definition(taskDefinition=template)
    with pytest.raises(ClientError, match=r"ClientException.*TaskDefinition is inactive"):
        aws.client("ecs").run_task(cluster=cluster, taskDefinition=template, **asked)


def test_a_cluster_whose_name_contains_anothers_is_another(aws: EmbeddedAws, template: str) -> None:
    """Clusters are matched by their whole name, and by their ARN."""
    create_cluster(aws, "prod")
    create_cluster(aws, "prod-2")
    arns = run_tasks(aws, "prod-2", template)
    ecs = aws.client("ecs")
    assert ecs.list_tasks(cluster="prod")["taskArns"] == []
    assert ecs.list_tasks(cluster="arn:aws:ecs:us-east-1:123456789012:cluster/prod-2")["taskArns"] == arns
    assert [{"arn": arns[0], "reason": "MISSING"}] == ecs.describe_tasks(cluster="prod", tasks=arns)["failures"]


def test_a_family_means_its_newest_active_revision(aws: EmbeddedAws, cluster: str) -> None:
    """A name without revision is looked up at each launch."""
    family = register_template(aws).partition(":")[0]
    register_template(aws, family)
    third = register_template(aws, family)
    aws.client("ecs").deregister_task_definition(taskDefinition=third)
    [arn] = run_tasks(aws, cluster, family)
    assert aws.ecs.task(arn).definition_arn.endswith(f"/{family}:2")


def test_a_container_needs_no_memory_of_its_own_on_fargate(aws: EmbeddedAws, cluster: str) -> None:
    """The task's own memory is enough, and security groups may be left out."""
    definition = register_template(aws, containerDefinitions=[container(), container("sidecar")])
    assert len(run_tasks(aws, cluster, definition)) == 1


def test_a_definition_for_ec2_only_does_not_run_on_fargate(aws: EmbeddedAws, cluster: str) -> None:
    """Fargate needs a compatible definition; EC2 runs this one, without a network configuration."""
    definition = register_template(
        aws,
        requiresCompatibilities=["EC2"],
        networkMode="bridge",
        containerDefinitions=[container(memory=64)],
    )
    assert refusal(aws, cluster=cluster, taskDefinition=definition, launchType="FARGATE") == "InvalidParameterException"
    started = aws.client("ecs").run_task(cluster=cluster, taskDefinition=definition, launchType="EC2")
    assert [task["launchType"] for task in started["tasks"]] == ["EC2"]


def test_a_strategy_places_its_base_first_and_then_by_weight(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Two on-demand tasks are the base, the other eight are split four to one (6.4 and 1.6)."""
    strategy = [
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
    ]
    arns = run_tasks(aws, cluster, template, 10, capacityProviderStrategy=strategy)
    tasks = aws.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    assert Counter(task["capacityProviderName"] for task in tasks) in (
        {"FARGATE_SPOT": 7, "FARGATE": 3},
        {"FARGATE_SPOT": 6, "FARGATE": 4},
    )
    assert {task["launchType"] for task in tasks} == {"FARGATE"}


def test_failures_come_beside_tasks(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Tasks without capacity are in ``failures``, the others start, and the next call starts all."""
    aws.ecs.fail_run_task(2)
    asked = {
        "cluster": cluster,
        "taskDefinition": template,
        "count": 5,
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
    }
    first = aws.client("ecs").run_task(**asked)
    second = aws.client("ecs").run_task(**asked)
    assert [(len(a["tasks"]), len(a["failures"])) for a in (first, second)] == [(3, 2), (5, 0)]
    assert "Capacity is unavailable" in first["failures"][0]["reason"]


def test_failures_can_lie(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A task may run although ``failures`` names it; then the listing has it."""
    aws.ecs.fail_run_task(1, lies=True)
    ecs = aws.client("ecs")
    answer = ecs.run_task(cluster=cluster, taskDefinition=template, launchType="FARGATE", networkConfiguration=NETWORK)
    assert answer["tasks"] == []
    assert ecs.list_tasks(cluster=cluster)["taskArns"] == [answer["failures"][0]["arn"]]


def test_tags_can_be_taken_from_the_definition(aws: EmbeddedAws, cluster: str) -> None:
    """With propagateTags a task has the definition's tags; those of the call take precedence."""
    definition = register_template(aws, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
    [arn] = run_tasks(aws, cluster, definition, propagateTags="TASK_DEFINITION", tags=[{"key": "b", "value": "2"}])
    [task] = aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn], include=["TAGS"])["tasks"]
    assert task["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
