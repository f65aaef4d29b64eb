"""Observe: the counts of a queue and the fleet of a scaler, in one step. What cannot be seen is unknown, never zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.copies.copies import list_families
from controller.core.decision.breaker import Sign
from controller.core.decision.busy import is_quiet
from controller.core.decision.lessons import Left
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.past import PastMinute
from controller.core.decision.scarcity import CapacitySign
from controller.core.frozen import change, frozen

READING_SERVES = 1.0
"""Seconds for which a reading serves; a reconcile that has waited longer for a look at its cluster reads again."""


class QueueReader(Protocol):
    """Reads one queue; ``controller.aws.queue.Queue`` does."""

    def read_counts(self) -> QueueCounts:
        """Return the queue's counts. Raises AwsError."""


class DeletedReader(Protocol):
    """Knows how many messages of one queue were deleted; ``controller.scaling.deletions.Mailbox`` does."""

    def take(self) -> Mapping[float, float]:
        """Return the messages deleted, by the beginning of each minute, that were told since this was last asked."""

    def take_past(self) -> Mapping[float, PastMinute] | None:
        """Return what was read back of the hours before the first look, once; None: nothing was."""


class NothingTold:
    """Knows nothing, where CloudWatch is not asked."""

    def take(self) -> Mapping[float, float]:
        """Return nothing."""
        return {}

    def take_past(self) -> None:
        """Return nothing."""


class ReadBefore:
    """A queue that was read before a reconcile began: gives that reading for a moment, and then reads anew."""

    def __init__(
        self, reading: QueueCounts | Exception, read_at: float, queue: QueueReader, elapsed: Callable[[], float]
    ) -> None:
        """Take the counts, or what went wrong, when that was, and the queue to read when they are asked for later."""
        self._reading = reading
        self._serves_until = read_at + READING_SERVES
        self._queue = queue
        self._elapsed = elapsed

    def read_counts(self) -> QueueCounts:
        """Return the queue's counts. Raises AwsError, and whatever else the reading before has met."""
        if self._elapsed() > self._serves_until:
            return self._queue.read_counts()
        if isinstance(self._reading, Exception):
            raise self._reading
        return self._reading


class ClusterReader(Protocol):
    """Knows what lives in one cluster; ``controller.scaling.fleet.Cluster`` does."""

    @property
    def is_listed(self) -> bool:
        """Whether a listing was ever taken."""

    @property
    def listing_costs(self) -> float:
        """Seconds that the last listing took, or for which it used the account's rate up; 0: none was taken."""

    @property
    def is_known(self) -> bool:
        """Whether it is known what lives: a listing was taken, or ECS says that there is no such cluster."""

    def is_idle(self, scaler: str) -> bool:
        """Say whether a listing was taken and no task of the scaler's is known to live."""

    def refresh(self, began_after: float) -> None:
        """Make sure that what is known stands on a listing that began at ``began_after`` or later. Raises AwsError."""

    def fleet_of(self, scaler: str) -> Fleet:
        """Return the scaler's fleet as far as known."""

    def read_history(self, families: Iterable[str]) -> None:
        """Take in how tasks of these families ended, or are about to, each family once. Raises AwsError."""

    def take_signs(self, scaler: str) -> list[Sign]:
        """Return the signs of the scaler's tasks since this was last asked, in the order of their times."""

    def take_left(self, scaler: str) -> list[Left]:
        """Return the scaler's containers that have left since this was last asked, in the order of their times."""

    def take_capacity_signs(self, scaler: str) -> list[CapacitySign]:
        """Return whether the scaler's tasks found a place since this was last asked, in the order of their times."""


@frozen
class Observation:
    """The queue and the fleet as far as they could be seen; None is unknown, and ``problem`` says why."""

    queue: QueueCounts | None = None
    fleet: Fleet | None = None
    problem: AwsError | None = None

    def could_launch(self, min_containers: int) -> bool:
        """Say whether what was seen can lead to a launch."""
        return self.fleet is not None and self.queue is not None and max(self.queue.visible, min_containers) > 0


def observe(spec: ScalerSpec, queue: QueueReader, cluster: ClusterReader, began_after: float) -> Observation:
    """Return the queue's counts and the fleet; the fleet stands on a listing that began at ``began_after`` or later.

    With no backlog, nothing live as far as known and no minimum, the queue's counts are all that is asked for: an idle
    queue costs one request.
    """
    try:
        counts = queue.read_counts()
    except AwsError as error:
        _list_once(cluster, began_after)
        return Observation(problem=error)
    is_idle = cluster.is_idle(spec.name) and not spec.policy.min_containers
    if not (is_idle and is_quiet(spec.policy, counts)):
        try:
            cluster.refresh(began_after)
        except AwsError as error:
            return Observation(queue=counts, problem=error)
    return Observation(counts, cluster.fleet_of(spec.name))


def families_of(spec: ScalerSpec) -> tuple[str, ...]:
    """Return the families that a scaler's tasks may be of: its definition's, then those of its copies."""
    most = min(spec.packing.max_containers_per_task, spec.most_containers)
    return list_families(spec.task.definition, most, kept_alone=spec.task.keeper.keeps(1))


def recall(spec: ScalerSpec, seen: Observation, cluster: ClusterReader) -> Observation:
    """Have the cluster read how the scaler's tasks ended before this process, and which are about to.

    If that cannot be read the fleet is unknown: without it, tasks that keep failing would be launched again, and
    those that drain would not count.
    """
    try:
        cluster.read_history(families_of(spec))
    except AwsError as error:
        return change(seen, fleet=None, problem=error)
    return change(seen, fleet=cluster.fleet_of(spec.name))


def _list_once(cluster: ClusterReader, began_after: float) -> None:
    """See once what lives though the queue is unknown: until then the budget counts the scaler with its maximum."""
    if cluster.is_listed:
        return
    with suppress(AwsError):
        cluster.refresh(began_after)
