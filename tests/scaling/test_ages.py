"""How old the oldest messages are, and whether promises are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from controller.aws.errors import AwsError, Fault
from controller.aws.outcomes import ANSWERS, REQUEST_OUTCOMES
from controller.config import ScalerSpec
from controller.core.decision.model import Fleet, QueueCounts
from controller.core.decision.policy import DemandPolicy, PerContainer, StartWithin
from controller.core.record import Reconciled
from controller.scaling.ages import Ages
from controller.scaling.services import VERSION
from controller.telemetry.metrics import Metrics
from controller.telemetry.series import Series
from tests.core.decision.builders import settled
from tests.core.decision.deciding import decide
from tests.core.decision.windows import window
from tests.support.controller import scaler_spec, series_of

MINUTE = 60_000_000.0
PROMISE = StartWithin(300.0, 60.0)
METRICS = Metrics(VERSION, ANSWERS, REQUEST_OUTCOMES)


@dataclass
class CloudWatch:
    """Answers with one age for every minute, or fails."""

    age: float = 0.0
    fails: bool = False
    knows: bool = True
    asked: list[tuple[tuple[str, ...], float, float]] = field(default_factory=list)

    def ask_oldest(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
        self.asked.append((tuple(queues), since, until))
        if self.fails:
            raise AwsError(Fault.ACCESS_DENIED, "not allowed to cloudwatch:GetMetricData")
        minutes = range(int(since), int(until), 60)
        return {queue: dict.fromkeys(map(float, minutes), self.age) for queue in queues} if self.knows else {}


class Watched:
    """A scaler that has seen so many messages."""

    def __init__(self, name: str, visible: int = 0, in_flight: int = 0, demand: DemandPolicy = PROMISE) -> None:
        self.spec: ScalerSpec = replace(scaler_spec("main", "worker", demand=demand), name=name, queues=(name,))
        self.series: Series = series_of(METRICS, name)
        self.last: Reconciled | None = None
        self.see(visible, in_flight)

    def see(self, visible: int, in_flight: int) -> None:
        """See other counts."""
        queue, fleet = QueueCounts(visible, in_flight, 0), Fleet(listed_at=MINUTE, running=in_flight)
        self.last = Reconciled(self.spec.name, decide(self.spec.policy, queue, fleet, settled(), MINUTE)[0])

    @property
    def kept(self) -> Counter[str]:
        """The minutes that were counted."""
        return self.series.promise_minutes


def watch(cloudwatch: CloudWatch, minutes: Sequence[int], *scalers: Watched) -> Ages:
    """Let so many minutes after the first pass, with a look in the middle of each."""
    now = [MINUTE]
    ages = Ages(cloudwatch, lambda: now[0])
    for minute in minutes:
        now[0] = MINUTE + 60 * minute + 30
        ages.refresh(scalers)
    return ages


def test_who_has_work_is_asked_for_in_one_call_once_it_can_be_told() -> None:
    """CloudWatch has a minute three minutes later; a queue without work costs nothing."""
    cloudwatch = CloudWatch(age=12.0)
    busy, working, idle = Watched("busy", 2), Watched("working", 0, 1), Watched("idle")
    watch(cloudwatch, range(5), busy, working, idle)
    assert [(("busy", "working"), MINUTE, MINUTE + 60)] == cloudwatch.asked
    assert (12.0, 12.0, None) == tuple(each.series.oldest_message_age for each in (busy, working, idle))


@pytest.mark.parametrize(
    ("age", "visible", "in_flight", "expected"),
    [
        pytest.param(299.0, 1, 0, {"yes": 1}, id="in-time"),
        pytest.param(355.0, 1, 0, {"yes": 1}, id="it-may-be-the-one-in-hand"),
        pytest.param(361.0, 1, 0, {"no": 1}, id="late"),
        pytest.param(7200.0, 0, 1, {"yes": 1}, id="nothing-waits"),
    ],
)
def test_a_minute_keeps_the_promise_or_breaks_it(
    age: float, visible: int, in_flight: int, expected: Mapping[str, int]
) -> None:
    """The oldest message may be one in hand, for as long as a message takes."""
    scaler = Watched("one", visible, in_flight)
    watch(CloudWatch(age), range(5), scaler)
    assert expected == scaler.kept


@pytest.mark.parametrize(("begins", "expected"), [(MINUTE - 60, {"no": 1}), (MINUTE + 60, {"yes": 1})])
def test_the_promise_of_the_window_in_force_counts(begins: float, expected: Mapping[str, int]) -> None:
    """As it was when the messages were seen."""
    scaler = Watched("one", visible=1)
    scaler.spec = replace(scaler.spec, schedule=(window(begins, lasts=90.0, start_within=60.0),))
    watch(CloudWatch(age=200.0), range(5), scaler)
    assert expected == scaler.kept


def test_of_several_queues_the_oldest_message_counts() -> None:
    """Once all of them are told of: another one may have an older message."""
    scaler = Watched("both", 2)
    scaler.spec = replace(scaler.spec, queues=("a", "b"))

    class Two(CloudWatch):
        def ask_oldest(self, queues: Sequence[str], since: float, until: float) -> Mapping[str, Mapping[float, float]]:
            told = super().ask_oldest(queues, since, until)
            later = {at: 40.0 for at in told["b"] if at > MINUTE}
            return {**told, "b": later}

    watch(Two(12.0), range(5), scaler)
    assert None is scaler.series.oldest_message_age
    watch(Two(12.0), range(6), scaler)
    assert 40.0 == scaler.series.oldest_message_age


def test_without_a_promise_there_is_an_age_alone() -> None:
    """No minute is counted of another strategy."""
    scaler = Watched("one", 3, demand=PerContainer(1))
    watch(CloudWatch(900.0), range(5), scaler)
    assert (900.0, {}) == (scaler.series.oldest_message_age, scaler.kept)


def test_an_age_is_gone_with_the_work() -> None:
    """Once every minute with work was told, or is given up."""
    scaler, now = Watched("one", 3), [MINUTE + 30]
    ages = Ages(CloudWatch(20.0), lambda: now[0])
    ages.refresh([scaler])
    scaler.see(0, 0)
    now[0] += 240
    ages.refresh([scaler])
    assert ({"yes": 1}, None) == (scaler.kept, scaler.series.oldest_message_age)


def test_a_minute_of_which_nothing_is_told_is_unknown() -> None:
    """It is neither kept nor broken, and after a quarter of an hour nobody asks any more."""
    cloudwatch, scaler, now = CloudWatch(knows=False), Watched("one", 3), [MINUTE + 30]
    ages = Ages(cloudwatch, lambda: now[0])
    ages.refresh([scaler])
    scaler.see(0, 0)
    for _ in range(30):
        now[0] += 60
        ages.refresh([scaler])
    assert {} == scaler.kept
    assert 16 == len(cloudwatch.asked)


def test_a_failure_is_said_once_and_nothing_is_counted() -> None:
    """Nothing else is touched by it."""
    cloudwatch, scaler = CloudWatch(fails=True), Watched("one", 3)
    with capture_logs() as logs:
        watch(cloudwatch, range(8), scaler)
    assert ["how old messages are is not known"] == [line["event"] for line in logs]
    assert ({}, None) == (scaler.kept, scaler.series.oldest_message_age)


def test_without_the_key_nothing_is_asked() -> None:
    """``aws.message_age: false``."""
    scaler = Watched("one", 3)
    Ages(None, lambda: MINUTE).refresh([scaler])
    assert scaler.series.oldest_message_age is None
