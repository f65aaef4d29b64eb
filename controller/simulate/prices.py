"""Prices: what Fargate's vCPUs and memory cost, dated; and what a task costs by them as it is billed.

Source of the rules: AWS Fargate pricing page. Paid is from the pull of the image until the task ends, by the second and
for one minute at least, for the size that the task has, not for what it uses. Storage beyond 20 GiB, addresses, logs
and transfer are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf
from typing import Any, Final

from controller.core.copies.copies import MAX_COPIES
from controller.core.copies.fargate import MIB_PER_GB, SPOT, SPOT_SAVES, UNITS_PER_VCPU, round_up
from controller.core.copies.sizing import TaskSize, size_task
from controller.core.copies.template import Template
from controller.simulate.tasks import Task

LEAST_PAID: Final = 60.0
"""Seconds that are paid for every task that is paid at all."""
_WORKER: Final = "worker"


@dataclass(frozen=True, slots=True)
class Tariff:
    """Dollars an hour."""

    name: str
    vcpu: float
    """Of one vCPU."""
    gb: float
    """Of one GB of memory."""
    spot: float = round(1 - SPOT_SAVES, 6)
    """What Spot costs of it: it follows supply, and is at most 70 % off."""


PRICED_ON: Final = "2026-03"
"""The month of AWS's price list for us-east-1 that the prices are from, as Vantage, CloudBurn and Wring quote it."""
TARIFFS: Final[Mapping[str, Tariff]] = {
    "x86": Tariff(f"of {PRICED_ON} in us-east-1 on Linux and x86", 0.04048, 0.004445),
    "arm": Tariff(f"of {PRICED_ON} in us-east-1 on Linux and ARM", 0.03238, 0.00356),
}


@dataclass(frozen=True)
class Shape:
    """The size of the template: a Fargate task with one worker and nothing beside it."""

    cpu: int = 256
    """CPU units."""
    memory: int = 512
    """MiB."""

    @cached_property
    def sizes(self) -> Mapping[int, TaskSize]:
        """The size of a task by its workers, for as many as fit into the largest that Fargate has."""
        definition: dict[str, Any] = {
            "cpu": str(self.cpu),
            "memory": str(self.memory),
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": _WORKER}],
        }
        template = Template("", "simulated", 1, definition)
        sizes = ((k, size_task(template, _WORKER, k)) for k in range(1, MAX_COPIES + 1))
        return {k: size for k, size in sizes if size is not None}

    @property
    def most(self) -> int:
        """The most workers that a task may hold."""
        return max(self.sizes)

    def price_rounding(self, k: int) -> float:
        """Return what a task of k workers costs beyond its need, in the price of a vCPU-hour."""
        return self.sizes[k].rounding if k in self.sizes else 0.0


DEFAULT_SHAPE: Final = Shape()


def make_shape(cpu: int, memory: int) -> Shape:
    """Return the shape of a template. Raises ValueError when Fargate has no such size."""
    size = round_up(cpu, memory)
    if size is None or (size.cpu, size.memory) != (cpu, memory):
        near = f"; the next larger is {size.cpu}/{size.memory}" if size else ""
        raise ValueError(f"Fargate has no task of {cpu} CPU units and {memory} MiB{near}")
    return Shape(cpu, memory)


@dataclass(slots=True)
class Bill:
    """What tasks have taken up, and what that costs."""

    container_seconds: float = 0.0
    """From RunTask's answer to the end of the task, for each of its workers."""
    vcpu_seconds: float = 0.0
    """As paid, with the last two."""
    gb_seconds: float = 0.0
    dollars: float = 0.0

    def enter(self, task: Task, until: float, shape: Shape, tariff: Tariff, spot_share: float) -> None:
        """Enter a task; one that has not ended counts ``until`` then."""
        ended_at = task.ended_at if task.ended_at < inf else max(until, task.created_at)
        self.container_seconds += task.containers * (ended_at - task.created_at)
        paid = ended_at - task.paid_from
        if paid <= 0:
            return
        paid = max(LEAST_PAID, ceil(round(paid, 6)))
        size = shape.sizes[min(task.containers, shape.most)]
        vcpu, gb = (size.cpu or 0) / UNITS_PER_VCPU, (size.memory or 0) / MIB_PER_GB
        self.vcpu_seconds += paid * vcpu
        self.gb_seconds += paid * gb
        share = 1 - spot_share * (1 - tariff.spot)
        self.dollars += paid / 3600 * (vcpu * tariff.vcpu + gb * tariff.gb) * share


def find_spot_share(run_task: Mapping[str, Any], order: tuple[str, ...] = ()) -> float:
    """Return the share of tasks that run on Spot, by the weights of the capacity providers; a base is not counted.

    Of an ``order`` of providers the first has room for all, since nothing is short in a simulation.
    """
    if order:
        return float(order[0] == SPOT)
    strategy = run_task.get("capacityProviderStrategy") or ()
    weights = {each["capacityProvider"]: each.get("weight", 0) for each in strategy}
    total = sum(weights.values())
    return weights.get(SPOT, 0) / total if total else 0.0
