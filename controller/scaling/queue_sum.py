"""Reading several queues of one scaler: all are known, or their sum is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.decision.model import QueueCounts
from controller.core.decision.queue_sum import SummedCounts, add_up
from controller.core.queue_names import tell_apart
from controller.core.words import format_count
from controller.scaling.observe import QueueReader

AT_ONCE = 8
"""Queues that are read at the same time, where no loop reads them."""

Reading = QueueCounts | BaseException
"""The counts of a queue, or what went wrong."""


class QueueSum:
    """Several queues as one, or none: ``controller.aws.queue.Queue`` for any number of them."""

    def __init__(self, spec: ScalerSpec, reader_of: Callable[[str], QueueReader]) -> None:
        """Take a scaler, and what reads one of its queues."""
        self._spec = spec
        self._readers = [reader_of(queue) for queue in spec.queues]

    def read_counts(self) -> QueueCounts:
        """Return the counts of all queues together. Raises AwsError, and whatever else reading one of them does."""
        refuse_unfound(self._spec)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="queue sum") as threads:
            return add_readings(self._spec.queues, list(threads.map(_read, self._readers)))


def read_together(spec: ScalerSpec, read: Callable[[str], Awaitable[QueueCounts]]) -> Awaitable[QueueCounts]:
    """Return the counts of a scaler's queues together, which are read at the same time. Raises as ``QueueSum`` does."""
    return read(spec.queues[0]) if len(spec.queues) == 1 else _read_all(spec, read)


async def _read_all(spec: ScalerSpec, read: Callable[[str], Awaitable[QueueCounts]]) -> QueueCounts:
    refuse_unfound(spec)
    return add_readings(spec.queues, await asyncio.gather(*map(read, spec.queues), return_exceptions=True))


def refuse_unfound(spec: ScalerSpec) -> None:
    """Raise AwsError if it is not known which queues a scaler has: an unknown queue holds an unknown backlog."""
    if spec.unfound is not None:
        raise AwsError(Fault.UNREACHABLE, spec.unfound, "queues")


def add_readings(queues: Sequence[str], readings: Sequence[Reading]) -> QueueCounts:
    """Return the sum of what queues were seen to hold, in their order.

    Raises what went wrong with the first that could not be read: the sum is unknown then, never a part of it.
    """
    failed = [reading for reading in readings if isinstance(reading, BaseException)]
    if not failed:
        known = (reading for reading in readings if isinstance(reading, QueueCounts))
        return add_up(zip(tell_apart(queues), known, strict=True))
    first = next((error for error in failed if not isinstance(error, AwsError)), failed[0])
    if isinstance(first, AwsError):
        others = f", and {len(failed) - 1} more of them" if len(failed) > 1 else ""
        told = f"{first} (of {format_count(len(queues), 'queue')} this one cannot be read{others})"
        raise AwsError(first.fault, told, first.key) from first
    raise first


def name_parts(spec: ScalerSpec, counts: QueueCounts | None) -> list[tuple[str, str | None, QueueCounts | None]]:
    """Return each queue of a scaler, its name where it has several, and its part of the counts as far as known."""
    if len(spec.queues) == 1:
        return [(spec.queues[0], None, counts)]
    parts = dict(counts.parts) if isinstance(counts, SummedCounts) else {}
    names = tell_apart(spec.queues)
    return [(queue, name, parts.get(name)) for queue, name in zip(spec.queues, names, strict=True)]


def _read(reader: QueueReader) -> Reading:
    try:
        return reader.read_counts()
    except Exception as error:  # noqa: BLE001 - raised again when all are there
        return error
