"""Derived revisions: how a template becomes a task definition with k copies of its worker and the keeper.

The keeper is essential and starts first, and the copies are not essential. So a copy that ends does not end the
others, and the task ends when the keeper does, after all copies. Sidecars stay as they are, except that they wait for
the copies instead of the worker. One that is essential ends the task when it ends, as in the template.

The derived revision has every member of the template that RegisterTaskDefinition takes. The caller hands in the shape
that botocore knows, so a member that AWS adds later is copied as soon as botocore knows it.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from controller.core.copies.copies import (
    KEEPER,
    MAX_CONTAINERS,
    WITHOUT_DEADLINE,
    copy_names,
    derived_family,
    find_obstacle,
    user_tags,
)
from controller.core.copies.fargate import MAX_STORAGE
from controller.core.copies.fingerprint import fingerprint, our_tags
from controller.core.copies.keeper import SCRIPT, KeeperSettings, build_keeper
from controller.core.copies.sizing import scale_storage, size_task
from controller.core.copies.template import CannotCopy, list_dependencies
from controller.core.words import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.core.copies.template import Template

Allowed: TypeAlias = "Mapping[str, Allowed | None]"
"""The members that a structure may have, each with its own members, looking through lists; None allows anything.

``{"family": None, "containerDefinitions": {"name": None, "dependsOn": {"containerName": None, ...}, ...}}``
"""

MAX_DEFINITION_BYTES: Final = 64_000
"""Bytes of a task definition. ECS says "64 KB" (service quotas), and this is the smaller reading of it."""

_STREAM_OPTION: Final = {"awsfirelens": "log_stream_name", "splunk": "tag", "syslog": "tag"}
"""By log driver: the option that names the stream of a container, if nothing else in a record names the container."""
_OWN_NAME: Final = ("{{.ID}}", "{{.FullID}}", "{{.Name}}", "$(tag)", "$(container_name)")
"""Placeholders in such an option that already differ from container to container."""


def find_copies_limit(template: Template, worker: str, keeper: KeeperSettings, allowed: Allowed) -> tuple[int, str]:
    """Return how many copies a task of this template may hold, 1 or more, and why it may not hold one more.

    Raises CannotCopy if it may not hold one: with a deadline a single worker has a keeper, too.
    """
    if keeper.keeps(1) and (why := _explain_why_not(template, worker, 1, keeper, allowed)) is not None:
        raise CannotCopy(why)
    most = 1
    while (why := _explain_why_not(template, worker, most + 1, keeper, allowed)) is None:
        most += 1
    return most, why


def derive(template: Template, worker: str, k: int, keeper: KeeperSettings, allowed: Allowed) -> dict[str, Any]:
    """Return RegisterTaskDefinition's parameters for k copies: 2 or more, with a deadline 1 or more.

    Raises CannotCopy with the reason and what the user can do; also for what is the template itself.
    """
    if not keeper.keeps(k):
        raise CannotCopy(
            f"task definition {template.label}: one worker a task runs the template itself, so nothing is derived"
        )
    if (why := _explain_why_not(template, worker, k, keeper, allowed)) is not None:
        raise CannotCopy(why)
    return _build_definition(template, worker, k, keeper, allowed)


def fingerprint_copies(template: Template, worker: str, k: int, keeper: KeeperSettings) -> str:
    """Return the fingerprint that ``derive`` gives to k copies."""
    return fingerprint(template.arn, worker, k, keeper.image, SCRIPT, template.unknown, keeper.deadline)


def number_stream(log: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the log configuration of copy ``number``, with which its log can be told from those of the others."""
    # Most drivers do that by themselves: awslogs names the stream by container, FireLens tags by container, and
    # json-file, journald, gelf and fluentd name the container in each record. Only a stream that the template names
    # by hand would be shared by all copies, so it gets the copy's number.
    named = (log.get("options") or {}).get(_STREAM_OPTION.get(log["logDriver"], ""))
    if not named or any(own in named for own in _OWN_NAME):
        return dict(log)
    option = _STREAM_OPTION[log["logDriver"]]
    return {**log, "options": {**log["options"], option: f"{named}-{number}"}}


def keep_allowed(value: Any, allowed: Allowed | None) -> Any:
    """Return a deep copy of ``value`` with only the members that are allowed."""
    if allowed is None:
        return deepcopy(value)
    if isinstance(value, list):
        return [keep_allowed(item, allowed) for item in value]
    return {name: keep_allowed(member, allowed[name]) for name, member in value.items() if name in allowed}


def _explain_why_not(template: Template, worker: str, k: int, keeper: KeeperSettings, allowed: Allowed) -> str | None:
    """Say why a task cannot hold k copies, and what the user can do; None if it can."""
    if (why := find_obstacle(template, worker, k)) is not None:
        return why
    why = next(_check_limits(template, worker, k), None)
    if why is None:
        why = _check_length(_build_definition(template, worker, k, keeper, allowed), k)
    return None if why is None else f"task definition {template.label} with {format_count(k, 'worker')} a task: {why}"


def _check_limits(template: Template, worker: str, k: int) -> Iterator[str]:
    """Yield a reason for each limit that k copies exceed."""
    sidecars = len(template.sidecars(worker))
    if k + sidecars + 1 > MAX_CONTAINERS:
        others = {0: "", 1: " and the template's other container"}.get(
            sidecars, f" and the template's {sidecars} other containers"
        )
        yield f"a task can hold {MAX_CONTAINERS} containers, including the keeper{others}: {_advise_fewer(k)}"
    try:
        if size_task(template, worker, k) is None:
            yield f"no task size is large enough for them: lower the worker's CPU or memory, or {_advise_fewer(k)}"
    except CannotCopy as without_figures:
        yield str(without_figures)
    storage = scale_storage(template, k)
    if storage is not None and template.is_fargate and storage > MAX_STORAGE:
        yield (
            f"ephemeralStorage would be {storage} GiB, and Fargate gives a task at most {MAX_STORAGE}: "
            f"lower it, or {_advise_fewer(k)}"
        )


def _check_length(definition: Mapping[str, Any], k: int) -> str | None:
    """Say that a definition of k copies is too long; None if it is not."""
    if len(json.dumps(definition, separators=(",", ":")).encode()) <= MAX_DEFINITION_BYTES:
        return None
    return f"the definition would be larger than 64 KB: move environment into environmentFiles, or {_advise_fewer(k)}"


def _advise_fewer(k: int) -> str:
    return f"set max_containers_per_task to {k - 1}" if k > 1 else WITHOUT_DEADLINE


def _build_definition(
    template: Template, worker: str, k: int, keeper: KeeperSettings, allowed: Allowed
) -> dict[str, Any]:
    original, copies = template.container(worker), enumerate(copy_names(worker, k), start=1)
    definition = {
        **template.definition,
        "family": derived_family(template, k),
        "containerDefinitions": [
            build_keeper(template, worker, k, keeper),
            *(_build_copy(original, number, name) for number, name in copies),
            *(_redirect_dependencies(sidecar, worker, k) for sidecar in template.sidecars(worker)),
        ],
        "tags": [
            *user_tags(template),
            *our_tags(fingerprint_copies(template, worker, k, keeper), template.arn, k),
        ],
        **_build_figures(template, worker, k),
    }
    derived: dict[str, Any] = keep_allowed(definition, allowed)
    return derived


def _build_copy(worker: Mapping[str, Any], number: int, name: str) -> dict[str, Any]:
    copy = {
        **worker,
        "name": name,
        "essential": False,
        "dependsOn": [*(worker.get("dependsOn") or ()), {"containerName": KEEPER, "condition": "START"}],
    }
    # A single worker keeps its name, its ports and the stream of its log: there is nobody to share them with.
    if name == worker["name"]:
        return copy
    # With awsvpc or host networking all copies would need the same port, and only one could listen on it. With bridge
    # networking each would have a port of its own, and nobody could tell which one belongs to which copy.
    copy.pop("portMappings", None)
    if copy.get("logConfiguration"):
        copy["logConfiguration"] = number_stream(copy["logConfiguration"], number)
    return copy


def _redirect_dependencies(sidecar: Mapping[str, Any], worker: str, k: int) -> dict[str, Any]:
    """Return the sidecar with each dependency on the worker turned to the copies or the keeper.

    COMPLETE then waits for all copies. START waits for the keeper, with which the copies start. It cannot wait for a
    copy: ECS counts START only while the other container runs, so a copy that ended at once would keep the sidecar
    from ever starting.
    """
    if not list_dependencies(sidecar):
        return dict(sidecar)
    depends_on = []
    for name, condition in list_dependencies(sidecar):
        if name != worker:
            stands_in: tuple[str, ...] = (name,)
        else:
            stands_in = (KEEPER,) if condition == "START" else copy_names(worker, k)
        depends_on += [{"containerName": each, "condition": condition} for each in stands_in]
    return {**sidecar, "dependsOn": depends_on}


def _build_figures(template: Template, worker: str, k: int) -> dict[str, Any]:
    """Return the task-level members that grow with k."""
    size = size_task(template, worker, k)
    figures: dict[str, Any] = {}
    if size is not None and size.cpu is not None:
        figures["cpu"] = str(size.cpu)
    if size is not None and size.memory is not None:
        figures["memory"] = str(size.memory)
    if (storage := scale_storage(template, k)) is not None:
        figures["ephemeralStorage"] = {**template.definition["ephemeralStorage"], "sizeInGiB": storage}
    return figures
