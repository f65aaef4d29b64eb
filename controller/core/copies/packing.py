"""Packing: how many tasks of how many worker containers each a launch starts, as RunTask calls.

A plan holds exactly the containers that were asked for; what does not fit into one launch waits for a later one.

- *Spread* runs as many tasks as it may and fills them evenly, so that a slow worker holds up the fewest others.
- *Dense* runs the fewest tasks. Among the ways to fill them it takes the one with the least rounding of CPU and
  memory, then the fewest calls, then the fewest revisions to register, then the fullest tasks.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from controller.core.frozen import change, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_TASKS_PER_CALL: Final = 10
"""RunTask's own limit on ``count``; not adjustable."""
Kind: TypeAlias = tuple[int, bool]
"""What a task runs: the copies of its worker, and whether it is a canary."""


class Packing(StrEnum):
    """How containers are laid out in tasks."""

    SPREAD = "spread"
    """More tasks first, then more containers a task: a slow worker holds up the fewest others."""
    DENSE = "dense"
    """The fewest tasks."""


@frozen
class PackingPolicy:
    """The limits within which containers become tasks."""

    packing: Packing
    max_tasks_per_launch: int
    """1 or more."""
    max_containers_per_task: int
    """Worker containers, 1 to 9; the template may allow fewer."""


@frozen
class TaskGroup:
    """Tasks that are alike."""

    tasks: int
    containers: int
    """Worker containers in each of the tasks."""
    provider: str | None = None
    """The capacity provider that they are launched on; None: RunTask names none."""
    is_canary: bool = False
    """Whether they run a revision of the template that has to prove itself."""

    @property
    def kind(self) -> Kind:
        """What they run."""
        return self.containers, self.is_canary


@frozen
class Call:
    """One RunTask call."""

    count: int
    """Tasks, 1 to 10."""
    containers: int
    """Worker containers in each of the tasks."""
    provider: str | None = None
    """The capacity provider that it names."""
    is_canary: bool = False
    """Whether its tasks run a revision of the template that has to prove itself."""

    @property
    def kind(self) -> Kind:
        """What its tasks run."""
        return self.containers, self.is_canary


@frozen
class Plan:
    """The tasks that one launch starts."""

    groups: tuple[TaskGroup, ...] = ()
    """The fullest tasks first; no two groups have the same number of containers in a task, but for what comes last:
    canaries of a new revision, and a single task that probes another capacity provider."""

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
            Call(min(MAX_TASKS_PER_CALL, group.tasks - sent), group.containers, group.provider, group.is_canary)
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

    ``most_per_task`` is what the template allows, 1 or more. ``rounding(k)`` is what a task of k containers costs
    beyond what its containers need, in any one unit; without it, tasks of any size are taken to round nothing.
    Raises ValueError if ``containers`` is negative or a limit is below 1.
    """
    most = min(most_per_task, policy.max_containers_per_task)
    if containers < 0 or most < 1 or policy.max_tasks_per_launch < 1:
        raise ValueError(
            f"cannot pack {containers} containers into at most {policy.max_tasks_per_launch} tasks "
            f"of at most {most}: the limits must be 1 or more, and the containers 0 or more"
        )
    fitting = min(containers, policy.max_tasks_per_launch * most)
    if fitting == 0:
        return Plan()
    if policy.packing is Packing.SPREAD:
        return _spread(fitting, min(fitting, policy.max_tasks_per_launch))
    return min(_fill_fewest(fitting, most), key=lambda plan: _price(plan, rounding))


def pack_on(
    containers: int,
    policy: PackingPolicy,
    most_per_task: int,
    provider: str | None,
    probe: str | None,
    rounding: Callable[[int], float] | None = None,
) -> Plan:
    """Lay out containers as ``pack`` does, on a capacity provider, one of them in a task that probes another.

    The probe comes last: if it is refused, whatever was planned has been sent. None is no such provider. Without one
    for the plan, or with room for one task alone, the probe is all.
    """
    if probe is None or containers == 0:
        groups = pack(containers, policy, most_per_task, rounding).groups
        return Plan(tuple(change(group, provider=provider) for group in groups))
    rest: tuple[TaskGroup, ...] = ()
    if provider is not None and policy.max_tasks_per_launch > 1:
        fewer = change(policy, max_tasks_per_launch=policy.max_tasks_per_launch - 1)
        rest = pack(containers - 1, fewer, most_per_task, rounding).groups
    return Plan((*(change(group, provider=provider) for group in rest), TaskGroup(1, 1, probe)))


def add_canaries(plan: Plan, canaries: Plan, *, probes: bool) -> Plan:
    """Return a plan with canaries behind it, before a task that ``probes`` another capacity provider, if it has one.

    If a canary is refused, whatever was planned has been sent; the probe, which is refused often, keeps none back.
    """
    before = len(plan.groups) - probes
    marked = (change(group, is_canary=True) for group in canaries.groups)
    return Plan((*plan.groups[:before], *marked, *plan.groups[before:]))


def explain_cut(asked: int, plan: Plan, policy: PackingPolicy, most_per_task: int) -> str | None:
    """Say why a plan holds fewer containers than were asked for; None if it holds them all."""
    if plan.containers >= asked:
        return None
    most = min(most_per_task, policy.max_containers_per_task)
    return (
        f"planned {plan.containers} of {asked} containers: max_tasks_per_launch is {policy.max_tasks_per_launch}, "
        f"with at most {most} a task; the rest waits for a later launch"
    )


def _spread(containers: int, tasks: int) -> Plan:
    each, over = divmod(containers, tasks)
    return _build_plan(Counter({each + 1: over, each: tasks - over}))


def _fill_fewest(containers: int, most: int) -> Iterator[Plan]:
    """Yield every plan that holds the containers in the fewest tasks."""
    # Full tasks would leave fewer than ``most`` places empty, and plans differ only in how these are shared out. With
    # nine containers a task there are at most eight empty places and 22 ways to do that, so all of them can be tried.
    tasks = -(-containers // most)
    for gaps in _partition(tasks * most - containers, tasks, most - 1):
        yield _build_plan(Counter([most - gap for gap in gaps] + [most] * (tasks - len(gaps))))


def _partition(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield every multiset of at most ``parts`` numbers in 1..``largest`` whose sum is ``total``."""
    if total == 0:
        yield ()
    elif parts > 0:
        for first in range(min(total, largest), 0, -1):
            for rest in _partition(total - first, parts - 1, first):
                yield (first, *rest)


def _build_plan(tasks_by_containers: Counter[int]) -> Plan:
    by_size = sorted(tasks_by_containers.items(), reverse=True)
    return Plan(tuple(TaskGroup(tasks, containers) for containers, tasks in by_size if tasks))


def _price(plan: Plan, rounding: Callable[[int], float] | None) -> tuple[float, int, int, tuple[int, ...]]:
    """Return a key that sorts plans of equally many tasks, the best one first."""
    waste = sum(group.tasks * rounding(group.containers) for group in plan.groups) if rounding else 0.0
    fullest = tuple(-size for group in plan.groups for size in (group.containers, group.tasks))
    # Sums of the same figures in another order differ in their last digits. That must not decide, so they are cut off.
    return round(waste, 6), len(plan.calls), plan.revisions, fullest
