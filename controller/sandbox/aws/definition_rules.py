"""The task definitions that RegisterTaskDefinition refuses, with its error messages.

The rules come from the "Amazon ECS task definition parameters" pages and the ECS quotas, the messages from ECS where
they are known. Only rules that AWS checks at registration belong here, none that only this project needs.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from controller.sandbox.aws.wire import Json, client_error, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CONTAINERS = 10
MAX_BYTES = 65_536
MAX_TAGS = 50
MAX_TAG_VALUE = 256
MIN_EC2_CPU, MAX_EC2_CPU = 128, 196_608
"""Limits of the task-level CPU units of a definition that does not require Fargate."""
MAX_FARGATE_TIMEOUT = 120
MIN_STORAGE, MAX_STORAGE = 21, 200
"""Limits of the ephemeral storage on Fargate, GiB."""
GB = 1024
"""How many MiB ECS means by 1 GB."""
FARGATE_MEMORY: dict[int, frozenset[int]] = {
    256: frozenset({512, 1 * GB, 2 * GB}),
    512: frozenset(range(1 * GB, 4 * GB + 1, GB)),
    1024: frozenset(range(2 * GB, 8 * GB + 1, GB)),
    2048: frozenset(range(4 * GB, 16 * GB + 1, GB)),
    4096: frozenset(range(8 * GB, 30 * GB + 1, GB)),
    8192: frozenset(range(16 * GB, 60 * GB + 1, 4 * GB)),
    16384: frozenset(range(32 * GB, 120 * GB + 1, 8 * GB)),
    32768: frozenset({60 * GB, 120 * GB, 244 * GB}),
}
"""The task-level memory sizes (MiB) that Fargate offers for each task-level CPU size (units)."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_PORT_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")
_AMOUNT = re.compile(r"(\d*\.?\d+)\s*(vCPU|GB)?", re.IGNORECASE)


def check_definition(request: Json) -> None:
    """Check a RegisterTaskDefinition request. Raises the ``ApiError`` with which AWS refuses it."""
    _check_names(request)
    _check_containers(request["containerDefinitions"])
    _check_dependencies(request["containerDefinitions"])
    _check_volumes(request)
    if len(request.get("tags", ())) > MAX_TAGS:
        raise invalid_parameter(f"Number of tags can't exceed {MAX_TAGS}.")
    if any(len(tag.get("value", "")) > MAX_TAG_VALUE for tag in request.get("tags", ())):
        raise invalid_parameter(f"Tag values can't be longer than {MAX_TAG_VALUE} characters.")
    if len(json.dumps(request, separators=(",", ":")).encode()) > MAX_BYTES:
        raise client_error("Actual size of the task definition exceeds the maximum of 64 KiB.")
    if "FARGATE" in request.get("requiresCompatibilities", ()):
        for problem in find_fargate_problems(request):
            raise client_error(problem)
    elif (cpu := read_task_cpu(request)) is not None and not MIN_EC2_CPU <= cpu <= MAX_EC2_CPU:
        raise client_error(f"Invalid 'cpu' setting for task: {cpu} is not between {MIN_EC2_CPU} and {MAX_EC2_CPU}.")
    _check_container_memory(request)
    _check_sums(request)
    _check_network(request)


def parse_amount(text: str) -> int:
    """Return the CPU units or MiB of ``1024``, ``1 vCPU``, ``.5 vCPU`` or ``2 GB``; vCPU and GB count 1,024 each."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise client_error(f"Invalid setting for cpu or memory: {text}")
    number, suffix = match.groups()
    return round(float(number) * (1024 if suffix else 1))


def read_task_cpu(request: Json) -> int | None:
    """Return the task-level CPU in units; None if the definition sets none."""
    return parse_amount(request["cpu"]) if request.get("cpu") else None


def read_task_memory(request: Json) -> int | None:
    """Return the task-level memory in MiB; None if the definition sets none."""
    return parse_amount(request["memory"]) if request.get("memory") else None


def find_fargate_problems(request: Json) -> Iterator[str]:
    """Yield why this definition cannot run on Fargate, one message for each reason."""
    cpu, memory = read_task_cpu(request), read_task_memory(request)
    if request.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    if cpu is None or memory is None:
        yield "Fargate requires that 'cpu' and 'memory' be defined at the task level."
    elif memory not in FARGATE_MEMORY.get(cpu, ()):
        yield f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    if request.get("pidMode") == "host" or request.get("ipcMode"):
        yield "Fargate does not support pidMode 'host' or ipcMode."
    if request.get("placementConstraints"):
        yield "Placement constraints are not supported for launch type FARGATE."
    if request.get("ephemeralStorage", {}).get("sizeInGiB", MIN_STORAGE) not in range(MIN_STORAGE, MAX_STORAGE + 1):
        yield f"ephemeralStorage must be between {MIN_STORAGE} and {MAX_STORAGE} GiB."
    for container in request["containerDefinitions"]:
        yield from _find_container_problems(request, container)


def _find_container_problems(request: Json, container: Json) -> Iterator[str]:
    name = container["name"]
    driver = container.get("logConfiguration", {}).get("logDriver")
    if driver == "awslogs" and not request.get("executionRoleArn"):
        yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    if container.get("secrets") and not request.get("executionRoleArn"):
        yield ("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
    if container.get("privileged"):
        yield f"Fargate does not support privileged containers: {name}"
    if any(needed.get("type") == "GPU" for needed in container.get("resourceRequirements", ())):
        yield f"Fargate does not support GPU resource requirements: {name}"
    if container.get("links"):
        yield "Links are not supported when networkMode=awsvpc."
    for timeout in ("startTimeout", "stopTimeout"):
        if container.get(timeout, 0) > MAX_FARGATE_TIMEOUT:
            yield f"{timeout} of container {name} must be at most {MAX_FARGATE_TIMEOUT} seconds on Fargate."


def _check_names(request: Json) -> None:
    if not _NAME.fullmatch(request.get("family") or ""):
        raise client_error("Family contains invalid characters or is not between 1 and 255 characters long.")
    containers = request.get("containerDefinitions") or []
    if not containers:
        raise client_error("Container list cannot be empty.")
    if len(containers) > MAX_CONTAINERS:
        raise client_error(f"Task definition has {len(containers)} containers, the maximum is {MAX_CONTAINERS}.")
    names = Counter(container.get("name") or "" for container in containers)
    for name, count in names.items():
        if not _NAME.fullmatch(name):
            raise client_error(f"Container.name contains invalid characters: {name!r}")
        if count > 1:
            raise client_error(f"Container names must be unique within a task definition: {name}")


def _check_containers(containers: list[Json]) -> None:
    for container in containers:
        if not container.get("image"):
            raise client_error("Container.image should not be null or empty.")
    if not any(container.get("essential", True) for container in containers):
        raise client_error("Invalid setting for containers. At least one container must be essential.")


def _check_dependencies(containers: list[Json]) -> None:
    by_name = {container["name"]: container for container in containers}
    for container in containers:
        for dependency in container.get("dependsOn", ()):
            _check_dependency(container["name"], dependency, by_name)
    order_by_dependency(containers)


def _check_dependency(dependent: str, dependency: Json, by_name: dict[str, Json]) -> None:
    name, condition = dependency["containerName"], dependency["condition"]
    if name not in by_name:
        raise client_error(f"Container {dependent} depends on {name}, which the task definition does not have.")
    if condition not in ("START", "COMPLETE", "SUCCESS", "HEALTHY"):
        raise client_error(f"Invalid container dependency condition {condition} of container {dependent}.")
    if condition in ("COMPLETE", "SUCCESS") and by_name[name].get("essential", True):
        raise client_error(f"A {condition} dependency cannot be set on the essential container {name}.")
    if condition == "HEALTHY" and not by_name[name].get("healthCheck"):
        raise client_error(f"A HEALTHY dependency needs a health check on container {name}.")


def order_by_dependency(containers: list[Json]) -> list[Json]:
    """Return the containers so that each comes after those it depends on. Raises ``ClientException`` on a cycle."""
    waiting = {c["name"]: {d["containerName"] for d in c.get("dependsOn", ())} for c in containers}
    ordered: list[Json] = []
    while waiting:
        free = [c for c in containers if c["name"] in waiting and not waiting[c["name"]] & waiting.keys()]
        if not free:
            raise client_error(f"Container dependencies form a cycle: {', '.join(sorted(waiting))}")
        ordered += free
        for container in free:
            del waiting[container["name"]]
    return ordered


def _check_volumes(request: Json) -> None:
    volumes = {volume.get("name") for volume in request.get("volumes", ())}
    for container in request["containerDefinitions"]:
        for mount in container.get("mountPoints", ()):
            if mount.get("sourceVolume") not in volumes:
                raise client_error(f"Unknown volume '{mount.get('sourceVolume')}'.")


def _check_container_memory(request: Json) -> None:
    task = read_task_memory(request)
    for container in request["containerDefinitions"]:
        memory, reserved = container.get("memory"), container.get("memoryReservation")
        problem = None
        if task is None and not memory and not reserved:
            problem = "At least one of 'memory' or 'memoryReservation' must be specified."
        elif task is not None and memory and memory > task:
            problem = f"Its memory of {memory} MiB exceeds the task's {task} MiB."
        elif memory and reserved and reserved > memory:
            problem = "'memory' must not be below 'memoryReservation'."
        if problem:
            raise client_error(f"Invalid setting for container '{container['name']}'. {problem}")


def _check_sums(request: Json) -> None:
    containers = request["containerDefinitions"]
    cpu, memory = read_task_cpu(request), read_task_memory(request)
    asked_cpu = sum(container.get("cpu", 0) for container in containers)
    if cpu is not None and asked_cpu > cpu:
        raise client_error(f"The containers ask for {asked_cpu} CPU units, the task has {cpu}.")
    asked = sum(container.get("memoryReservation") or container.get("memory", 0) for container in containers)
    if memory is not None and asked > memory:
        raise client_error(f"The containers ask for {asked} MiB of memory, the task has {memory}.")


def _check_network(request: Json) -> None:
    if request.get("networkMode") != "awsvpc":
        return
    taken: set[tuple[int, str]] = set()
    for container in request["containerDefinitions"]:
        for mapping in container.get("portMappings", ()):
            ports = {(port, mapping.get("protocol", "tcp")) for port in _list_ports(mapping)}
            for port, protocol in sorted(ports & taken):
                raise client_error(
                    f"Duplicate container port {port}/{protocol}: containers of an awsvpc task share all ports."
                )
            taken |= ports
            if mapping.get("hostPort", 0) not in (0, mapping.get("containerPort", 0)):
                raise client_error("When networkMode=awsvpc, the host ports and container ports must match.")


def _list_ports(mapping: Json) -> range:
    """Return the ports of a mapping, which names one, or the first and the last of a range."""
    if "containerPortRange" not in mapping:
        return range(mapping.get("containerPort", 0), mapping.get("containerPort", 0) + 1)
    match = _PORT_RANGE.fullmatch(mapping["containerPortRange"])
    if match is None:
        raise client_error(f"Invalid container port range: {mapping['containerPortRange']}")
    return range(int(match[1]), int(match[2]) + 1)
