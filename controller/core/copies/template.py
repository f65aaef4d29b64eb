"""The template: a user's task definition as ECS describes it, and how its containers depend on each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from controller.core.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_ON_WINDOWS = re.compile(r"\s*attribute:ecs\.os-(type|family)\s*(==|=~|in)\s*\[?\s*windows", re.IGNORECASE)
"""A constraint that demands Windows and nothing else; an expression that negates or joins constraints is not read."""


_WINDOWS_REPOSITORY = re.compile(r"(mcr\.microsoft\.com/(windows|dotnet/framework)|microsoft/(iis|aspnet))([/:@]|$)")
_WINDOWS_WORD = re.compile(r"(^|[/:_.-])(windows)?(servercore|nanoserver)([/:@_.-]|$)|:([\w.-]*-)?ltsc20\d\d([@-]|$)")
"""Names that Microsoft gives to images of Windows: of its repositories, and of the base image in a path or a tag."""


class CannotCopy(ValueError):  # noqa: N818  reads as a sentence: this cannot be copied
    """A template cannot be run as asked; the message gives the reason and what the user can do."""


@frozen
class Template:
    """One revision of a task definition."""

    arn: str
    """The ARN of the revision, which ends in ``:<revision>``."""
    family: str
    revision: int
    definition: Mapping[str, Any]
    """DescribeTaskDefinition's ``taskDefinition`` as boto3 returns it."""
    tags: Sequence[Mapping[str, str]] = ()
    """DescribeTaskDefinition's ``tags``: ``[{"key": ..., "value": ...}]``."""
    unknown: Sequence[str] = ()
    """Sorted paths of members of the answer that botocore does not know, such as ``containerDefinitions.newKey``."""

    @classmethod
    def from_description(
        cls, definition: Mapping[str, Any], tags: Sequence[Mapping[str, str]] = (), unknown: Sequence[str] = ()
    ) -> Self:
        """Return the template that DescribeTaskDefinition (``include=["TAGS"]``) has described."""
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

        ``requiresCompatibilities`` is what the user demands. Without it the answer is in ``compatibilities``, the
        launch types for which ECS found the definition fit.
        """
        demanded = self.definition.get("requiresCompatibilities") or self.definition.get("compatibilities")
        return "FARGATE" in (demanded or ())

    @property
    def is_windows(self) -> bool:
        """Whether the containers run on Windows.

        What ``runtimePlatform`` says is so. Where it says nothing, a placement constraint on the operating system
        tells, a volume that only Windows can mount, or an image that Microsoft has made for Windows.
        """
        if self.operating_system is not None:
            return self.operating_system.startswith("WINDOWS")
        constraints = self.definition.get("placementConstraints") or ()
        return (
            any(_ON_WINDOWS.match(each.get("expression") or "") for each in constraints)
            or any("fsxWindowsFileServerVolumeConfiguration" in each for each in self.definition.get("volumes") or ())
            or any(_is_windows_image(each.get("image") or "") for each in self.containers)
        )

    @property
    def operating_system(self) -> str | None:
        """``runtimePlatform``'s family, such as ``LINUX`` or ``WINDOWS_SERVER_2022_CORE``; None: it names none."""
        return (self.definition.get("runtimePlatform") or {}).get("operatingSystemFamily")

    @property
    def network_mode(self) -> str:
        """``awsvpc``, ``bridge``, ``host`` or ``none``; without one ECS takes the default of the platform's Docker."""
        return self.definition.get("networkMode") or "default"

    def container(self, name: str) -> Mapping[str, Any]:
        """Return the definition of a container that the template is known to have."""
        return next(container for container in self.containers if container["name"] == name)

    def sidecars(self, worker: str) -> tuple[Mapping[str, Any], ...]:
        """Return the definitions of all containers but the worker."""
        return tuple(container for container in self.containers if container["name"] != worker)


def find_worker(template: Template, configured: str | None) -> str:
    """Return the name of the container to copy: the configured one, or the only one that can do the work.

    Raises CannotCopy if the template has no container of that name, or if none is configured and several are left
    that are neither log router nor proxy.
    """
    names = [container["name"] for container in template.containers]
    if configured is None:
        return _find_only_worker(template, names)
    if configured not in names:
        raise CannotCopy(
            f"task definition {template.label} has no container {configured!r}: "
            f"set task.container to one of {', '.join(names)}"
        )
    return configured


def _find_only_worker(template: Template, names: Sequence[str]) -> str:
    attendants = find_attendants(template.definition)
    left = [name for name in names if name not in attendants] or names
    if len(left) > 1:
        beside = f" beside {' and '.join(sorted(attendants))}" if attendants and len(left) < len(names) else ""
        raise CannotCopy(
            f"task definition {template.label} has {len(left)} containers{beside} ({', '.join(left)}): "
            f"set task.container to the one that does the work"
        )
    return left[0]


def find_attendants(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the containers that serve the others of a task definition: its log router and its proxy."""
    routers = {each["name"] for each in definition["containerDefinitions"] if each.get("firelensConfiguration")}
    proxy = (definition.get("proxyConfiguration") or {}).get("containerName")
    return frozenset(routers if proxy is None else routers | {proxy})


def list_dependencies(container: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return ``(container name, condition)`` for each entry of a container's ``dependsOn``."""
    return tuple((each["containerName"], each["condition"]) for each in container.get("dependsOn") or ())


def is_essential(container: Mapping[str, Any]) -> bool:
    """Whether the task ends when this container does; ECS takes an absent ``essential`` as true."""
    return bool(container.get("essential", True))


def find_followers(template: Template, worker: str) -> tuple[str, ...]:
    """Return the names of the containers that run only after the worker has ended, in the template's order.

    A follower waits for COMPLETE or SUCCESS of the worker, or of another follower.
    """
    after = {worker}
    grown = True
    while grown:
        more = {
            container["name"]
            for container in template.containers
            for name, condition in list_dependencies(container)
            if name in after and condition in {"COMPLETE", "SUCCESS"}
        }
        grown = not more <= after
        after |= more
    return tuple(each["name"] for each in template.containers if each["name"] in after - {worker})


def _is_windows_image(image: str) -> bool:
    return bool(_WINDOWS_REPOSITORY.match(image.lower()) or _WINDOWS_WORD.search(image.lower()))
