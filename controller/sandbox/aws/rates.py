"""ECS's request rates: a bucket for each group of operations, refilled all the time.

Figures: "Request throttling for the Amazon ECS API" and "AWS Fargate throttling quotas". Off unless switched on,
because most tests are about something else and fire faster than any account may.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from controller.sandbox.aws.run_task_rules import FARGATE_PROVIDERS
from controller.sandbox.aws.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Json, Request


@dataclass(slots=True)
class Bucket:
    """Holds ``burst`` permits at most, and gets ``rate`` a second."""

    burst: float
    rate: float
    level: float
    filled_at: float

    def allows(self, permits: int, now: float) -> bool:
        """Tell whether so many permits are there; take none."""
        self.level = min(self.burst, self.level + self.rate * (now - self.filled_at))
        self.filled_at = now
        return permits <= self.level


_OPERATIONS = {
    "RunTask": "launches",
    "StopTask": "launches",
    "DescribeTasks": "reads",
    "ListTasks": "reads",
    "RegisterTaskDefinition": "registrations",
    "DeregisterTaskDefinition": "registrations",
    "DescribeTaskDefinition": "definitions",
    "ListTaskDefinitions": "definitions",
}
_LIMITS = {
    "launches": (100.0, 40.0),
    "fargate tasks": (100.0, 20.0),
    "reads": (100.0, 20.0),
    "registrations": (20.0, 1.0),
    "definitions": (50.0, 20.0),
}
"""(burst, permits a second) of each bucket."""


class Rates:
    """Throttles ECS calls as an account in one region is throttled. Safe to use from every thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._buckets: dict[str, Bucket] | None = None

    def enforce(self) -> None:
        """Throttle from now on, with every bucket full."""
        now = self._clock()
        self._buckets = {name: Bucket(burst, rate, burst, now) for name, (burst, rate) in _LIMITS.items()}

    def lift(self) -> None:
        """Throttle nothing any more."""
        self._buckets = None

    def refusal(self, request: Request) -> AwsError | None:
        """Take what the request costs out of its buckets; give the error of one that is too many."""
        buckets, group = self._buckets, _OPERATIONS.get(request.operation)
        if buckets is None or request.service != "ecs" or group is None:
            return None
        costs = {group: 1}
        if request.operation == "RunTask" and _on_fargate(request.parameters):
            costs["fargate tasks"] = int(request.parameters.get("count", 1))
        with self._lock:
            now = self._clock()
            if not all(buckets[name].allows(permits, now) for name, permits in costs.items()):
                return AwsError("ThrottlingException", "Rate exceeded")
            for name, permits in costs.items():
                buckets[name].level -= permits
        return None


def _on_fargate(parameters: Json) -> bool:
    strategy = parameters.get("capacityProviderStrategy", ())
    return parameters.get("launchType") == "FARGATE" or any(
        item.get("capacityProvider") in FARGATE_PROVIDERS for item in strategy
    )
