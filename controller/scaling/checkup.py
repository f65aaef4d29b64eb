"""One examination of a queue for a command: what the daemon sees over hours, as far as one look shows it."""

from __future__ import annotations

from controller.aws.errors import AwsError
from controller.config import ScalerSpec
from controller.core.decision.doctor import NOT_READ, Checkup, examine
from controller.core.decision.model import QueueCounts
from controller.scaling.services import Services


def check_queue(spec: ScalerSpec, services: Services, counts: QueueCounts | None) -> Checkup | None:
    """Return what the doctor says of a scaler's queue after it was read; None: it could not be.

    Costs one request where there is a dead-letter queue, and its look-up. Whether that grows takes more looks.
    """
    traits = services.polls.of(spec.queue_access).traits.find(spec.queue)
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
    findings = examine(spec.policy, traits, counts, runs=runs, dead_letters=dead_letters)
    return Checkup(traits, dead_letters, unread, findings)
