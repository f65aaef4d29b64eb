"""The template: a user's task definition as ECS describes it, and how its containers stand to each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_ON_WINDOWS = re.compile(r"\s*attribute:ecs\.os-(type|family)\s*(==|=~|in)\s*\[?\s*windows", re.IGNORECASE)
"""A constraint of its own; what is joined with others or negated is not read."""


class CannotCopy(ValueError):  # noqa: N818  reads as what is said: this cannot be copied
    """A template cannot be run as asked; the message names the reason and the way out."""


@dataclass(frozen=True, slots=True)
class Template:
    """One revision of a task definition."""

    arn: str
    """Of the revision: it ends in ``:<revision>``."""
    family: str
    revision: int
    definition: Mapping[str, Any]
    """DescribeTaskDefinition's ``taskDefinition`` as boto3 returns it."""
    tags: Sequence[Mapping[str, str]] = ()
    """DescribeTaskDefinition's ``tags``: ``[{"key": ..., "value": ...}]``."""
    unknown: Sequence[str] = ()
    """Paths of members that it answered with and botocore does not know (``containerDefinitions.newKey``), sorted."""

    @classmethod
    def described(
        cls, definition: Mapping[str, Any], tags: Sequence[Mapping[str, str]] = (), unknown: Sequence[str] = ()
    ) -> Self:
        """Return the template that DescribeTaskDefinition (``include=["TAGS"]``) answered with."""
        arn, family, revision = (definition[key] for key in ("taskDefinitionArn", "family", "revision"))
        return cls(arn, family, revision, definition, tags, unknown)

    @property
    def label(self) -> str:
        """``family:revision``, for messages."""
        return f"{self.family}:{self.revision}"

    @property
    def containers(self) -> tuple[Mapping[str, Any], ...]:
        """The container definitions in the template's order."""
        return tuple(self.definition["containerDefinitions"])

    @property
    def is_fargate(self) -> bool:
        """Whether task-level CPU and memory must be a size that Fargate has.

        ``requiresCompatibilities`` is what the user demands; without it, ``compatibilities`` is what ECS
        found the definition good for.
        """
        demanded = self.definition.get("requiresCompatibilities") or self.definition.get("compatibilities")
        return "FARGATE" in (demanded or ())

    @property
    def is_windows(self) -> bool:
        """Whether the containers run on Windows: by the platform that is named or, on EC2, by what only Windows has."""
        family: str = (self.definition.get("runtimePlatform") or {}).get("operatingSystemFamily", "LINUX")
        constraints = self.definition.get("placementConstraints") or ()
        return (
            family.startswith("WINDOWS")
            or any(_ON_WINDOWS.match(each.get("expression") or "") for each in constraints)
            or any("fsxWindowsFileServerVolumeConfiguration" in each for each in self.definition.get("volumes") or ())
        )

    def container(self, name: str) -> Mapping[str, Any]:
        """Return the definition of a container that the template is known to have."""
        return next(container for container in self.containers if container["name"] == name)

    def sidecars(self, worker: str) -> tuple[Mapping[str, Any], ...]:
        """Return every container but the worker."""
        return tuple(container for container in self.containers if container["name"] != worker)


def worker_container(template: Template, configured: str | None) -> str:
    """Return the name of the container to copy: the configured one, or the only one that there is.

    Raises CannotCopy if the template lacks it, or has several and none is configured.
    """
    names = [container["name"] for container in template.containers]
    if configured is None and len(names) == 1:
        only: str = names[0]
        return only
    if configured is None:
        raise CannotCopy(
            f"task definition {template.label} has {len(names)} containers ({', '.join(names)}): "
            f"set task.container to the one that does the work"
        )
    if configured not in names:
        raise CannotCopy(
            f"task definition {template.label} has no container {configured!r}: "
            f"set task.container to one of {', '.join(names)}"
        )
    return configured


def dependencies(container: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return ``(container name, condition)`` for each of a container's ``dependsOn``."""
    return tuple((each["containerName"], each["condition"]) for each in container.get("dependsOn") or ())


def is_essential(container: Mapping[str, Any]) -> bool:
    """Whether the task ends with this container; ECS takes an absent ``essential`` as true."""
    return bool(container.get("essential", True))


def followers(template: Template, worker: str) -> tuple[str, ...]:
    """Return the containers that run only after the worker has ended, in the template's order.

    They wait for COMPLETE or SUCCESS of the worker, or of one that does.
    """
    after = {worker}
    grown = True
    while grown:
        more = {
            container["name"]
            for container in template.containers
            for name, condition in dependencies(container)
            if name in after and condition in {"COMPLETE", "SUCCESS"}
        }
        grown = not more <= after
        after |= more
    return tuple(each["name"] for each in template.containers if each["name"] in after - {worker})
