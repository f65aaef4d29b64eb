"""The keeper: the one essential container of a task of copies. Its script is ``keeper.sh``, beside this file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import KEEPER, copy_names
from controller.core.copies.sizing import task_memory
from controller.core.copies.template import followers, is_essential

if TYPE_CHECKING:
    from controller.core.copies.template import Template

SCRIPT: Final = files("controller.core.copies").joinpath("keeper.sh").read_text(encoding="utf-8")

RESERVATION: Final = 32
"""MiB, a soft limit: ECS wants a figure where the task has none. A hard one could end the task under its workers."""

_NOBODY: Final = "65534:65534"


def watched(template: Template, worker: str, k: int) -> tuple[str, ...]:
    """Return the containers that must have stopped before the keeper may end the task.

    The copies and what runs after them; and where the template's task does not end with its worker, the
    containers with which it does.
    """
    sidecars = () if is_essential(template.container(worker)) else template.sidecars(worker)
    ending = (sidecar["name"] for sidecar in sidecars if is_essential(sidecar))
    return tuple(dict.fromkeys((*copy_names(worker, k), *followers(template, worker), *ending)))


def keeper_container(template: Template, worker: str, k: int, image: str) -> dict[str, Any]:
    """Return the keeper's container definition, whatever the image's own entry point is.

    It starts after what the worker starts after, and no sooner: as the template's worker, so the keeper ends the
    task if that can no longer be, and until then nobody counts the copies as missing. Its log goes where the
    worker's goes, unless the worker's needs the log router, which would have to outlive the keeper.
    """
    definition = template.container(worker)
    keeper: dict[str, Any] = {
        "name": KEEPER,
        "image": image,
        "essential": True,
        "entryPoint": ["sh", "-c"],
        "command": [SCRIPT, KEEPER, *watched(template, worker, k)],
        "readonlyRootFilesystem": True,
        "user": _NOBODY,
    }
    if definition.get("dependsOn"):
        keeper["dependsOn"] = definition["dependsOn"]
    if task_memory(template) is None:
        keeper["memoryReservation"] = RESERVATION
    log = definition.get("logConfiguration")
    if log and log["logDriver"] != "awsfirelens":
        keeper["logConfiguration"] = log
    if _registry(image) == _registry(definition["image"]) and definition.get("repositoryCredentials"):
        keeper["repositoryCredentials"] = definition["repositoryCredentials"]
    return keeper


def _registry(image: str) -> str:
    """Return the host that an image is pulled from; empty for Docker Hub, which needs none in a name."""
    host, slash, _ = image.partition("/")
    return host if slash and (set(host) & {".", ":"} or host == "localhost") else ""
