"""The records that the rules speak in: an observation and a decision. All are immutable.

Times are seconds since the epoch (``float``), backlogs are messages, and work is sized in worker containers.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from controller.core.decision.breaker import Breaker
from controller.core.decision.budget import BudgetUse
from controller.core.decision.following import Following
from controller.core.decision.need import Need
from controller.core.decision.policy import MessageState
from controller.core.decision.providers import NO_CHOICE, Choice, ProviderUse, Shortages
from controller.core.decision.rollout import RevisionUse, Stage
from controller.core.decision.scarcity import Scarcity
from controller.core.frozen import frozen


class Reason(StrEnum):
    """Why a decision launches or holds: the closed set, one per decision."""

    LAUNCH = "launch"
    SATISFIED = "satisfied"
    IDLE = "idle"
    RISING = "rising"
    COOLDOWN = "cooldown"
    SLOT = "slot"
    AT_MAX = "at_max"
    NOTHING_WAITING = "nothing_waiting"
    BACKING_OFF = "backing_off"
    FOUND_NOTHING = "found_nothing"
    PROVING = "proving"
    BUDGET = "budget"
    PAUSED = "paused"
    PAUSED_BY_SCHEDULE = "paused_by_schedule"
    UNKNOWN_BACKLOG = "unknown_backlog"
    UNKNOWN_FLEET = "unknown_fleet"
    UNKNOWN_TEMPLATE = "unknown_template"
    BROKEN = "broken"


class Outcome(StrEnum):
    """How a launch went."""

    LAUNCHED = "launched"
    PARTLY_LAUNCHED = "partly_launched"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    DRY_RUN = "dry_run"


@frozen
class QueueCounts:
    """The three approximate counts of a queue, messages."""

    visible: int
    in_flight: int
    delayed: int

    def backlog(self, counted: frozenset[MessageState]) -> int:
        """Return the messages that count as work; visible ones always do."""
        in_flight = self.in_flight if MessageState.IN_FLIGHT in counted else 0
        delayed = self.delayed if MessageState.DELAYED in counted else 0
        return self.visible + in_flight + delayed


@frozen
class Fleet:
    """The scaler's own live tasks: a listing that began at ``listed_at``, and our own answers."""

    listed_at: float
    """When the listing began that this stands on."""
    running: int = 0
    """Worker containers that run."""
    starting: tuple[float, ...] = ()
    """For each worker container that does not run yet: when its task was created."""
    running_tasks: int = 0
    starting_tasks: int = 0
    newest_task_at: float | None = None
    """When the newest task that is at work was created. A probe whose workers have ended, and whose other containers go
    on, tells nothing more, so that another may follow."""
    oldest_task_at: float | None = None
    """When the oldest task was created that is not gone yet."""
    start_delay: float | None = None
    """Measured median from RunTask until a worker runs, seconds; None until one was seen."""
    draining: int = 0
    """All worker containers of tasks that were told to stop and have not yet: they take no new message."""
    draining_tasks: int = 0
    ended: int = 0
    """All worker containers of tasks in which no worker is left, but other containers go on."""
    ended_tasks: int = 0
    unowned: int = 0
    """The most worker containers of tasks that may be the scaler's, or another's of its cluster."""
    odd_tasks: int = 0
    """Tasks of which something that counts is only guessed, because ECS does not tell it."""
    began: tuple[float, ...] = ()
    """For each worker container that runs: when the first of its task began to, as far as known."""
    providers: tuple[ProviderUse, ...] = ()
    """What of it is on which capacity provider, as far as known, by their names."""
    revisions: tuple[RevisionUse, ...] = ()
    """Its tasks that are not gone yet by the template's revision, the newest first; none without a rollout."""

    @property
    def held(self) -> int:
        """Worker containers that count against max although they are not live: their tasks are not gone yet."""
        return self.draining + self.ended + self.unowned

    @property
    def live(self) -> int:
        """Worker containers that run or start."""
        return self.running + len(self.starting)


@frozen
class Numbers:
    """The numbers that a decision went through, in this order; containers unless noted."""

    asked: int
    """The strategy's answer to the backlog, before any limit."""
    demand: int
    """The part of it that counts: nothing while the scaler sleeps, at least 1 for a late tail, at most max."""
    level: int
    """Demand after hysteresis."""
    desired: int
    """The level within min and max."""
    most: int
    """The most that desired can be, whatever waits: the top step, within min and max."""
    rising_polls: int
    """Polls in a row up to this one that have asked for more than the level."""
    falling_polls: int
    """Polls in a row up to this one that have asked for less, with the dead band's allowance."""
    shortfall: int
    """desired - live; negative when more live than desired."""
    in_doubt: int
    """The containers that calls of unknown outcome may yet start."""
    room: int
    """max - live - held by tasks that are not gone yet - in doubt: the containers that the hard limit still allows."""
    left: int
    """Messages in flight of containers that have left since they were counted."""
    unclaimed: int
    """Visible messages that no live container is about to take."""
    useful: int
    """The containers that have a use: one for each unclaimed message, or what the minimum lacks, if that is more."""
    allowed: int | None
    """Containers that failing tasks and a lack of capacity let pass: none at first, then 1 as a probe. None: any."""
    followed: int | None
    """Containers that may live, as far as others found messages; None: any number."""
    following: Following
    """Whether more workers have found messages lately."""
    returned: int | None
    """Containers that ended while nothing was deleted, if that holds launches back; None: it does not."""
    ended_empty: int
    """Containers that seem to have ended without a message since the process began: an estimate."""
    wanted: int
    """The least of shortfall, room, useful, allowed, what is followed beyond those that live, and canaries where none
    else may be launched: what the budget is asked for. 0: nothing is launched."""
    waiting_since: float | None
    """Since when a backlog has waited with the level at 0; None: none waits so."""
    launch_cooldown_until: float | None
    """None: nothing was launched yet."""
    fall_cooldown_until: float | None
    """None: the level has not risen yet."""
    breaker: Breaker
    """Whether tasks have failed often enough lately to hold launches back."""
    scarcity: Scarcity
    """Whether tasks have found no place lately; with an order of capacity providers, whether all are short."""
    contradicted_since: float | None
    """Since when workers seem to be busy without a message in flight; None: they do not, or not for long enough."""
    need: Need | None
    """The terms of the promise; None: another strategy asks."""
    overdue_since: float | None
    """Since when nothing has moved, so that a promise asks for one more; None: it does not."""
    granted: int | None
    """The part of ``wanted`` that the budget of all scalers grants; None: it was not asked."""
    choice: Choice = NO_CHOICE
    """Which capacity providers get a launch."""
    shortages: Shortages = field(default_factory=dict)
    """What each of them has shown."""
    stage: Stage | None = None
    """Where the rollout of the template's newest revision stands; None: there is none, or it is not known yet."""


@frozen
class Decision:
    """One decision with everything that it stands on; None is unknown."""

    at: float
    reason: Reason
    queue: QueueCounts | None = None
    fleet: Fleet | None = None
    backlog: int | None = None
    """Messages counted as work."""
    numbers: Numbers | None = None
    """None when the queue or the fleet is unknown."""
    launch: int = 0
    """Containers to launch now."""
    slot: int | None = None
    """The slot that this launch belongs to."""
    budget: BudgetUse | None = None
    """Who holds the budget of all scalers, where it granted less than was wanted."""
    look_again_at: float | None = None
    """When a decision that fell outside the window looks again, without waiting for its poll."""
