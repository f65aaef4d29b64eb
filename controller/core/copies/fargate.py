"""Fargate's limits: the pairs of task-level CPU and memory that it offers, the smallest that fits, and storage.

Source: Amazon ECS developer guide, "Task CPU and memory" and "Fargate task ephemeral storage". CPU is in CPU units
(1024 are one vCPU), memory in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNITS_PER_VCPU: Final = 1024
SPOT: Final = "FARGATE_SPOT"
SPOT_SAVES: Final = 0.7
"""The share of the on-demand price that Fargate Spot saves at best; it follows supply (AWS Fargate pricing page)."""
MIB_PER_GB: Final = 1024

GB_HOUR_IN_VCPU_HOURS: Final = 0.11
"""The price of a GB-hour in vCPU-hours; the ratio is the same on x86 and on ARM, so no price has to be known."""
DEFAULT_STORAGE: Final = 20
"""GiB of ephemeral storage that a task has if its definition asks for none."""
MAX_STORAGE: Final = 200
"""GiB of ephemeral storage that a task can have."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Task-level CPU and memory."""

    cpu: int
    """CPU units."""
    memory: int
    """MiB."""

    @property
    def cost(self) -> float:
        """The cost of an hour of this size, in the price of a vCPU-hour."""
        return self.cpu / UNITS_PER_VCPU + self.memory / MIB_PER_GB * GB_HOUR_IN_VCPU_HOURS


def _sizes(cpu: int, gigabytes: range | tuple[float, ...]) -> tuple[Size, ...]:
    return tuple(Size(cpu, int(gb * MIB_PER_GB)) for gb in gigabytes)


SIZES: Final[tuple[Size, ...]] = (
    *_sizes(256, (0.5, 1, 2)),
    *_sizes(512, range(1, 5)),
    *_sizes(1024, range(2, 9)),
    *_sizes(2048, range(4, 17)),
    *_sizes(4096, range(8, 31)),
    *_sizes(8192, range(16, 61, 4)),
    *_sizes(16384, range(32, 121, 8)),
    *_sizes(32768, (60, 120, 244)),
)
"""Every size that Fargate has, sorted by CPU and then by memory."""


def round_up(cpu_units: int, memory_mib: int) -> Size | None:
    """Return the cheapest size with at least this much CPU and memory; None if Fargate has none."""
    # The first that fits is the cheapest. Another one could only have less memory and more CPU: it would save less
    # than one step of memory (at most 8 GB), and that costs less than the step to the next CPU figure.
    return next((size for size in SIZES if size.cpu >= cpu_units and size.memory >= memory_mib), None)
