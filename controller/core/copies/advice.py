"""Warnings about templates that run, but probably not as their author intends.

To add one, write a function that yields it and name it in ``_CHECKS``. What RunTask must refuse is in placement.py,
what cannot be copied in copies.py, and what copies change or share in copy_notes.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import WAY_OUT
from controller.core.copies.placement import FARGATE_PROVIDERS, is_for_fargate, list_providers
from controller.core.copies.template import find_followers, is_essential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from controller.core.copies.template import Template

_SHARED_PORTS: Final = frozenset({"awsvpc", "host"})
"""Network modes in which all containers of a task share one port space."""
_OWN_HOST: Final = re.compile(
    r"(?:\baddr[= ](?=:)|(?<![\w.-])(?:(?P<scheme>https?)://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]))"
    r"(?:(?(scheme):|(?:[:/]|\s+(?:-p\s*)?))(?P<port>\d{1,5}|\$))?"
)
"""Where a health check asks its own container: ``http://localhost:80/``, ``localhost 80``, ``-addr=:80``, ..."""
_SCHEME_PORTS: Final = {"http": "80", "https": "443"}


def find_warnings(template: Template, worker: str, most: int, request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each thing that deserves a second look; each names the template.

    ``most`` is how many workers a task may hold as configured, ``request`` the parameters of RunTask that are the same
    in every call. Neither depends on what is launched just now, so that a warning stays as long as its cause.
    """
    found = (sentence for check in _CHECKS for sentence in check(template, worker, most, request))
    return tuple(f"task definition {template.label}: {sentence}" for sentence in found)


def _warn_of_lingering(template: Template, worker: str, _most: int, _request: Mapping[str, Any]) -> Iterator[str]:
    """Warn of a task that does not end with its workers; the keeper of copies waits for the same containers."""
    essential = [each["name"] for each in template.sidecars(worker) if is_essential(each)]
    followers = find_followers(template, worker)
    # The first essential container that ends takes the task with it, so one that ends after the worker is enough.
    if is_essential(template.container(worker)) or any(name in followers for name in essential):
        return
    others, are, do, run = ", ".join(essential), "are", "do", "run"
    if len(essential) == 1:
        are, do, run = "is", "does", "runs"
    yield (
        f"container {worker} is not essential and {others} {are}, so a task does not end with its workers: it stays, "
        f"and is paid, as long as {others} {run}. If {others} {do} not end soon after the work, "
        f"make {worker} essential"
    )


def _warn_of_restarts(template: Template, worker: str, _most: int, _request: Mapping[str, Any]) -> Iterator[str]:
    policy = template.container(worker).get("restartPolicy") or {}
    if policy.get("enabled") and 0 not in (policy.get("ignoredExitCodes") or ()):
        yield (
            f"container {worker} has a restartPolicy: ECS starts it again whenever it ends, so its tasks never end; "
            "remove it, or add 0 to its ignoredExitCodes"
        )


def _warn_of_ports(template: Template, worker: str, most: int, _request: Mapping[str, Any]) -> Iterator[str]:
    """Warn of copies that need the same port: the ports of the worker's mappings, and those its health check asks."""
    if most == 1 or template.network_mode not in _SHARED_PORTS:
        return
    mapped, asked = _list_mapped_ports(template.container(worker)), _list_asked_ports(template, worker)
    if not (mapped or asked):
        return
    ports = ", ".join(dict.fromkeys(port for port in (*mapped, *asked) if port))
    source = " and ".join([*(["portMappings"] if mapped else []), *(["healthCheck"] if asked else [])])
    yield (
        f"container {worker} seems to listen on {f'port {ports}' if ports else 'a port'} (by its {source}), and the "
        f"copies in a task share one port space (networkMode {template.network_mode}): in all copies but one the port "
        f"is taken, and most servers then fail; let the worker listen on no port, {WAY_OUT}"
    )


def _list_mapped_ports(container: Mapping[str, Any]) -> tuple[str, ...]:
    mappings = container.get("portMappings") or ()
    return tuple(str(each.get("containerPort") or each.get("containerPortRange")) for each in mappings)


def _list_asked_ports(template: Template, worker: str) -> tuple[str | None, ...]:
    """Return the ports that the worker's health check asks on its own host, but for those of other containers.

    None is one whose number cannot be read from the command.
    """
    command = " ".join(map(str, (template.container(worker).get("healthCheck") or {}).get("command") or ()))
    asked = (match["port"] or _SCHEME_PORTS.get(match["scheme"] or "") for match in _OWN_HOST.finditer(command))
    elsewhere = {port for sidecar in template.sidecars(worker) for port in _list_mapped_ports(sidecar)}
    return tuple(None if port == "$" else port for port in asked if port not in elsewhere)


def _warn_of_windows(template: Template, _worker: str, _most: int, request: Mapping[str, Any]) -> Iterator[str]:
    if not template.is_windows or not is_for_fargate(request):
        return
    if template.operating_system is None:
        yield (
            "it has images of Windows and no runtimePlatform, so Fargate takes it for Linux and its tasks fail to "
            "start: name the operatingSystemFamily of its images there"
        )
    if "FARGATE_SPOT" in list_providers(request):
        yield "it runs on Windows, for which there is no FARGATE_SPOT: leave that out of task.capacity_providers"


def _warn_of_exec_without_role(
    template: Template, _worker: str, _most: int, request: Mapping[str, Any]
) -> Iterator[str]:
    if request.get("enableExecuteCommand") and not template.definition.get("taskRoleArn"):
        yield (
            "it has no taskRoleArn, which ECS Exec needs: give it a task role, "
            "or leave enableExecuteCommand out of task.run_task"
        )


def _warn_of_public_address(_template: Template, _worker: str, _most: int, request: Mapping[str, Any]) -> Iterator[str]:
    vpc = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    others = sorted(set(list_providers(request)) - FARGATE_PROVIDERS)
    if others and vpc.get("assignPublicIp") == "ENABLED":
        yield (
            f"ECS refuses public addresses on EC2 instances: if {', '.join(others)} has such, "
            "remove task.assign_public_ip"
        )


_CHECKS: Final[tuple[Callable[[Template, str, int, Mapping[str, Any]], Iterator[str]], ...]] = (
    _warn_of_lingering,
    _warn_of_restarts,
    _warn_of_ports,
    _warn_of_windows,
    _warn_of_exec_without_role,
    _warn_of_public_address,
)
