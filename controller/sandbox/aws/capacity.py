"""Where tasks are placed, what is refused for want of room, and which tasks will fail to start.

EC2 capacity is taken as given: container instances are not modelled, and no task waits for one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.sandbox.aws.run_task_rules import FARGATE_PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Json

NO_CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
CANNOT_PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): not found"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry of ``failures`` to come."""

    reason: str
    lies: bool
    """The task starts although ``failures`` names it, as users have seen it happen."""
    cluster: str | None
    """Only for calls to this cluster; None for any."""

    def entry(self, task_arn: str) -> Json:
        """Give the entry as RunTask answers it."""
        return {"arn": task_arn, "reason": self.reason} if self.lies else {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Tasks that will stop instead of starting."""

    matches: Callable[[str, str], bool]
    """Gets (cluster name, family) of a task."""
    reason: str


@dataclass(slots=True)
class Capacity:
    """What is to go wrong with the next tasks. Its caller holds the lock of the ECS side."""

    refusals: deque[Refusal] = field(default_factory=deque)
    start_failures: list[tuple[StartFailure, int | None]] = field(default_factory=list)
    """Each with how many tasks it is still for; None for all."""

    def refusal(self, cluster: str) -> Refusal | None:
        """Take the next refusal for a task in that cluster, if there is one."""
        for refusal in self.refusals:
            if refusal.cluster in (None, cluster):
                self.refusals.remove(refusal)
                return refusal
        return None

    def start_failure(self, cluster: str, family: str) -> str | None:
        """Why the next task of that family will fail to start; None if it will start."""
        for index, (failure, left) in enumerate(self.start_failures):
            if not failure.matches(cluster, family):
                continue
            if left is not None:
                self.start_failures[index : index + 1] = [(failure, left - 1)] if left > 1 else []
            return failure.reason
        return None


def place(launch_type: str, strategy: tuple[Json, ...], count: int) -> list[tuple[str, str | None]]:
    """(launch type, capacity provider) of each of ``count`` tasks: bases first, then by weight."""
    if not strategy:
        return [(launch_type, None)] * count
    placed = [item["capacityProvider"] for item in strategy for _ in range(item.get("base", 0))][:count]
    shares: dict[str, float] = dict.fromkeys((item["capacityProvider"] for item in strategy), 0.0)
    weights = {item["capacityProvider"]: item.get("weight", 0) or len(strategy) == 1 for item in strategy}
    while len(placed) < count:
        provider = min((p for p in shares if weights[p]), key=lambda p: (shares[p] + 1) / weights[p])
        shares[provider] += 1
        placed.append(provider)
    return [("FARGATE" if provider in FARGATE_PROVIDERS else "EC2", provider) for provider in placed]
