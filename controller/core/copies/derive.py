"""Derived revisions: the template with k copies of its worker and the keeper.

What is passed on is what RegisterTaskDefinition takes, so that a key that AWS adds later survives: the caller
hands in the shape that botocore knows. The copies are not essential and start after the keeper, which is: so
one copy that ends does not end the others, and the task ends when all have. A sidecar that is essential stays
so: if it ends, the task ends, as in the template.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from controller.core.copies.copies import KEEPER, MAX_CONTAINERS, copy_names, derived_family, refusal, user_tags
from controller.core.copies.fingerprint import fingerprint, our_tags
from controller.core.copies.keeper import SCRIPT, keeper_container
from controller.core.copies.sizing import task_size
from controller.core.copies.template import CannotCopy, dependencies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.core.copies.template import Template

Allowed: TypeAlias = "Mapping[str, Allowed | None]"
"""The members that a structure may have, each with its own, through lists; None: anything, passed on whole.

``{"family": None, "containerDefinitions": {"name": None, "dependsOn": {"containerName": None, ...}, ...}}``
"""

MAX_DEFINITION_BYTES: Final = 64_000
"""Of a task definition; ECS says "64 KB", so this is the smaller reading."""
MAX_STORAGE: Final = 200
"""GiB of ephemeral storage that Fargate gives a task."""

_STREAM_OPTION: Final = {"awsfirelens": "log_stream_name", "splunk": "tag", "syslog": "tag"}
"""For each driver whose records tell nothing else of their container: the option that names their stream."""
_OWN_NAME: Final = ("{{.ID}}", "{{.FullID}}", "{{.Name}}", "$(tag)", "$(container_name)")
"""What stands for the container inside such an option."""


def copies_limit(template: Template, worker: str, keeper_image: str, allowed: Allowed) -> tuple[int, str]:
    """Return the most copies that a task of this template may hold, 1 or more, and why not one more."""
    most = 1
    while (why := _obstacle(template, worker, most + 1, keeper_image, allowed)) is None:
        most += 1
    return most, why


def derive(template: Template, worker: str, k: int, keeper_image: str, allowed: Allowed) -> dict[str, Any]:
    """Return RegisterTaskDefinition's parameters for k copies, 2 or more: k = 1 is the template itself.

    Raises CannotCopy with the reason and the way out.
    """
    if k == 1:
        raise CannotCopy(f"task definition {template.label}: one worker a task is the template itself")
    if (why := _obstacle(template, worker, k, keeper_image, allowed)) is not None:
        raise CannotCopy(why)
    return _derived(template, worker, k, keeper_image, allowed)


def derived_fingerprint(template: Template, worker: str, k: int, keeper_image: str) -> str:
    """Return the fingerprint that ``derive`` gives to k copies."""
    return fingerprint(template.arn, worker, k, keeper_image, SCRIPT, template.unknown)


def shared_storage(template: Template, k: int) -> int | None:
    """Return the ephemeral storage that k copies share, GiB; None if the template sets none."""
    storage = template.definition.get("ephemeralStorage")
    return None if not storage else k * int(storage["sizeInGiB"])


def told_apart(log: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a log configuration with which copy ``number`` has a stream of its own.

    Most have one already: awslogs names the stream by container, FireLens tags by container, and json-file,
    journald, gelf and fluentd carry the container with each record. A stream named by hand gets the number.
    """
    named = (log.get("options") or {}).get(_STREAM_OPTION.get(log["logDriver"], ""))
    if not named or any(own in named for own in _OWN_NAME):
        return dict(log)
    option = _STREAM_OPTION[log["logDriver"]]
    return {**log, "options": {**log["options"], option: f"{named}-{number}"}}


def _obstacle(template: Template, worker: str, k: int, keeper_image: str, allowed: Allowed) -> str | None:
    """Return why k copies cannot be, and the way out; None if they can."""
    if (why := refusal(template, worker)) is not None:
        return why
    why = next(_limits(template, worker, k), None)
    if why is None and len(_json(_derived(template, worker, k, keeper_image, allowed))) > MAX_DEFINITION_BYTES:
        why = f"the definition would be above 64 KB: move environment into environmentFiles, or {_fewer(k)}"
    return None if why is None else f"task definition {template.label} with {k} workers a task: {why}"


def _limits(template: Template, worker: str, k: int) -> Iterator[str]:
    """Yield what k copies go beyond."""
    sidecars = len(template.sidecars(worker))
    if k + sidecars + 1 > MAX_CONTAINERS:
        others = {0: "", 1: " and the template's other container"}.get(
            sidecars, f" and the template's {sidecars} other containers"
        )
        yield f"a task holds {MAX_CONTAINERS} containers, the keeper{others} among them: {_fewer(k)}"
    try:
        if task_size(template, worker, k) is None:
            yield f"no task size is large enough for them: lower the worker's CPU or memory, or {_fewer(k)}"
    except CannotCopy as without_figures:
        yield str(without_figures)
    storage = shared_storage(template, k)
    if storage is not None and template.is_fargate and storage > MAX_STORAGE:
        yield (
            f"ephemeralStorage would be {storage} GiB, and Fargate gives a task {MAX_STORAGE}: lower it, or {_fewer(k)}"
        )


def _fewer(k: int) -> str:
    return f"set max_containers_per_task to {k - 1}"


def _json(definition: Mapping[str, Any]) -> bytes:
    return json.dumps(definition, separators=(",", ":")).encode()


def _derived(template: Template, worker: str, k: int, keeper_image: str, allowed: Allowed) -> dict[str, Any]:
    definition = {
        **template.definition,
        "family": derived_family(template, k),
        "containerDefinitions": [
            keeper_container(template, worker, k, keeper_image),
            *(_copy(template.container(worker), number, name) for number, name in _numbered(worker, k)),
            *(_sidecar(sidecar, worker, k) for sidecar in template.sidecars(worker)),
        ],
        "tags": [
            *user_tags(template),
            *our_tags(derived_fingerprint(template, worker, k, keeper_image), template.arn, k),
        ],
        **_sized(template, worker, k),
    }
    derived: dict[str, Any] = permitted(definition, allowed)
    return derived


def _numbered(worker: str, k: int) -> enumerate[str]:
    return enumerate(copy_names(worker, k), start=1)


def _copy(worker: Mapping[str, Any], number: int, name: str) -> dict[str, Any]:
    copy = {
        **worker,
        "name": name,
        "essential": False,
        "dependsOn": [*(worker.get("dependsOn") or ()), {"containerName": KEEPER, "condition": "START"}],
    }
    copy.pop("portMappings", None)
    if copy.get("logConfiguration"):
        copy["logConfiguration"] = told_apart(copy["logConfiguration"], number)
    return copy


def _sidecar(sidecar: Mapping[str, Any], worker: str, k: int) -> dict[str, Any]:
    """Turn what waits for the worker to what there is in its place.

    COMPLETE waits for all copies. START waits for the keeper, with which the copies start: ECS counts START
    only while the other runs, so that a copy that ends at once would keep the sidecar from ever starting.
    """
    if not dependencies(sidecar):
        return dict(sidecar)
    depends_on = []
    for name, condition in dependencies(sidecar):
        if name != worker:
            stands_in: tuple[str, ...] = (name,)
        else:
            stands_in = (KEEPER,) if condition == "START" else copy_names(worker, k)
        depends_on += [{"containerName": each, "condition": condition} for each in stands_in]
    return {**sidecar, "dependsOn": depends_on}


def _sized(template: Template, worker: str, k: int) -> dict[str, Any]:
    size = task_size(template, worker, k)
    figures: dict[str, Any] = {}
    if size is not None and size.cpu is not None:
        figures["cpu"] = str(size.cpu)
    if size is not None and size.memory is not None:
        figures["memory"] = str(size.memory)
    if (storage := shared_storage(template, k)) is not None:
        figures["ephemeralStorage"] = {**template.definition["ephemeralStorage"], "sizeInGiB": storage}
    return figures


def permitted(value: Any, allowed: Allowed | None) -> Any:
    """Return a copy of ``value`` with only the members that are allowed."""
    if allowed is None:
        return deepcopy(value)
    if isinstance(value, list):
        return [permitted(item, allowed) for item in value]
    return {name: permitted(member, allowed[name]) for name, member in value.items() if name in allowed}
