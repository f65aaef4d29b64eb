"""Task definitions: RegisterTaskDefinition, and the operations that describe, list and deregister them."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import list_page
from controller.sandbox.aws.definition_rules import (
    check_definition,
    find_fargate_problems,
    read_task_cpu,
    read_task_memory,
)
from controller.sandbox.aws.wire import Json, client_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.arns import Arns

_REVISION = re.compile(r"(?P<family>[^:/]+):(?P<revision>\d+)")
_TASK_DEFAULTS: Json = {"volumes": [], "placementConstraints": []}
_CONTAINER_DEFAULTS: Json = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
"""The members that ECS adds to a container definition without them."""


@dataclass(slots=True)
class Definition:
    """One revision of a task definition."""

    arn: str
    family: str
    revision: int
    document: Json
    """The ``taskDefinition`` member of an answer, except for what deregistering changes. It stays as it is."""
    tags: list[Json]
    active: bool = True
    deregistered_at: float | None = None

    @property
    def compatibilities(self) -> list[str]:
        """The launch types on which it can run."""
        compatibilities: list[str] = self.document["compatibilities"]
        return compatibilities

    @property
    def network_mode(self) -> str:
        """``awsvpc``, ``bridge``, ``host`` or ``none``."""
        return str(self.document["networkMode"])

    def describe(self) -> Json:
        """Return the revision as an answer shows it."""
        ended = {} if self.deregistered_at is None else {"deregisteredAt": self.deregistered_at}
        return {**self.document, **ended, "status": "ACTIVE" if self.active else "INACTIVE"}


class EmbeddedDefinitions:
    """The account's task definitions. The caller must hold the lock of the ECS side."""

    def __init__(self, arns: Arns, clock: Callable[[], float]) -> None:
        self._arns = arns
        self._clock = clock
        self._families: dict[str, list[Definition]] = {}

    def find(self, name_or_arn: str) -> Definition | None:
        """Return a revision by ARN, ``family:revision`` or family (the newest active one); None if there is none."""
        name = self._arns.parse_name("task-definition", name_or_arn)
        if name is None:
            return None
        match = _REVISION.fullmatch(name)
        if match is None:
            return next((d for d in reversed(self._families.get(name, ())) if d.active), None)
        revisions = self._families.get(match["family"], [])
        index = int(match["revision"]) - 1
        return revisions[index] if 0 <= index < len(revisions) else None

    def register_task_definition(self, parameters: Json) -> Json:
        """Register the next revision of a family. Raises the ``ApiError`` with which AWS refuses it."""
        check_definition(parameters)
        request = copy.deepcopy(parameters)
        tags = request.pop("tags", [])
        revisions = self._families.setdefault(request["family"], [])
        revision = len(revisions) + 1
        arn = self._arns.definition(request["family"], revision)
        document = self._build_document(request) | {"taskDefinitionArn": arn, "revision": revision}
        definition = Definition(arn, request["family"], revision, document, tags)
        revisions.append(definition)
        return {"taskDefinition": definition.describe(), "tags": tags}

    def _build_document(self, request: Json) -> Json:
        containers = [_CONTAINER_DEFAULTS | container for container in request["containerDefinitions"]]
        mode = request.get("networkMode", "bridge")
        fargate = not any(find_fargate_problems(request))
        document = _TASK_DEFAULTS | request
        sizes = {"cpu": read_task_cpu(request), "memory": read_task_memory(request)}
        return document | {
            "containerDefinitions": [_add_port_defaults(container, mode) for container in containers],
            "networkMode": mode,
            "compatibilities": ["EC2", "FARGATE"] if fargate else ["EC2"],
            "registeredAt": self._clock(),
            "registeredBy": f"arn:aws:iam::{self._arns.account_id}:root",
            **{key: str(size) for key, size in sizes.items() if size is not None},
        }

    def describe_task_definition(self, parameters: Json) -> Json:
        """Describe one revision, with its tags if ``include`` asks for them."""
        definition = self.find(parameters.get("taskDefinition", ""))
        if definition is None:
            raise client_error("Unable to describe task definition.")
        tags = {"tags": definition.tags} if "TAGS" in parameters.get("include", ()) else {}
        return {"taskDefinition": definition.describe(), **tags}

    def deregister_task_definition(self, parameters: Json) -> Json:
        """Make a revision INACTIVE. It can still be described."""
        definition = self.find(parameters.get("taskDefinition", ""))
        if definition is None or ":" not in parameters["taskDefinition"]:
            raise client_error("The specified task definition does not exist.")
        if definition.active:
            definition.active = False
            definition.deregistered_at = self._clock()
        return {"taskDefinition": definition.describe()}

    def list_task_definitions(self, parameters: Json) -> Json:
        """List the ARNs of revisions in pages; ``familyPrefix`` is the whole name of a family, as on AWS."""
        family = parameters.get("familyPrefix")
        active = parameters.get("status", "ACTIVE") == "ACTIVE"
        families = self._families.values() if family is None else [self._families.get(family, [])]
        arns = (d.arn for revisions in families for d in revisions if d.active == active)
        descending = parameters.get("sort") == "DESC"
        return list_page("taskDefinitionArns", arns, parameters, order=_by_revision, descending=descending)

    def list_task_definition_families(self, parameters: Json) -> Json:
        """List the families whose name begins with ``familyPrefix``; an ACTIVE one has an active revision."""
        status = parameters.get("status", "ALL")
        prefix = parameters.get("familyPrefix", "")
        families = (
            family
            for family, revisions in self._families.items()
            if family.startswith(prefix)
            and (status == "ALL" or any(d.active for d in revisions) == (status == "ACTIVE"))
        )
        return list_page("families", families, parameters)


def _add_port_defaults(container: Json, mode: str) -> Json:
    mappings = [
        {"protocol": "tcp", **_default_host_port(mapping, mode)} | mapping for mapping in container["portMappings"]
    ]
    return container | {"portMappings": mappings}


def _default_host_port(mapping: Json, mode: str) -> Json:
    """Return the host port that ECS adds to a mapping of a single port; a range gets its own when a task starts."""
    if "containerPortRange" in mapping:
        return {}
    return {"hostPort": mapping.get("containerPort", 0) if mode == "awsvpc" else 0}


def _by_revision(arn: str) -> tuple[str, int]:
    family, _, revision = arn.rpartition(":")
    return family, int(revision)
