from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import container, register_template

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def depends(on: str, condition: str = "START") -> list[dict[str, str]]:
    """Return the dependsOn of a container."""
    return [{"containerName": on, "condition": condition}]


def containers(*definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the member of a request with these containers."""
    return {"containerDefinitions": list(definitions)}


HALVES = [container("a", essential=False), container("b", essential=False)]
REFUSED: dict[str, dict[str, Any]] = {
    "no container": containers(),
    "11 containers": containers(*(container(f"c{n}") for n in range(11))),
    "two of one name": containers(container("a"), container("a")),
    "none essential": containers(*HALVES),
    "no image": containers({"name": "a"}),
    "name with a dot": containers(container("a.b")),
    "family with a dot": {"family": "a.b"},
    "depends on nobody": containers(container("a", dependsOn=depends("b"))),
    "depends on itself": containers(container("a", dependsOn=depends("a"))),
    "depends in a circle": containers(container("a", dependsOn=depends("b")), container("b", dependsOn=depends("a"))),
    "COMPLETE of an essential": containers(container("a"), container("b", dependsOn=depends("a", "COMPLETE"))),
    "HEALTHY without a health check": containers(container("a"), container("b", dependsOn=depends("a", "HEALTHY"))),
    "condition that is none": containers(container("a"), container("b", dependsOn=depends("a", "STOP"))),
    "unknown volume": containers(container(mountPoints=[{"sourceVolume": "scratch", "containerPath": "/a"}])),
    "more than 64 KB": containers(container(environment=[{"name": "A", "value": "x" * 65_536}])),
    "no such Fargate size": {"cpu": "256", "memory": "4096"},
    "no such Fargate CPU": {"cpu": "300", "memory": "1024"},
    "Fargate without a size": {"cpu": "", "memory": ""},
    "Fargate in a bridge network": {"networkMode": "bridge"},
    "containers with more CPU than the task": containers(container("a", cpu=200), container("b", cpu=57)),
    "containers with more memory than the task": containers(container("a", memory=400), container("b", memory=113)),
    "a port taken twice": containers(
        container("a", portMappings=[{"containerPort": 80}]),
        container("b", portMappings=[{"containerPort": 80}]),
    ),
    "a port taken twice by a range": containers(
        container("a", portMappings=[{"containerPortRange": "8000-8009"}]),
        container("b", portMappings=[{"containerPort": 8009}]),
    ),
    "a range that is none": containers(container(portMappings=[{"containerPortRange": "8000-"}])),
    "awslogs without an execution role": containers(container(logConfiguration={"logDriver": "awslogs"})),
    "privileged on Fargate": containers(container(privileged=True)),
    "a GPU on Fargate": containers(container(resourceRequirements=[{"type": "GPU", "value": "1"}])),
    "the host's processes on Fargate": {"pidMode": "host"},
    "placement on Fargate": {"placementConstraints": [{"type": "memberOf", "expression": "true"}]},
    "20 GiB of storage": {"ephemeralStorage": {"sizeInGiB": 20}},
    "201 GiB of storage": {"ephemeralStorage": {"sizeInGiB": 201}},
    "stop timeout above 120 s": containers(container(stopTimeout=121)),
    "EC2 without memory": {
        "requiresCompatibilities": ["EC2"],
        "networkMode": "bridge",
        "cpu": "",
        "memory": "",
    },
    "EC2 with less than an eighth of a vCPU": {"requiresCompatibilities": ["EC2"], "cpu": "127"},
}


@pytest.mark.parametrize("members", REFUSED.values(), ids=REFUSED)
def test_a_bad_definition_is_refused(aws: EmbeddedAws, members: dict[str, Any]) -> None:
    """RegisterTaskDefinition refuses what AWS refuses, with ClientException, and registers nothing."""
    with pytest.raises(ClientError) as caught:
        register_template(aws, **members)
    assert caught.value.response["Error"]["Code"] == "ClientException"
    assert aws.client("ecs").list_task_definitions()["taskDefinitionArns"] == []


def test_ranges_of_ports_are_accepted(aws: EmbeddedAws) -> None:
    """Two mappings without a containerPort of their own do not take the same port, nor does one protocol another's."""
    mappings = [
        {"containerPortRange": "8000-8009"},
        {"containerPortRange": "9000-9009"},
        {"containerPortRange": "8000-8009", "protocol": "udp"},
    ]
    template = register_template(aws, **containers(container(portMappings=mappings)))
    described = aws.client("ecs").describe_task_definition(taskDefinition=template)["taskDefinition"]
    assert [{"protocol": "tcp"} | mapping for mapping in mappings] == described["containerDefinitions"][0][
        "portMappings"
    ]


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("256", "512"), ("256", "2048"), ("512", "4096"), ("1024", "2048"), ("1024", "8192"), ("2048", "16384"),
        ("4096", "8192"), ("4096", "30720"), ("8192", "16384"), ("8192", "61440"), ("16384", "122880"),
        ("32768", "249856"), ("1 vCPU", "3 GB"), (".25 vCPU", "0.5GB"),
    ],
)  # fmt: skip
def test_fargate_sizes_are_taken(aws: EmbeddedAws, cpu: str, memory: str) -> None:
    """The smallest and largest size of every row of AWS's table are valid, in both spellings."""
    arn = register_template(aws, cpu=cpu, memory=memory)
    shown = aws.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert shown["cpu"].isdigit()
    assert shown["memory"].isdigit()


def test_a_definition_comes_back_whole(aws: EmbeddedAws) -> None:
    """A definition is described as registered, with the defaults of ECS, and with its tags only on request."""
    given = {
        "family": "whole",
        "containerDefinitions": [
            container(
                command=["drain"],
                secrets=[{"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}],
                ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
                mountPoints=[{"sourceVolume": "scratch", "containerPath": "/scratch"}],
                portMappings=[{"containerPort": 80}],
            )
        ],
        "volumes": [{"name": "scratch"}],
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 40},
        "enableFaultInjection": True,
    }
    tags = [{"key": "fingerprint", "value": "abc"}]
    register_template(aws, **given, tags=tags)
    describe = aws.client("ecs").describe_task_definition
    answer = describe(taskDefinition="whole", include=["TAGS"])
    shown = answer["taskDefinition"]
    [worker] = shown["containerDefinitions"]
    assert answer["tags"] == tags
    assert describe(taskDefinition="whole").get("tags", []) == []
    assert {name: shown[name] for name in given if name != "containerDefinitions"} == {
        name: value for name, value in given.items() if name != "containerDefinitions"
    }
    [asked] = given["containerDefinitions"]
    assert {name: worker[name] for name in asked if name != "portMappings"} == {
        name: value for name, value in asked.items() if name != "portMappings"
    }
    assert (worker["essential"], worker["environment"], worker["cpu"]) == (True, [], 0)
    assert worker["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert (shown["status"], shown["revision"]) == ("ACTIVE", 1)
    assert {"EC2", "FARGATE"} == set(shown["compatibilities"])


def test_a_missing_definition_cannot_be_described(aws: EmbeddedAws) -> None:
    """An unknown family, an unknown revision and an ARN of another account are a ClientException in ECS's words."""
    register_template(aws, "there")
    for name in ("nothing", "there:2", "there:0", "arn:aws:ecs:us-east-1:999999999999:task-definition/there:1"):
        with pytest.raises(ClientError, match=r"ClientException.*Unable to describe task definition\."):
            aws.client("ecs").describe_task_definition(taskDefinition=name)


def test_a_deregistered_revision_is_inactive(aws: EmbeddedAws) -> None:
    """It can still be described, is listed as INACTIVE, and its number is not used again."""
    first = register_template(aws, "f")
    ecs = aws.client("ecs")
    ecs.deregister_task_definition(taskDefinition=first)
    assert ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]["status"] == "INACTIVE"
    with pytest.raises(ClientError, match="Unable to describe"):
        ecs.describe_task_definition(taskDefinition="f")
    assert register_template(aws, "f") == "f:2"
    listed = ecs.list_task_definitions(familyPrefix="f", status="INACTIVE")["taskDefinitionArns"]
    assert [arn.rpartition("/")[2] for arn in listed] == ["f:1"]


def test_revisions_are_listed_by_number(aws: EmbeddedAws) -> None:
    """A listing is of one whole family, in pages, newest first on request; revision 10 comes after 9."""
    for _ in range(11):
        register_template(aws, "f")
    register_template(aws, "f-x2")
    pages = aws.client("ecs").get_paginator("list_task_definitions")
    found = pages.paginate(familyPrefix="f", sort="DESC", PaginationConfig={"PageSize": 4})
    arns = [arn.rpartition("/")[2] for page in found for arn in page["taskDefinitionArns"]]
    assert arns == [f"f:{revision}" for revision in range(11, 0, -1)]


def test_families_are_listed_by_prefix(aws: EmbeddedAws) -> None:
    """A family counts as ACTIVE while it has an active revision."""
    for family in ("f", "f-x2", "g"):
        register_template(aws, family)
    ecs = aws.client("ecs")
    ecs.deregister_task_definition(taskDefinition="f:1")
    assert [
        ecs.list_task_definition_families(familyPrefix="f", **status)["families"]
        for status in ({}, {"status": "ACTIVE"}, {"status": "INACTIVE"})
    ] == [["f", "f-x2"], ["f-x2"], ["f"]]


def test_definitions_can_be_tagged_later(aws: EmbeddedAws) -> None:
    """TagResource merges by key, UntagResource removes by key, and both refuse an unknown resource."""
    register_template(aws, "f", tags=[{"key": "a", "value": "1"}])
    ecs = aws.client("ecs")
    arn = ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["taskDefinitionArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}, {"key": "b", "value": "1"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "2"}]
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecs.list_tags_for_resource(resourceArn=f"{arn}0")
