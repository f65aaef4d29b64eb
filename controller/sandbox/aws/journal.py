"""The journal of every call that reached the embedded AWS, whatever became of it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Json

CALLS_KEPT = 20_000
"""Calls that are remembered whole; older ones are only counted, so that a long run does not fill memory."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the service saw it."""

    at: float
    """When it arrived, in seconds since the epoch."""
    service: str
    operation: str
    parameters: Json
    status: int
    """The HTTP status of the work's answer, delivered or not; 0 if no work was done."""
    error_code: str | None
    """The AWS error code of the answer; None for a success or if no work was done."""
    fault: str | None
    """The kind of the fault that hit the call."""
    client: str
    """Whatever follows ``app/`` in the caller's User-Agent; empty if it has none."""
    process: str
    """Whatever follows ``exec-env/`` in it: tells apart the processes of one client; empty if it has none."""


class Journal:
    """Calls in the order in which their work ended. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._listeners: list[Callable[[Call], None]] = []

    def subscribe(self, listener: Callable[[Call], None]) -> None:
        """Tell ``listener`` of every call from now on, before its answer leaves; it may be told from any thread."""
        with self._lock:
            self._listeners.append(listener)

    def record(self, call: Call) -> None:
        """Append one call."""
        with self._lock:
            self._calls.append(call)
            self._counts[call.client, call.service, call.operation] += 1
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(call)

    def calls(
        self, service: str | None = None, operation: str | None = None, *, client: str | None = None
    ) -> list[Call]:
        """List the newest ``CALLS_KEPT`` calls, oldest first; each argument that is given narrows them down."""
        with self._lock:
            kept = list(self._calls)
        return [
            call
            for call in kept
            if service in (None, call.service) and operation in (None, call.operation) and client in (None, call.client)
        ]

    def count(self, service: str, operation: str, *, client: str | None = None) -> int:
        """How many such calls came since the start or the last ``clear``, of one client or of all."""
        return sum(
            count
            for (caller, *names), count in self.counts().items()
            if names == [service, operation] and client in (None, caller)
        )

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many calls came, by (client, service, operation)."""
        with self._lock:
            return Counter(self._counts)

    def clear(self) -> None:
        """Forget every call, every count and every listener."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
            self._listeners.clear()
