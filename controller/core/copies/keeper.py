"""The keeper: the one essential container of a task of copies, which runs ``keeper.sh`` from beside this file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import KEEPER, copy_names
from controller.core.copies.sizing import task_memory
from controller.core.copies.template import find_followers, is_essential
from controller.core.frozen import frozen

if TYPE_CHECKING:
    from controller.core.copies.template import Template

SCRIPT: Final = files("controller.core.copies").joinpath("keeper.sh").read_text(encoding="utf-8")
"""The text of ``keeper.sh``. It counts in the fingerprint: any change registers every derived revision anew."""

OVERDUE: Final = 4
"""The exit code with which the script ends a task at its deadline."""

RESERVATION: Final = 32
"""MiB that the keeper reserves where the task has no memory figure, because ECS wants one of them.

A reservation, and not a hard limit: a keeper that reached its limit would be killed, and its task would end with it.
"""

_NOBODY: Final = "65534:65534"


@frozen
class KeeperSettings:
    """What a user decides about keepers."""

    image: str
    """Any with sh, wget and sleep; with a deadline also date."""
    deadline: int | None
    """Whole seconds from the start of the last copy until the keeper ends its task; None: it waits for ever."""

    def keeps(self, k: int) -> bool:
        """Say whether a task of k workers has a keeper. A single worker needs one for its deadline alone."""
        return k > 1 or self.deadline is not None


def list_watched(template: Template, worker: str, k: int) -> tuple[str, ...]:
    """Return the names of the containers that must have stopped before the keeper may end the task.

    These are the copies and the containers that run after them. If the template's worker is not essential, they are
    also the essential sidecars, because the template's task ends with one of those.
    """
    sidecars = () if is_essential(template.container(worker)) else template.sidecars(worker)
    ending = (sidecar["name"] for sidecar in sidecars if is_essential(sidecar))
    return tuple(dict.fromkeys((*copy_names(worker, k), *find_followers(template, worker), *ending)))


def build_keeper(template: Template, worker: str, k: int, settings: KeeperSettings) -> dict[str, Any]:
    """Return the keeper's container definition, which does not depend on the entry point of its image."""
    definition, image = template.container(worker), settings.image
    keeper: dict[str, Any] = {
        "name": KEEPER,
        "image": image,
        "essential": True,
        "entryPoint": ["sh", "-c"],
        "command": [SCRIPT, KEEPER, *list_watched(template, worker, k)],
        "readonlyRootFilesystem": True,
        "user": _NOBODY,
    }
    if settings.deadline is not None:
        # The names of the copies, because what runs after them starts when they have ended, and is no late copy.
        limits = {"ECSQ_KEEPER_DEADLINE": str(settings.deadline), "ECSQ_KEEPER_COPIES": " ".join(copy_names(worker, k))}
        keeper["environment"] = [{"name": name, "value": value} for name, value in limits.items()]
    # The keeper waits for the same containers as the copies. If it started sooner, it would count the copies as
    # missing in the meantime. And if one of those containers fails, the keeper can never start and ECS ends the task,
    # as it would have ended the template's.
    if definition.get("dependsOn"):
        keeper["dependsOn"] = definition["dependsOn"]
    if task_memory(template) is None:
        keeper["memoryReservation"] = RESERVATION
    # Its log goes where the worker's goes, but not through a log router: that would have to outlive the keeper, and
    # nothing does, since the task ends with it.
    log = definition.get("logConfiguration")
    if log and log["logDriver"] != "awsfirelens":
        keeper["logConfiguration"] = log
    if _parse_registry(image) == _parse_registry(definition["image"]) and definition.get("repositoryCredentials"):
        keeper["repositoryCredentials"] = definition["repositoryCredentials"]
    return keeper


def _parse_registry(image: str) -> str:
    """Return the host from which an image is pulled; empty for Docker Hub, which an image's name may leave out."""
    host, slash, _ = image.partition("/")
    return host if slash and (set(host) & {".", ":"} or host == "localhost") else ""
