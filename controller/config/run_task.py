"""``task.run_task``: free parameters of RunTask, checked against botocore's own shape of the call.

botocore is used as data only: its service model says which parameters there are in the installed version.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from controller.config.problems import NO_VALUE, Fault, KeyPath, describe, did_you_mean, nearest, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

SET_BY_CONTROLLER = {
    "capacityProviderStrategy": "use task.capacity_providers",
    "clientToken": "the controller makes one for every call, so that a launch happens once",
    "cluster": "use task.cluster",
    "count": "the controller decides it; limit it with max_containers and task.max_tasks_per_launch",
    "group": "it names the scaler; use the scaler's name",
    "launchType": "use task.launch_type",
    "networkConfiguration": "use task.subnets, task.security_groups and task.assign_public_ip",
    "overrides": "use task.environment",
    "startedBy": "it names the controller; use name at the top of the file",
    "tags": "use task.tags",
    "taskDefinition": "use task.definition",
}
"""The parameters that the controller sets itself, and what to use instead."""

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "structure": ((dict,), "a mapping of key: value"),
    "map": ((dict,), "a mapping of key: value"),
    "list": ((list,), "a list"),
    "string": ((str,), "text, in quotes if it looks like something else"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
}


class RunTaskShape:
    """The parameters that RunTask takes; the service model is read once, when it is first needed."""

    @cached_property
    def _parameters(self) -> dict[str, Shape]:
        model = ServiceModel(Loader().load_service_model("ecs", "service-2"))
        shape = model.operation_model("RunTask").input_shape
        return dict(shape.members) if shape else {}

    def faults(self, data: Any) -> Iterator[Fault]:
        """Find what is wrong in the ``run_task`` of every scaler of a document."""
        scalers = data.get("scalers") if isinstance(data, dict) else None
        for index, scaler in enumerate(scalers if isinstance(scalers, list) else []):
            task = scaler.get("task") if isinstance(scaler, dict) else None
            parameters = task.get("run_task") if isinstance(task, dict) else None
            if parameters and isinstance(parameters, dict):
                yield from self._faults_in(parameters, ("scalers", index, "task", "run_task"))

    def _faults_in(self, parameters: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
        free = {name: shape for name, shape in self._parameters.items() if name not in SET_BY_CONTROLLER}
        for name, value in parameters.items():
            if name in SET_BY_CONTROLLER:
                yield Fault((*path, name), f"is set by the controller: {SET_BY_CONTROLLER[name]}", at_key=True)
            elif name not in free:
                message = f"is not a parameter of RunTask; {did_you_mean(name, free)}"
                yield Fault((*path, name), message, at_key=True)
            else:
                yield from _value(value, free[name], (*path, name))


def _value(value: Any, shape: Shape, path: KeyPath) -> Iterator[Fault]:
    kinds, words = _KINDS[shape.type_name]
    if type(value) not in kinds:
        yield Fault(path, NO_VALUE if value is None else f"must be {words}, not {describe(value)}")
    elif isinstance(shape, StructureShape):
        yield from _members(value, shape, path)
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from _value(item, shape.member, (*path, index))
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _value(item, shape.value, (*path, key))
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield Fault(path, f"must be one of {', '.join(shape.enum)}, not {quote(value)}")
    else:
        yield from _bounds(value, shape, path)


def _members(value: dict[str, Any], shape: StructureShape, path: KeyPath) -> Iterator[Fault]:
    known = frozenset(shape.members)
    misspelt = {nearest(name, known) for name in value if name not in known}
    for name in shape.required_members:
        if name not in value and name not in misspelt:
            yield Fault((*path, name), "is required and missing")
    for name, item in value.items():
        if name in shape.members:
            yield from _value(item, shape.members[name], (*path, name))
        else:
            message = f"is not a known key of {shape.name}; {did_you_mean(name, known)}"
            yield Fault((*path, name), message, at_key=True)


def _bounds(value: Any, shape: Shape, path: KeyPath) -> Iterator[Fault]:
    size = len(value) if isinstance(value, str) else value
    what = "characters" if isinstance(value, str) else ""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield Fault(path, f"must be at least {least} {what}".rstrip())
    if most is not None and size > most:
        yield Fault(path, f"must be at most {most} {what}".rstrip())
