"""The memory of a scaler, which only a running daemon has: ``/status`` tells it, ``ecsq plan --from`` takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from controller.core.decision.model import ScalerState

MAX_NUMBER = 1e12
"""No count and no time in a memory is larger: as seconds since the epoch, this is 30,000 years away."""


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A live task as the daemon knows it, perhaps from an answer to RunTask that no listing shows yet."""

    arn: str
    running: int
    """Worker containers that run."""
    starting: int
    """Worker containers that do not run yet."""
    created_at: float


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a daemon knows of a scaler and that neither SQS nor ECS tells a newcomer."""

    state: ScalerState
    start_delay: float | None
    """The median of the starts that it has measured, seconds; None: it has seen none."""
    waiting_since: float | None
    """Its place in the line for the budget: since when it has waited for a launch; None: it wants nothing."""
    retry_at: float | None
    """When it tries again after a failure that is tried slowly; None: at the next poll."""
    tasks: tuple[KnownTask, ...]


_MEMORY = TypeAdapter(Memory)


def to_plain(memory: Memory) -> dict[str, Any]:
    """Return a memory as plain data."""
    return asdict(memory)


def read_memory(told: object) -> Memory:
    """Return the memory that a daemon has told as JSON data.

    Raises ValueError unless it is a whole one: nothing missing, nothing more, and every number possible.
    """
    memory = _MEMORY.validate_python(told)
    if json.loads(json.dumps(to_plain(memory))) != told:
        raise ValueError("a memory with other parts than this version has")
    if any(not 0 <= number <= MAX_NUMBER for number in _list_numbers(told)):
        raise ValueError("a memory with a number that cannot be")
    return memory


def _list_numbers(told: object) -> Iterator[float]:
    if isinstance(told, dict):
        told = list(told.values())
    if isinstance(told, list):
        for part in told:
            yield from _list_numbers(part)
    elif isinstance(told, int | float):
        yield told
