"""The rules by which the keys of a scaler's ``task`` section must fit together. rules.py has all others."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from controller.config.document import find_repeated, get, get_or_default
from controller.config.problems import Finding, KeyPath
from controller.config.schedule_rules import list_bounds
from controller.config.task_schema import CapacityProvider, Task
from controller.core.copies.copies import MAX_COPIES
from controller.core.copies.overrides import MAX_OVERRIDES, measure_overrides

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_task(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find the keys of the scaler's task that contradict each other, or what ECS allows."""
    task, path = get(scaler, dict, "task"), (*path, "task")
    if task is None:
        return
    providers = get(task, list, "capacity_providers") or []
    yield from _check_capacity(task, path)
    if providers and "launch_type" in task:
        yield Finding((*path, "launch_type"), "cannot be combined with capacity_providers: keep one of the two")
    yield from _check_network(task, path, providers)
    yield from _check_run_task(task, path, providers)
    yield from _check_capacity_providers(providers, (*path, "capacity_providers"))
    yield from _check_tags(get(task, dict, "tags") or {}, (*path, "tags"))
    yield from _check_overrides(task, path, max(list_bounds(scaler, "max_containers"), default=None))


def _check_capacity(task: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    if task.get("capacity") is None:
        return
    for key in ("launch_type", "capacity_providers"):
        if task.get(key):
            yield Finding((*path, key), "cannot be combined with capacity: keep one of the two")
    if task["capacity"] == "EXTERNAL" and task.get("subnets"):
        message = "external instances have no AWS subnets: remove subnets, security_groups and assign_public_ip"
        yield Finding((*path, "subnets"), message)


def _check_network(task: dict[str, Any], path: KeyPath, providers: list[Any]) -> Iterator[Finding]:
    if task.get("subnets", []) != []:
        return
    if _is_fargate(task, providers):
        yield Finding((*path, "subnets"), "Fargate needs at least one subnet")
        return
    for key in ("security_groups", "assign_public_ip"):
        if task.get(key):
            yield Finding((*path, key), "has no effect without subnets: set them, too, or remove this key")


def _check_run_task(task: dict[str, Any], path: KeyPath, providers: list[Any]) -> Iterator[Finding]:
    """Find what RunTask refuses of any template, on every launch type or on one of them.

    What instances of a capacity provider of EC2 take depends on their kind, so that is left to ECS.
    """
    run_task = get(task, dict, "run_task") or {}
    if run_task.get("propagateTags") == "SERVICE":
        message = "no ECS service starts these tasks, so none has tags for them: make it TASK_DEFINITION, or remove it"
        yield Finding((*path, "run_task", "propagateTags"), message)
    if _is_fargate(task, providers):
        for key in ("placementConstraints", "placementStrategy"):
            if get(run_task, list, key):
                yield Finding((*path, "run_task", key), "Fargate takes none: remove it, or set launch_type to EC2")
    elif not providers and task.get("capacity") is None:
        if run_task.get("platformVersion"):
            yield Finding((*path, "run_task", "platformVersion"), "only Fargate has platform versions: remove it")
        if task.get("assign_public_ip") is True and task.get("subnets"):
            message = "only tasks on Fargate can have a public address: set it to false, or remove it"
            yield Finding((*path, "assign_public_ip"), message)


def _is_fargate(task: dict[str, Any], providers: list[Any]) -> bool:
    """Say whether tasks surely run on Fargate, or may by an order of capacity providers."""
    if (capacity := task.get("capacity")) is not None:
        return isinstance(capacity, list) and any(str(each).startswith("FARGATE") for each in capacity)
    if providers:
        return any((get(item, str, "provider") or "").startswith("FARGATE") for item in providers)
    return get_or_default(task, str, Task, "launch_type") == "FARGATE"


def _check_capacity_providers(providers: list[Any], path: KeyPath) -> Iterator[Finding]:
    """Apply ECS's own rules for a capacity provider strategy (API reference, CapacityProviderStrategyItem)."""
    names = [get(item, str, "provider") for item in providers]
    yield from find_repeated(((*path, index, "provider"), name) for index, name in enumerate(names))
    based = [index for index, item in enumerate(providers) if (get(item, int, "base") or 0) > 0]
    for index in based[1:]:
        message = f"only one provider may have a base, and capacity_providers[{based[0]}] already has one"
        yield Finding((*path, index, "base"), message)
    weights = [get_or_default(item, int, CapacityProvider, "weight") for item in providers]
    if providers and all(weight == 0 for weight in weights):
        yield Finding(path, "at least one provider needs a weight above 0")
    kinds = {name.startswith("FARGATE") for name in names if name is not None}
    if len(kinds) > 1:
        yield Finding(path, "ECS cannot mix Fargate with other providers in one strategy: keep one kind")


def _check_tags(tags: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    for key in tags:
        if key.lower().startswith("aws:"):
            yield Finding((*path, key), "must not begin with aws:, which AWS reserves: choose another key", at_key=True)


def _check_overrides(task: dict[str, Any], path: KeyPath, max_containers: int | None) -> Iterator[Finding]:
    """Check the environment of as many copies as a task may hold against ECS's limit on overrides.

    The template alone knows the name of a container that the configuration does not name: one character is assumed, so
    that nothing is refused that may be right.
    """
    environment = get(task, dict, "environment")
    if not environment:
        return
    copies = get_or_default(task, int, Task, "max_containers_per_task") or MAX_COPIES
    copies = min(copies, MAX_COPIES, max_containers or MAX_COPIES)
    name = get(task, str, "container") or "w"
    if (size := measure_overrides(name, environment, copies)) > MAX_OVERRIDES:
        fits = takewhile(lambda k: measure_overrides(name, environment, k) <= MAX_OVERRIDES, range(1, copies))
        fitting = list(fits)
        whom = "one container" if copies == 1 else f"{copies} copies of the container"
        way_out = f"shorten it, or lower max_containers_per_task to {fitting[-1]}" if fitting else "shorten it"
        yield Finding(
            (*path, "environment"),
            f"takes {size:,} characters of overrides for {whom}, and ECS allows {MAX_OVERRIDES:,}: {way_out}",
        )
