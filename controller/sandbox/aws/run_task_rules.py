"""The calls that RunTask refuses, with its error messages, by the RunTask page of the ECS API reference."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import ApiError, Json, client_error, invalid_parameter

if TYPE_CHECKING:
    from controller.sandbox.aws.clusters import EmbeddedCluster
    from controller.sandbox.aws.definitions import Definition

MAX_COUNT = 10
MAX_TOKEN = 64
MAX_TAGS = 50
MAX_OVERRIDES = 8192
MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5
_STARTED_BY = re.compile(r"[A-Za-z0-9/_-]{0,128}")
_TOKEN = re.compile(rf"[!-~]{{1,{MAX_TOKEN}}}")
_LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")
FARGATE_PROVIDERS = frozenset({"FARGATE", "FARGATE_SPOT"})


def check_parameters(parameters: Json) -> None:
    """Check the rules that need no cluster and no definition. Raises the ``ApiError`` that RunTask answers."""
    count = parameters.get("count", 1)
    if not 1 <= count <= MAX_COUNT:
        raise invalid_parameter(f"Count must be between 1 and {MAX_COUNT}, inclusive.")
    token = parameters.get("clientToken")
    if token is not None and not _TOKEN.fullmatch(token):
        raise invalid_parameter(f"clientToken must be 1 to {MAX_TOKEN} ASCII characters in the range 33 to 126.")
    if not _STARTED_BY.fullmatch(parameters.get("startedBy", "")):
        raise invalid_parameter("startedBy must be up to 128 letters, numbers, hyphens, slashes and underscores.")
    if len(parameters.get("tags", ())) > MAX_TAGS:
        raise invalid_parameter(f"Number of tags can't exceed {MAX_TAGS}.")
    if parameters.get("propagateTags") == "SERVICE":
        raise invalid_parameter("The SERVICE option of propagateTags is not supported when running a task.")
    if parameters.get("launchType") and parameters.get("capacityProviderStrategy"):
        raise invalid_parameter("specifying both a launch type and capacity provider strategy is not supported")
    if parameters.get("launchType", "EC2") not in _LAUNCH_TYPES:
        raise invalid_parameter(f"launchType must be one of {', '.join(_LAUNCH_TYPES)}.")


def require_active(definition: Definition | None) -> Definition:
    """Return the definition. Raises ``ClientException`` if there is none, or if it is not active."""
    if definition is None:
        raise client_error("TaskDefinition not found.")
    if not definition.active:
        raise client_error("TaskDefinition is inactive")
    return definition


def choose_strategy(parameters: Json, cluster: EmbeddedCluster) -> tuple[Json, ...]:
    """Return the capacity provider strategy of the call, or else of the cluster; empty if it names a launch type.

    Raises ``InvalidParameterException`` if the strategy is not valid, or not for this cluster.
    """
    if parameters.get("launchType"):
        return ()
    strategy = tuple(parameters.get("capacityProviderStrategy") or cluster.default_strategy)
    for item in strategy:
        if item["capacityProvider"] not in cluster.capacity_providers:
            raise invalid_parameter(
                "The specified capacity provider strategy cannot contain a capacity provider that is not "
                f"associated with the cluster. Associate {item['capacityProvider']} and try again."
            )
    if len(strategy) > 1 and not any(item.get("weight", 0) for item in strategy):
        raise invalid_parameter("At least one capacity provider of a strategy must have a weight above zero.")
    if sum(item.get("base", 0) > 0 for item in strategy) > 1:
        raise invalid_parameter("Only one capacity provider in a strategy can have a base defined.")
    return strategy


def check_launch(parameters: Json, definition: Definition, launch_types: frozenset[str]) -> None:
    """Check the rules that need the definition. Raises the ``ApiError`` that RunTask answers."""
    for launch_type in sorted(launch_types):
        if launch_type not in definition.compatibilities:
            raise invalid_parameter(f"Task definition does not support launch_type {launch_type}.")
    _check_platform(parameters, launch_types)
    _check_network(parameters, definition, launch_types)
    _check_volumes(parameters, definition)
    _check_overrides(parameters.get("overrides", {}), definition)


def _check_platform(parameters: Json, launch_types: frozenset[str]) -> None:
    if "EC2" in launch_types and parameters.get("platformVersion"):
        raise invalid_parameter("The platform version must be null when specifying an EC2 launch type.")
    for member, name in (
        ("placementConstraints", "Placement constraints"),
        ("placementStrategy", "Placement strategies"),
    ):
        if "FARGATE" in launch_types and parameters.get(member):
            raise invalid_parameter(f"{name} are not supported with FARGATE launch type.")


def _check_volumes(parameters: Json, definition: Definition) -> None:
    volumes = definition.document["volumes"]
    awaited = {volume["name"] for volume in volumes if volume.get("configuredAtLaunch")}
    configured = {each["name"] for each in parameters.get("volumeConfigurations", ())}
    if configured - awaited:
        raise invalid_parameter(
            "Volume configuration provided but no matching configuredAtLaunch volume found in task definition."
        )
    if awaited - configured:
        raise invalid_parameter("A volume configuration must be provided for each volume that is configuredAtLaunch.")


def _check_network(parameters: Json, definition: Definition, launch_types: frozenset[str]) -> None:
    network = parameters.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if definition.network_mode != "awsvpc":
        if network is not None:
            raise invalid_parameter(
                "Network Configuration is not valid for the given networkMode of this task definition."
            )
        return
    if network is None:
        raise invalid_parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    subnets, groups = network.get("subnets") or [], network.get("securityGroups") or []
    if not 1 <= len(subnets) <= MAX_SUBNETS:
        raise invalid_parameter(f"subnets must name 1 to {MAX_SUBNETS} subnets.")
    if len(groups) > MAX_SECURITY_GROUPS:
        raise invalid_parameter(f"securityGroups can name at most {MAX_SECURITY_GROUPS} security groups.")
    for kind, names in (("subnet", subnets), ("sg", groups)):
        for name in names:
            if not name.startswith(f"{kind}-"):
                raise invalid_parameter(f"The ID '{name}' is not valid: it begins with '{kind}-'.")
    if network.get("assignPublicIp") == "ENABLED" and "FARGATE" not in launch_types:
        raise invalid_parameter("Assign public IP is not supported for this launch type.")


def _check_overrides(overrides: Json, definition: Definition) -> None:
    if len(json.dumps(overrides, separators=(",", ":"))) > MAX_OVERRIDES:
        raise invalid_parameter(f"Container Overrides length must be at most {MAX_OVERRIDES}")
    known = {container["name"] for container in definition.document["containerDefinitions"]}
    for override in overrides.get("containerOverrides", ()):
        if override.get("name") not in known:
            raise invalid_parameter(
                f"Override for container named {override.get('name')} is not a container in the TaskDefinition."
            )


def conflict(arns: list[str]) -> ApiError:
    """Return the error for a token that was used with other parameters; it names the tasks of that call, ``arns``."""
    return ApiError(
        "ConflictException",
        "The provided client token was used before with different parameters.",
        resourceIds=arns,
    )
