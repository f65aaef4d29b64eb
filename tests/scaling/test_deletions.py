"""Who is asked for in CloudWatch, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from controller.aws.errors import AwsError, Fault
from controller.config import ScalerSpec
from controller.core.decision.lessons import Lessons, Minute
from controller.core.decision.past import PastMinute
from controller.core.decision.policy import Busy, DemandPolicy, PerContainer, StartWithin
from controller.core.decision.state import ScalerState
from controller.scaling.deletions import ASK_EVERY, PAST, Deletions, Waiting, ask_for, read_back_for
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

    def ask_deleted(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
        """Return one message a minute."""
        self.asked.append((tuple(queues), since, until))
        if self.fails:
            raise AwsError(Fault.ACCESS_DENIED, "not allowed to cloudwatch:GetMetricData")
        minutes = range(int(since), int(until), 60)
        return {queue: {float(minute): 1.0 for minute in minutes} for queue in queues if queue != "unknown"}

    def ask_past(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, PastMinute]]:
        """Return two messages in flight, and one a minute deleted."""
        told = self.ask_deleted(queues, since, until)
        return {queue: {at: PastMinute(2.0, count) for at, count in minutes.items()} for queue, minutes in told.items()}


def test_all_that_wait_are_asked_for_in_one_call() -> None:
    """From the oldest minute on; each is told of the minutes since its own first one."""
    cloudwatch = CloudWatch()
    deletions = Deletions(cloudwatch, lambda: NOW)
    first = Waiting("first", ("a",), (MINUTE, MINUTE + 60))
    second = Waiting("second", ("b",), (MINUTE + 240, MINUTE + 480))
    deletions.refresh([first, second, Waiting("third", ("unknown",), (MINUTE,))])
    assert [(("a", "b", "unknown"), MINUTE, UNTIL)] == cloudwatch.asked
    told = [deletions.box_of(name).take() for name in ("first", "second", "third")]
    assert [7, 3, 0] == [len(each) for each in told]
    assert {} == deletions.box_of("first").take()


def test_the_deletions_of_several_queues_are_added_up_once_all_are_told() -> None:
    """Fewer messages than were deleted would be longer ones, so that a part of them is none."""
    deletions = Deletions(CloudWatch(), lambda: NOW)
    deletions.refresh([Waiting("whole", ("a", "b"), (MINUTE,)), Waiting("part", ("a", "unknown"), (MINUTE,))])
    assert dict.fromkeys([MINUTE + 60 * number for number in range(7)], 2.0) == deletions.box_of("whole").take()
    assert {} == deletions.box_of("part").take()


@pytest.mark.parametrize("minutes", [(UNTIL,), (MINUTE - 3600,)], ids=["too-new", "too-old"])
def test_nobody_is_asked_for_without_a_minute_that_can_be_told(minutes: tuple[float, ...]) -> None:
    """SQS reports a minute some minutes later, and one of long ago is given up."""
    cloudwatch = CloudWatch()
    Deletions(cloudwatch, lambda: NOW).refresh([Waiting("first", ("a",), minutes)])
    assert [] == cloudwatch.asked


def test_a_failure_is_said_once_until_it_works_again() -> None:
    """Whoever waits goes on waiting; nothing else is touched."""
    cloudwatch = CloudWatch(fails=True)
    deletions, waiting = Deletions(cloudwatch, lambda: NOW), [Waiting("first", ("a",), (MINUTE,))]
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
    deletions.refresh([Waiting("first", ("a",), (MINUTE,))])
    assert {} == deletions.box_of("first").take()


@dataclass
class Learner:
    """A scaler."""

    spec: ScalerSpec
    state: ScalerState


def learner(name: str, demand: DemandPolicy, state: ScalerState) -> Learner:
    """Return a scaler of a queue of the same name."""
    return Learner(replace(scaler_spec("main", "worker", demand=demand), name=name, queues=(name,)), state)


def test_only_who_learns_and_had_work_is_asked_for() -> None:
    """Not an idle one, or one with another strategy; what is given may be wrong."""
    cloudwatch = CloudWatch()
    worked = ScalerState(lessons=Lessons(minutes=(Minute(MINUTE, 60.0),)))
    ask_for(
        Deletions(cloudwatch, lambda: NOW),
        [
            learner("learns", StartWithin(300.0), worked),
            learner("assumes", StartWithin(300.0, at_first=60.0), worked),
            learner("idle", StartWithin(300.0), ScalerState()),
            learner("knows", StartWithin(300.0, 60.0), worked),
            learner("follows", PerContainer(1), worked),
        ],
    )
    assert [("assumes", "knows", "learns")] == [queues for queues, _, _ in cloudwatch.asked]


def test_who_begins_to_learn_is_told_of_the_hours_before_once() -> None:
    """In one call, whether or not there is work; what it took is not asked for again."""
    cloudwatch = CloudWatch()
    deletions = Deletions(cloudwatch, lambda: NOW)
    begun = ScalerState(lessons=Lessons(has_past=True))
    learners = [
        learner("new", StartWithin(300.0), ScalerState()),
        learner("told", StartWithin(300.0), begun),
        learner("follows", PerContainer(1), ScalerState()),
    ]
    read_back_for(deletions, learners)
    read_back_for(deletions, learners)
    assert [(("new",), UNTIL - PAST, UNTIL)] == cloudwatch.asked
    past = deletions.box_of("new").take_past()
    assert past is not None
    assert (180, PastMinute(2.0, 1.0)) == (len(past), past[UNTIL - 60])
    assert deletions.box_of("new").take_past() is None


def test_the_past_of_several_queues_is_added_up() -> None:
    """What was in flight in them, and what was deleted from them; one that CloudWatch does not know had nothing."""
    deletions = Deletions(CloudWatch(), lambda: NOW)
    several = learner("several", StartWithin(300.0), ScalerState())
    read_back_for(deletions, [replace(several, spec=replace(several.spec, queues=("a", "b", "unknown")))])
    past = deletions.box_of("several").take_past()
    assert past is not None
    assert PastMinute(4.0, 2.0) == past[UNTIL - 60]


def test_nobody_is_told_of_the_past_whose_messages_are_not_in_flight_while_they_are_worked_on() -> None:
    """Of workers that delete first CloudWatch has the ends alone, and nothing of the work."""
    cloudwatch = CloudWatch()
    new = learner("new", StartWithin(300.0), ScalerState())
    new.spec = replace(new.spec, policy=replace(new.spec.policy, busy=Busy.RUNNING))
    read_back_for(Deletions(cloudwatch, lambda: NOW), [new])
    assert [] == cloudwatch.asked


def test_a_past_that_could_not_be_read_is_asked_for_again_with_the_next_question() -> None:
    """And not every other second; whoever waits goes on waiting."""
    cloudwatch, now = CloudWatch(fails=True), [NOW]
    deletions, learners = Deletions(cloudwatch, lambda: now[0]), [learner("new", StartWithin(300.0), ScalerState())]
    with capture_logs() as logs:
        read_back_for(deletions, learners)
        read_back_for(deletions, learners)
    assert (1, 1) == (len(logs), len(cloudwatch.asked))
    cloudwatch.fails = False
    now[0] += ASK_EVERY
    read_back_for(deletions, learners)
    assert deletions.box_of("new").has_past
