"""Whether a scaler is paused, and by whom."""

from __future__ import annotations

from controller.core.decision.model import Reason
from controller.core.decision.policy import Policy


def find_pause(policy: Policy) -> Reason | None:
    """Return why nothing may be launched: by the scaler's own key, or by a window of its schedule; None: it may."""
    if not policy.paused:
        return None
    return Reason.PAUSED_BY_SCHEDULE if policy.paused_by_schedule else Reason.PAUSED
