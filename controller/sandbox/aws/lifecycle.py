"""What a task and its containers are at a moment: a pure function of what happened until then.

::

    created_at      pending_at          ready_at                stop.at             + stop_delay
    | PROVISIONING  | PENDING ACTIVATING | RUNNING               | DEACTIVATING ...  | STOPPED

A container starts at ``ready_at`` or when its dependencies allow it, whichever is later. The task is RUNNING once
every container has started, so a COMPLETE dependency keeps it PENDING, as the ECS agent does; a SUCCESS dependency
that failed is never met. Containers that still run when the task stops are killed with 137. (Task lifecycle and
dependsOn pages of the ECS developer guide.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

KILLED = 137
"""Exit code of a container that SIGKILL ended (128 + 9)."""
ACTIVATING_SHARE = 0.1
"""How much of the time from RunTask to RUNNING is spent ACTIVATING."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a container's definition decides when it starts and what its end means."""

    name: str
    essential: bool
    depends_on: tuple[tuple[str, str], ...]
    """Pairs of (container name, START | COMPLETE | SUCCESS | HEALTHY)."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A container's process ended by itself."""

    at: float
    code: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The task was told to stop."""

    at: float
    code: str
    """``stopCode`` in ECS's spelling."""
    reason: str


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container at a moment."""

    status: str
    """PENDING, RUNNING or STOPPED."""
    exit_code: int | None
    """None while it has not run, and for ever if it never did."""
    started_at: float | None
    """Seconds since the epoch."""
    stopped_at: float | None = None
    """When its process ended or its task was told to stop, seconds since the epoch."""


@dataclass(slots=True)
class Life:
    """A task's history. Times are seconds since the epoch."""

    parts: tuple[Part, ...]
    """In dependency order: nobody before whom it depends on."""
    created_at: float
    pending_at: float
    """When PROVISIONING ends."""
    ready_at: float
    """When images are pulled and the network is up."""
    dependency_delay: float = 0.0
    """Seconds from a dependency's being met to the dependent's start."""
    stop_delay: float = 0.0
    """Seconds from the order to stop to STOPPED."""
    start_failure: str | None = None
    """Why the task stops at ``ready_at`` instead of starting."""
    exits: dict[str, Exit] = field(default_factory=dict)
    stop: Stop | None = None

    def stop_at(self, now: float) -> Stop | None:
        """Give the order to stop, if it was given by then."""
        if self.stop is not None and self.stop.at <= now:
            return self.stop
        if self.start_failure is not None and self.ready_at <= now:
            return Stop(self.ready_at, "TaskFailedToStart", self.start_failure)
        return None

    def desired_status(self, now: float) -> str:
        """Give RUNNING, or STOPPED from the moment at which the task is told to stop."""
        return "STOPPED" if self.stop_at(now) else "RUNNING"

    def last_status(self, now: float) -> str:
        """Where the task is on its way, in ECS's words."""
        stop = self.stop_at(now)
        if stop is not None:
            return self._stopping_status(now - stop.at)
        if now < self.pending_at:
            return "PROVISIONING"
        if self.started_at(now) is not None:
            return "RUNNING"
        activating_at = self.ready_at - ACTIVATING_SHARE * (self.ready_at - self.created_at)
        return "ACTIVATING" if activating_at <= now < self.ready_at else "PENDING"

    def _stopping_status(self, elapsed: float) -> str:
        if elapsed >= self.stop_delay:
            return "STOPPED"
        third = int(3 * elapsed / self.stop_delay)
        return ("DEACTIVATING", "STOPPING", "DEPROVISIONING")[third]

    def started_at(self, now: float) -> float | None:
        """When the task became RUNNING, if it had by then; it keeps this after it has stopped."""
        started = max(self._starts(now).values())
        stop = self.stop_at(now)
        return started if started <= (now if stop is None else stop.at) else None

    def stopped_at(self, now: float) -> float | None:
        """When the task became STOPPED, if it had by then."""
        stop = self.stop_at(now)
        if stop is None or now < stop.at + self.stop_delay:
            return None
        return stop.at + self.stop_delay

    def containers(self, now: float) -> dict[str, ContainerState]:
        """Every container at that moment, by name."""
        starts = self._starts(now)
        stop = self.stop_at(now)
        return {part.name: self._container(part.name, starts[part.name], stop, now) for part in self.parts}

    def _container(self, name: str, starts: float, stop: Stop | None, now: float) -> ContainerState:
        ended = self.exits.get(name)
        if starts > (now if stop is None else stop.at):
            return ContainerState("STOPPED", None, None, stop.at) if stop else ContainerState("PENDING", None, None)
        if ended is not None and ended.at <= now:
            return ContainerState("STOPPED", ended.code, starts, ended.at)
        if stop is not None:
            return ContainerState("STOPPED", KILLED, starts, stop.at)
        return ContainerState("RUNNING", None, starts)

    def _starts(self, now: float) -> dict[str, float]:
        """When each container starts as far as is known at ``now``; infinity if something has to happen first."""
        if self.start_failure is not None:
            return dict.fromkeys((part.name for part in self.parts), inf)
        starts: dict[str, float] = {}
        for part in self.parts:
            met = [self._met_at(name, condition, starts, now) for name, condition in part.depends_on]
            starts[part.name] = max([self.ready_at, *(at + self.dependency_delay for at in met)])
        return starts

    def _met_at(self, name: str, condition: str, starts: dict[str, float], now: float) -> float:
        # No health checks run here: a HEALTHY dependency counts as healthy as soon as it has started.
        if condition in ("START", "HEALTHY"):
            return starts[name]
        ended = self.exits.get(name)
        if ended is None or ended.at > now or (condition == "SUCCESS" and ended.code != 0):
            return inf
        return ended.at
