"""Packing: how many tasks of how many worker containers each, as RunTask calls.

A plan holds exactly the containers that were asked for; what does not fit into one launch waits for a later
one. *Spread* runs as many tasks as may be and fills them evenly, so that a slow worker holds up the fewest
others. *Dense* runs the fewest tasks; among the ways to fill them it takes the one with the least rounding
of CPU and memory, then the fewest calls, then the fewest revisions to register, then the fullest tasks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_TASKS_PER_CALL: Final = 10
"""RunTask's own limit on ``count``; not adjustable."""


class Packing(StrEnum):
    """How containers are laid out in tasks."""

    SPREAD = "spread"
    """More tasks first, then more containers a task: a slow worker holds up the fewest others."""
    DENSE = "dense"
    """The fewest tasks."""


@dataclass(frozen=True, slots=True)
class PackingPolicy:
    """The limits within which containers become tasks."""

    packing: Packing = Packing.SPREAD
    max_tasks_per_launch: int = 100
    max_containers_per_task: int = 9


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Tasks that are alike."""

    tasks: int
    containers: int
    """Worker containers in each of the tasks."""


@dataclass(frozen=True, slots=True)
class Call:
    """One RunTask call."""

    count: int
    """Tasks, 1 to 10."""
    containers: int
    """Worker containers in each of the tasks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one launch starts."""

    groups: tuple[TaskGroup, ...] = ()
    """The fullest tasks first; every group has its own number of containers."""

    @property
    def containers(self) -> int:
        """Worker containers that the plan starts."""
        return sum(group.tasks * group.containers for group in self.groups)

    @property
    def tasks(self) -> int:
        """Tasks that the plan starts."""
        return sum(group.tasks for group in self.groups)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The RunTask calls in the order they are sent: at most 10 tasks each, the fullest tasks first."""
        return tuple(
            Call(min(MAX_TASKS_PER_CALL, group.tasks - sent), group.containers)
            for group in self.groups
            for sent in range(0, group.tasks, MAX_TASKS_PER_CALL)
        )

    @property
    def revisions(self) -> int:
        """Derived revisions that the plan needs: a task of one container runs the template itself."""
        return sum(group.containers > 1 for group in self.groups)


def pack(
    containers: int,
    policy: PackingPolicy,
    most_per_task: int,
    rounding: Callable[[int], float] | None = None,
) -> Plan:
    """Lay out ``containers`` worker containers in tasks.

    ``most_per_task`` is what the template allows, 1 or more. ``rounding(k)`` is what a task of k containers
    costs beyond what its containers need, in any one unit; without it all k are alike.
    Raises ValueError for a negative number of containers or a limit below 1.
    """
    most = min(most_per_task, policy.max_containers_per_task)
    if containers < 0 or most < 1 or policy.max_tasks_per_launch < 1:
        raise ValueError(
            f"cannot pack {containers} containers into at most {policy.max_tasks_per_launch} tasks "
            f"of at most {most}: the limits are at least 1, the containers at least 0"
        )
    fitting = min(containers, policy.max_tasks_per_launch * most)
    if fitting == 0:
        return Plan()
    if policy.packing is Packing.SPREAD:
        return _spread(fitting, min(fitting, policy.max_tasks_per_launch))
    return min(_dense(fitting, most), key=lambda plan: _price(plan, rounding))


def cut_short(asked: int, plan: Plan, policy: PackingPolicy, most_per_task: int) -> str | None:
    """Say why a plan holds fewer containers than were asked for; None: it holds them all."""
    if plan.containers >= asked:
        return None
    most = min(most_per_task, policy.max_containers_per_task)
    return (
        f"planned {plan.containers} of {asked}: max_tasks_per_launch is {policy.max_tasks_per_launch}, "
        f"with at most {most} a task; the rest is for a later launch"
    )


def _spread(containers: int, tasks: int) -> Plan:
    each, over = divmod(containers, tasks)
    return _plan(Counter({each + 1: over, each: tasks - over}))


def _dense(containers: int, most: int) -> Iterator[Plan]:
    """Yield every way to fill the fewest tasks: full ones, less each way to spread the room that is left."""
    tasks = -(-containers // most)
    for gaps in _partitions(tasks * most - containers, tasks, most - 1):
        yield _plan(Counter([most - gap for gap in gaps] + [most] * (tasks - len(gaps))))


def _partitions(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield every multiset of at most ``parts`` numbers in 1..``largest`` whose sum is ``total``."""
    if total == 0:
        yield ()
    elif parts > 0:
        for first in range(min(total, largest), 0, -1):
            for rest in _partitions(total - first, parts - 1, first):
                yield (first, *rest)


def _plan(tasks_by_containers: Counter[int]) -> Plan:
    by_size = sorted(tasks_by_containers.items(), reverse=True)
    return Plan(tuple(TaskGroup(tasks, containers) for containers, tasks in by_size if tasks))


def _price(plan: Plan, rounding: Callable[[int], float] | None) -> tuple[float, int, int, tuple[int, ...]]:
    """Order plans of equally many tasks, the best lowest; the rounding is cut so that float noise decides nothing."""
    waste = sum(group.tasks * rounding(group.containers) for group in plan.groups) if rounding else 0.0
    fullest = tuple(-size for group in plan.groups for size in (group.containers, group.tasks))
    return round(waste, 6), len(plan.calls), plan.revisions, fullest
