"""``task.run_task``: any other parameter of RunTask, checked against botocore's own model of the call.

botocore is used as data only: its service model says which parameters the installed version knows.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from controller.config.document import get
from controller.config.problems import Finding, KeyPath
from controller.config.wording import (
    MISSING,
    Kind,
    explain_bound,
    explain_length,
    explain_wrong_kind,
    find_nearest,
    quote,
    suggest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

SET_BY_CONTROLLER = {
    "capacityProviderStrategy": "use task.capacity_providers",
    "clientToken": "every call has a token of its own, so that a launch happens once",
    "cluster": "use task.cluster",
    "count": "limit it with max_containers and task.max_tasks_per_launch",
    "group": "it is the scaler's name",
    "launchType": "use task.launch_type",
    "networkConfiguration": "use task.subnets, task.security_groups and task.assign_public_ip",
    "overrides": "use task.environment",
    "startedBy": "it is always the name of the controller, the key name at the top of the file",
    "tags": "use task.tags",
    "taskDefinition": "use task.definition",
}
"""The parameters that the controller sets itself, and what to use instead."""

_KINDS: dict[str, tuple[tuple[type, ...], Kind]] = {
    "structure": ((dict,), Kind.MAPPING),
    "map": ((dict,), Kind.MAPPING),
    "list": ((list,), Kind.LIST),
    "string": ((str,), Kind.TEXT),
    "boolean": ((bool,), Kind.BOOLEAN),
    "integer": ((int,), Kind.INTEGER),
    "long": ((int,), Kind.INTEGER),
    "float": ((int, float), Kind.NUMBER),
    "double": ((int, float), Kind.NUMBER),
}


class RunTaskShape:
    """The parameters that RunTask takes. The service model is read once, when it is first needed."""

    @cached_property
    def _parameters(self) -> dict[str, Shape]:
        # Only now: it is a quarter of what a command takes to start, and most configurations need nothing of it.
        from botocore.loaders import Loader  # noqa: PLC0415
        from botocore.model import ServiceModel  # noqa: PLC0415

        model = ServiceModel(Loader().load_service_model("ecs", "service-2"))
        shape = model.operation_model("RunTask").input_shape
        return dict(shape.members) if shape else {}

    def find_wrong_parameters(self, data: Any) -> Iterator[Finding]:
        """Find what is wrong in the ``run_task`` of every scaler of a document."""
        for index, scaler in enumerate(get(data, list, "scalers") or []):
            parameters = get(scaler, dict, "task", "run_task")
            if parameters:
                yield from self._check(parameters, ("scalers", index, "task", "run_task"))

    def _check(self, parameters: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
        free = {name: shape for name, shape in self._parameters.items() if name not in SET_BY_CONTROLLER}
        for name, value in parameters.items():
            if name in SET_BY_CONTROLLER:
                yield Finding((*path, name), f"is set by the controller: {SET_BY_CONTROLLER[name]}", at_key=True)
            elif name not in free:
                message = f"is not a parameter of RunTask; {suggest(name, free)}"
                yield Finding((*path, name), message, at_key=True)
            else:
                yield from _check_value(value, free[name], (*path, name))


def _check_value(value: Any, shape: Shape, path: KeyPath) -> Iterator[Finding]:
    types, kind = _KINDS[shape.type_name]
    if type(value) not in types:
        yield Finding(path, explain_wrong_kind(kind, value))
        return
    match shape.type_name:
        case "structure":
            yield from _check_members(value, cast("StructureShape", shape), path)
        case "list":
            for index, item in enumerate(value):
                yield from _check_value(item, cast("ListShape", shape).member, (*path, index))
        case "map":
            for key, item in value.items():
                yield from _check_value(item, cast("MapShape", shape).value, (*path, key))
        case "string" if (allowed := cast("StringShape", shape).enum) and value not in allowed:
            yield Finding(path, f"must be one of {', '.join(allowed)}, not {quote(value)}")
        case _:
            yield from _check_bounds(value, shape, path)


def _check_members(value: dict[str, Any], shape: StructureShape, path: KeyPath) -> Iterator[Finding]:
    known = frozenset(shape.members)
    misspelt = {find_nearest(name, known) for name in value if name not in known}
    for name in shape.required_members:
        if name not in value and name not in misspelt:
            yield Finding((*path, name), MISSING)
    for name, item in value.items():
        if name in shape.members:
            yield from _check_value(item, shape.members[name], (*path, name))
        else:
            message = f"is not a known key of {shape.name}; {suggest(name, known)}"
            yield Finding((*path, name), message, at_key=True)


def _check_bounds(value: Any, shape: Shape, path: KeyPath) -> Iterator[Finding]:
    size = len(value) if isinstance(value, str) else value
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Finding(path, _explain_bound("at least", least, value))
    if most is not None and size > most:
        yield Finding(path, _explain_bound("at most", most, value))


def _explain_bound(words: str, bound: int, value: Any) -> str:
    if isinstance(value, str):
        return explain_length(words, bound, "character", len(value))
    return explain_bound(words, bound, value)
