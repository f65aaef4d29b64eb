"""What is configured: the policies that a scaler is run by.

Durations are seconds, backlogs are messages, and work is sized in worker containers. All records are immutable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MessageState(StrEnum):
    """What a message in a queue can be, in SQS's three approximate counts."""

    VISIBLE = "visible"
    IN_FLIGHT = "in_flight"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a demand staircase: from ``backlog`` messages on, ``containers`` are asked for."""

    backlog: int
    containers: int


@dataclass(frozen=True, slots=True)
class Steps:
    """Demand by the highest step that the backlog reaches; steps rise in both numbers."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class PerContainer:
    """Demand of one container for every so many messages, rounded up."""

    messages_per_container: int


@dataclass(frozen=True, slots=True)
class DrainWithin:
    """Demand that has everything waiting started within a time."""

    drain_within: float
    """The goal, seconds."""
    seconds_per_message: float
    """How long one message occupies a container, seconds."""


DemandPolicy = Steps | PerContainer | DrainWithin


@dataclass(frozen=True, slots=True)
class HysteresisPolicy:
    """When the level moves."""

    activate_at: int = 1
    """The backlog, messages, that wakes an idle scaler."""
    activate_within: float = 300.0
    """How long, seconds, any backlog may wait unserved before it is served regardless."""
    rise_after: int = 1
    """Polls in a row that must ask for more."""
    fall_after: int = 3
    """Polls in a row that must ask for less."""
    dead_band: float = 0.2
    """"Less" is measured with the demand of backlog x (1 + dead_band)."""


@dataclass(frozen=True, slots=True)
class CooldownPolicy:
    """The least time between two moves."""

    launch: float = 30.0
    """From one launching decision to the next, seconds."""
    fall: float = 300.0
    """From the last rise of the level to its next fall, seconds."""


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """The protocol between controllers that makes a launch happen once: all of them must agree on it."""

    controller: str
    """The controller's name."""
    scaler: str
    """The scaler's name; with the controller's it offsets the slots."""
    consistency_window: float = 5.0
    """L: how long ECS may take to list a task that it has started, seconds."""
    call_timeout: float = 5.0
    """T: a whole RunTask call, connecting included, seconds; at most 2 L."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All that a decision for one scaler depends on besides what was observed."""

    slots: SlotPolicy
    demand: DemandPolicy
    counted: frozenset[MessageState]
    """The message states that count as backlog; ``visible`` is always among them."""
    poll_interval: float = 10.0
    """Seconds between two polls."""
    min_containers: int = 0
    max_containers: int = 90
    """A hard limit on live containers, always."""
    hysteresis: HysteresisPolicy = HysteresisPolicy()
    cooldown: CooldownPolicy = CooldownPolicy()
    paused: bool = False
    """Observe and report, launch nothing."""
