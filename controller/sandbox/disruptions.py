"""The plan of a run under chaos: which disruptions and which disturbances happen when, the same for the same seed.

A disruption ends a controller process and starts it again. A disturbance (``aws/disturbances.py``) spoils a single call
of a controller or of a keeper.

::

    0                                                       ends_at              duration
    |-- about every 4th call disturbed, storms of throttling --|-- nothing any more -|
    |       ^ killed in a launch     ^ killed   ^ restarted    ^ restarted           |

Chaos keeps to the assumptions of the launch protocol: listings lag by at most L, and no request is worked on later than
T after it was sent. Everything else the protocol must survive.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from controller.sandbox.aws import METADATA, Disturbance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws.disturbances import Kind
    from controller.sandbox.aws.wire import Json
    from controller.sandbox.scenario import Scenario

LAG_SHARE = 0.9
"""The longest listing lag, as a share of L; the embedded AWS itself adds a little."""
ANSWERED_LATE = 0.3
"""How long a slow call takes, as a share of T: less than the caller's time-out."""
ANSWERED_TOO_LATE = 0.75
"""How long a slow RunTask takes, as a share of T: more than the caller's time-out, but less than T."""
KINDS: tuple[Kind, ...] = ("lost_request", "lost_answer", "error", "slow", "slow_answer", "cut")
"""The disturbances that can hit a call at any time; throttling comes in storms."""
ANY_CALL = 0.03
"""The chance of each of these kinds for any call of a controller."""
A_LAUNCH: Mapping[Kind, float] = {"lost_answer": 0.4, "cut": 0.15, "slow": 0.15, "lost_request": 0.1, "error": 0.1}
"""The chance of each kind for a RunTask call; most often the tasks are started, but the caller does not learn of it.

Each kind hits the attempts at one call at most once, so that most calls succeed in the end. A call that stays in doubt
counts against max for five minutes, and a run of a minute would show little else.
"""
AN_ANSWER_TO_A_KEEPER: Mapping[Kind, float] = {
    "lost_request": 0.05,
    "error": 0.05,
    "cut": 0.05,
    "malformed": 0.05,
    "slow": 0.02,
}
"""The chance of each kind for a keeper's question; without an answer, a keeper assumes that its workers still run."""
TOO_SLOW_FOR_A_KEEPER = 1.5
"""How long a slow answer to a keeper takes, as a share of the keeper's time-out."""
IN_A_STORM = 0.8
"""The chance that a call is throttled during a storm."""


class Blow(StrEnum):
    """The way in which a controller process is ended."""

    KILLED = "killed"
    KILLED_IN_A_LAUNCH = "killed in the middle of a launch"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Disruption:
    """The end of one controller process and the start of the next."""

    at: float
    """Seconds after the start of the run."""
    blow: Blow
    down: float
    """Seconds until the controller is started again."""


@dataclass(frozen=True, slots=True)
class Storm:
    """A period in which one service throttles nearly every call. Times are seconds after the start of the run."""

    begins_at: float
    ends_at: float
    service: str


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """Everything that will go wrong, apart from the draws for single calls. Times are seconds after the start."""

    begins_at: float
    """From when on controllers are disrupted; calls are disturbed from the start on."""
    ends_at: float
    """When all disruptions and disturbances end."""
    disruptions: tuple[Disruption, ...]
    storms: tuple[Storm, ...]
    launch_share: float = 1.0
    """The factor, 0 to 1, by which the chances of ``A_LAUNCH`` are multiplied."""


def plan_chaos(
    *, begins_at: float = 0.0, ends_at: float, slot: float, seed: int, launch_share: float = 1.0
) -> ChaosPlan:
    """Return the plan of a run. Times are seconds; ``slot`` is the length of a slot."""
    draw = random.Random(f"{seed}:chaos")  # noqa: S311 - repeatable, not secret
    return ChaosPlan(
        begins_at=begins_at,
        ends_at=ends_at,
        disruptions=tuple(_draw_disruptions(begins_at, ends_at, slot, draw)),
        storms=tuple(_draw_storms(ends_at, slot, draw)),
        launch_share=launch_share,
    )


def _draw_disruptions(begins_at: float, ends_at: float, slot: float, draw: random.Random) -> Iterator[Disruption]:
    """Draw the disruptions: the first comes soon and in the middle of a launch, the last is a restart at the end.

    The restart is needed because a call in doubt counts against max for five minutes, longer than the rest of the run
    takes. The next process starts without doubts.
    """
    at, blow = begins_at + draw.uniform(0.5, 1.0) * slot, Blow.KILLED_IN_A_LAUNCH
    while at < ends_at - slot / 2:
        # After a kill in a launch the controller is back within the same slot, so that it uses the same tokens again.
        least, most = (0.0, 0.05) if blow is Blow.KILLED_IN_A_LAUNCH else (0.05, 0.4)
        yield Disruption(round(at, 2), blow, down=round(draw.uniform(least, most) * slot, 2))
        at += draw.uniform(1.0, 2.5) * slot
        blow = draw.choices(tuple(Blow), weights=(2, 2, 1))[0]
    yield Disruption(ends_at, Blow.RESTARTED, down=0.0)


def _draw_storms(ends_at: float, slot: float, draw: random.Random) -> Iterator[Storm]:
    at = draw.uniform(0.5, 1.5) * slot
    while at < ends_at:
        lasts = draw.uniform(0.2, 0.6) * slot
        yield Storm(round(at, 2), round(min(at + lasts, ends_at), 2), draw.choice(("ecs", "ecs", "sqs")))
        at += lasts + draw.uniform(1.5, 3.0) * slot


def build_disturbances(plan: ChaosPlan, scenario: Scenario, elapsed: Callable[[], float]) -> Iterator[Disturbance]:
    """Return the disturbances to arm at the start of a run; ``elapsed`` returns the seconds since then.

    They hit the calls of controllers and the questions of keepers, but not the calls of workers.
    """
    client = scenario.client
    for storm in plan.storms:
        during = within(elapsed, storm.begins_at, storm.ends_at)
        yield Disturbance(storm.service, "*", "throttle", None, client=client, where=during, probability=IN_A_STORM)
    until = within(elapsed, 0.0, plan.ends_at)
    late, too_late = ANSWERED_LATE * scenario.call_timeout, ANSWERED_TOO_LATE * scenario.call_timeout
    anything = Disturbance("*", "*", "slow", None, client=client, where=until, delay=late)
    launch = replace(anything, operation="RunTask", once_per="clientToken", delay=too_late)
    yield from (replace(launch, kind=kind, probability=plan.launch_share * chance) for kind, chance in A_LAUNCH.items())
    yield from (replace(anything, kind=kind, probability=ANY_CALL) for kind in KINDS)
    too_slow = TOO_SLOW_FOR_A_KEEPER * scenario.keeper_timeout
    question = Disturbance(METADATA, "*", "slow", None, where=until, delay=too_slow)
    yield from (replace(question, kind=kind, probability=chance) for kind, chance in AN_ANSWER_TO_A_KEEPER.items())


def make_listing_lag(scenario: Scenario, seed: int) -> Callable[[str], float]:
    """Return a function from a task's ARN to its listing lag: any time up to nearly L, seconds."""

    def draw(task_arn: str) -> float:
        most = LAG_SHARE * scenario.consistency_window
        return random.Random(f"{seed}:lag:{task_arn}").uniform(0.0, most)  # noqa: S311 - repeatable

    return draw


def within(elapsed: Callable[[], float], begins_at: float, ends_at: float) -> Callable[[Json], bool]:
    """Return a condition for a disturbance: the time is between the two, seconds after the start of the run."""
    return lambda _parameters: begins_at <= elapsed() < ends_at
