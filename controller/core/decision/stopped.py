"""A task that has ended: how, and what that says of tasks to come and of the revision that it ran."""

from __future__ import annotations

from enum import StrEnum

from controller.core.decision.breaker import Sign
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.task import NEVER_SEEN, Start, name_revision
from controller.core.frozen import frozen


class StopOutcome(StrEnum):
    """How a task ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    START_FAILED = "start_failed"
    NO_CAPACITY = "no_capacity"
    """ECS found no place for it: nothing is wrong with the task."""
    DEADLINE = "deadline"
    """Its deadline was over, and its keeper has ended it: nothing is wrong with the task."""
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


_SAYS_NOTHING = frozenset({StopOutcome.INTERRUPTED, StopOutcome.NO_CAPACITY, StopOutcome.DEADLINE, StopOutcome.UNKNOWN})
"""The ends that tell nothing of tasks to come."""
_RAN = frozenset({StopOutcome.SUCCEEDED, StopOutcome.FAILED, StopOutcome.DEADLINE})
"""The ends of tasks whose workers surely ran."""


@frozen
class StoppedTask:
    """A task that has ended."""

    arn: str
    scaler: str
    outcome: StopOutcome
    created_at: float = 0.0
    start: Start = NEVER_SEEN
    """Without ``at``: it never ran, or ECS never dated its start."""
    stopped_at: float = 0.0
    """When its workers had stopped, as far as known; ECS takes longer to call the task stopped."""
    cause: str | None = None
    """Why it stopped, in ECS's words."""
    ran_until: float | None = None
    """The last look that saw a worker run."""
    company: bool = False
    """Whether it had containers beside workers and keeper."""
    family: str | None = None
    """The family of its definition; None: not told."""
    revision: int | None = None
    """The revision of that family; None: not told."""
    provider: str | None = None
    """The capacity provider that it was launched on; None: on none, or not told."""

    def sign(self, within: float) -> Sign | None:
        """Return the sign that this end is for tasks to come; None: it says nothing of them.

        A worker that exits with an error ``within`` so many seconds of its start tells of the task; 0: it never does.
        """
        if self.outcome in _SAYS_NOTHING:
            return None
        good: bool | None = self.outcome is StopOutcome.SUCCEEDED
        if self.outcome is StopOutcome.FAILED:
            good = self._ran_for(within) if within else True
        return None if good is None else self._give_sign(good=good)

    def proof(self, prove: float) -> Sign | None:
        """Return the sign that this end is for its revision, if it has to run for ``prove`` seconds; None: it is none.

        A worker's error of which nobody knows how late it came is a failure: else canaries would fail for ever.
        """
        if self.outcome in _SAYS_NOTHING - {StopOutcome.DEADLINE}:
            return None
        is_long = self._ran_for(prove) is True
        if self.outcome is StopOutcome.DEADLINE:
            return self._give_sign(good=True) if is_long else None
        return self._give_sign(good=self.outcome is StopOutcome.SUCCEEDED or is_long)

    def _give_sign(self, *, good: bool) -> Sign:
        definition = name_revision(self.family, self.revision)
        return Sign(good, self.stopped_at, self.created_at, self.cause, definition)

    @property
    def capacity_sign(self) -> CapacitySign | None:
        """The sign of whether there is capacity; None: it says nothing of that."""
        if self.outcome is StopOutcome.NO_CAPACITY:
            return CapacitySign(
                found=False, at=self.stopped_at, born_at=self.created_at, cause=self.cause, provider=self.provider
            )
        ran = self.start.at is not None or self.outcome in _RAN
        began = self.stopped_at if self.start.at is None else self.start.at
        return CapacitySign(found=True, at=began, born_at=self.created_at, provider=self.provider) if ran else None

    def _ran_for(self, seconds: float) -> bool | None:
        """Say whether its workers ran for at least so long before they ended; None: that cannot be told.

        Start and end are each known within bounds. It ran so long if even the latest start and the earliest end are
        that far apart; it did not if even the earliest start and the latest end are closer.
        """
        start, ran_until = self.start, self.ran_until if self.company else self.stopped_at
        if start.at is not None and ran_until is not None and ran_until - start.at >= seconds:
            return True
        earliest = start.at if start.after is None else start.after
        soon = self.stopped_at - (self.created_at if earliest is None else earliest) < seconds
        return False if soon else None
