"""Who is asked for in CloudWatch, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.decision.lessons import Lessons, Minute
from controller.core.decision.model import ScalerState
from controller.core.decision.policy import DemandPolicy, PerContainer, StartWithin
from controller.scaling.deletions import Deletions, Waiting, ask_for
from tests.support.controller import scaler_spec

MINUTE = 60_000_000.0
NOW = MINUTE + 10 * 60 + 30
UNTIL = MINUTE + 7 * 60
"""The minute that is three minutes ago, and not whole by then."""


@dataclass
class CloudWatch:
    """Answers with one message a minute for every queue, or fails."""

    fails: bool = False
    asked: list[tuple[tuple[str, ...], float, float]] = field(default_factory=list)

    def ask(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
        """Return one message a minute."""
        self.asked.append((tuple(queues), since, until))
        if self.fails:
            raise AwsError(Fault.ACCESS_DENIED, "not allowed to cloudwatch:GetMetricData")
        minutes = range(int(since), int(until), 60)
        return {queue: {float(minute): 1.0 for minute in minutes} for queue in queues if queue != "unknown"}


def test_all_that_wait_are_asked_for_in_one_call() -> None:
    """From the oldest minute on; each is told of the minutes since its own first one."""
    cloudwatch = CloudWatch()
    deletions = Deletions(cloudwatch.ask, lambda: NOW)
    first = Waiting("first", "a", (MINUTE, MINUTE + 60))
    second = Waiting("second", "b", (MINUTE + 240, MINUTE + 480))
    deletions.refresh([first, second, Waiting("third", "unknown", (MINUTE,))])
    assert [(("a", "b", "unknown"), MINUTE, UNTIL)] == cloudwatch.asked
    told = [deletions.box_of(name).take() for name in ("first", "second", "third")]
    assert [7, 3, 0] == [len(each) for each in told]
    assert {} == deletions.box_of("first").take()


@pytest.mark.parametrize("minutes", [(UNTIL,), (MINUTE - 3600,)], ids=["too-new", "too-old"])
def test_nobody_is_asked_for_without_a_minute_that_can_be_told(minutes: tuple[float, ...]) -> None:
    """SQS reports a minute some minutes later, and one of long ago is given up."""
    cloudwatch = CloudWatch()
    Deletions(cloudwatch.ask, lambda: NOW).refresh([Waiting("first", "a", minutes)])
    assert [] == cloudwatch.asked


def test_a_failure_is_said_once_until_it_works_again() -> None:
    """Whoever waits goes on waiting; nothing else is touched."""
    cloudwatch = CloudWatch(fails=True)
    deletions, waiting = Deletions(cloudwatch.ask, lambda: NOW), [Waiting("first", "a", (MINUTE,))]
    with capture_logs() as logs:
        deletions.refresh(waiting)
        deletions.refresh(waiting)
        cloudwatch.fails = False
        deletions.refresh(waiting)
        cloudwatch.fails = True
        deletions.refresh(waiting)
    assert ["not allowed to cloudwatch:GetMetricData"] * 2 == [line["problem"] for line in logs]
    assert 7 == len(deletions.box_of("first").take())


def test_without_cloudwatch_nothing_is_asked() -> None:
    """``aws.cloudwatch: off``."""
    deletions = Deletions(None, lambda: NOW)
    deletions.refresh([Waiting("first", "a", (MINUTE,))])
    assert {} == deletions.box_of("first").take()


@dataclass
class Learner:
    """A scaler."""

    spec: ScalerSpec
    state: ScalerState


def learner(name: str, demand: DemandPolicy, state: ScalerState) -> Learner:
    """Return a scaler of a queue of the same name."""
    return Learner(replace(scaler_spec(name, "worker", demand=demand), queue=name), state)


def test_only_who_learns_and_had_work_is_asked_for() -> None:
    """Not an idle one, one that was told how long a message takes, or one with another strategy."""
    cloudwatch = CloudWatch()
    worked = ScalerState(lessons=Lessons(minutes=(Minute(MINUTE, 60.0),)))
    ask_for(
        Deletions(cloudwatch.ask, lambda: NOW),
        [
            learner("learns", StartWithin(300.0), worked),
            learner("assumes", StartWithin(300.0, at_first=60.0), worked),
            learner("idle", StartWithin(300.0), ScalerState()),
            learner("knows", StartWithin(300.0, 60.0), worked),
            learner("follows", PerContainer(1), worked),
        ],
    )
    assert [("assumes", "learns")] == [queues for queues, _, _ in cloudwatch.asked]
