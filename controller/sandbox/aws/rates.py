"""The request rates of ECS: one token bucket for each group of operations.

The figures are from "Request throttling for the Amazon ECS API" and "AWS Fargate throttling quotas". Throttling is off
unless it is switched on, because most tests are about something else and call faster than any account may.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from controller.sandbox.aws.run_task_rules import FARGATE_PROVIDERS
from controller.sandbox.aws.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Json, Request


@dataclass(slots=True)
class TokenBucket:
    """A bucket of permits: it holds at most ``burst``, and gains ``rate`` a second."""

    burst: float
    rate: float
    level: float
    filled_at: float

    def has_permits(self, permits: int, now: float) -> bool:
        """Return whether the bucket holds so many permits at ``now``, without taking any."""
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
    """Throttles ECS calls as AWS does, for one account and region. Safe to use from every thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._buckets: dict[str, TokenBucket] | None = None

    def enforce(self) -> None:
        """Throttle from now on; every bucket is full at first."""
        now = self._clock()
        self._buckets = {name: TokenBucket(burst, rate, burst, now) for name, (burst, rate) in _LIMITS.items()}

    def lift(self) -> None:
        """Stop throttling."""
        self._buckets = None

    def charge(self, request: Request) -> ApiError | None:
        """Take the permits for a request from its buckets; return the error if there are not enough, else None."""
        buckets, group = self._buckets, _OPERATIONS.get(request.operation)
        if buckets is None or request.service != "ecs" or group is None:
            return None
        costs = {group: 1}
        if request.operation == "RunTask" and _is_on_fargate(request.parameters):
            costs["fargate tasks"] = int(request.parameters.get("count", 1))
        with self._lock:
            now = self._clock()
            if not all(buckets[name].has_permits(permits, now) for name, permits in costs.items()):
                return ApiError("ThrottlingException", "Rate exceeded")
            for name, permits in costs.items():
                buckets[name].level -= permits
        return None


def _is_on_fargate(parameters: Json) -> bool:
    strategy = parameters.get("capacityProviderStrategy", ())
    return parameters.get("launchType") == "FARGATE" or any(
        item.get("capacityProvider") in FARGATE_PROVIDERS for item in strategy
    )
