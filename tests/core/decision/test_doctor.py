from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.core.decision.checkups import count_dead_letters, describe_traits, tell_checkups
from controller.core.decision.doctor import (
    NOT_READ,
    Ailment,
    Checkup,
    DeadLetters,
    QueueTraits,
    examine,
)
from controller.core.decision.policy import Busy, PerContainer, StartWithin
from controller.core.decision.runs import Runs, measure_run
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import Start
from tests.core.decision.builders import NOW, policy, queue, steps

if TYPE_CHECKING:
    from controller.core.decision.policy import DemandPolicy

DEAD = "arn:aws:sqs:eu-west-1:123456789012:orders-dead"
SOUND = QueueTraits(
    visibility_timeout=300.0, retention=345_600.0, receive_wait=20.0, dead_letter_queue=DEAD, max_receives=5
)
GROWN = DeadLetters(((NOW - 300, 3), (NOW, 15)))


def found(
    traits: QueueTraits,
    *,
    runs: tuple[float, ...] = (),
    dead: DeadLetters = NOT_READ,
    messages: int = 0,
    **changes: Any,
) -> dict[Ailment, str]:
    """Return what is found for a scaler of one container a message, unless ``changes`` say otherwise."""
    seen = examine(policy(**changes), traits, queue(visible=messages), runs=Runs(runs), dead_letters=dead)
    return {finding.ailment: finding.text for finding in seen}


def test_a_queue_that_fits_is_left_alone() -> None:
    """With room in time and receives, and nothing lost, there is nothing to mend."""
    assert {} == found(SOUND, runs=(299.0,), dead=DeadLetters(((NOW - 300, 7), (NOW, 7))), messages=1000)


def test_what_is_unknown_is_no_finding() -> None:
    """A queue of which SQS has told nothing is not said to lack anything."""
    assert {} == found(QueueTraits(), runs=(1e6,), messages=10_000)


def test_no_dead_letter_queue() -> None:
    """It says for how long a message that nobody can do comes back."""
    expected = "has no dead-letter queue: a message that no worker can do comes back until it expires, after 4d; "
    assert {Ailment.NO_DEAD_LETTER_QUEUE: f"{expected}give it a RedrivePolicy"} == found(
        replace(SOUND, dead_letter_queue="", max_receives=None)
    )


@pytest.mark.parametrize(
    ("demand", "runs", "expected"),
    [
        (PerContainer(1), (30.0, 301.0, 900.0), "2 of the last 3 runs took longer, up to 15m"),
        (PerContainer(1), (300.0,), None),
        (PerContainer(1), (), None),
        (PerContainer(5), (900.0,), None),
        (steps((1, 1)), (900.0,), None),
        (StartWithin(60.0, 301.0), (), "a message takes 5m1s by seconds_per_message"),
        (StartWithin(60.0, 300.0), (900.0,), None),
    ],
    ids=["measured", "as long", "not measured", "drains", "steps", "configured", "configured as long"],
)
def test_visibility_against_the_time_of_a_message(
    demand: DemandPolicy, runs: tuple[float, ...], expected: str | None
) -> None:
    """A run is the time of a message only where each worker takes one; else only the configuration can tell."""
    said = found(SOUND, runs=runs, demand=demand).get(Ailment.VISIBILITY_TOO_SHORT)
    if expected is not None:
        expected = (
            f"hides a message for 5m, so it comes back while it is worked on: {expected}; "
            "raise VisibilityTimeout, unless the worker extends it while it works"
        )
    assert expected == said


def test_retention_against_draining() -> None:
    """10 containers of 10 minutes a message take 40 hours for 2400 messages, which are gone after a day."""
    expected = (
        "deletes messages after 1d, and to drain 2400 messages takes about 1d16h with 10 containers of 10m a message: "
        "raise MessageRetentionPeriod, or max_containers"
    )
    day = replace(SOUND, retention=86_400.0, visibility_timeout=3600.0)
    assert {Ailment.RETENTION_TOO_SHORT: expected} == found(day, runs=(600.0,), messages=2400)
    assert {} == found(day, runs=(600.0,), messages=1440)


def test_a_single_receive() -> None:
    """An interrupted worker would cost its message."""
    assert [Ailment.SINGLE_RECEIVE] == list(found(replace(SOUND, max_receives=1)))


def test_dead_letters_that_grow() -> None:
    """Growth is from the least of the last hour; a queue that was emptied before tells nothing of now."""
    expected = (
        "has lost 12 messages to the dead-letter queue orders-dead within 5m, which now holds 15 messages: read in the "
        "workers' log why they fail, mend that, and redrive them"
    )
    emptied = DeadLetters(((NOW - 4000, 90), (NOW - 600, 3), (NOW - 300, 3))).add(NOW, 15)
    assert {Ailment.DEAD_LETTERS_GROW: expected} == found(SOUND, dead=emptied)
    assert {} == found(SOUND, dead=NOT_READ.add(NOW - 4000, 3).add(NOW, 15))


def test_workers_that_delete_as_they_take() -> None:
    """With ``busy: running`` nothing comes back, so that visibility and dead letters are nobody's concern."""
    bare = replace(SOUND, dead_letter_queue="", max_receives=None)
    assert {} == found(bare, runs=(900.0,), busy=Busy.RUNNING)


@pytest.mark.parametrize(
    ("checkup", "expected"),
    [
        (
            Checkup(SOUND, DeadLetters(((NOW, 1),))),
            "visibility timeout 5m, retention 4d, receive wait 20s, "
            "dead-letter queue orders-dead after 5 receives, which holds 1 message",
        ),
        (
            Checkup(SOUND, unread="access denied"),
            "visibility timeout 5m, retention 4d, receive wait 20s, "
            "dead-letter queue orders-dead after 5 receives, which cannot be read: access denied",
        ),
        (
            Checkup(QueueTraits(visibility_timeout=0.0, dead_letter_queue="")),
            "visibility timeout 0s, retention unknown, receive wait unknown, no dead-letter queue",
        ),
    ],
    ids=["whole", "denied", "unknown"],
)
def test_the_settings_in_a_line(checkup: Checkup, expected: str) -> None:
    """Every setting is there, and what is unknown is said to be."""
    assert expected == describe_traits(checkup)


def test_a_checkup_as_plain_data() -> None:
    """Before the first look there is none."""
    findings = examine(policy(), SOUND, None, dead_letters=GROWN)
    told = tell_checkups([Checkup(SOUND, GROWN, findings=findings)])
    assert tell_checkups(()) is None
    assert told is not None
    assert (15, ["dead_letters_grow"]) == (told["dead_letter_messages"], [each["finding"] for each in told["findings"]])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 60.0),
        ({"outcome": StopOutcome.FAILED}, 60.0),
        ({"outcome": StopOutcome.INTERRUPTED}, None),
        ({"outcome": StopOutcome.START_FAILED}, None),
        ({"start": Start()}, None),
        ({"company": True}, None),
        ({"company": True, "ran_until": NOW + 45}, 40.0),
    ],
    ids=["ended", "failed", "interrupted", "never began", "no date", "others went on", "seen to run"],
)
def test_how_long_workers_worked(changes: dict[str, Any], expected: float | None) -> None:
    """It is what they surely worked: from the start that was seen to their own end, not to that of their company."""
    end = StoppedTask("a", "ingest", StopOutcome.SUCCEEDED, NOW, Start(NOW + 5), NOW + 65)
    assert expected == measure_run(replace(end, **changes))


def test_the_newest_runs_count() -> None:
    """Twenty are remembered."""
    runs = Runs()
    for seconds in range(25):
        runs = runs.add(float(seconds))
    assert (tuple(map(float, range(5, 25))), 14.5) == (runs.took, runs.median)


OTHER = DEAD.replace("dead", "lost")
FULL, EMPTY = NOT_READ.add(NOW, 3), NOT_READ.add(NOW, 0)


@pytest.mark.parametrize(
    ("checkups", "expected"),
    [
        pytest.param([(DEAD, FULL), (OTHER, FULL)], 6, id="two"),
        pytest.param([(DEAD, FULL), (DEAD, FULL)], 3, id="one-of-both"),
        pytest.param([(DEAD, FULL), ("", NOT_READ)], 3, id="one-without"),
        pytest.param([(DEAD, EMPTY), (OTHER, NOT_READ)], None, id="one-unread"),
        pytest.param([("", NOT_READ)], None, id="none"),
    ],
)
def test_dead_letters_of_several_queues(checkups: list[tuple[str, DeadLetters]], expected: int | None) -> None:
    """A dead-letter queue that two have counts once, and one that was not read makes all of them unknown."""
    seen = [Checkup(replace(SOUND, dead_letter_queue=target), letters) for target, letters in checkups]
    assert expected == count_dead_letters(seen)


def test_the_settings_of_several_queues_begin_with_their_names() -> None:
    """And so does what is to be mended in them."""
    bare = replace(SOUND, dead_letter_queue="", max_receives=None)
    found = examine(policy(), bare, queue(), name="urgent")
    told = tell_checkups([Checkup(bare, findings=found, queue="urgent"), Checkup(SOUND, queue="normal")])
    assert told is not None
    first, second = told["settings"].split("; ")
    assert ("urgent: visibility", "normal: visibility") == (first[:18], second[:18])
    assert "urgent has no dead-letter queue" == told["findings"][0]["text"].partition(":")[0]
