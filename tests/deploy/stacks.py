"""What the stack's template is printed for in tests, and what moto creates of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from controller.config import ControllerSpec, load, load_content
from controller.config.stack import Account, Plan, WorkerRoles, build_template, list_rights, pack, write_template
from controller.core.address import Parameter, Remote
from tests.deploy.documents import ROOT
from tests.deploy.policy import Policy, join

REGION = "us-east-1"
PARAMETER = Parameter("/ecsq/config")
ROLES = WorkerRoles(("arn:aws:iam::123456789012:role/worker-task", "arn:aws:iam::123456789012:role/worker-execution"))


def plan_stack(spec: ControllerSpec, address: Remote, roles: WorkerRoles) -> Plan:
    """Return the plan of a template, as the command makes it."""
    account = Account.of_deployment(spec.aws.region)
    rights = list_rights(spec, account, roles, address, runs_in=Account.of_deployment(None))
    return Plan(spec, address, pack(rights), roles)


def plan_example() -> Plan:
    """Return that of deploy/stack.yaml: the example configuration, without asking AWS."""
    spec = load(ROOT / "config.yaml").spec
    return plan_stack(spec, Parameter("/ecsq/config"), WorkerRoles(parameter="WorkerRoles"))


def print_stack(text: str, address: Remote = PARAMETER, roles: WorkerRoles = ROLES) -> str:
    """Return the template for a configuration."""
    spec = load_content(text.encode(), Path("c.yaml")).spec
    return write_template(build_template(plan_stack(spec, address, roles)), [])


@dataclass(frozen=True)
class Created:
    """What came of a stack that moto has created."""

    definition: dict[str, Any]
    """The controller's own task definition, as ECS describes it."""
    service: dict[str, Any]
    policy: Policy
    """All that the task role may do."""
    trust: Policy
    """Who may take it."""


def read_policies(prefix: str) -> list[Policy]:
    """Return the managed policies that a stack calls so, each followed by more. moto attaches none to a role."""
    client = boto3.client("iam", region_name=REGION)
    documents = [
        client.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        for policy in client.list_policies(Scope="Local")["Policies"]
        if policy["PolicyName"].startswith(f"ecsq-{prefix}")
    ]
    return [document["Document"] for document in documents]


def read_own_policies(role: str) -> Policy:
    """Return all that a role's own policies allow."""
    client = boto3.client("iam", region_name=REGION)
    names = client.list_role_policies(RoleName=role)["PolicyNames"]
    return join([client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names])


def read_trust(role: str) -> Policy:
    """Return who may take a role."""
    return boto3.client("iam", region_name=REGION).get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]


def create(template: str, **more: str) -> Created:
    """Create a stack in moto, in the VPC that is there, with ``more`` parameters than it needs."""
    client = boto3.client("ec2", region_name=REGION)
    vpc = client.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in client.describe_subnets()["Subnets"][:2]]
    ecs = boto3.client("ecs", region_name=REGION)
    ecs.create_cluster(clusterName="main")
    given = {
        "Image": f"123456789012.dkr.ecr.{REGION}.amazonaws.com/ecs-queue-controller:1",
        "Vpc": vpc,
        "Subnets": ",".join(subnets),
        "Cluster": "main",
        **more,
    }
    formation = boto3.client("cloudformation", region_name=REGION)
    formation.create_stack(
        StackName="ecsq",
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (described,) = formation.describe_stacks(StackName="ecsq")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    definition = ecs.describe_task_definition(taskDefinition="ecsq")["taskDefinition"]
    (service,) = ecs.describe_services(cluster="main", services=["ecsq"])["services"]
    role = outputs["TaskRole"].rpartition("/")[2]
    return Created(definition, service, join([*read_policies("Policy"), read_own_policies(role)]), read_trust(role))
