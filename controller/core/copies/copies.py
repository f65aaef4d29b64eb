"""Copies: how the containers of a derived revision are named, and which templates cannot be copied at all.

Everything here refuses with the reason and the way out. What could be copied only by changing what it means
(a sidecar that must see the one worker succeed, say) is refused rather than bent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.template import dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from controller.core.copies.template import Template

KEEPER: Final = "ecsq-keeper"
MAX_CONTAINERS: Final = 10
"""Containers that a task definition may hold; not adjustable."""
MAX_COPIES: Final = MAX_CONTAINERS - 1
"""Copies that a task may hold: one container is the keeper."""
MAX_NAME_LENGTH: Final = 255
"""Characters of a container's or a family's name."""
MAX_TAGS: Final = 50
MAX_TAG_LENGTH: Final = 256
"""Characters of a tag's value."""
OUR_TAGS: Final = ("ecsq:fingerprint", "ecsq:template", "ecsq:containers")
WAY_OUT: Final = "or set max_containers_per_task to 1"


def copy_names(worker: str, k: int) -> tuple[str, ...]:
    """Return the names of the worker containers in a task of k: a single one is the template's own."""
    return (worker,) if k == 1 else tuple(f"{worker}-{number}" for number in range(1, k + 1))


def derived_family(template: Template, k: int) -> str:
    """Return the family that k copies of this template are registered in."""
    return f"{template.family}-x{k}"


def template_family(family: str) -> str:
    """Return the family of the template that a derived family is of."""
    return family.rpartition("-x")[0]


def families(definition: str, most: int) -> tuple[str, ...]:
    """Return the family of ``definition`` (family, family:revision or ARN), and those derived from it."""
    family = definition.rpartition("/")[2].partition(":")[0]
    return (family, *(f"{family}-x{k}" for k in range(2, most + 1)))


def user_tags(template: Template) -> tuple[Mapping[str, str], ...]:
    """Return the template's tags that may be set by hand: not AWS's own, which are reserved, and not ours."""
    return tuple(
        tag for tag in template.tags if not tag["key"].lower().startswith("aws:") and tag["key"] not in OUR_TAGS
    )


def refusal(template: Template, worker: str) -> str | None:
    """Return why no task may hold more than one copy, and the way out; None if nothing forbids it."""
    reasons = (reason for check in _CHECKS for reason in check(template, worker))
    reason = next(reasons, None)
    return None if reason is None else f"task definition {template.label}: {reason}"


def _platform(template: Template, _worker: str) -> Iterator[str]:
    if template.is_windows:
        yield (
            "it runs on Windows, where the keeper, a POSIX shell script, cannot run: "
            "each task holds one worker; use a Linux template for more"
        )
    if template.definition.get("networkMode") == "none":
        yield (
            "networkMode is none, so the keeper cannot reach the task metadata endpoint: "
            f"use awsvpc, bridge or host, {WAY_OUT}"
        )
    if (template.definition.get("trustedExecutionConfiguration") or {}).get("attestationPolicy"):
        yield (
            "its attestationPolicy names the containers that may run, and copies and keeper are not among them: "
            "set max_containers_per_task to 1"
        )


def _worker(template: Template, worker: str) -> Iterator[str]:
    definition = template.container(worker)
    if (definition.get("restartPolicy") or {}).get("enabled"):
        yield (
            f"container {worker} has a restartPolicy: ECS would start each copy again and the task would "
            f"never end; remove it, {WAY_OUT}"
        )
    if definition.get("firelensConfiguration"):
        yield (
            f"container {worker} is the log router, of which a task has one: set task.container to the one "
            f"that does the work, {WAY_OUT}"
        )
    if (template.definition.get("proxyConfiguration") or {}).get("containerName") == worker:
        yield (
            f"container {worker} is the task's proxy, of which a task has one: set task.container to the one "
            f"that does the work, {WAY_OUT}"
        )


def _devices(template: Template, worker: str) -> Iterator[str]:
    for need in template.container(worker).get("resourceRequirements") or ():
        if need.get("value") == "ALL":
            yield (
                f"container {worker} takes all {need['type']}s of an instance, so none is left to a second copy: "
                f"give it a number, {WAY_OUT}"
            )
        elif need["type"] == "InferenceAccelerator":
            yield (
                f"container {worker} uses the inference accelerator {need.get('value')}, of which the task has one: "
                "set max_containers_per_task to 1"
            )


def _sidecars(template: Template, worker: str) -> Iterator[str]:
    for sidecar in template.sidecars(worker):
        name = sidecar["name"]
        for on, condition in dependencies(sidecar):
            if on == worker and condition in {"SUCCESS", "HEALTHY"}:
                yield (
                    f"container {name} waits for {worker} to be {condition}: one copy that fails or ends early "
                    f"would end the task under the others; make it COMPLETE or START, {WAY_OUT}"
                )
        if worker in {link.split(":")[0] for link in sidecar.get("links") or ()}:
            yield (
                f"container {name} links to {worker}, and one link cannot lead to several copies: "
                f"remove the link, {WAY_OUT}"
            )
        if worker in {source.get("sourceContainer") for source in sidecar.get("volumesFrom") or ()}:
            yield (
                f"container {name} mounts the volumes of {worker} (volumesFrom), and copies have theirs at "
                f"the same paths: give both a named volume, {WAY_OUT}"
            )


def _names(template: Template, worker: str) -> Iterator[str]:
    ours = {KEEPER, *copy_names(worker, MAX_COPIES)}
    for sidecar in template.sidecars(worker):
        if sidecar["name"] in ours:
            yield (
                f"container {sidecar['name']} has a name that the copies of {worker} or their keeper take: "
                f"rename it, {WAY_OUT}"
            )
    if max(map(len, ours)) > MAX_NAME_LENGTH:
        yield f"copies of {worker} would have names above {MAX_NAME_LENGTH} characters: shorten its name, {WAY_OUT}"
    if len(derived_family(template, MAX_COPIES)) > MAX_NAME_LENGTH:
        yield f"the derived family's name would be above {MAX_NAME_LENGTH} characters: shorten the family, {WAY_OUT}"
    if len(template.arn) > MAX_TAG_LENGTH:
        yield (
            f"its ARN has {len(template.arn)} characters, and the tag that keeps it holds {MAX_TAG_LENGTH}: "
            f"shorten the family, {WAY_OUT}"
        )
    tags = len(user_tags(template))
    if tags + len(OUR_TAGS) > MAX_TAGS:
        yield (
            f"it has {tags} tags, and the derived revision needs {len(OUR_TAGS)} of the {MAX_TAGS} that "
            f"there may be: remove some, {WAY_OUT}"
        )


_CHECKS: Final[tuple[Callable[[Any, str], Iterator[str]], ...]] = (
    _platform,
    _worker,
    _devices,
    _sidecars,
    _names,
)
