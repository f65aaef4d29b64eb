"""What a run under chaos does to the controllers and to their calls, and when: the same for the same seed.

::

    0                                                        ends_at            duration
    |-- faults in every 4th call or so, storms of throttling --|-- none any more --|
    |       ^ killed   ^ restarted   ^ killed in a launch      ^ restarted         |

Every fault stays within what the launch protocol assumes: listings lag by at most L, and no request is worked on
later than T after it left. What the protocol does not assume away, it must survive.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from controller.sandbox.aws import METADATA, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws.faults import Kind
    from controller.sandbox.aws.wire import Json
    from controller.sandbox.scenario import Scenario

LAG_SHARE = 0.9
"""The longest listing lag, as a share of L: what the embedded AWS itself takes comes on top."""
ANSWERED_LATE = 0.3
"""How long a read's slow answer takes, as a share of T: within the caller's time-out."""
ANSWERED_TOO_LATE = 0.75
"""How long a slow RunTask takes, as a share of T: past the caller's time-out, and worked on within T."""
KINDS: tuple[Kind, ...] = ("lost_request", "lost_answer", "error", "slow", "slow_answer", "cut")
"""What can happen to a call at any time; throttling comes in storms."""
ANY_CALL = 0.03
"""The chance of each of these, for any call of a controller."""
A_LAUNCH: Mapping[Kind, float] = {"lost_answer": 0.4, "cut": 0.15, "slow": 0.15, "lost_request": 0.1, "error": 0.1}
"""The chances of a RunTask call: mostly the tasks are started and nobody is told.

Each kind hits the sends of one call at most once, so that most calls come through in the end: what stays in doubt
counts against max for five minutes, and a run of a minute would show little else.
"""
AN_ANSWER_TO_A_KEEPER: Mapping[Kind, float] = {
    "lost_request": 0.05,
    "error": 0.05,
    "cut": 0.05,
    "malformed": 0.05,
    "slow": 0.02,
}
"""The chances of an answer of the task metadata endpoint: what a keeper then does not know, it takes as running."""
TOO_SLOW_FOR_A_KEEPER = 1.5
"""How long a slow one takes, as a share of what a keeper waits for it."""
IN_A_STORM = 0.8
"""The chance of a call to be throttled while a storm lasts."""


class Blow(StrEnum):
    """What is done to a controller; it is started again a little later."""

    KILLED = "killed"
    KILLED_IN_A_LAUNCH = "killed in the middle of a launch"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Disruption:
    """One controller process ends, and the next one starts."""

    at: float
    """Seconds after the start of the run."""
    blow: Blow
    down: float
    """Seconds until it is started again."""


@dataclass(frozen=True, slots=True)
class Storm:
    """A time in which one service throttles nearly every call."""

    begins_at: float
    """Seconds after the start of the run."""
    ends_at: float
    service: str


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """Everything that will go wrong, but for the draws of single calls."""

    begins_at: float
    """When the controllers may be disrupted, seconds after the start; calls are from the start on."""
    ends_at: float
    """From when on nothing is disrupted any more, seconds after the start."""
    disruptions: tuple[Disruption, ...]
    storms: tuple[Storm, ...]
    launch_share: float = 1.0
    """How much of the chances of ``A_LAUNCH`` is taken."""


def plan_chaos(
    *, begins_at: float = 0.0, ends_at: float, slot: float, seed: int, launch_share: float = 1.0
) -> ChaosPlan:
    """Return the chaos of a run; times are in seconds, ``slot`` is the length of a slot."""
    draw = random.Random(f"{seed}:chaos")  # noqa: S311 - repeatable, not secret
    return ChaosPlan(
        begins_at=begins_at,
        ends_at=ends_at,
        disruptions=tuple(_disruptions(begins_at, ends_at, slot, draw)),
        storms=tuple(_storms(ends_at, slot, draw)),
        launch_share=launch_share,
    )


def _disruptions(begins_at: float, ends_at: float, slot: float, draw: random.Random) -> Iterator[Disruption]:
    """Draw what is done to a controller: the first blow comes soon, and in the middle of a launch.

    The last one, when all faults end, is a restart: a call in doubt counts against max for five minutes, longer
    than a run has left for what must still be done.
    """
    at, blow = begins_at + draw.uniform(0.5, 1.0) * slot, Blow.KILLED_IN_A_LAUNCH
    while at < ends_at - slot / 2:
        # One that dies in a launch is back at once: within the same slot, with the same tokens to use again.
        least, most = (0.0, 0.05) if blow is Blow.KILLED_IN_A_LAUNCH else (0.05, 0.4)
        yield Disruption(round(at, 2), blow, down=round(draw.uniform(least, most) * slot, 2))
        at += draw.uniform(1.0, 2.5) * slot
        blow = draw.choices(tuple(Blow), weights=(2, 2, 1))[0]
    yield Disruption(ends_at, Blow.RESTARTED, down=0.0)


def _storms(ends_at: float, slot: float, draw: random.Random) -> Iterator[Storm]:
    at = draw.uniform(0.5, 1.5) * slot
    while at < ends_at:
        lasts = draw.uniform(0.2, 0.6) * slot
        yield Storm(round(at, 2), round(min(at + lasts, ends_at), 2), draw.choice(("ecs", "ecs", "sqs")))
        at += lasts + draw.uniform(1.5, 3.0) * slot


def faults_of(plan: ChaosPlan, scenario: Scenario, elapsed: Callable[[], float]) -> Iterator[Fault]:
    """Return the faults to arm at the start of a run; ``elapsed`` gives the seconds since then.

    They hit the calls of controllers and the questions of keepers: what the workers suffer is another experiment.
    """
    client = scenario.client
    for storm in plan.storms:
        during = within(elapsed, storm.begins_at, storm.ends_at)
        yield Fault(storm.service, "*", "throttle", times=None, client=client, where=during, probability=IN_A_STORM)
    until = within(elapsed, 0.0, plan.ends_at)
    anything = Fault("*", "*", "slow", None, client=client, where=until, delay=ANSWERED_LATE * scenario.call_timeout)
    launch = replace(
        anything, operation="RunTask", once_per="clientToken", delay=ANSWERED_TOO_LATE * scenario.call_timeout
    )
    yield from (replace(launch, kind=kind, probability=plan.launch_share * chance) for kind, chance in A_LAUNCH.items())
    yield from (replace(anything, kind=kind, probability=ANY_CALL) for kind in KINDS)
    question = Fault(METADATA, "*", "slow", None, where=until, delay=TOO_SLOW_FOR_A_KEEPER * scenario.keeper_timeout)
    yield from (replace(question, kind=kind, probability=chance) for kind, chance in AN_ANSWER_TO_A_KEEPER.items())


def listing_lag(scenario: Scenario, seed: int) -> Callable[[str], float]:
    """Return how long each task, by its ARN, stays out of the listings: anything up to nearly L, seconds."""

    def draw(task_arn: str) -> float:
        most = LAG_SHARE * scenario.consistency_window
        return random.Random(f"{seed}:lag:{task_arn}").uniform(0.0, most)  # noqa: S311 - repeatable

    return draw


def within(elapsed: Callable[[], float], begins_at: float, ends_at: float) -> Callable[[Json], bool]:
    """Return a condition of a fault: the time is that; in seconds after the start of the run."""
    return lambda _parameters: begins_at <= elapsed() < ends_at
