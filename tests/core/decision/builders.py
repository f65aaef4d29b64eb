"""What the core's tests are made of: records with everything that a test does not speak of filled in."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from controller.core.decision.level_state import LevelState
from controller.core.decision.model import Decision, Fleet, QueueCounts
from controller.core.decision.policy import (
    BreakerPolicy,
    Busy,
    CooldownPolicy,
    HysteresisPolicy,
    MessageState,
    PerContainer,
    Policy,
    SlotPolicy,
    Step,
    Steps,
)
from controller.core.decision.slots import slot_numbered
from controller.core.decision.state import ScalerState
from tests.core.decision.deciding import decide

SLOTS = SlotPolicy(controller="ecsq", scaler="content-ingest", consistency_window=5.0, call_timeout=5.0)
SLOT = 56_000_000
START = slot_numbered(SLOTS, SLOT).start
"""The start of a slot of 30 s whose window is open from 5.5 s to 25 s."""
NOW = START + 10.0
"""A moment within that window."""

HYSTERESIS = HysteresisPolicy(activate_at=1, activate_within=300.0, rise_after=1, fall_after=3, dead_band=0.2)
COOLDOWN = CooldownPolicy(launch=30.0, fall=300.0)
NO_COOLDOWN = CooldownPolicy(launch=0.0, fall=0.0)
BREAKER = BreakerPolicy(after=5, within=60.0)
BREAKER_OFF = BreakerPolicy(after=5, within=0.0)
"""Of a scaler with ``breaker: off``."""


def steps(*pairs: tuple[int, int]) -> Steps:
    """Return a staircase of (backlog, containers)."""
    return Steps(tuple(Step(backlog, containers) for backlog, containers in pairs))


def policy(**changes: Any) -> Policy:
    """Return a policy of one container a message, at most 10; the rest is as users have it by default."""
    base = Policy(
        slots=SLOTS,
        demand=PerContainer(1),
        is_fifo=False,
        counted=frozenset({MessageState.VISIBLE, MessageState.IN_FLIGHT}),
        busy=Busy.IN_FLIGHT,
        poll_interval=10.0,
        min_containers=0,
        max_containers=10,
        hysteresis=HYSTERESIS,
        cooldown=COOLDOWN,
        breaker=BREAKER,
        paused=False,
        providers=(),
        deadline=None,
        rollout=None,
    )
    return replace(base, **changes)


def hysteresis(**changes: Any) -> HysteresisPolicy:
    """Return hysteresis without a dead band, unless it is asked for."""
    return replace(HYSTERESIS, **{"dead_band": 0.0, **changes})


def cooldown(**changes: Any) -> CooldownPolicy:
    """Return cooldowns of 30 s after a launch and 5 min after a rise, unless others are asked for."""
    return replace(COOLDOWN, **changes)


def queue(visible: int = 0, in_flight: int = 0, delayed: int = 0) -> QueueCounts:
    """Return a queue's counts."""
    return QueueCounts(visible=visible, in_flight=in_flight, delayed=delayed)


def fleet(running: int = 0, starting: int = 0, listed_at: float = NOW, **changes: Any) -> Fleet:
    """Return a fleet whose starting containers were created just now."""
    return replace(Fleet(listed_at=listed_at, running=running, starting=(listed_at,) * starting), **changes)


def settled(level: int = 0, **changes: Any) -> ScalerState:
    """Return the state of a scaler that is past its cold start, awake if it has a level."""
    return replace(ScalerState(level=LevelState(level=level, awake=level > 0)), **changes)


def polls(
    rules: Policy, backlogs: Iterable[int], state: ScalerState, times: Iterable[float] | None = None
) -> list[Decision]:
    """Return the decisions of polls that see these visible messages and nothing alive; nothing they ask for starts.

    The polls are ``poll_interval`` apart from NOW on unless ``times`` says otherwise.
    """
    backlogs = list(backlogs)
    moments = [NOW + rules.poll_interval * index for index in range(len(backlogs))] if times is None else times
    decisions = []
    for backlog, now in zip(backlogs, moments, strict=True):
        decision, state = decide(rules, queue(backlog), fleet(listed_at=now), state, now)
        decisions.append(decision)
    return decisions


def levels(rules: Policy, backlogs: Iterable[int], state: ScalerState | None = None, **kwargs: Any) -> list[int]:
    """Return the level after each of such polls."""
    decisions = polls(rules, backlogs, settled() if state is None else state, **kwargs)
    return [decision.numbers.level for decision in decisions if decision.numbers is not None]
