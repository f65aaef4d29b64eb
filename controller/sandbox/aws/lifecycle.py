"""The state of a task and its containers at any moment, computed from the events up to that moment.

::

    created_at      pending_at          ready_at                stop.at             + stop_delay
    | PROVISIONING  | PENDING ACTIVATING | RUNNING               | DEACTIVATING ...  | STOPPED

A container starts at ``ready_at`` or when its dependencies allow it, whichever is later. The task is RUNNING once
every container has started, so a COMPLETE dependency keeps it PENDING, as with the ECS agent. A SUCCESS dependency on a
container that failed is never met. Containers that still run when the task stops are killed with 137. (The pages on the
task lifecycle and on dependsOn of the ECS developer guide.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

KILLED = 137
"""The exit code of a container that was ended by SIGKILL (128 + 9)."""
ACTIVATING_SHARE = 0.1
"""The share of the time from RunTask to RUNNING that is spent ACTIVATING."""


@dataclass(frozen=True, slots=True)
class Part:
    """The members of a container's definition that decide when it starts and what its end means."""

    name: str
    essential: bool
    depends_on: tuple[tuple[str, str], ...]
    """Pairs of (container name, START | COMPLETE | SUCCESS | HEALTHY)."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a container's process by itself."""

    at: float
    code: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The order to a task to stop."""

    at: float
    code: str
    """The ``stopCode``, such as UserInitiated."""
    reason: str


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The state of one container at one moment."""

    status: str
    """PENDING, RUNNING or STOPPED."""
    exit_code: int | None
    """None before its end, and for ever if it never started."""
    started_at: float | None
    """Seconds since the epoch."""
    stopped_at: float | None = None
    """When its process ended or its task was told to stop, seconds since the epoch."""


@dataclass(slots=True)
class Life:
    """The events in the life of a task. Times are seconds since the epoch."""

    parts: tuple[Part, ...]
    """The containers in dependency order: each comes after those it depends on."""
    created_at: float
    pending_at: float
    """When PROVISIONING ends."""
    ready_at: float
    """When images are pulled and the network is up."""
    dependency_delay: float = 0.0
    """Seconds from when a dependency is met to the start of the dependent container."""
    stop_delay: float = 0.0
    """Seconds from the order to stop to STOPPED."""
    start_failure: str | None = None
    """Why the task stops instead of starting; None if it starts."""
    placed: bool = True
    """Whether ECS finds a place for it; without one it stops at ``pending_at``, else at ``ready_at``."""
    exits: dict[str, Exit] = field(default_factory=dict)
    stop: Stop | None = None
    health: str = "UNKNOWN"
    """What its health checks have told: UNKNOWN, HEALTHY or UNHEALTHY."""

    def find_stop(self, now: float) -> Stop | None:
        """Return the order to stop; None if there was none by ``now``."""
        if self.stop is not None and self.stop.at <= now:
            return self.stop
        fails_at = self.ready_at if self.placed else self.pending_at
        if self.start_failure is not None and fails_at <= now:
            return Stop(fails_at, "TaskFailedToStart", self.start_failure)
        return None

    def desired_status(self, now: float) -> str:
        """Return ``desiredStatus``: RUNNING, or STOPPED once the task was told to stop."""
        return "STOPPED" if self.find_stop(now) else "RUNNING"

    def last_status(self, now: float) -> str:
        """Return ``lastStatus``, from PROVISIONING to STOPPED."""
        stop = self.find_stop(now)
        if stop is not None:
            return self._describe_stopping(now - stop.at)
        if now < self.pending_at:
            return "PROVISIONING"
        if self.started_at(now) is not None:
            return "RUNNING"
        activating_at = self.ready_at - ACTIVATING_SHARE * (self.ready_at - self.created_at)
        return "ACTIVATING" if activating_at <= now < self.ready_at else "PENDING"

    def _describe_stopping(self, elapsed: float) -> str:
        if elapsed >= self.stop_delay:
            return "STOPPED"
        third = int(3 * elapsed / self.stop_delay)
        return ("DEACTIVATING", "STOPPING", "DEPROVISIONING")[third]

    def started_at(self, now: float) -> float | None:
        """Return when the task became RUNNING, also after its stop; None if it had not by ``now``."""
        started = max(self._compute_starts(now).values())
        stop = self.find_stop(now)
        return started if started <= (now if stop is None else stop.at) else None

    def stopped_at(self, now: float) -> float | None:
        """Return when the task became STOPPED; None if it had not by ``now``."""
        stop = self.find_stop(now)
        if stop is None or now < stop.at + self.stop_delay:
            return None
        return stop.at + self.stop_delay

    def containers(self, now: float) -> dict[str, ContainerState]:
        """Return the state of every container at ``now``, by name."""
        starts = self._compute_starts(now)
        stop = self.find_stop(now)
        return {part.name: self._describe_container(part.name, starts[part.name], stop, now) for part in self.parts}

    def _describe_container(self, name: str, starts: float, stop: Stop | None, now: float) -> ContainerState:
        ended = self.exits.get(name)
        if starts > (now if stop is None else stop.at):
            return ContainerState("STOPPED", None, None, stop.at) if stop else ContainerState("PENDING", None, None)
        if ended is not None and ended.at <= now:
            return ContainerState("STOPPED", ended.code, starts, ended.at)
        if stop is not None:
            return ContainerState("STOPPED", KILLED, starts, stop.at)
        return ContainerState("RUNNING", None, starts)

    def _compute_starts(self, now: float) -> dict[str, float]:
        """Return when each container starts; infinity if, as of ``now``, another container has to end first."""
        if self.start_failure is not None:
            return dict.fromkeys((part.name for part in self.parts), inf)
        starts: dict[str, float] = {}
        for part in self.parts:
            met = [self._compute_met_at(name, condition, starts, now) for name, condition in part.depends_on]
            starts[part.name] = max([self.ready_at, *(at + self.dependency_delay for at in met)])
        return starts

    def _compute_met_at(self, name: str, condition: str, starts: dict[str, float], now: float) -> float:
        # No health checks run here: a container counts as healthy as soon as it has started.
        if condition in ("START", "HEALTHY"):
            return starts[name]
        ended = self.exits.get(name)
        if ended is None or ended.at > now or (condition == "SUCCESS" and ended.code != 0):
            return inf
        return ended.at
