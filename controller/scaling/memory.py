"""The memory of a scaler, which only a running daemon has: ``/status`` tells it, ``ecsq plan --from`` takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from controller.config import ScalerSpec
from controller.core.copies.copies import MAX_CONTAINERS
from controller.core.decision.budget import Place
from controller.core.decision.slots import slot_length
from controller.core.decision.state import ScalerState
from controller.core.decision.task import LiveTask

MAX_NUMBER = 253_402_300_799
"""No count and no time in a memory is larger: as seconds since the epoch, this is the end of the year 9999."""


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A live task as the daemon knows it, perhaps from an answer to RunTask that no listing shows yet."""

    arn: str
    running: int
    """Worker containers that run."""
    starting: int
    """Worker containers that do not run yet."""
    created_at: float
    missing_since: float | None
    """Since when ECS says that it does not know the task."""
    stopped: int
    """Worker containers that have stopped."""
    draining: bool
    """Whether it was told to stop."""
    provider: str | None
    """The capacity provider that it was launched on; None: on none, or not told."""

    @classmethod
    def of(cls, task: LiveTask) -> Self:
        """Return what is told of a live task."""
        return cls(
            arn=task.arn,
            running=task.running,
            starting=task.starting,
            created_at=task.created_at,
            missing_since=task.missing_since,
            stopped=task.stopped,
            draining=task.draining,
            provider=task.provider,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a daemon knows of a scaler and that neither SQS nor ECS tells a newcomer."""

    state: ScalerState
    slot_length: float
    """The length of the slots by which ``state.last_slot`` counts, seconds."""
    place: Place
    """Its place in the line for the budget."""
    retry_at: float | None
    """When it tries again after a failure that is tried slowly; None: at the next poll."""
    cluster: str
    """The cluster of its tasks, as ``name_cluster`` does."""
    start_delay: float | None
    """The median of the starts that were measured there, seconds; None: none was seen."""
    tasks: tuple[KnownTask, ...]


_MEMORY = TypeAdapter(Memory)


def name_cluster(spec: ScalerSpec) -> str:
    """Return the cluster of a scaler as a memory names it, with its account and region where they are others."""
    return f"{spec.task.cluster} in {spec.task_access}" if str(spec.task_access) else spec.task.cluster


def remember(
    spec: ScalerSpec,
    state: ScalerState,
    place: Place,
    retry_at: float | None,
    start_delay: float | None,
    tasks: Iterable[LiveTask],
) -> Memory:
    """Return the memory of a scaler that is in that state, has that place and those tasks, and tries again then."""
    length, known = slot_length(spec.policy.slots), tuple(map(KnownTask.of, tasks))
    return Memory(state, length, place, retry_at, name_cluster(spec), start_delay, known)


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
    crowded = any(task.running + task.starting + task.stopped > MAX_CONTAINERS for task in memory.tasks)
    if crowded or any(not 0 <= number <= MAX_NUMBER for number in _list_numbers(told)):
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
