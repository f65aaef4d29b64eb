"""How a reconcile went, and whether it shows that the way to a launch works.

The way is the queue, the cluster, the template and RunTask. A launch that starts something has gone it whole. A hold
has not, so most holds count only while nothing speaks against them: after a launch that failed, one that has not tried
again proves nothing. ``HOLDS`` says it reason by reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from controller.core.decision.model import Outcome, Reason
from controller.core.record import Reconciled


class Hold(Enum):
    """What a hold says of the way to a launch."""

    ENOUGH = auto()
    """All that was asked for is there, or nothing may be launched at all: it works as far as anybody wants it to."""
    NOT_TRIED = auto()
    """A launch is not due yet, or not allowed: it works if the last launch did."""
    ABOUT_TO_TRY = auto()
    """A launch is due and waits for its window: nothing is said until it was tried, and it may never be."""
    BLIND = auto()
    """The queue, the cluster or the template's revisions could not be read: it does not work."""
    BROKEN = auto()
    """The reconcile broke, in its launch for all that is known."""


HOLDS: Mapping[Reason, Hold] = {
    Reason.SATISFIED: Hold.ENOUGH,
    Reason.IDLE: Hold.ENOUGH,
    Reason.PAUSED: Hold.ENOUGH,
    Reason.PAUSED_BY_SCHEDULE: Hold.ENOUGH,
    Reason.RISING: Hold.NOT_TRIED,
    Reason.COOLDOWN: Hold.NOT_TRIED,
    Reason.AT_MAX: Hold.NOT_TRIED,
    Reason.NOTHING_WAITING: Hold.NOT_TRIED,
    Reason.BACKING_OFF: Hold.NOT_TRIED,
    Reason.FOUND_NOTHING: Hold.NOT_TRIED,
    Reason.PROVING: Hold.NOT_TRIED,
    Reason.BUDGET: Hold.NOT_TRIED,
    Reason.LAUNCH: Hold.ABOUT_TO_TRY,
    Reason.SLOT: Hold.ABOUT_TO_TRY,
    Reason.UNKNOWN_BACKLOG: Hold.BLIND,
    Reason.UNKNOWN_FLEET: Hold.BLIND,
    Reason.UNKNOWN_TEMPLATE: Hold.BLIND,
    Reason.BROKEN: Hold.BROKEN,
}
"""Every reason; a decision to launch is judged by its launch, and says as little as a hold until that was tried."""
RECONCILE_OUTCOMES = ("launched", "held", "failed")
_NOTHING_CERTAIN = frozenset({Outcome.FAILED, Outcome.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Assessment:
    """How one reconcile went."""

    outcome: str
    """One of RECONCILE_OUTCOMES."""
    successful: bool
    """Whether it shows that the way to a launch works."""
    launches_fail: bool
    """Whether the last launch started nothing for certain; holds keep it as it was."""


def assess(done: Reconciled, *, launches_fail: bool) -> Assessment:
    """Return how a reconcile went; ``launches_fail`` is what the assessment before it said.

    A launch that starts nothing is a failure like a look that saw nothing. A dry run holds, and would have launched.
    """
    if done.launch is not None:
        failed = done.launch.outcome in _NOTHING_CERTAIN
        held = done.launch.outcome is Outcome.DRY_RUN
        return Assessment("failed" if failed else "held" if held else "launched", not failed, failed)
    hold = HOLDS[done.decision.reason]
    successful = hold is Hold.ENOUGH or (hold is Hold.NOT_TRIED and not launches_fail)
    outcome = "failed" if hold in {Hold.BLIND, Hold.BROKEN} else "held"
    return Assessment(outcome, successful, launches_fail or hold is Hold.BROKEN)
