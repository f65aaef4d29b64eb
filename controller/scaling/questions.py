"""Questions to CloudWatch about the queues of many scalers, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from controller.aws.errors import AwsError
from controller.telemetry import log

MINUTE = 60.0
TOLD_AFTER = 180.0
"""Seconds after which SQS has reported a minute to CloudWatch."""

Told = TypeVar("Told")
Ask = Callable[[Sequence[str], float, float], Mapping[str, Mapping[float, Told]]]
"""Returns what is told of queues between two times, by the beginning of each minute. Raises AwsError."""


class HasQueues(Protocol):
    """Whoever has queues: a scaler's configuration is one."""

    @property
    def queues(self) -> tuple[str, ...]:
        """They."""


def list_queues(askers: Iterable[HasQueues]) -> Iterator[str]:
    """Yield the queues of all of them."""
    return (queue for each in askers for queue in each.queues)


def combine(
    combined: Callable[[Iterable[float]], float], queues: Sequence[str], told: Mapping[str, Mapping[float, float]]
) -> dict[float, float]:
    """Return what is told of several queues together, by the minute, in which each of them has to be told of.

    Of a part of them nothing can be told of all: fewer deleted messages would be longer ones.
    """
    each = [told.get(queue, {}) for queue in queues]
    known = set[float]().union(*each[:1]).intersection(*each)
    return {minute: combined([points[minute] for points in each]) for minute in sorted(known)}


class Questions:
    """Asks, and logs a failure once until it works again; nothing else is touched by one."""

    def __init__(self, missed: str, do: str, now: Callable[[], float]) -> None:
        """``missed`` is what is not known after a failure, and ``do`` what helps. ``now`` gives the time."""
        self._missed = missed
        self._do = do
        self._now = now
        self.failed_at: float | None = None
        """When it has last failed, seconds since the epoch; None: it works."""

    def find_told(self) -> float:
        """Return the end of the last minute that can be told by now."""
        return (self._now() - TOLD_AFTER) // MINUTE * MINUTE

    def ask(self, ask: Ask[Told], queues: Iterable[str], since: float) -> Mapping[str, Mapping[float, Told]] | None:
        """Return what is told of the queues from ``since`` on; None: it could not be asked."""
        try:
            told = ask(sorted(set(queues)), since, self.find_told())
        except AwsError as error:
            if self.failed_at is None:
                log.report_unasked(self._missed, str(error), self._do)
            self.failed_at = self._now()
            return None
        self.failed_at = None
        return told
