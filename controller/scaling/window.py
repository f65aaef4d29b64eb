"""The window against the listing: whether a cluster can be listed in the time that a launch has."""

from __future__ import annotations

from dataclasses import replace

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.decision.model import Decision, Reason
from controller.core.decision.slots import slot_at, slot_numbered
from controller.core.words import format_count, format_duration, format_span
from controller.scaling.fleet import Cluster
from controller.scaling.look import Look


def date_look(look: Look, spec: ScalerSpec) -> Look:
    """Return a look of a scaler's with the moment until when it is of use, if it is for a window that has opened."""
    if look.began_after is None:
        return look
    slot = slot_at(spec.policy.slots, look.began_after)
    return replace(look, until=slot.last_send) if slot.opens == look.began_after else look


def find_slow_listing(spec: ScalerSpec, cluster: Cluster, decision: Decision) -> AwsError | None:
    """Return the problem of a scaler that waits for its slot in vain; None: it does not.

    A launch stands on a listing that began inside its window, and its first call has to leave before the window closes.
    """
    slot = slot_numbered(spec.policy.slots, 0)
    window = slot.last_send - slot.opens
    if decision.reason is not Reason.SLOT or cluster.listing_took < window:
        return None
    return AwsError(
        Fault.WINDOW_CLOSED,
        f'cluster "{spec.task.cluster}": a listing of its {format_count(cluster.count_tasks(), "task")} takes '
        f"{format_span(cluster.listing_took)}, and a launch window is open for {format_duration(window)}, so that no "
        "launch can stand on one: raise aws.listing_rate if the account's quota for ListTasks and DescribeTasks allows "
        "it, or aws.consistency_window with every controller of this name stopped",
    )
