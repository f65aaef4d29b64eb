"""The keeper: the one essential container of a task of copies. Its script is ``keeper.sh``, beside this file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies import KEEPER, copy_names
from controller.core.sizing import task_memory
from controller.core.template import dependencies, followers

if TYPE_CHECKING:
    from controller.core.template import Template

SCRIPT: Final = files("controller.core").joinpath("keeper.sh").read_text(encoding="utf-8")

RESERVATION: Final = 32
"""MiB, a soft limit: ECS wants a figure where the task has none. A hard one could end the task under its workers."""

_NOBODY: Final = "65534:65534"


def watched(template: Template, worker: str, k: int) -> tuple[str, ...]:
    """Return the containers that must have stopped before the task may end: the copies, and what runs after them."""
    return (*copy_names(worker, k), *followers(template, worker))


def keeper_container(template: Template, worker: str, k: int, image: str) -> dict[str, Any]:
    """Return the keeper's container definition, whatever the image's own entry point is.

    It waits for what the worker waits for to happen (COMPLETE, SUCCESS, HEALTHY): as the template's worker,
    so the keeper ends the task if that can no longer happen. Its log goes where the worker's goes, unless
    the worker's needs the log router, which would have to outlive the keeper.
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
    waits = [
        {"containerName": name, "condition": condition}
        for name, condition in dependencies(definition)
        if condition != "START"
    ]
    if waits:
        keeper["dependsOn"] = waits
    if task_memory(template) is None:
        keeper["memoryReservation"] = RESERVATION
    log = definition.get("logConfiguration")
    if log and log["logDriver"] != "awsfirelens":
        keeper["logConfiguration"] = log
    if image == definition["image"] and definition.get("repositoryCredentials"):
        keeper["repositoryCredentials"] = definition["repositoryCredentials"]
    return keeper
