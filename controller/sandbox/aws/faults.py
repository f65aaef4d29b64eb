"""Faults on purpose: what a network and a busy service do to calls, chosen call by call."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Literal, get_args

from controller.sandbox.aws.wire import Answer, AwsError, Json, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws.wire import Request

Kind = Literal[
    "lost_request",  # the connection is closed, no work is done
    "lost_answer",  # the work is done, the connection is closed
    "error",  # no work, an error answer of status, code and message
    "throttle",  # no work, ThrottlingException
    "slow",  # waits for delay before the work
    "slow_answer",  # waits for delay after the work
    "hang",  # never answers until release(), clear() or the end; work is done if works
    "cut",  # the work is done, the connection is closed in the middle of the answer
    "malformed",  # the work is done, the answer is not what the protocol says
    "replace",  # no work, a success that carries the document body
]
AT_THE_SOCKET = frozenset({"lost_request", "lost_answer", "cut"})
WITHOUT_WORK = frozenset({"lost_request", "error", "throttle", "replace"})
MALFORMED = b'{"tasks":[{"taskArn":'


@dataclass(frozen=True, slots=True)
class Fault:
    """Which calls go wrong, and how. A call is hit by the first fault that matches it."""

    service: str
    """The service's signing name, or ``*``."""
    operation: str
    """``RunTask``, or ``*``."""
    kind: Kind
    times: int | None = 1
    """How many calls it hits; None for as long as it is there."""
    after: int = 0
    """How many matching calls it lets pass first."""
    client: str | None = None
    """Only calls of this client (the ``app/`` part of the User-Agent); None for everybody's."""
    where: Callable[[Json], bool] | None = None
    """Only calls whose parameters satisfy this."""
    probability: float = 1.0
    """The chance that a matching call is hit."""
    once_per: str | None = None
    """A parameter: of the calls that carry the same value in it, only one is hit."""
    delay: float = 0.0
    """Seconds that ``slow`` and ``slow_answer`` wait."""
    works: bool = True
    """Whether ``hang`` does the work before it falls silent."""
    status: int = 500
    code: str = "ServerException"
    message: str = "Service Unavailable. Please try again later."
    body: Json = field(default_factory=dict)
    """What ``replace`` answers."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"fault kind {self.kind!r} is unknown; known are {', '.join(get_args(Kind))}")

    def matches(self, request: Request) -> bool:
        """Whether the request is of the kind that this fault is for."""
        return (
            self.service in ("*", request.service)
            and self.operation in ("*", request.operation)
            and self.client in (None, request.client)
            and (self.where is None or self.where(request.parameters))
        )

    def answer(self) -> Answer:
        """Give what a fault without work answers in the service's place."""
        if self.kind == "replace":
            return json_answer(self.body)
        if self.kind == "throttle":
            return AwsError("ThrottlingException", "Rate exceeded").answer()
        return AwsError(self.code, self.message, status=self.status).answer()


@dataclass(slots=True)
class _Armed:
    fault: Fault
    matched: int = 0
    hits: int = 0
    values: set[object] = field(default_factory=set)
    """What the calls that were hit carried in the parameter ``once_per``."""

    def hit(self, request: Request) -> None:
        """Count a call as hit."""
        self.hits += 1
        if self.fault.once_per is not None:
            self.values.add(request.parameters.get(self.fault.once_per))

    def spent_on(self, request: Request) -> bool:
        """Whether no further call may be hit, or none like this one."""
        fault = self.fault
        if fault.times is not None and self.hits >= fault.times:
            return True
        return fault.once_per is not None and request.parameters.get(fault.once_per) in self.values


class Faults:
    """The faults that are armed, in the order in which they were added. Safe to use from every thread."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = Lock()
        self._armed: list[_Armed] = []
        self._random = random.Random(seed)  # noqa: S311 - a reproducible draw, nothing secret
        self._injected: Counter[tuple[str, str]] = Counter()
        self._released = Event()

    def add(self, *faults: Fault) -> None:
        """Arm faults."""
        with self._lock:
            self._armed.extend(_Armed(fault) for fault in faults)

    def take(self, request: Request) -> Fault | None:
        """Take the fault that hits this request and count it as used; None for most requests."""
        with self._lock:
            for armed in self._armed:
                if self._hits(armed, request):
                    armed.hit(request)
                    self._injected[request.service, armed.fault.kind] += 1
                    return armed.fault
        return None

    def _hits(self, armed: _Armed, request: Request) -> bool:
        fault = armed.fault
        if armed.spent_on(request) or not fault.matches(request):
            return False
        armed.matched += 1
        return armed.matched > fault.after and self._random.random() < fault.probability

    def wait(self, seconds: float | None) -> None:
        """Hold a call back: for so many seconds, or until ``release`` (None)."""
        with self._lock:
            released = self._released
        released.wait(seconds)

    def injected(self) -> Counter[tuple[str, str]]:
        """How many calls were hit so far, by their service and the kind of fault."""
        with self._lock:
            return Counter(self._injected)

    def release(self) -> None:
        """Let every call go on that hangs or waits now."""
        with self._lock:
            self._released.set()
            self._released = Event()

    def clear(self) -> None:
        """Disarm every fault, forget the counts, and release what hangs."""
        with self._lock:
            self._armed.clear()
            self._injected.clear()
        self.release()
