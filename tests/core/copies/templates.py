"""Templates for tests, and ECS's rules for RegisterTaskDefinition, written down independently of the code."""

import json
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from controller.core.copies.keeper import KeeperSettings
from controller.core.copies.template import Template

ARN = "arn:aws:ecs:eu-west-1:123456789012:task-definition/content-worker:7"
KEEPER_IMAGE = "public.ecr.aws/docker/library/busybox:stable"
WITHOUT_DEADLINE = KeeperSettings(KEEPER_IMAGE, deadline=None)

FARGATE_MEMORY = {
    256: [512, 1024, 2048],
    512: [1024, 2048, 3072, 4096],
    1024: [2048, 3072, 4096, 5120, 6144, 7168, 8192],
    2048: [gb * 1024 for gb in (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)],
    4096: [gb * 1024 for gb in (*range(8, 20), *range(20, 31))],
    8192: [gb * 1024 for gb in (16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60)],
    16384: [gb * 1024 for gb in (32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120)],
    32768: [gb * 1024 for gb in (60, 120, 244)],
}
"""Fargate's sizes, MiB by CPU units, typed out from AWS's page."""


def template(*containers: dict[str, Any], tags: tuple[dict[str, str], ...] = (), **members: Any) -> Template:
    """Return a Fargate template of 1 vCPU and 2 GB, as ECS describes it; a member that is None is left out."""
    described = {
        "taskDefinitionArn": ARN,
        "family": "content-worker",
        "revision": 7,
        "status": "ACTIVE",
        "registeredBy": "arn:aws:iam::123456789012:user/someone",
        "compatibilities": ["EC2", "FARGATE"],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "1024",
        "memory": "2048",
        "containerDefinitions": list(containers) or [container("worker")],
        **members,
    }
    return Template.from_description({name: value for name, value in described.items() if value is not None}, tags)


def container(name: str, **members: Any) -> dict[str, Any]:
    """Return a container definition as ECS describes it, with the members that it fills in."""
    return {
        "name": name,
        "image": f"registry/{name}:1",
        "cpu": 0,
        "essential": True,
        "portMappings": [],
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        **members,
    }


def after(name: str, condition: str) -> list[dict[str, str]]:
    """Return a ``dependsOn`` with one entry."""
    return [{"containerName": name, "condition": condition}]


def ec2(*containers: dict[str, Any], **members: Any) -> Template:
    """Return an EC2 template with bridge networking and no task-level figures."""
    own = {"networkMode": "bridge", "cpu": None, "memory": None, "compatibilities": ["EC2"]}
    return template(*containers, **{**own, "requiresCompatibilities": ["EC2"], **members})


@cache
def register_shape() -> Any:
    """Return botocore's input shape of RegisterTaskDefinition."""
    service = botocore.session.get_session().get_service_model("ecs")
    return service.operation_model("RegisterTaskDefinition").input_shape


@cache
def allowed() -> Any:
    """Return the members that RegisterTaskDefinition takes, in the form that the core asks for."""
    return _members(register_shape())


def _members(shape: Any) -> Any:
    if shape.type_name == "list":
        return _members(shape.member)
    if shape.type_name == "structure":
        return {name: _members(member) for name, member in shape.members.items()}
    return None


def find_faults(definition: dict[str, Any]) -> list[str]:
    """Return every reason for which ECS would refuse to register this, or botocore would refuse to send it."""
    containers = definition["containerDefinitions"]
    names = [each["name"] for each in containers]
    found = [ParamValidator().validate(definition, register_shape()).generate_report()]
    found += [f"{len(containers)} containers"] if len(containers) > 10 else []
    found += ["names not unique"] if len(set(names)) < len(names) else []
    found += ["nothing essential"] if not any(each.get("essential", True) for each in containers) else []
    found += ["too many tags"] if len(definition["tags"]) > 50 else []
    found += [f"tag {tag['key']} too long" for tag in definition["tags"] if len(tag["value"]) > 256]
    found += ["over 64 KB"] if len(json.dumps(definition)) > 65_536 else []
    found += [f"name {name} too long" for name in [*names, definition["family"]] if len(name) > 255]
    return [fault for fault in [*found, *_find_order_faults(containers), *_find_size_faults(definition)] if fault]


def _find_order_faults(containers: list[dict[str, Any]]) -> list[str]:
    essential = {each["name"]: each.get("essential", True) for each in containers}
    edges = {each["name"]: each.get("dependsOn", []) for each in containers}
    found = []
    for name, depends_on in edges.items():
        for on in depends_on:
            target, condition = on["containerName"], on["condition"]
            if target not in essential:
                found.append(f"{name} depends on {target}, which is not there")
            elif condition in {"COMPLETE", "SUCCESS"} and essential[target]:
                found.append(f"{name} waits for {condition} of {target}, which is essential")
    return found + _find_cycle({name: {on["containerName"] for on in ons} for name, ons in edges.items()})


def _find_cycle(edges: dict[str, set[str]]) -> list[str]:
    while free := [name for name, ons in edges.items() if not ons & set(edges)]:
        for name in free:
            del edges[name]
    return [f"circular dependsOn among {sorted(edges)}"] if edges else []


def _find_size_faults(definition: dict[str, Any]) -> list[str]:
    containers = definition["containerDefinitions"]
    found = []
    for figure, own in (("cpu", ("cpu",)), ("memory", ("memory", "memoryReservation"))):
        needed = sum(next((each[key] for key in own if each.get(key)), 0) for each in containers)
        if figure in definition and needed > int(definition[figure]):
            found.append(f"the containers' {figure} is above the task's")
    if "memory" not in definition:
        found += [
            f"{each['name']} has no memory"
            for each in containers
            if not each.get("memory") and not each.get("memoryReservation")
        ]
    if "cpu" in definition and not 128 <= int(definition["cpu"]) <= 196_608:
        found.append(f"task-level cpu of {definition['cpu']}")
    if "FARGATE" in definition.get("requiresCompatibilities", []):
        fits = int(definition["memory"]) in FARGATE_MEMORY.get(int(definition["cpu"]), [])
        found += [] if fits else [f"Fargate has no size {definition['cpu']}/{definition['memory']}"]
    return found
