"""Disturbances of single calls: what a bad network or a busy service does to them, on purpose.

An experiment adds them and chooses the calls that each one hits.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Literal, get_args

from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.sandbox.aws.wire import Request

Kind = Literal[
    "lost_request",  # the connection is closed, no work is done
    "lost_answer",  # the work is done, the connection is closed
    "error",  # no work, an error answer of status, code and message
    "throttle",  # no work, ThrottlingException
    "slow",  # a pause of delay before the work
    "slow_answer",  # a pause of delay after the work
    "hang",  # no answer before release(), clear() or the end; the work is done if works is set
    "cut",  # the work is done, the connection is closed in the middle of the answer
    "malformed",  # the work is done, the answer is not valid JSON
    "replace",  # no work, a success with body as its document
    "raw",  # the work is done if works is set, the answer is content with status and headers
    "interim",  # the work is done, 103 Early Hints comes before the answer, and between them a pause of delay
    "trickle",  # the work is done, the answer arrives a byte at a time with a pause of delay after each
]
AT_THE_SOCKET = frozenset({"lost_request", "lost_answer", "cut"})
WITHOUT_WORK = frozenset({"lost_request", "error", "throttle", "replace"})
MALFORMED = b'{"tasks":[{"taskArn":'


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Which calls are disturbed, and how. A call is hit by the first disturbance that matches it."""

    service: str
    """The signing name of the service, or ``*``."""
    operation: str
    """The name of the operation, such as ``RunTask``, or ``*``."""
    kind: Kind
    times: int | None = 1
    """How many calls it hits; None for no limit."""
    after: int = 0
    """How many matching calls pass before the first is hit."""
    access_key: str | None = None
    """Only calls signed with this access key match; None for any key."""
    client: str | None = None
    """Only calls of this client (the ``app/`` part of the User-Agent) match; None for any client."""
    where: Callable[[Json], bool] | None = None
    """Only calls for whose parameters this is true match; None for any parameters."""
    probability: float = 1.0
    """The chance that a matching call is hit, 0 to 1."""
    once_per: str | None = None
    """The name of a parameter: of the calls with the same value in it, at most one is hit."""
    delay: float = 0.0
    """How long ``slow``, ``slow_answer`` and ``interim`` pause, and ``trickle`` after each byte, seconds."""
    works: bool = True
    """Whether ``hang`` and ``raw`` do the work first."""
    status: int = 500
    code: str = "ServerException"
    message: str = "Service Unavailable. Please try again later."
    body: Json = field(default_factory=dict)
    """The document that ``replace`` answers."""
    content: bytes = b""
    """The body that ``raw`` answers."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that ``raw`` answers with."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"disturbance kind {self.kind!r} is unknown; known are {', '.join(get_args(Kind))}")

    def matches(self, request: Request) -> bool:
        """Return whether this disturbance is meant for requests like this one."""
        return (
            self.service in ("*", request.service)
            and self.operation in ("*", request.operation)
            and self.access_key in (None, request.access_key)
            and self.client in (None, request.client)
            and (self.where is None or self.where(request.parameters))
        )

    def make_answer(self) -> HttpAnswer:
        """Return the answer of a disturbance that answers instead of the service."""
        if self.kind == "raw":
            return HttpAnswer(self.status, self.content, self.headers)
        if self.kind == "replace":
            return make_json_answer(self.body)
        if self.kind == "throttle":
            return ApiError("ThrottlingException", "Rate exceeded").to_answer()
        return ApiError(self.code, self.message, status=self.status).to_answer()


@dataclass(slots=True)
class _Armed:
    disturbance: Disturbance
    matched: int = 0
    hits: int = 0
    values: set[object] = field(default_factory=set)
    """The values of the parameter ``once_per`` in the calls that were hit."""

    def count_hit(self, request: Request) -> None:
        """Count a call as hit."""
        self.hits += 1
        if self.disturbance.once_per is not None:
            self.values.add(request.parameters.get(self.disturbance.once_per))

    def is_spent_on(self, request: Request) -> bool:
        """Return whether this call may not be hit any more: by ``times``, or by ``once_per``."""
        disturbance = self.disturbance
        if disturbance.times is not None and self.hits >= disturbance.times:
            return True
        return disturbance.once_per is not None and request.parameters.get(disturbance.once_per) in self.values


class Disturbances:
    """The disturbances that are armed, in the order in which they were added. Safe to use from every thread."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = Lock()
        self._armed: list[_Armed] = []
        self._random = random.Random(seed)  # noqa: S311 - a reproducible draw, nothing secret
        self._hits: Counter[tuple[str, str]] = Counter()
        self._released = Event()

    def add(self, *disturbances: Disturbance) -> None:
        """Arm disturbances."""
        with self._lock:
            self._armed.extend(_Armed(disturbance) for disturbance in disturbances)

    def take(self, request: Request) -> Disturbance | None:
        """Return the disturbance that hits this request, and count the hit; None if none does."""
        with self._lock:
            for armed in self._armed:
                if self._draw_hit(armed, request):
                    armed.count_hit(request)
                    self._hits[request.service, armed.disturbance.kind] += 1
                    return armed.disturbance
        return None

    def _draw_hit(self, armed: _Armed, request: Request) -> bool:
        disturbance = armed.disturbance
        if armed.is_spent_on(request) or not disturbance.matches(request):
            return False
        armed.matched += 1
        return armed.matched > disturbance.after and self._random.random() < disturbance.probability

    def wait(self, seconds: float | None) -> None:
        """Hold a call back for so many seconds, or less if ``release`` comes first; None is for no limit."""
        with self._lock:
            released = self._released
        released.wait(seconds)

    def pace(self, seconds: float) -> Callable[[], bool]:
        """Return a pause of so many seconds to make again and again; it is none once ``release`` has come."""
        with self._lock:
            released = self._released
        return lambda: released.wait(seconds)

    def count_hits(self) -> Counter[tuple[str, str]]:
        """Return how many calls were hit so far, by (service, kind of disturbance)."""
        with self._lock:
            return Counter(self._hits)

    def release(self) -> None:
        """Let every call that is held back now go on."""
        with self._lock:
            self._released.set()
            self._released = Event()

    def clear(self) -> None:
        """Disarm every disturbance, forget the counts, and release every call that is held back."""
        with self._lock:
            self._armed.clear()
            self._hits.clear()
        self.release()
