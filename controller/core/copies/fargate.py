"""Fargate's task sizes: which pairs of task-level CPU and memory can be had, and the smallest that fits.

Source: Amazon ECS developer guide, "Task CPU and memory". CPU is in CPU units (1024 are one vCPU), memory
in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNITS_PER_VCPU: Final = 1024
MIB_PER_GB: Final = 1024

GB_HOUR_IN_VCPU_HOURS: Final = 0.11
"""What a GB-hour costs, in vCPU-hours: the same 0.11 on x86 and on ARM, so that no price has to be known."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Task-level CPU and memory."""

    cpu: int
    """CPU units."""
    memory: int
    """MiB."""

    @property
    def cost(self) -> float:
        """What an hour of this costs, in the price of a vCPU-hour."""
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
"""Every size that Fargate has, by CPU and then by memory."""


def round_up(cpu_units: int, memory_mib: int) -> Size | None:
    """Return the cheapest size with at least so much CPU and memory; None if Fargate has none.

    The first in order is the cheapest: within one CPU figure a step of memory (at most 8 GB) costs less than
    the CPU of the next figure does.
    """
    return next((size for size in SIZES if size.cpu >= cpu_units and size.memory >= memory_mib), None)
