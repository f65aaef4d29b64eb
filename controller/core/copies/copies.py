"""The names of copies and of their family, and which templates cannot be copied at all.

A copy must mean the same as the worker of the template. Where that would need a change of meaning (a sidecar that
waits for the one worker to succeed, say), the template is refused, with the reason and what the user can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from controller.core.copies.template import list_dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from controller.core.copies.template import Template

KEEPER: Final = "ecsq-keeper"
"""The name of the keeper's container."""
MAX_CONTAINERS: Final = 10
"""Containers that a task definition may hold; not adjustable (Amazon ECS service quotas)."""
MAX_COPIES: Final = MAX_CONTAINERS - 1
"""Copies that a task may hold: one container is the keeper."""
_COPIES: Final = frozenset(map(str, range(1, MAX_COPIES + 1)))
MAX_NAME_LENGTH: Final = 255
"""Characters of a container's or a family's name (RegisterTaskDefinition)."""
MAX_TAGS: Final = 50
"""Tags of a task definition (RegisterTaskDefinition)."""
MAX_TAG_LENGTH: Final = 256
"""Characters of a tag's value (RegisterTaskDefinition)."""
OUR_TAGS: Final = ("ecsq:fingerprint", "ecsq:template", "ecsq:containers")
WAY_OUT: Final = "or set max_containers_per_task to 1"
WITHOUT_DEADLINE: Final = "remove task.deadline"
"""The way out for a single worker, which has a keeper for its deadline alone."""


def copy_names(worker: str, k: int) -> tuple[str, ...]:
    """Return the names of the worker containers in a task of k: a single one keeps the template's name."""
    return (worker,) if k == 1 else tuple(f"{worker}-{number}" for number in range(1, k + 1))


def derived_family(template: Template, k: int) -> str:
    """Return the family in which k copies of this template are registered."""
    return f"{template.family}-x{k}"


def template_family(family: str) -> str:
    """Return the family of the template from which a derived family was made."""
    return family.rpartition("-x")[0]


def family_of(definition: str) -> str:
    """Return the family of a definition: a family, family:revision or ARN."""
    return definition.rpartition("/")[2].partition(":")[0]


def split_revision(definition: str) -> tuple[str | None, int | None]:
    """Return the family and the number of ``family:revision``, or of a revision's ARN; None where there is neither."""
    family, colon, number = definition.rpartition("/")[2].rpartition(":")
    return (family, int(number) if number.isdecimal() else None) if colon else (None, None)


def list_families(definition: str, most: int, *, kept_alone: bool) -> tuple[str, ...]:
    """Return the family of ``definition`` (family, family:revision or ARN), then those of up to ``most`` copies.

    ``kept_alone`` says whether that of a single worker with a keeper is among them.
    """
    family = family_of(definition)
    return (family, *(f"{family}-x{k}" for k in range(1 if kept_alone else 2, most + 1)))


def count_copies(definition: str, family: str) -> int | None:
    """Return how many workers a task of ``family`` has; None: it is neither of ``definition`` nor of copies of it."""
    template = family_of(definition)
    if family == template:
        return 1
    copies = family.removeprefix(f"{template}-x")
    return int(copies) if copies in _COPIES and family != copies else None


def user_tags(template: Template) -> tuple[Mapping[str, str], ...]:
    """Return the tags that the user has set: neither AWS's own, which are reserved, nor the controller's."""
    return tuple(
        tag for tag in template.tags if not tag["key"].lower().startswith("aws:") and tag["key"] not in OUR_TAGS
    )


def find_obstacle(template: Template, worker: str, k: int) -> str | None:
    """Say why no task may hold k copies, whatever their size, and what the user can do; None if nothing forbids it.

    For k = 1 it is why a single worker cannot have a keeper, and so no deadline: that worker keeps its name, so
    whatever forbids a second one is no obstacle.
    """
    checks = _CHECKS if k > 1 else _KEEPER_CHECKS
    way_out = WAY_OUT if k > 1 else f"or {WITHOUT_DEADLINE}"
    reason = next((reason for check in checks for reason in check(template, worker, way_out)), None)
    return None if reason is None else f"task definition {template.label}: {reason}"


def _check_platform(template: Template, _worker: str, way_out: str) -> Iterator[str]:
    if template.is_windows:
        yield (
            f"it runs on Windows, where the keeper, a POSIX shell script, cannot run: use a Linux template, {way_out}"
        )
    if template.definition.get("networkMode") == "none":
        yield (
            "networkMode is none, so the keeper cannot reach the task metadata endpoint: "
            f"use awsvpc, bridge or host, {way_out}"
        )
    if (template.definition.get("trustedExecutionConfiguration") or {}).get("attestationPolicy"):
        yield (
            "its attestationPolicy names the containers that may run, and the copies and the keeper are not among "
            f"them: {way_out.removeprefix('or ')}"
        )


def _check_restarts(template: Template, worker: str, way_out: str) -> Iterator[str]:
    definition = template.container(worker)
    if (definition.get("restartPolicy") or {}).get("enabled"):
        yield (
            f"container {worker} has a restartPolicy: ECS would start each copy again and the task would "
            f"never end; remove it, {way_out}"
        )


def _check_role(template: Template, worker: str, way_out: str) -> Iterator[str]:
    definition = template.container(worker)
    if definition.get("firelensConfiguration"):
        yield _refuse_second(worker, "log router", way_out)
    if (template.definition.get("proxyConfiguration") or {}).get("containerName") == worker:
        yield _refuse_second(worker, "proxy", way_out)


def _refuse_second(worker: str, role: str, way_out: str) -> str:
    return (
        f"container {worker} is the task's {role}, and a task can have only one: "
        f"set task.container to the container that does the work, {way_out}"
    )


def _check_devices(template: Template, worker: str, way_out: str) -> Iterator[str]:
    for need in template.container(worker).get("resourceRequirements") or ():
        if need.get("value") == "ALL":
            yield (
                f"container {worker} takes all {need['type']}s of an instance, which leaves none for a second copy: "
                f"ask for a number of them instead of ALL, {way_out}"
            )
        elif need["type"] == "InferenceAccelerator":
            yield (
                f"container {worker} uses the inference accelerator {need.get('value')}, and the task has only one "
                "of that name: set max_containers_per_task to 1"
            )


def _check_sidecars(template: Template, worker: str, way_out: str) -> Iterator[str]:
    for sidecar in template.sidecars(worker):
        name = sidecar["name"]
        for on, condition in list_dependencies(sidecar):
            if on == worker and condition in {"SUCCESS", "HEALTHY"}:
                yield (
                    f"container {name} depends on {worker} with the condition {condition}: if one copy failed or "
                    "ended early, the task would end while the other copies are still working; "
                    f"make the condition COMPLETE or START, {way_out}"
                )
        if worker in {link.split(":")[0] for link in sidecar.get("links") or ()}:
            yield (
                f"container {name} links to {worker}, and one link cannot lead to several copies: "
                f"remove the link, {way_out}"
            )
        if worker in {source.get("sourceContainer") for source in sidecar.get("volumesFrom") or ()}:
            yield (
                f"container {name} mounts the volumes of {worker} (volumesFrom), and every copy would have volumes at "
                f"the same paths: mount a named volume in both containers, {way_out}"
            )


def _check_names(template: Template, worker: str, way_out: str) -> Iterator[str]:
    ours = {KEEPER, *copy_names(worker, MAX_COPIES)}
    for sidecar in template.sidecars(worker):
        if sidecar["name"] in ours:
            yield (
                f"container {sidecar['name']} has a name that the keeper or a copy of {worker} needs: "
                f"rename it, {way_out}"
            )
    if max(map(len, ours)) > MAX_NAME_LENGTH:
        yield (
            f"the copies of container {worker} would have names of more than {MAX_NAME_LENGTH} characters: "
            f"shorten its name, {way_out}"
        )
    if len(derived_family(template, MAX_COPIES)) > MAX_NAME_LENGTH:
        yield (
            f"the derived family would have a name of more than {MAX_NAME_LENGTH} characters: "
            f"give the template a shorter family name, {way_out}"
        )
    if len(template.arn) > MAX_TAG_LENGTH:
        yield (
            f"its ARN has {len(template.arn)} characters, and the tag that records it can hold {MAX_TAG_LENGTH}: "
            f"give the template a shorter family name, {way_out}"
        )
    tags = len(user_tags(template))
    if tags + len(OUR_TAGS) > MAX_TAGS:
        yield (
            f"it has {tags} tags, the derived revision needs {len(OUR_TAGS)} more, and ECS allows {MAX_TAGS}: "
            f"remove some, {way_out}"
        )


_Check: TypeAlias = "Callable[[Template, str, str], Iterator[str]]"
_KEEPER_CHECKS: Final[tuple[_Check, ...]] = (_check_platform, _check_restarts, _check_names)
"""What a keeper needs, whatever the number of workers beside it."""
_CHECKS: Final[tuple[_Check, ...]] = (*_KEEPER_CHECKS, _check_role, _check_devices, _check_sidecars)
