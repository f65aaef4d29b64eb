from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.decision.breaker import CLOSED, Breaker
from controller.core.decision.model import Decision, Outcome, Reason
from controller.core.decision.rollout import Stage, Standing
from controller.core.decision.scarcity import PLENTY, Scarcity
from controller.core.decision.setback import Setback, Trouble
from controller.core.decision.state import ScalerState
from controller.core.notices import AT_MAX_FOR, SETTLED_AFTER, UNWATCHED, Kind, Notice, watch, watch_configuration
from controller.core.record import LaunchResult, Reconciled
from tests.core.decision.builders import NOW, fleet, policy, queue
from tests.core.decision.deciding import decide

NUMBERS = decide(policy(), queue(visible=3), fleet(), ScalerState(), NOW)[0].numbers
assert NUMBERS is not None


def poll(
    after: float = 0.0,
    reason: Reason = Reason.SATISFIED,
    launch: LaunchResult | None = None,
    breaker: Breaker = CLOSED,
    scarcity: Scarcity = PLENTY,
) -> Reconciled:
    """Return a reconcile so many seconds after NOW."""
    assert NUMBERS is not None
    numbers = replace(NUMBERS, breaker=breaker, scarcity=scarcity)
    return Reconciled("ingest", Decision(NOW + after, reason, numbers=numbers), launch)


def told(*polls: Reconciled) -> list[Notice]:
    """Return the notices of reconciles that follow each other."""
    watched, notices = UNWATCHED, list[Notice]()
    for done in polls:
        watched, found = watch(watched, done)
        notices += found
    return notices


def kinds(*polls: Reconciled) -> list[tuple[Kind, float]]:
    """Return what is told, and how many seconds after NOW."""
    return [(notice.kind, notice.at - NOW) for notice in told(*polls)]


def failed(fault: str) -> LaunchResult:
    return LaunchResult(Outcome.FAILED, None, fault=fault, error="scaler ingest: there is no \x1b[1mcluster")


WELL = LaunchResult(Outcome.LAUNCHED, None)
UNKNOWN = Reconciled("ingest", Decision(NOW + 60, Reason.UNKNOWN_FLEET), problem="denied")


def test_a_launch_that_fails_is_told_once_by_its_kind() -> None:
    """The same failure of the next slots is no news, another kind is; the text is fit for a terminal."""
    polls = [
        poll(30.0 * number, launch=failed(fault)) for number, fault in enumerate(["missing", "missing", "capacity"])
    ]
    assert [(Kind.LAUNCH_FAILED, 0.0), (Kind.LAUNCH_FAILED, 60.0)] == kinds(*polls)
    first = told(*polls)[0]
    assert ("a launch did not go through: there is no \\x1b[1mcluster", "missing") == (first.text, first.reason)


def test_a_launch_recovers_when_it_has_gone_well_for_a_while() -> None:
    """One that fails, goes through and fails again is one trouble; it ends without a further launch, too."""
    flapping = [poll(0, launch=failed("throttled")), poll(30, launch=WELL), poll(60, launch=failed("throttled"))]
    end = [poll(90, launch=WELL), poll(59 + SETTLED_AFTER), poll(60 + SETTLED_AFTER), poll(90 + SETTLED_AFTER)]
    assert [(Kind.LAUNCH_FAILED, 0.0), (Kind.LAUNCH_RECOVERED, 60 + SETTLED_AFTER)] == kinds(*flapping, *end)


def test_a_dry_run_launches_nothing_that_could_fail() -> None:
    """A suppressed launch tells neither way."""
    assert [] == kinds(poll(launch=LaunchResult(Outcome.DRY_RUN, None)))


def test_failing_tasks_are_told_as_they_open_probe_and_close() -> None:
    """However many probes fail, each of the three is told once; an unknown fleet changes nothing."""
    opened = Breaker(bad_ends=5, open_until=NOW + 60, cause="CannotPullContainerError")
    again = replace(opened, bad_ends=6, open_until=NOW + 180)
    polls = [poll(0, breaker=opened), poll(30, breaker=opened), UNKNOWN, poll(70, breaker=opened)]
    polls += [poll(80, breaker=again), poll(190, breaker=again), poll(200), poll(210)]
    expected = [(Kind.TASKS_FAILING, 0.0), (Kind.TASKS_PROBING, 70.0), (Kind.TASKS_RECOVERED, 200.0)]
    assert expected == kinds(*polls)
    assert "its tasks fail one after the other, 5 in a row: CannotPullContainerError" == told(*polls)[0].text


def test_a_lack_of_capacity_and_its_end() -> None:
    """Each is told once."""
    short = Scarcity(turned_away=2, until=NOW + 60, cause="Capacity is unavailable")
    polls = [poll(0, scarcity=short), poll(70, scarcity=short), poll(130), poll(140)]
    assert [(Kind.CAPACITY_SHORT, 0.0), (Kind.CAPACITY_BACK, 130.0)] == kinds(*polls)


def test_max_containers_is_told_when_it_lasts() -> None:
    """Half an hour without a poll that it did not hold back; one such begins the time anew."""
    at_max = [poll(number * 60.0, Reason.AT_MAX) for number in range(round(AT_MAX_FOR / 60) + 5)]
    assert [(Kind.AT_MAX, AT_MAX_FOR)] == kinds(*at_max)
    assert [] == kinds(*at_max[:20], poll(1200), *at_max[21:])
    later = poll(AT_MAX_FOR + 600)
    assert [(Kind.AT_MAX, AT_MAX_FOR), (Kind.BELOW_MAX, AT_MAX_FOR + 600)] == kinds(*at_max, later, later)


@pytest.mark.parametrize(
    ("before", "problems", "expected"),
    [
        (None, None, None),
        ("a", "a", None),
        (None, "x:1:1: bad", (Kind.CONFIGURATION_REFUSED, "the last edit of the configuration is refused: x:1:1: bad")),
        (
            "a",
            "b\nc\nd",
            (Kind.CONFIGURATION_REFUSED, "the last edit of the configuration is refused: b, and 2 more problems"),
        ),
        ("a", None, (Kind.CONFIGURATION_TAKEN, "the configuration is taken again")),
    ],
    ids=["good", "as before", "refused", "others", "mended"],
)
def test_reloads(before: str | None, problems: str | None, expected: Any) -> None:
    """An edit that is refused is told, and the one that is taken after it."""
    notice = watch_configuration(before, problems, NOW)
    assert expected == (None if notice is None else (notice.kind, notice.text))


def standing(after: float, stage: Stage | None) -> Reconciled:
    """Return a reconcile that finds a rollout there."""
    assert NUMBERS is not None
    return Reconciled("ingest", Decision(NOW + after, Reason.SATISFIED, numbers=replace(NUMBERS, stage=stage)))


def test_a_revision_that_is_left_out_is_told_once_and_the_one_that_is_taken_after_it() -> None:
    """One that proves itself without trouble is no news."""
    failed_ = Setback(8, NOW, NOW + 60, 1, Trouble.FAILED, cause="exited \x1b[1m with code 1")
    gone_back = Stage(8, 7, Standing.GONE_BACK, 0, 0, failed_)
    proving, trusted = Stage(9, 7, Standing.PROVING, 0, 1), Stage(9, 9, Standing.TRUSTED, 0, 0)
    refused = Stage(
        10, 9, Standing.REFUSED, 0, 0, replace(failed_, revision=10, trouble=Trouble.REFUSED, cause="denied")
    )
    assert [] == kinds(standing(0, None), standing(1, proving), standing(2, trusted))
    polls = [gone_back, gone_back, None, gone_back, proving, trusted, trusted, refused, refused]
    assert [
        (Kind.TEMPLATE_GONE_BACK, 0.0),
        (Kind.TEMPLATE_TAKEN, 5.0),
        (Kind.TEMPLATE_REFUSED, 7.0),
    ] == kinds(*(standing(float(after), stage) for after, stage in enumerate(polls)))
    text = told(standing(0, gone_back))[0].text
    assert text.startswith(
        "of its task definition, revision 8 failed (exited \\x1b[1m with code 1), and all others run "
    )
