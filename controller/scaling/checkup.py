"""One examination of a scaler's queues for a command: what the daemon sees over hours, as far as one look shows it."""

from __future__ import annotations

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.decision.doctor import NOT_READ, Checkup, examine
from controller.core.decision.model import QueueCounts
from controller.scaling.queue_sum import name_parts
from controller.scaling.services import Services


def check_queues(spec: ScalerSpec, services: Services, counts: QueueCounts | None) -> tuple[Checkup, ...]:
    """Return what the doctor says of each of a scaler's queues after they were read, if they could be.

    Costs one request for each with a dead-letter queue, and its look-up. Whether that grows takes more looks.
    """
    parts = name_parts(spec, counts)
    checkups = (_check(spec, services, queue, name, part) for queue, name, part in parts)
    return tuple(checkup for checkup in checkups if checkup is not None)


def _check(
    spec: ScalerSpec, services: Services, queue: str, name: str | None, counts: QueueCounts | None
) -> Checkup | None:
    traits = services.polls.of(spec.queue_access).traits.find(queue)
    if traits is None:
        return None
    dead_letters, unread = NOT_READ, None
    if traits.dead_letter_queue:
        try:
            dead = services.queue_of(spec, traits.dead_letter_queue).read_counts()
        except AwsError as error:
            unread = str(error)
        else:
            dead_letters = NOT_READ.add(services.clock.now(), dead.visible + dead.in_flight)
    runs = services.metrics.series[spec.name].runs
    findings = examine(spec.policy, traits, counts, runs=runs, dead_letters=dead_letters, name=name)
    return Checkup(traits, dead_letters, unread, findings, name)
