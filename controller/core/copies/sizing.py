"""Sizing: the CPU, memory and storage of a task with k copies of the worker.

The sidecars count once and the worker counts k times. On Fargate the sum is rounded up to a size that Fargate has.

A container without a figure of its own still counts:

- A worker counts as what the sidecars leave of the template's task. The same holds for the memory of a worker that
  has only a ``memoryReservation``, which is not a limit: it may have been using all that is left, and copies that
  were given less would run out of memory in the middle of their work.
- A sidecar without a memory figure keeps what the worker and the other sidecars leave of the template's task.
- A sidecar without a CPU figure counts nothing, because ECS gives it the smallest weight that there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from controller.core.copies.fargate import MIB_PER_GB, UNITS_PER_VCPU, Size, round_up
from controller.core.copies.template import CannotCopy
from controller.core.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.core.copies.template import Template

MIN_CPU: Final = 128
MAX_CPU: Final = 196_608
"""CPU units that ECS accepts for a task outside Fargate (RegisterTaskDefinition, ``cpu``)."""

_FIGURE = re.compile(r"\s*(?P<number>\d+|\d*\.\d+)\s*(?P<unit>vcpu|gb)?\s*", re.IGNORECASE)


@frozen
class TaskSize:
    """The task-level figures that are registered, and those that the containers need; None where there is none."""

    cpu: int | None
    """CPU units that are registered, and paid."""
    memory: int | None
    """MiB that are registered, and paid."""
    needed_cpu: int | None
    """CPU units before rounding up."""
    needed_memory: int | None
    """MiB before rounding up."""

    @property
    def rounding(self) -> float:
        """The cost of an hour beyond the need, in the price of a vCPU-hour."""
        return self.cost - Size(self.needed_cpu or 0, self.needed_memory or 0).cost

    @property
    def cost(self) -> float:
        """The cost of an hour, in the price of a vCPU-hour."""
        return Size(self.cpu or 0, self.memory or 0).cost

    @property
    def cpu_rounding(self) -> int:
        """CPU units beyond the need."""
        return (self.cpu or 0) - (self.needed_cpu or 0)

    @property
    def memory_rounding(self) -> int:
        """MiB beyond the need."""
        return (self.memory or 0) - (self.needed_memory or 0)


def memory_figure(container: Mapping[str, Any]) -> int | None:
    """Return the MiB that a container counts with: its hard limit, else its reservation, else None."""
    return container.get("memory") or container.get("memoryReservation") or None


def cpu_figure(container: Mapping[str, Any]) -> int | None:
    """Return a container's CPU units; None if it sets none, which ECS describes as 0."""
    return container.get("cpu") or None


def task_cpu(template: Template) -> int | None:
    """Return the template's task-level CPU units."""
    return _parse_figure(template.definition.get("cpu"), UNITS_PER_VCPU)


def task_memory(template: Template) -> int | None:
    """Return the template's task-level memory, MiB."""
    return _parse_figure(template.definition.get("memory"), MIB_PER_GB)


def size_task(template: Template, worker: str, k: int) -> TaskSize | None:
    """Return the size of a task of k copies; None if no size is large enough. k = 1 is the template as it is.

    Raises CannotCopy if the worker has no figure and the sidecars leave nothing for it.
    """
    if k == 1:
        cpu, memory = task_cpu(template), task_memory(template)
        return TaskSize(cpu, memory, cpu, memory)
    cpu, memory = _add_up_cpu(template, worker, k), _add_up_memory(template, worker, k)
    if template.is_fargate:
        size = round_up(cpu or 0, memory or 0)
        return TaskSize(size.cpu, size.memory, cpu, memory) if size else None
    if cpu is not None and cpu > MAX_CPU:
        return None
    return TaskSize(None if cpu is None else max(MIN_CPU, cpu), memory, cpu, memory)


def scale_storage(template: Template, k: int) -> int | None:
    """Return the GiB of ephemeral storage that k copies share; None if the template sets none."""
    storage = template.definition.get("ephemeralStorage")
    return None if not storage else k * int(storage["sizeInGiB"])


def _add_up_cpu(template: Template, worker: str, k: int) -> int | None:
    task = task_cpu(template)
    if task is None:
        return None
    sidecars = sum(cpu_figure(sidecar) or 0 for sidecar in template.sidecars(worker))
    own = cpu_figure(template.container(worker))
    if own is None:
        own = _require_rest(template, worker, task - sidecars, "CPU", "cpu")
    return sidecars + k * own


def _add_up_memory(template: Template, worker: str, k: int) -> int | None:
    task = task_memory(template)
    if task is None:
        return None
    figures = [memory_figure(sidecar) for sidecar in template.sidecars(worker)]
    sidecars = sum(figure or 0 for figure in figures)
    definition = template.container(worker)
    limit: int | None = definition.get("memory")
    if limit:
        unlimited = max(0, task - sidecars - limit) if None in figures else 0
        return sidecars + unlimited + k * limit
    # A sidecar counts with its hard limit, which may be far above its reservation. What is left by that count can then
    # be less than the worker has reserved, and the reservation is what ECS gives it at least.
    rest = max(task - sidecars, definition.get("memoryReservation") or 0)
    return sidecars + k * _require_rest(template, worker, rest, "memory", "memory")


def _require_rest(template: Template, worker: str, rest: int, what: str, key: str) -> int:
    """Return what the sidecars leave for the worker. Raises CannotCopy if that is nothing."""
    if rest <= 0:
        raise CannotCopy(
            f"the other containers take all of the task's {what}, and container {worker} of {template.label} "
            f"has no {key} of its own, so its copies cannot be sized: set its {key}"
        )
    return rest


def _parse_figure(value: str | int | None, per_unit: int) -> int | None:
    """Read ``"1024"`` as it is, and ``"1 vCPU"`` or ``"0.5GB"`` as a multiple of ``per_unit``."""
    match = _FIGURE.fullmatch(str(value)) if value not in {None, ""} else None
    if match is None:
        return None
    return round(float(match["number"]) * (per_unit if match["unit"] else 1))
