"""The controller's own task definition and service in the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.pins import NAME_VARIABLE, WINDOW_VARIABLE
from controller.config.stack.alarms import ALARMS, has_alarms
from controller.config.stack.document import Call, choose, ref
from controller.config.stack.policies import StackError
from controller.config.stack.webhooks import build_secrets
from controller.core.sharding import AUTO
from controller.core.words import format_duration

if TYPE_CHECKING:
    from controller.config.spec import ControllerSpec
    from controller.core.address import Remote

Resources = dict[str, Any]

CONTROLLERS = "Controllers"
"""The parameter with their number."""
SHARED = "HasSeveral"
"""The condition that several controllers share the scalers."""
CONFIG_VARIABLE = "ECSQ_CONFIG"
SHARD_VARIABLE = "ECSQ_SHARD"
USER = "10001:10001"
"""The image's own."""
PROBE = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=3); c.request('GET', '/healthz'); "
    "raise SystemExit(c.getresponse().status != 200)"
)
"""Asks for health without curl, which the image lacks, and without a proxy of the environment."""
STOP_TIMEOUT = 30
"""Seconds; the controller ends within 20."""
BAKE_MINUTES = 10
"""How long a deployment is watched by its alarms after it has become steady: longer than they take to notice."""


def build_task_definition(spec: ControllerSpec, address: Remote) -> Resources:
    """Return the task: the smallest that Fargate sells, without any right on its host.

    Raises StackError where a webhook's variable is one that the task sets itself.
    """
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": spec.name,
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": "256",
            "Memory": "512",
            "RuntimePlatform": {"OperatingSystemFamily": "LINUX", "CpuArchitecture": ref("Architecture")},
            "ExecutionRoleArn": Call("GetAtt", "ExecutionRole.Arn"),
            "TaskRoleArn": Call("GetAtt", "TaskRole.Arn"),
            "ContainerDefinitions": [_build_container(spec, address)],
        },
    }


def _build_container(spec: ControllerSpec, address: Remote) -> Resources:
    port = spec.server.port
    return {
        "Name": "controller",
        "Image": ref("Image"),
        "Essential": True,
        "Command": ["run", "--watch", "--listen", f"127.0.0.1:{port}", *(["--alive"] if has_alarms(spec) else [])],
        **_build_variables(spec, address),
        "PortMappings": [{"Name": "http", "ContainerPort": port, "Protocol": "tcp"}],
        "HealthCheck": {
            "Command": ["CMD", "python", "-I", "-c", PROBE.format(port=port)],
            "Interval": 10,
            "Timeout": 5,
            "Retries": 3,
            "StartPeriod": 30,
        },
        "StopTimeout": STOP_TIMEOUT,
        "User": USER,
        "ReadonlyRootFilesystem": True,
        "LinuxParameters": {"InitProcessEnabled": False, "Capabilities": {"Drop": ["ALL"]}},
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref("LogGroup"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "controller",
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
    }


def _build_variables(spec: ControllerSpec, address: Remote) -> Resources:
    """Return the variables that are set, and those that ECS fills from secrets; ECS takes none as both."""
    known, secrets = _list_variables(spec, address), build_secrets(spec)
    for secret in secrets:
        if secret["Name"] in known:
            raise StackError(
                f"events: webhook_env is {secret['Name']}, which the template sets to something else: name another "
                "variable"
            )
    variables: Resources = {"Environment": [{"Name": name, "Value": value} for name, value in known.items()]}
    return variables | ({"Secrets": secrets} if secrets else {})


def _list_variables(spec: ControllerSpec, address: Remote) -> dict[str, Any]:
    """Return where the configuration is, what of it must not change under a running controller, and who shares it."""
    return {
        "AWS_DEFAULT_REGION": ref("AWS::Region"),
        CONFIG_VARIABLE: str(address),
        NAME_VARIABLE: spec.name,
        WINDOW_VARIABLE: format_duration(spec.aws.consistency_window),
        SHARD_VARIABLE: choose(SHARED, AUTO, ""),
    }


def build_service(spec: ControllerSpec) -> Resources:
    """Return the service: one controller is stopped before the new one starts, several are replaced in turn."""
    deployment: Resources = {
        "MinimumHealthyPercent": choose(SHARED, 50, 0),
        "MaximumPercent": choose(SHARED, 150, 100),
        "DeploymentCircuitBreaker": {
            "Enable": True,
            "Rollback": True,
            "ResetOnHealthyTask": False,
            "ThresholdConfiguration": {"Type": "COUNT", "Value": 3},
        },
    }
    if has_alarms(spec):
        watched = {"AlarmNames": [ref(name) for name in ALARMS], "Enable": True, "Rollback": True}
        deployment["BakeTimeInMinutes"] = choose("HasAlarms", BAKE_MINUTES)
        deployment["Alarms"] = choose("HasAlarms", watched)
    return {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "ServiceName": spec.name,
            "Cluster": ref("Cluster"),
            "TaskDefinition": ref("TaskDefinition"),
            "DesiredCount": ref(CONTROLLERS),
            "LaunchType": "FARGATE",
            "PlatformVersion": "1.4.0",
            "DeploymentConfiguration": deployment,
            "AvailabilityZoneRebalancing": "DISABLED",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": ref("Subnets"),
                    "SecurityGroups": [ref("SecurityGroup")],
                    "AssignPublicIp": ref("AssignPublicIp"),
                }
            },
            "ServiceRegistries": choose("HasCloudMap", [{"RegistryArn": Call("GetAtt", "CloudMapService.Arn")}]),
            "EnableECSManagedTags": True,
            "PropagateTags": "SERVICE",
        },
    }
