"""What a derived revision changes or shares, in lines for a reader of ``plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.copies import KEEPER, copy_names, user_tags
from controller.core.copies.derive import shared_storage, told_apart
from controller.core.copies.sizing import cpu_figure, memory_figure, task_cpu, task_memory, task_size
from controller.core.copies.template import dependencies, followers, is_essential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.core.copies.sizing import TaskSize
    from controller.core.copies.template import Template

FREE_STORAGE: Final = 20
"""GiB of ephemeral storage that every Fargate task has."""


def notes(template: Template, worker: str, k: int) -> tuple[str, ...]:
    """Return what k copies change against the template, a line each; nothing for k = 1, which is the template."""
    if k == 1:
        return ()
    return (
        *_containers(template, worker, k),
        *_ports(template, worker),
        *_order(template, worker),
        *_logs(template, worker),
        *_size(template, worker, k),
        *_shared(template, worker, k),
        *_tags(template),
        *_unknown(template),
    )


def _containers(template: Template, worker: str, k: int) -> Iterator[str]:
    names = copy_names(worker, k)
    yield f"{worker} becomes {names[0]} to {names[-1]}, which end one by one; {KEEPER} keeps the task up until all have"
    ends_with_it = is_essential(template.container(worker))
    for sidecar in template.sidecars(worker):
        if is_essential(sidecar) and not ends_with_it:
            yield (
                f"{sidecar['name']} is essential and {worker} is not, as in the template: the task ends with it, "
                "early or never, and not with the copies"
            )
        elif is_essential(sidecar):
            yield f"{sidecar['name']} is essential, as in the template: if it ends, ECS ends the task and all copies"


def _ports(template: Template, worker: str) -> Iterator[str]:
    ports = [_port(mapping) for mapping in template.container(worker).get("portMappings") or ()]
    if ports:
        yield (
            f"portMappings dropped from the copies ({', '.join(ports)}): with awsvpc or host networking they would "
            f"share a port, and with bridge nobody could tell whose is whose"
        )


def _order(template: Template, worker: str) -> Iterator[str]:
    for sidecar in template.sidecars(worker):
        conditions = dict(dependencies(sidecar))
        if conditions.get(worker) == "START":
            yield f"{sidecar['name']} waited for {worker} to START: it starts beside the copies, after {KEEPER}"
    for name in followers(template, worker):
        yield f"{name} runs once all copies have ended; until then ECS shows the task as PENDING"


def _logs(template: Template, worker: str) -> Iterator[str]:
    log = template.container(worker).get("logConfiguration")
    if log and told_apart(log, 1) != log:
        changed = told_apart(log, 1)["options"]
        option = next(name for name, value in changed.items() if value != log["options"][name])
        yield f"log option {option} gets the number of the copy, so that streams are told apart: {changed[option]}"
    if log and log["logDriver"] == "awsfirelens":
        yield f"{KEEPER} has no log: through the router it could not outlive it"
        yield from _router_rules(template, worker)


def _router_rules(template: Template, worker: str) -> Iterator[str]:
    for router in template.sidecars(worker):
        options = (router.get("firelensConfiguration") or {}).get("options") or {}
        if "config-file-value" in options:
            yield (
                f"{router['name']} reads {options['config-file-value']}: its rules must match the tags of copies, "
                f"{worker}-1-firelens-..., and not only {worker}-firelens-..."
            )


def _size(template: Template, worker: str, k: int) -> Iterator[str]:
    size, single = task_size(template, worker, k), task_size(template, worker, 1)
    if size is None or single is None:
        return
    if size.cpu is not None or size.memory is not None:
        yield f"task size {_figures(single)} becomes {paid(size)}"
    yield from _tighter(template, worker)


def _tighter(template: Template, worker: str) -> Iterator[str]:
    """Say what the one worker could use beyond its own figures, and a copy cannot count on."""
    definition, task = template.container(worker), (task_cpu(template), task_memory(template))
    cpu, memory = cpu_figure(definition), memory_figure(definition)
    if cpu is not None and task[0] is not None and cpu < task[0]:
        yield f"each copy counts with its own cpu of {cpu}; the template's one could use up to {task[0]}"
    if not definition.get("memory") and memory is not None and task[1] is not None:
        yield (
            f"the memoryReservation of {worker} ({memory} MiB) is no limit, so each copy counts with all that the "
            "template's task leaves to it: set memory to what it needs, and the task becomes smaller"
        )


def _shared(template: Template, worker: str, k: int) -> Iterator[str]:
    definition = template.container(worker)
    storage = shared_storage(template, k)
    if storage is not None:
        yield f"ephemeralStorage becomes {storage} GiB, shared by the copies"
    elif template.is_fargate:
        yield f"the {FREE_STORAGE} GiB of ephemeral storage are shared by the copies: set ephemeralStorage to scale it"
    mounts = [mount for mount in definition.get("mountPoints") or () if not mount.get("readOnly")]
    if mounts:
        paths = ", ".join(str(mount.get("containerPath")) for mount in mounts)
        yield f"the copies write to the same volumes at {paths}"
    yield from _namespaces(template, definition)
    yield from _launch_volumes(template)
    yield from _devices(template, worker, k)


def _namespaces(template: Template, definition: Mapping[str, Any]) -> Iterator[str]:
    if template.definition.get("pidMode") in {"task", "host"}:
        yield "the copies see each other's processes (pidMode)"
    if template.definition.get("ipcMode") in {"task", "host"}:
        yield "the copies share semaphores, message queues and shared memory (ipcMode)"
    if definition.get("hostname"):
        yield f"the copies have the same hostname, {definition['hostname']}"


def _launch_volumes(template: Template) -> Iterator[str]:
    for volume in template.definition.get("volumes") or ():
        if volume.get("configuredAtLaunch"):
            yield (
                f"volume {volume['name']} is made by task.run_task.volumeConfigurations: one for each task, "
                f"shared by the copies, of the size given there"
            )


def _devices(template: Template, worker: str, k: int) -> Iterator[str]:
    for need in template.container(worker).get("resourceRequirements") or ():
        if str(need.get("value")).isdigit():
            beside = sum(_number(sidecar, need["type"]) for sidecar in template.sidecars(worker))
            total = k * int(need["value"]) + beside
            yield f"{need['type']}: {need['value']} for each copy, {total} for the task, on one instance"
        elif need.get("sharingStrategy"):
            yield f"{need['type']}: shared by the copies ({', '.join(need['sharingStrategy'])})"


def _number(container: Mapping[str, Any], kind: str) -> int:
    """Return how many devices of a kind a container takes."""
    values = [need.get("value") for need in container.get("resourceRequirements") or () if need["type"] == kind]
    return sum(int(value) for value in values if str(value).isdigit())


def _tags(template: Template) -> Iterator[str]:
    kept = {tag["key"] for tag in user_tags(template)}
    reserved = [tag["key"] for tag in template.tags if tag["key"] not in kept]
    if reserved:
        yield f"tags not passed on, because they are reserved: {', '.join(reserved)}"


def _unknown(template: Template) -> Iterator[str]:
    if template.unknown:
        yield (
            f"not passed on, because the installed botocore does not know it: {', '.join(template.unknown)}; "
            "a newer one may, and then it is"
        )


def _port(mapping: Mapping[str, Any]) -> str:
    return f"{mapping.get('containerPort') or mapping.get('containerPortRange')}/{mapping.get('protocol', 'tcp')}"


def paid(size: TaskSize) -> str:
    """Return what a task is paid and how much of it is rounding, in words."""
    rounding = f"of which {size.cpu_rounding} CPU units and {size.memory_rounding} MiB are rounding"
    exact = not (size.cpu_rounding or size.memory_rounding)
    return f"{_figures(size)}, {'nothing of it rounding' if exact else rounding}"


def _figures(size: TaskSize) -> str:
    cpu = "no cpu" if size.cpu is None else f"{size.cpu} CPU units"
    memory = "no memory" if size.memory is None else f"{size.memory} MiB"
    return f"{cpu} and {memory}"
