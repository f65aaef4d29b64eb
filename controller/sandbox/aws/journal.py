"""The journal of all calls that reached the embedded AWS, successful or not."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Json

CALLS_KEPT = 20_000
"""How many calls are kept. Older ones are only counted, so that a long run does not fill the memory."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One call, as the service saw it."""

    at: float
    """When it arrived, in seconds since the epoch."""
    service: str
    operation: str
    parameters: Json
    status: int
    """The HTTP status of the answer, delivered or not; 0 if there was none."""
    error_code: str | None
    """The AWS error code of the answer; None for a success or if there was none."""
    disturbance: str | None
    """The kind of the disturbance that hit the call; None for most calls."""
    client: str
    """The text after ``app/`` in the caller's User-Agent; empty if it has none."""
    process: str
    """The text after ``exec-env/`` there, by which the processes of one client differ; empty if it has none."""
    account: str = ""
    """The account that the caller's credentials belong to."""
    region: str = ""
    """The region that the call was signed for."""


class Journal:
    """The calls, in the order in which their work ended. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: deque[JournalEntry] = deque(maxlen=CALLS_KEPT)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._listeners: list[Callable[[JournalEntry], None]] = []

    def subscribe(self, listener: Callable[[JournalEntry], None]) -> None:
        """Call ``listener`` for every call from now on, before its answer leaves. It may run on any thread."""
        with self._lock:
            self._listeners.append(listener)

    def record(self, entry: JournalEntry) -> None:
        """Append one call."""
        with self._lock:
            self._entries.append(entry)
            self._counts[entry.client, entry.service, entry.operation] += 1
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(entry)

    def calls(
        self, service: str | None = None, operation: str | None = None, *, client: str | None = None
    ) -> list[JournalEntry]:
        """Return the calls that are kept, oldest first: all, or only those of a service, an operation or a client."""
        with self._lock:
            kept = list(self._entries)
        return [
            entry
            for entry in kept
            if service in (None, entry.service)
            and operation in (None, entry.operation)
            and client in (None, entry.client)
        ]

    def count(self, service: str, operation: str, *, client: str | None = None) -> int:
        """Return how many such calls came since the start or the last ``clear``, from one client or from all."""
        return sum(
            count
            for (caller, *names), count in self.counts().items()
            if names == [service, operation] and client in (None, caller)
        )

    def counts(self) -> Counter[tuple[str, str, str]]:
        """Return how many calls came, by (client, service, operation)."""
        with self._lock:
            return Counter(self._counts)

    def count_operations(self, client_prefix: str) -> Counter[str]:
        """Return how many calls came from clients whose name begins like this, by ``service:operation``."""
        operations: Counter[str] = Counter()
        for (client, service, operation), count in self.counts().items():
            if client.startswith(client_prefix):
                operations[f"{service}:{operation}"] += count
        return operations

    def clear(self) -> None:
        """Forget every call, every count and every listener."""
        with self._lock:
            self._entries.clear()
            self._counts.clear()
            self._listeners.clear()
