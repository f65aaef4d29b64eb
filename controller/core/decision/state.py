"""The state of a scaler: what the rules remember of it from one reconcile to the next. It is immutable.

Times are seconds since the epoch (``float``).
"""

from __future__ import annotations

from dataclasses import field

from controller.core.decision.breaker import CLOSED, Breaker
from controller.core.decision.contradiction import Contradiction
from controller.core.decision.following import FREE, Following
from controller.core.decision.lessons import NOTHING_LEARNED, Lessons
from controller.core.decision.level_state import LevelState
from controller.core.decision.progress import Progress
from controller.core.decision.providers import Shortages
from controller.core.decision.rollout import NOTHING_KNOWN, Rollout
from controller.core.decision.scarcity import PLENTY, Scarcity
from controller.core.decision.sightings import NOTHING_SEEN, Sightings
from controller.core.decision.standstill import Standstill
from controller.core.frozen import frozen


@frozen
class Doubt:
    """Containers that a RunTask call of unknown outcome may yet start."""

    containers: int
    last_sent_at: float
    """When the call last left."""


@frozen
class ScalerState:
    """The memory of a scaler from one reconcile to the next; none of it outlives the process."""

    level: LevelState | None = None
    """None until the fleet was known once: a cold start takes the level from what lives."""
    launched_at: float | None = None
    """The last decision whose launch started something."""
    last_slot: int | None = None
    """The slot of the last plan that was carried out; neither it nor an earlier one is used again."""
    doubts: tuple[Doubt, ...] = ()
    """Calls of unknown outcome; they count against max while they may still arrive."""
    history_read: bool = False
    """Whether it is heeded how tasks ended before this process; until then no end is heeded at all."""
    breaker: Breaker = CLOSED
    """Whether tasks have failed often enough lately to hold launches back."""
    scarcity: Scarcity = PLENTY
    """Whether tasks have found no place lately, of a scaler without an order of capacity providers."""
    shortages: Shortages = field(default_factory=dict)
    """The same for each capacity provider of an order."""
    rollout: Rollout = NOTHING_KNOWN
    """What is known of the template's revisions, of a scaler with a rollout."""
    contradiction: Contradiction | None = None
    """Since when workers run without a message in flight while some are visible; None: they do not."""
    standstill: Standstill | None = None
    """Since when the visible messages have not got fewer; None: there are none."""
    progress: Progress | None = None
    """How fast the visible messages of a promise are taken; None: there are none, or there is no promise."""
    sightings: Sightings = NOTHING_SEEN
    """How many containers ran in the last minute, and have left; it tells how old the counts are."""
    lessons: Lessons = NOTHING_LEARNED
    """What was learned of how workers work."""
    following: Following = FREE
    """Whether more workers have found messages lately."""
    ended_empty: int = 0
    """Containers that seem to have ended without a message since the process began: an estimate."""
