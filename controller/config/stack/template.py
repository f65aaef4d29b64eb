"""The CloudFormation template: everything that one controller needs on AWS for one configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.config.spec import OWN
from controller.config.stack.alarms import build_alarms, has_alarms
from controller.config.stack.arns import Account, cluster_name
from controller.config.stack.document import Call, choose, ref, sub
from controller.config.stack.policies import render_policy
from controller.config.stack.rights import read_tasks
from controller.config.stack.service import CONTROLLERS, SHARED, build_service, build_task_definition
from controller.config.stack.statement import TASKS_SERVICE
from controller.config.stack.webhooks import build_secret_parameters, build_secret_policies, list_secret_policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.config.spec import ControllerSpec
    from controller.config.stack.statement import Rights, WorkerRoles
    from controller.core.address import Remote

FORMAT = "2010-09-09"
LOG_RETENTION = 30
"""Days."""

Resources = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a template is printed for."""

    spec: ControllerSpec
    address: Remote
    """Where the service reads its configuration."""
    policies: Sequence[tuple[Rights, ...]]
    """The controller's rights, by policy."""
    roles: WorkerRoles


def build_template(plan: Plan) -> dict[str, Any]:
    """Return the template, as it is written by ``write_template``.

    Raises StackError for a webhook's variable that neither template nor task can have.
    """
    spec = plan.spec
    conditions = {
        SHARED: Call("Not", [Call("Equals", [ref(CONTROLLERS), 1])]),
        "HasPrometheus": _is_given("PrometheusSecurityGroup"),
        "HasCloudMap": _is_given("CloudMapNamespace"),
    }
    if has_alarms(spec):
        conditions["HasAlarms"] = _is_given("AlarmTopic")
    return {
        "AWSTemplateFormatVersion": FORMAT,
        "Description": f"ecs-queue-controller {spec.name}: launches ECS tasks for SQS queues",
        "Parameters": _build_parameters(plan),
        "Conditions": conditions,
        "Resources": {
            "LogGroup": _build_log_group(spec),
            **build_secret_policies(spec),
            "ExecutionRole": _build_execution_role(spec),
            "TaskRole": _build_task_role(len(plan.policies)),
            **{_name_policy(number): _build_policy(each) for number, each in enumerate(plan.policies, 1)},
            "PeersPolicy": _build_peers_policy(spec),
            "SecurityGroup": _build_security_group(spec),
            "TaskDefinition": build_task_definition(spec, plan.address),
            **_build_cloud_map(spec),
            **build_alarms(spec),
            "Service": build_service(spec),
        },
        "Outputs": {
            "Service": {"Value": Call("GetAtt", "Service.Name")},
            "SecurityGroup": {"Value": ref("SecurityGroup")},
            "TaskRole": {"Value": Call("GetAtt", "TaskRole.Arn")},
        },
    }


def _build_parameters(plan: Plan) -> Resources:
    """Return what a configuration cannot know."""
    spec = plan.spec
    own = (scaler.task.cluster for scaler in spec.scalers if scaler.task_access == OWN)
    own_cluster = cluster_name(next(own, "default"))
    parameters: Resources = {
        "Image": _parameter(
            "The controller's image, in ECR of this account: REGISTRY/REPOSITORY:TAG", AllowedPattern=".+/.+"
        ),
        "Architecture": _parameter("What the image was built for", Default="X86_64", AllowedValues=["X86_64", "ARM64"]),
        "Cluster": _parameter(
            "The name of the cluster in which the controller runs", Default=own_cluster, AllowedPattern="[A-Za-z0-9_-]+"
        ),
        "Vpc": _parameter("The VPC of the subnets", Type="AWS::EC2::VPC::Id"),
        "Subnets": _parameter("Where the controller runs: subnets with a way out", Type="List<AWS::EC2::Subnet::Id>"),
        "AssignPublicIp": _parameter(
            "ENABLED for public subnets, which have no NAT", Default="DISABLED", AllowedValues=["DISABLED", "ENABLED"]
        ),
        CONTROLLERS: _parameter(
            "How many controllers run at once; several share the scalers", Type="Number", Default=1, MinValue=1
        ),
        "PrometheusSecurityGroup": _parameter("The security group that may scrape; empty: none", Default=""),
        "CloudMapNamespace": _parameter("The id of a private DNS namespace; empty: the task has no name", Default=""),
    }
    if has_alarms(spec):
        parameters["AlarmTopic"] = _parameter("The ARN of an SNS topic to alarm; empty: no alarms", Default="")
    if plan.roles.parameter:
        parameters[plan.roles.parameter] = _parameter(
            "The ARNs of the task roles and execution roles of the workers' task definitions", Type="CommaDelimitedList"
        )
    return parameters | build_secret_parameters(spec)


def _parameter(description: str, **more: Any) -> Resources:
    return {"Type": "String", "Description": description, **more}


def _is_given(parameter: str) -> Call:
    return Call("Not", [Call("Equals", [ref(parameter), ""])])


def _build_log_group(spec: ControllerSpec) -> Resources:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"LogGroupName": f"/ecs/{spec.name}", "RetentionInDays": LOG_RETENTION},
    }


def _build_role(policies: list[Resources] | None = None, managed: list[Any] | None = None) -> Resources:
    """Return a role that only tasks of this account may take (the confused deputy)."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": TASKS_SERVICE},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
            "ArnLike": {"aws:SourceArn": sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")},
        },
    }
    properties: Resources = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    properties |= {"ManagedPolicyArns": managed} if managed else {}
    properties |= {"Policies": policies} if policies else {}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _build_execution_role(spec: ControllerSpec) -> Resources:
    """Return the role with which ECS itself pulls the image, writes the log, and reads what is secret."""
    # "REGISTRY/REPOSITORY:TAG" and "REGISTRY/REPOSITORY@sha256:DIGEST" without what follows the repository.
    after_registry = Call("Select", [1, Call("Split", ["/", ref("Image")])])
    repository = after_registry
    for sign in (":", "@"):
        repository = Call("Select", [0, Call("Split", [sign, repository])])
    pulled = [
        Call(
            "Sub",
            [
                "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${Name}" + end,
                {"Name": repository},
            ],
        )
        for end in ("", "/*")
    ]
    statements = [
        {"Sid": "LogInToEcr", "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"]},
        {
            "Sid": "PullTheImage",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": pulled,
        },
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [Call("GetAtt", "LogGroup.Arn")],
        },
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    own = {"PolicyName": "execution", "PolicyDocument": document}
    return _build_role(policies=[own], managed=list_secret_policies(spec))


def _build_task_role(policies: int) -> Resources:
    return _build_role(managed=[ref(_name_policy(number)) for number in range(1, policies + 1)])


def _build_peers_policy(spec: ControllerSpec) -> Resources:
    """Return what lets controllers that share the work look for each other in their own cluster."""
    look = list(read_tasks(Account.of_deployment(spec.aws.region), ["${Cluster}"]))
    properties = {"PolicyName": "peers", "PolicyDocument": render_policy(look, sub), "Roles": [ref("TaskRole")]}
    return {"Type": "AWS::IAM::Policy", "Condition": SHARED, "Properties": properties}


def _name_policy(number: int) -> str:
    return f"Policy{number}"


def _build_policy(rights: tuple[Rights, ...]) -> Resources:
    document = render_policy(rights, sub)
    for statement, each in zip(document["Statement"], rights, strict=True):
        if each.parameter:
            statement["Resource"] = ref(each.parameter)
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}


def _build_security_group(spec: ControllerSpec) -> Resources:
    port = spec.server.port
    scrape = {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "SourceSecurityGroupId": ref("PrometheusSecurityGroup"),
    }
    return {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": f"ecs-queue-controller {spec.name}",
            "VpcId": ref("Vpc"),
            "SecurityGroupIngress": choose("HasPrometheus", [scrape]),
        },
    }


def _build_cloud_map(spec: ControllerSpec) -> Resources:
    properties = {
        "Name": spec.name,
        "NamespaceId": ref("CloudMapNamespace"),
        "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 15}]},
        "HealthCheckCustomConfig": {"FailureThreshold": 1},
    }
    return {
        "CloudMapService": {
            "Type": "AWS::ServiceDiscovery::Service",
            "Condition": "HasCloudMap",
            "Properties": properties,
        }
    }
