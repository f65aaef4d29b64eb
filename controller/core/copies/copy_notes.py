"""Notes for a reader of ``plan``: what k copies change against the template, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import KEEPER, copy_names, user_tags
from controller.core.copies.derive import number_stream
from controller.core.copies.fargate import DEFAULT_STORAGE
from controller.core.copies.sizing import cpu_figure, memory_figure, scale_storage, size_task, task_cpu, task_memory
from controller.core.copies.template import find_followers, is_essential, list_dependencies
from controller.core.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.core.copies.keeper import KeeperSettings
    from controller.core.copies.sizing import TaskSize
    from controller.core.copies.template import Template

DEFAULT_STOP_TIMEOUT: Final = 30
"""Seconds from SIGTERM to SIGKILL of a container without ``stopTimeout`` (ECS developer guide)."""


def describe_changes(template: Template, worker: str, k: int, keeper: KeeperSettings) -> tuple[str, ...]:
    """Return a line for each thing that k copies change or share; none for what is the template itself."""
    if not keeper.keeps(k):
        return ()
    if k == 1:
        return (
            f"{worker} is no longer essential; {KEEPER} keeps the task running until it has ended",
            *_note_deadline(template, worker, keeper),
            *_note_order(template, worker),
            *_note_tags(template),
            *_note_unknown(template),
        )
    return (
        *_note_containers(template, worker, k),
        *_note_deadline(template, worker, keeper),
        *_note_ports(template, worker),
        *_note_order(template, worker),
        *_note_logs(template, worker),
        *_note_size(template, worker, k),
        *_note_storage(template, worker, k),
        *_note_namespaces(template, worker),
        *_note_launch_volumes(template),
        *_note_devices(template, worker, k),
        *_note_tags(template),
        *_note_unknown(template),
    )


def describe_size(size: TaskSize) -> str:
    """Return in words what is paid for a task, and how much of it is rounding."""
    exact = not (size.cpu_rounding or size.memory_rounding)
    rounding = f"of which {size.cpu_rounding} CPU units and {size.memory_rounding} MiB are rounding"
    return f"{_format_figures(size)}, {'none of which is rounding' if exact else rounding}"


def _note_containers(template: Template, worker: str, k: int) -> Iterator[str]:
    names = copy_names(worker, k)
    yield (
        f"{worker} becomes {names[0]} to {names[-1]}, each of which ends by itself; "
        f"{KEEPER} keeps the task running until all of them have ended"
    )
    ends_with_it = is_essential(template.container(worker))
    followers = find_followers(template, worker)
    for sidecar in filter(is_essential, template.sidecars(worker)):
        name = sidecar["name"]
        if ends_with_it:
            yield f"{name} is essential, as in the template: if it ends, ECS ends the task and all copies"
        elif name not in followers:
            yield (
                f"{name} is essential and {worker} is not, as in the template: the task ends when {name} does, "
                "whether the copies have ended or not"
            )


def _note_deadline(template: Template, worker: str, keeper: KeeperSettings) -> Iterator[str]:
    if keeper.deadline is None:
        return
    given = template.container(worker).get("stopTimeout")
    grace = f"{given} s, its stopTimeout" if given else f"{DEFAULT_STOP_TIMEOUT} s, as it has no stopTimeout"
    yield (
        f"{format_duration(keeper.deadline)} after the start of the last {worker} {KEEPER} ends the task: "
        f"whoever still runs gets SIGTERM, and {grace}, until SIGKILL"
    )


def _note_ports(template: Template, worker: str) -> Iterator[str]:
    ports = [_format_port(mapping) for mapping in template.container(worker).get("portMappings") or ()]
    if ports:
        yield (
            f"the copies have no portMappings (the template has {', '.join(ports)}): with awsvpc or host networking "
            "all copies would need the same port, and with bridge networking nobody could tell which port belongs to "
            "which copy"
        )


def _note_order(template: Template, worker: str) -> Iterator[str]:
    for sidecar in template.sidecars(worker):
        if dict(list_dependencies(sidecar)).get(worker) == "START":
            yield (
                f"{sidecar['name']} waits for {KEEPER} to START, and no longer for {worker}: "
                "it starts together with the copies"
            )
    for name in find_followers(template, worker):
        yield f"{name} runs once all copies have ended; until then ECS shows the task as PENDING"


def _note_logs(template: Template, worker: str) -> Iterator[str]:
    log = template.container(worker).get("logConfiguration")
    if not log:
        return
    if (first := number_stream(log, 1)) != log:
        option = next(name for name, value in first["options"].items() if value != log["options"][name])
        yield (
            f"log option {option} gets the number of the copy, {first['options'][option]} for the first, "
            "so that each copy has its own log stream"
        )
    if log["logDriver"] == "awsfirelens":
        yield f"{KEEPER} has no log: the log router would have to run longer than {KEEPER}, and nothing does"
        yield from _note_router_rules(template, worker)


def _note_router_rules(template: Template, worker: str) -> Iterator[str]:
    for router in template.sidecars(worker):
        options = (router.get("firelensConfiguration") or {}).get("options") or {}
        if "config-file-value" in options:
            yield (
                f"{router['name']} reads its rules from {options['config-file-value']}: they must match the tags of "
                f"the copies, such as {worker}-1-firelens-..., and not only the tag {worker}-firelens-..."
            )


def _note_size(template: Template, worker: str, k: int) -> Iterator[str]:
    size, single = size_task(template, worker, k), size_task(template, worker, 1)
    if size is None or single is None:
        return
    if size.cpu is not None or size.memory is not None:
        yield f"the task size of {_format_figures(single)} becomes {describe_size(size)}"
    yield from _note_own_figures(template, worker)


def _note_own_figures(template: Template, worker: str) -> Iterator[str]:
    """Say where the worker's own figures decide the size, although the template's one worker could use more."""
    definition, all_cpu, all_memory = template.container(worker), task_cpu(template), task_memory(template)
    cpu, memory = cpu_figure(definition), memory_figure(definition)
    if cpu is not None and all_cpu is not None and cpu < all_cpu:
        yield (
            f"each copy is sized with its own cpu of {cpu}; in the template the one worker could use up to {all_cpu}"
        )
    if not definition.get("memory") and memory is not None and all_memory is not None:
        yield (
            f"the memoryReservation of {worker} ({memory} MiB) is not a limit, so each copy is sized with all the "
            "memory that the template's task leaves to its worker: set memory to what it needs, and the task becomes "
            "smaller"
        )


def _note_storage(template: Template, worker: str, k: int) -> Iterator[str]:
    storage = scale_storage(template, k)
    if storage is not None:
        yield f"ephemeralStorage becomes {storage} GiB, shared by the copies"
    elif template.is_fargate:
        yield (
            f"the copies share {DEFAULT_STORAGE} GiB of ephemeral storage, which is what one worker has: "
            "set ephemeralStorage, and it grows with the number of copies"
        )
    mounts = template.container(worker).get("mountPoints") or ()
    paths = [str(mount.get("containerPath")) for mount in mounts if not mount.get("readOnly")]
    if paths:
        yield f"the copies write to the same volumes at {', '.join(paths)}"


def _note_namespaces(template: Template, worker: str) -> Iterator[str]:
    if template.definition.get("pidMode") in {"task", "host"}:
        yield "the copies see each other's processes (pidMode)"
    if template.definition.get("ipcMode") in {"task", "host"}:
        yield "the copies share semaphores, message queues and shared memory (ipcMode)"
    if hostname := template.container(worker).get("hostname"):
        yield f"the copies have the same hostname, {hostname}"


def _note_launch_volumes(template: Template) -> Iterator[str]:
    for volume in template.definition.get("volumes") or ():
        if volume.get("configuredAtLaunch"):
            yield (
                f"volume {volume['name']} is created for each task by task.run_task.volumeConfigurations, "
                "of the size given there, and the copies share it"
            )


def _note_devices(template: Template, worker: str, k: int) -> Iterator[str]:
    for need in template.container(worker).get("resourceRequirements") or ():
        if str(need.get("value")).isdigit():
            beside = sum(_count_devices(sidecar, need["type"]) for sidecar in template.sidecars(worker))
            total = k * int(need["value"]) + beside
            yield f"{need['type']}: {need['value']} for each copy, so the task needs {total} on one instance"
        elif need.get("sharingStrategy"):
            yield f"{need['type']}: shared by the copies ({', '.join(need['sharingStrategy'])})"


def _count_devices(container: Mapping[str, Any], kind: str) -> int:
    values = [need.get("value") for need in container.get("resourceRequirements") or () if need["type"] == kind]
    return sum(int(value) for value in values if str(value).isdigit())


def _note_tags(template: Template) -> Iterator[str]:
    kept = {tag["key"] for tag in user_tags(template)}
    reserved = [tag["key"] for tag in template.tags if tag["key"] not in kept]
    if reserved:
        yield f"the derived revision lacks these tags, because they are reserved: {', '.join(reserved)}"


def _note_unknown(template: Template) -> Iterator[str]:
    if template.unknown:
        yield (
            "the derived revision lacks these members, because the installed botocore does not know them: "
            f"{', '.join(template.unknown)}; a newer one may know them"
        )


def _format_port(mapping: Mapping[str, Any]) -> str:
    return f"{mapping.get('containerPort') or mapping.get('containerPortRange')}/{mapping.get('protocol', 'tcp')}"


def _format_figures(size: TaskSize) -> str:
    cpu = "no cpu" if size.cpu is None else f"{size.cpu} CPU units"
    memory = "no memory" if size.memory is None else f"{size.memory} MiB"
    return f"{cpu} and {memory}"
