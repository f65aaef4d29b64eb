"""Placement: what a template needs of a RunTask call, and which calls RunTask must refuse.

Only what is certain is a misfit: what ECS itself has found out about the template (``compatibilities``), and the rules
of RunTask on networks and volumes that both documents tell. What depends on the cluster is left to ECS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.fargate import SIZES, Size
from controller.core.copies.sizing import size_task, task_cpu, task_memory
from controller.core.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from controller.core.copies.template import Template

FARGATE_PROVIDERS: Final = frozenset({"FARGATE", "FARGATE_SPOT"})
"""The capacity providers that run tasks on Fargate; all others run them elsewhere."""


@frozen
class Misfit:
    """Why RunTask must refuse to run a template."""

    reason: str
    """A sentence that names the template, what does not fit, and what to do."""
    key: str
    """The scaler's key to change, such as ``task.subnets``."""


def find_misfit(template: Template, request: Mapping[str, Any]) -> Misfit | None:
    """Return the first reason for which RunTask must refuse the template; None: as far as known it takes it.

    ``request`` are the parameters of RunTask that are the same in every call of a scaler, in AWS's spelling.
    """
    checks = (_check_launch_type, _check_network, _check_volumes)
    found = (misfit for check in checks for misfit in check(template, request))
    misfit = next(found, None)
    return None if misfit is None else Misfit(f"task definition {template.label} {misfit.reason}", misfit.key)


def is_for_fargate(request: Mapping[str, Any]) -> bool:
    """Say whether a RunTask call asks for Fargate, by its launch type or by its capacity providers."""
    return request.get("launchType") == "FARGATE" or not FARGATE_PROVIDERS.isdisjoint(list_providers(request))


def list_providers(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the capacity providers that a RunTask call names."""
    return tuple(item["capacityProvider"] for item in request.get("capacityProviderStrategy") or ())


def name_providers(*providers: str) -> dict[str, Any]:
    """Return the parameter of a RunTask call that names capacity providers, each with the same weight."""
    return {"capacityProviderStrategy": [{"capacityProvider": provider, "weight": 1} for provider in providers]}


def split_by_provider(request: Mapping[str, Any], order: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """Return what the calls of a scaler may have in common: of an order of providers, with each of them."""
    return [{**request, **name_providers(each)} for each in order] or [request]


def name_all(request: Mapping[str, Any], order: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the same in one, with all providers of an order: what holds for one of them holds for the scaler."""
    return {**request, **name_providers(*order)} if order else request


def limit_by_fargate(
    template: Template, worker: str, request: Mapping[str, Any], most: int, why: str
) -> tuple[int, str]:
    """Return the most copies, at most ``most``, for which Fargate has the size, and why there cannot be one more.

    ``why`` is the reason for ``most``. A template that demands another launch type is sized for that one, so nothing
    is rounded; ECS may have found it fit for Fargate all the same.
    """
    if not is_for_fargate(request) or template.is_fargate:
        return most, why
    for k in range(2, most + 1):
        size = size_task(template, worker, k)
        if size is None or Size(size.cpu or 0, size.memory or 0) not in SIZES:
            figures = "" if size is None else f" ({size.cpu} CPU units and {size.memory} MiB)"
            return k - 1, (
                f"task definition {template.label} with {k} workers a task: its requiresCompatibilities lack FARGATE, "
                f"so its size is not rounded up{figures} to one that Fargate has: add FARGATE to them, "
                f"or set max_containers_per_task to {k - 1}"
            )
    return most, why


def _check_launch_type(template: Template, request: Mapping[str, Any]) -> Iterator[Misfit]:
    providers, launch_type = list_providers(request), request.get("launchType")
    if not providers and launch_type is None:
        return  # The cluster's own default strategy decides, which only ECS knows.
    key = "task.capacity_providers" if providers else "task.launch_type"
    key = "task.capacity" if launch_type == "EXTERNAL" else key
    fits = frozenset(template.definition.get("compatibilities") or ())
    if is_for_fargate(request):
        obstacles = tuple(_find_fargate_obstacles(template))
        demanded = template.definition.get("requiresCompatibilities") or ("FARGATE",)
        # Where ECS says what it has found the template fit for, that decides: its rules are the ones that count.
        if "FARGATE" not in fits if fits else obstacles or "FARGATE" not in demanded:
            elsewhere = "name capacity providers of EC2" if providers else "set task.launch_type to EC2"
            why = ", ".join(obstacles) or f"ECS found it fit for {_join(fits or demanded)} only"
            yield Misfit(f"cannot run on FARGATE: {why}; {elsewhere}, or name a definition for Fargate", key)
    elif fits and not (fits - {"FARGATE"} if providers else launch_type in fits):
        where = "outside Fargate, as with these capacity providers" if providers else f"on {launch_type}"
        instead_of = "capacity providers" if providers else key
        yield Misfit(f"cannot run {where}: ECS found it fit for {_join(fits)} only; {_advise(fits, instead_of)}", key)


def _find_fargate_obstacles(template: Template) -> Iterator[str]:
    """Yield what keeps a template from Fargate (Amazon ECS developer guide, "task definition differences")."""
    definition = template.definition
    if template.network_mode != "awsvpc":
        yield f"its networkMode is {template.network_mode} and not awsvpc"
    cpu, memory = task_cpu(template), task_memory(template)
    if cpu is None or memory is None:
        yield "it has no task-level cpu and memory"
    elif Size(cpu, memory) not in SIZES:
        yield f"Fargate has no size of {cpu} CPU units and {memory} MiB"
    if definition.get("placementConstraints"):
        yield "it has placementConstraints"
    if definition.get("pidMode") == "host" or definition.get("ipcMode"):
        yield "it shares namespaces of its host (pidMode, ipcMode)"
    for volume in definition.get("volumes") or ():
        if volume.get("dockerVolumeConfiguration") or (volume.get("host") or {}).get("sourcePath"):
            yield f"its volume {volume['name']} is one of its host"
    for container in template.containers:
        yield from _find_container_obstacles(container)


def _find_container_obstacles(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield f"container {container['name']} is privileged"
    if container.get("resourceRequirements"):
        kinds = sorted({need["type"] for need in container["resourceRequirements"]})
        yield f"container {container['name']} needs {_join(kinds)}"


def _check_network(template: Template, request: Mapping[str, Any]) -> Iterator[Misfit]:
    given = request.get("networkConfiguration")
    if template.network_mode == "awsvpc" and not given:
        yield Misfit("needs subnets: its networkMode is awsvpc; set task.subnets", "task.subnets")
    if template.network_mode != "awsvpc" and given:
        yield Misfit(
            f"takes no subnets: its networkMode is {template.network_mode} and not awsvpc; "
            "remove task.subnets, task.security_groups and task.assign_public_ip",
            "task.subnets",
        )


def _check_volumes(template: Template, request: Mapping[str, Any]) -> Iterator[Misfit]:
    key = "task.run_task"
    volumes = template.definition.get("volumes") or ()
    awaited = {volume["name"] for volume in volumes if volume.get("configuredAtLaunch")}
    configured = {each["name"] for each in request.get("volumeConfigurations") or ()}
    for name in sorted(awaited - configured):
        yield Misfit(
            f"has the volume {name}, which is configuredAtLaunch: add it to task.run_task.volumeConfigurations", key
        )
    for name in sorted(configured - awaited):
        yield Misfit(
            f"has no volume {name} that is configuredAtLaunch: remove it from task.run_task.volumeConfigurations, "
            "or name a definition that has it",
            key,
        )


def _advise(fits: frozenset[str], instead_of: str) -> str:
    """Say what else to do; ``instead_of`` is what chose the launch type, which has to go for another one."""
    if "FARGATE" in fits:
        instead = "" if instead_of == "task.launch_type" else f" instead of {instead_of}"
        return f"set task.launch_type to FARGATE{instead}, or name another definition"
    if "MANAGED_INSTANCES" in fits:
        return "name a capacity provider of managed instances in task.capacity_providers, or another definition"
    return "name another definition"


def _join(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))
