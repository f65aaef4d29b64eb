"""The policies that a scaler is run by, as they were configured.

Durations are seconds, backlogs are messages, and work is sized in worker containers. All records are immutable, and
all are complete: the defaults of what a user leaves out are in the configuration's schema, and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from controller.core.frozen import frozen

MAX_CALL_WINDOWS: Final = 2
"""How many consistency windows (L) a whole RunTask call may take at most."""


class MessageState(StrEnum):
    """The state of a message in a queue: SQS counts the messages in each, approximately."""

    VISIBLE = "visible"
    IN_FLIGHT = "in_flight"
    DELAYED = "delayed"


class Busy(StrEnum):
    """By what a worker is known to be busy."""

    IN_FLIGHT = "in_flight"
    """By the message that it has in flight until it is done."""
    RUNNING = "running"
    """By that it runs: it deletes its message as it takes it, and exits when there is nothing more to do."""


@frozen
class Step:
    """A step of a demand staircase: a backlog of ``backlog`` messages or more asks for ``containers``."""

    backlog: int
    containers: int


@frozen
class Steps:
    """Demand by the highest step that the backlog reaches. Both numbers rise from step to step."""

    steps: tuple[Step, ...]


@frozen
class PerContainer:
    """Demand of one container for every ``messages_per_container`` messages, rounded up."""

    messages_per_container: int


@frozen
class StartWithin:
    """A promise: every message is taken within a given time of its arrival."""

    start_within: float
    """The time within which it is taken, seconds."""
    seconds_per_message: float | None = None
    """How long one message occupies a container, seconds: believed unless it is seen to be longer; None: learned."""
    at_first: float | None = None
    """The same, until it was learned; None: nothing is known at first."""


DemandPolicy = Steps | PerContainer | StartWithin


@frozen
class HysteresisPolicy:
    """When the level follows what the polls ask for."""

    activate_at: int
    """The backlog, in messages, that wakes an idle scaler."""
    activate_within: float
    """How long any backlog may wait before it is served, however small it is, seconds."""
    rise_after: int
    """The number of polls in a row that must ask for more before the level rises."""
    fall_after: int
    """The number of polls in a row that must ask for less before the level falls."""
    dead_band: float
    """The level falls only to what backlog x (1 + dead_band) asks for."""


@frozen
class CooldownPolicy:
    """The shortest times between two moves of a scaler."""

    launch: float
    """From one launching decision to the next, seconds."""
    fall: float
    """From the last rise of the level to its next fall, seconds."""


@frozen
class BreakerPolicy:
    """Which ends of tasks are bad ones, and how many of them open the breaker."""

    after: int
    """Bad ends in a row that open it."""
    within: float
    """Seconds after its start within which a worker that exits with an error tells of the task, and not of its
    message. 0: it never does, and that a worker ran at all is a good sign."""


@frozen
class RolloutPolicy:
    """How a new revision of the template proves itself before all others run it."""

    canary: int
    """Tasks that run it meanwhile, at most; as many have to do well."""
    prove: float
    """Seconds for which a task has to run to have done well, unless it ends well before."""


@frozen
class SlotPolicy:
    """The protocol between controllers that makes a launch happen once: all of them must agree on it."""

    controller: str
    """The controller's name."""
    scaler: str
    """The scaler's name. Together with the controller's it decides when the scaler's slots begin."""
    consistency_window: float
    """L: how long ECS may take to list a task that it has started, seconds."""
    call_timeout: float
    """T: how long a whole RunTask call may take, connecting included, seconds; at most MAX_CALL_WINDOWS times L."""


@frozen
class Policy:
    """Everything that a decision for one scaler depends on besides what was observed."""

    slots: SlotPolicy
    demand: DemandPolicy
    is_fifo: bool
    """Whether the queue hands a group of messages out one after the other."""
    counted: frozenset[MessageState]
    """The message states that count as backlog; ``visible`` is always among them."""
    busy: Busy
    """What stands for the messages in flight, in the backlog and everywhere else."""
    poll_interval: float
    """The time between two polls, seconds."""
    min_containers: int
    """The containers that live even without a backlog."""
    max_containers: int
    """A hard limit on live containers."""
    hysteresis: HysteresisPolicy
    cooldown: CooldownPolicy
    breaker: BreakerPolicy
    paused: bool
    """Whether the scaler only observes and reports, and launches nothing."""
    providers: tuple[str, ...]
    """Capacity providers in order; empty: RunTask decides by launch type, strategy or the cluster's default."""
    deadline: int | None
    """Seconds from the start of a task's last copy until its keeper ends it; None: it never does. No decision depends
    on it, but whoever reads one wants to know how near it is."""
    rollout: RolloutPolicy | None
    """None: the newest revision of the template is run, whatever it is."""
    paused_by_schedule: bool = False
    """Whether it is a window of its schedule that pauses it."""
