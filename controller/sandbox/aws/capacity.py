"""Where tasks are placed, which are refused for lack of capacity, and which will fail to start.

A lack of capacity shows in either of two ways, as on AWS: RunTask names the task in its ``failures``, or it answers
with a task that stops before it had a place. There is always enough EC2 capacity: container instances are not modelled,
and no task waits for one.
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
    """An entry that a later RunTask call will have in its ``failures``."""

    reason: str
    lies: bool
    """The task starts although ``failures`` names it, as users of AWS have seen it happen."""
    cluster: str | None
    """Only for calls to this cluster; None for any."""

    def describe(self, task_arn: str) -> Json:
        """Return the entry as RunTask answers it."""
        return {"arn": task_arn, "reason": self.reason} if self.lies else {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Tasks that will stop instead of starting."""

    matches: Callable[[str, str], bool]
    """Called with a task's (cluster name, family)."""
    reason: str
    placed: bool = True
    """Whether ECS finds a place for them: without one they stop at the end of PROVISIONING, and have no containers."""


@dataclass(slots=True)
class Capacity:
    """The failures that the next tasks will meet. The caller must hold the lock of the ECS side."""

    refusals: deque[Refusal] = field(default_factory=deque)
    start_failures: list[tuple[StartFailure, int | None]] = field(default_factory=list)
    """Each with the number of tasks that it still applies to; None for all."""

    def take_refusal(self, cluster: str) -> Refusal | None:
        """Remove and return the next refusal for a task in that cluster; None if there is none."""
        for refusal in self.refusals:
            if refusal.cluster in (None, cluster):
                self.refusals.remove(refusal)
                return refusal
        return None

    def take_start_failure(self, cluster: str, family: str) -> StartFailure | None:
        """Return how the next task of that family will fail to start, and count it; None if it will start."""
        for index, (failure, left) in enumerate(self.start_failures):
            if not failure.matches(cluster, family):
                continue
            if left is not None:
                self.start_failures[index : index + 1] = [(failure, left - 1)] if left > 1 else []
            return failure
        return None


def place(launch_type: str, strategy: tuple[Json, ...], count: int) -> list[tuple[str, str | None]]:
    """Return (launch type, capacity provider) for each of ``count`` tasks: bases first, then by weight."""
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
