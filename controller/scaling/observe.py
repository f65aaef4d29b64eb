"""Observe: a queue's counts and a scaler's fleet, as one step. What cannot be seen is unknown, never zero."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.copies.copies import families
from controller.core.decision.model import Fleet, QueueCounts
from controller.scaling.fleet import Cluster


class QueueReader(Protocol):
    """Reads one queue; ``controller.aws.queue.Queue`` does."""

    def counts(self) -> QueueCounts:
        """Return the queue's counts. Raises AwsError."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What could be seen; None is unknown, and ``problem`` says why."""

    queue: QueueCounts | None = None
    fleet: Fleet | None = None
    problem: AwsError | None = None


def observe(spec: ScalerSpec, queue: QueueReader, cluster: Cluster, began_after: float) -> Observation:
    """Return the queue's counts and the fleet; the fleet stands on a listing that began at ``began_after`` or later.

    With no backlog, nothing live as far as known and no minimum, the queue's counts are all that is asked for: an idle
    queue costs one request.
    """
    try:
        counts = queue.counts()
    except AwsError as error:
        _list_once(cluster, began_after)
        return Observation(problem=error)
    quiet = counts.backlog(spec.policy.counted) == 0 and not spec.policy.min_containers
    if not (quiet and cluster.is_idle(spec.name)):
        try:
            cluster.refresh(began_after)
        except AwsError as error:
            return Observation(queue=counts, problem=error)
    return Observation(counts, cluster.fleet(spec.name))


def _list_once(cluster: Cluster, began_after: float) -> None:
    """See once what lives though the queue is unknown: the budget counts it, and what is unknown as the maximum."""
    if cluster.is_listed:
        return
    with suppress(AwsError):
        cluster.refresh(began_after)


def could_launch(spec: ScalerSpec, seen: Observation) -> bool:
    """Say whether what was seen can lead to a launch."""
    return seen.fleet is not None and seen.queue is not None and max(seen.queue.visible, spec.policy.min_containers) > 0


def recall(spec: ScalerSpec, seen: Observation, cluster: Cluster) -> Observation:
    """Have the cluster read how the scaler's tasks ended before this process; what it cannot read makes it unknown."""
    try:
        most = min(spec.packing.max_containers_per_task, spec.policy.max_containers)
        cluster.read_history(families(spec.task.definition, most))
    except AwsError as error:
        return replace(seen, fleet=None, problem=error)
    return seen
