"""Sizing: the task-level CPU and memory of a task with k copies of the worker.

The sidecars count once and the worker k times. A worker without a figure of its own counts as what the
template's task leaves to it; so does one with a memoryReservation alone, which is no limit: counted with less
than it may have been using, the copies would run out of memory in the middle of their work. A sidecar without
a memory figure lives on what the others leave of the template's task, and keeps that; one without a CPU figure
has the least weight that there is, and counts nothing. On Fargate the sum is rounded up to a size that Fargate
has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.fargate import MIB_PER_GB, UNITS_PER_VCPU, Size, round_up
from controller.core.copies.template import CannotCopy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.core.copies.template import Template

MIN_CPU: Final = 128
MAX_CPU: Final = 196_608
"""CPU units that ECS takes at task level outside Fargate (RegisterTaskDefinition's ``cpu``)."""

_FIGURE = re.compile(r"\s*(?P<number>\d+|\d*\.\d+)\s*(?P<unit>vcpu|gb)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TaskSize:
    """What a task is registered with and what its containers need of it; None where the template sets none."""

    cpu: int | None
    """CPU units, paid."""
    memory: int | None
    """MiB, paid."""
    needed_cpu: int | None
    """CPU units before rounding up."""
    needed_memory: int | None
    """MiB before rounding up."""

    @property
    def rounding(self) -> float:
        """What is paid beyond the need, an hour, in the price of a vCPU-hour."""
        return self.cost - Size(self.needed_cpu or 0, self.needed_memory or 0).cost

    @property
    def cost(self) -> float:
        """What is paid, an hour, in the price of a vCPU-hour."""
        return Size(self.cpu or 0, self.memory or 0).cost

    @property
    def cpu_rounding(self) -> int:
        """CPU units that are paid beyond the need."""
        return (self.cpu or 0) - (self.needed_cpu or 0)

    @property
    def memory_rounding(self) -> int:
        """MiB that are paid beyond the need."""
        return (self.memory or 0) - (self.needed_memory or 0)


def memory_figure(container: Mapping[str, Any]) -> int | None:
    """Return what a container counts with, MiB: its hard limit, else its reservation, else None."""
    return container.get("memory") or container.get("memoryReservation") or None


def cpu_figure(container: Mapping[str, Any]) -> int | None:
    """Return a container's CPU units; ECS describes a container without as 0."""
    return container.get("cpu") or None


def task_cpu(template: Template) -> int | None:
    """Return the template's task-level CPU units."""
    return _figure(template.definition.get("cpu"), UNITS_PER_VCPU)


def task_memory(template: Template) -> int | None:
    """Return the template's task-level memory, MiB."""
    return _figure(template.definition.get("memory"), MIB_PER_GB)


def task_size(template: Template, worker: str, k: int) -> TaskSize | None:
    """Return the task-level figures for k copies; None if no size fits them. k = 1 is the template as it is.

    Raises CannotCopy if the template's sidecars leave nothing to a worker without figures.
    """
    if k == 1:
        cpu, memory = task_cpu(template), task_memory(template)
        return TaskSize(cpu, memory, cpu, memory)
    cpu, memory = _needed_cpu(template, worker, k), _needed_memory(template, worker, k)
    if template.is_fargate:
        size = round_up(cpu or 0, memory or 0)
        return TaskSize(size.cpu, size.memory, cpu, memory) if size else None
    if cpu is not None and cpu > MAX_CPU:
        return None
    return TaskSize(None if cpu is None else max(MIN_CPU, cpu), memory, cpu, memory)


def _needed_cpu(template: Template, worker: str, k: int) -> int | None:
    task = task_cpu(template)
    if task is None:
        return None
    sidecars = sum(cpu_figure(sidecar) or 0 for sidecar in template.sidecars(worker))
    own = cpu_figure(template.container(worker)) or _left(template, worker, task - sidecars, "CPU", "cpu")
    return sidecars + k * own


def _needed_memory(template: Template, worker: str, k: int) -> int | None:
    task = task_memory(template)
    if task is None:
        return None
    figures = [memory_figure(sidecar) for sidecar in template.sidecars(worker)]
    sidecars = sum(figure or 0 for figure in figures)
    definition = template.container(worker)
    limit: int | None = definition.get("memory")
    if not limit:
        left = max(task - sidecars, definition.get("memoryReservation") or 0)
        return sidecars + k * _left(template, worker, left, "memory", "memory")
    rest = max(0, task - sidecars - limit) if None in figures else 0
    return sidecars + rest + k * limit


def _left(template: Template, worker: str, left: int, what: str, key: str) -> int:
    if left <= 0:
        raise CannotCopy(
            f"the other containers take all of the task's {what}, and container {worker} of {template.label} "
            f"has no {key} of its own, so its copies cannot be sized: give it a figure"
        )
    return left


def _figure(value: str | int | None, per_unit: int) -> int | None:
    """Read ``"1024"`` as it is, and ``"1 vCPU"`` or ``"0.5GB"`` times what such a unit has."""
    match = _FIGURE.fullmatch(str(value)) if value not in {None, ""} else None
    if match is None:
        return None
    return round(float(match["number"]) * (per_unit if match["unit"] else 1))
