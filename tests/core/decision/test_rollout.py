"""Rollouts: which revision all tasks run, which has to prove itself, and what of a task says that it did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.decision.breaker import Sign
from controller.core.decision.explain import explain
from controller.core.decision.model import Reason
from controller.core.decision.policy import RolloutPolicy
from controller.core.decision.rollout import (
    NOTHING_KNOWN,
    RevisionUse,
    Rollout,
    Stage,
    Standing,
    concerns_breaker,
    find_stage,
    forget_refusals,
    note_active,
    note_refusal,
    note_shortages,
    note_signs,
)
from controller.core.decision.scarcity import CapacitySign
from controller.core.decision.setback import FIRST_PAUSE, FIRST_PAUSE_OF_CAPACITY, Setback, Trouble
from controller.core.decision.stopped import StopOutcome, StoppedTask
from controller.core.decision.task import LiveTask, Start
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

ONE = RolloutPolicy(canary=1, prove=120.0)
TWO = RolloutPolicy(canary=2, prove=120.0)
CAUSE = "container worker exited with code 1"


def good(at: float = NOW, born_at: float = NOW - 100) -> Sign:
    return Sign(good=True, at=at, born_at=born_at)


def bad(at: float = NOW, born_at: float = NOW - 100) -> Sign:
    return Sign(good=False, at=at, born_at=born_at, cause=CAUSE)


def known(*active: int, **signs: list[Sign]) -> Rollout:
    """Return what is known of these ACTIVE revisions by signs such as ``r7=[good()]``."""
    rollout = note_active(NOTHING_KNOWN, active)
    return note_signs(ONE, rollout, {int(name.removeprefix("r")): each for name, each in signs.items()})


def stage_of(rollout: Rollout, *uses: tuple[int | None, int], later: float = 0.0, in_doubt: int = 0) -> Stage:
    stage = find_stage(ONE, rollout, [RevisionUse(*use) for use in uses], in_doubt, NOW + later)
    assert stage is not None
    return stage


FAILED = known(8, 7, r7=[good()], r8=[bad()])
ALONE = known(8, r8=[bad()])
REFUSED = note_refusal(known(8, 7, r7=[good()]), 8, "AccessDenied", NOW)

NO_ROOM = CapacitySign(found=False, at=NOW, born_at=NOW - 30, cause="RESOURCE:CPU")
SHORT, SHORT_ALONE = (note_shortages(known(*active), {8: [NO_ROOM]}) for active in ((8, 7), (8,)))


@pytest.mark.parametrize(
    ("rollout", "uses", "later", "expected"),
    [
        pytest.param(known(8, 7, r8=[good()]), [(7, 5)], 0, (8, Standing.TRUSTED, 0), id="it has proven itself"),
        pytest.param(known(8, 7, r7=[good()]), [(7, 5)], 0, (7, Standing.UNPROVEN, 1), id="the one before has"),
        pytest.param(known(8, 7), [], 0, (7, Standing.UNPROVEN, 1), id="none is known to have: the one before"),
        pytest.param(known(8), [], 0, (None, Standing.UNPROVEN, 1), id="there is no other"),
        pytest.param(known(8, 7, 6, r6=[good()]), [], 0, (6, Standing.UNPROVEN, 1), id="an older one has"),
        pytest.param(
            known(8, 7, 6, r7=[bad()]), [], 0, (6, Standing.UNPROVEN, 1), id="the one before is known to fail"
        ),
        pytest.param(known(8, 7), [(7, 5), (8, 1)], 0, (7, Standing.PROVING, 0), id="a canary lives"),
        pytest.param(known(8), [(8, 1)], 0, (None, Standing.PROVING, 0), id="a canary lives, and there is no other"),
        pytest.param(known(8, 7), [(None, 1)], 0, (7, Standing.UNPROVEN, 0), id="what lives may be a canary"),
        pytest.param(known(8, 7), [(5, 9), (0, 3)], 0, (7, Standing.UNPROVEN, 1), id="older ones are none"),
        pytest.param(known(9, 8, 7, r7=[good()]), [(8, 1)], 0, (7, Standing.UNPROVEN, 0), id="the last canary lives"),
        pytest.param(FAILED, [], 0, (7, Standing.GONE_BACK, 0), id="it failed"),
        pytest.param(FAILED, [], 9e9, (7, Standing.GONE_BACK, 0), id="it failed, and is not tried again"),
        pytest.param(note_active(FAILED, (9, 8, 7)), [], 0, (7, Standing.UNPROVEN, 1), id="the next one is"),
        pytest.param(note_active(FAILED, (7,)), [], 0, (7, Standing.TRUSTED, 0), id="it was deregistered"),
        pytest.param(ALONE, [], 0, (None, Standing.GONE_BACK, 0), id="it failed, and there is no other"),
        pytest.param(ALONE, [], FIRST_PAUSE, (None, Standing.GONE_BACK, 1), id="then it is tried again after a pause"),
        pytest.param(SHORT, [], 0, (7, Standing.UNPROVEN, 0), id="there was no room for it"),
        pytest.param(SHORT, [], FIRST_PAUSE_OF_CAPACITY, (7, Standing.UNPROVEN, 1), id="which passes"),
        pytest.param(SHORT_ALONE, [], 0, (None, Standing.UNPROVEN, 1), id="there was no room, and there is no other"),
        pytest.param(REFUSED, [], 0, (7, Standing.REFUSED, 0), id="RunTask refused it"),
        pytest.param(REFUSED, [], FIRST_PAUSE, (7, Standing.REFUSED, 1), id="which is tried again"),
    ],
)
def test_where_a_rollout_stands(
    rollout: Rollout, uses: list[tuple[int | None, int]], later: float, expected: tuple[Any, ...]
) -> None:
    """What all but canaries run, how the newest revision stands, and how many canaries may be launched."""
    stage = stage_of(rollout, *uses, later=later)
    assert expected == (stage.trusted, stage.standing, stage.canaries)


def test_without_a_rollout_or_a_listing_nothing_is_known() -> None:
    """And no canary follows what may yet start."""
    assert find_stage(None, known(8, 7), (), 0, NOW) is None
    assert find_stage(ONE, NOTHING_KNOWN, (), 0, NOW) is None
    assert 0 == stage_of(known(8, 7), in_doubt=1).canaries


def test_as_many_as_there_are_canaries_have_to_do_well() -> None:
    """One that fails among them is enough to go back."""
    active = note_active(NOTHING_KNOWN, (8, 7))
    one = note_signs(TWO, active, {8: [good()]})
    both = note_signs(TWO, active, {8: [good(), good(NOW + 1)]})
    mixed = note_signs(TWO, active, {8: [good(), bad(NOW + 1)]})
    assert (7, 8, 7) == (one.trusted, both.trusted, mixed.trusted)
    assert mixed.find_setback(8) is not None
    stage = find_stage(TWO, one, [RevisionUse(8, 1)], 0, NOW)
    assert stage is not None
    assert (1, 1) == (stage.canaries, stage.unproven)


def test_what_it_takes_is_counted_once_however_often_it_is_seen() -> None:
    """A look sees the same ends again and again; the second try is one that was born after the pause."""
    seen = {8: [bad(NOW, NOW - 30)]}
    once = known(8, r8=seen[8])
    assert once == note_signs(ONE, once, seen)
    assert Setback(8, NOW, NOW + FIRST_PAUSE, 1, Trouble.FAILED, cause=CAUSE) == once.find_setback(8)
    again = note_signs(ONE, once, {8: [*seen[8], bad(NOW + 90, NOW + FIRST_PAUSE)]}).find_setback(8)
    assert again is not None
    assert (2, NOW + 90 + 2 * FIRST_PAUSE) == (again.times, again.until)
    assert 8 == note_signs(ONE, once, {8: [*seen[8], good(NOW + 200, NOW + FIRST_PAUSE)]}).trusted


def test_a_lack_of_capacity_puts_a_canary_off_and_says_nothing_else() -> None:
    """Each time for longer; of what is trusted it says nothing at all, and a failure stays one."""
    assert SHORT == note_shortages(SHORT, {8: [NO_ROOM]})
    later = replace(NO_ROOM, at=NOW + 200, born_at=NOW + FIRST_PAUSE_OF_CAPACITY)
    again = note_shortages(SHORT, {8: [NO_ROOM, later]}).find_setback(8)
    assert again is not None
    assert (2, NOW + 200 + 2 * FIRST_PAUSE_OF_CAPACITY) == (again.times, again.until)
    assert 8 == note_signs(ONE, SHORT, {8: [good(NOW - 1)]}).trusted
    assert FAILED == note_shortages(FAILED, {8: [replace(NO_ROOM, at=NOW + 9)], 7: [NO_ROOM], 5: [NO_ROOM]})
    assert NOTHING_KNOWN == note_shortages(NOTHING_KNOWN, {8: [NO_ROOM]})


def test_a_proven_revision_stays_so_whatever_becomes_of_its_tasks() -> None:
    """How they fail is the breaker's business, and so is a revision that was taken to be good without a proof."""
    proven, assumed = known(8, 7, r8=[good()]), known(8, 7)
    assert proven == note_signs(ONE, proven, {8: [bad(NOW + 9)]})
    assert assumed == note_signs(ONE, assumed, {7: [bad(NOW + 9)]})
    assert [True, True, True, False] == [
        concerns_breaker(proven, 8, bad()),
        concerns_breaker(assumed, 7, bad()),
        concerns_breaker(assumed, None, bad()),
        concerns_breaker(assumed, 8, bad()),
    ]
    assert concerns_breaker(assumed, 8, good())


def test_a_restart_comes_to_the_same() -> None:
    """As long as ECS remembers: a proven one by any task that did well, a failed one by its end."""
    signs = {7: [good(NOW - 900), bad(NOW - 500)], 8: [bad(NOW - 300)]}
    before = note_active(NOTHING_KNOWN, (7,))
    for moment in (NOW - 900, NOW - 500, NOW - 300):
        seen = {each: [sign for sign in signs[each] if sign.at <= moment] for each in signs}
        before = note_signs(ONE, note_active(before, (8, 7)), seen)
    assert before == known(8, 7, r7=signs[7], r8=signs[8])


@pytest.mark.parametrize(
    ("outcome", "ran", "expected"),
    [
        pytest.param(StopOutcome.SUCCEEDED, 3, True, id="a good end, however soon"),
        pytest.param(StopOutcome.FAILED, 3, False, id="an error soon"),
        pytest.param(StopOutcome.FAILED, 120, True, id="an error late"),
        pytest.param(StopOutcome.FAILED, None, False, id="an error of which nobody knows how late it came"),
        pytest.param(StopOutcome.START_FAILED, None, False, id="no start"),
        pytest.param(StopOutcome.NO_CAPACITY, None, None, id="no place"),
        pytest.param(StopOutcome.INTERRUPTED, 3, None, id="an interruption"),
        pytest.param(StopOutcome.UNKNOWN, None, None, id="an end that nobody saw"),
        pytest.param(StopOutcome.DEADLINE, 60, None, id="a deadline before"),
        pytest.param(StopOutcome.DEADLINE, 120, True, id="a deadline after"),
    ],
)
def test_what_an_end_says(outcome: StopOutcome, ran: float | None, *, expected: bool | None) -> None:
    """A lack of capacity says nothing; and what is not known to be good counts as a failure, or it would never end."""
    start = Start() if ran is None else Start(at=NOW - ran)
    sign = StoppedTask("task", "s", outcome, NOW - 200, start, NOW, family="f", revision=8).proof(120)
    assert expected == (None if sign is None else sign.good)
    if sign is not None:
        assert "f:8" == sign.definition


def test_a_task_that_runs_for_long_enough_has_done_well() -> None:
    """By the last look that saw it run."""
    runs = LiveTask("task", "s", 1, 0, NOW, start=Start(at=NOW), ran_until=NOW + 119)
    assert runs.sign(120) is None
    assert good(NOW + 120, NOW) == replace(runs, ran_until=NOW + 120).sign(120)


RULES = policy(cooldown=NO_COOLDOWN, rollout=ONE)


def test_the_decision_launches_canaries_alone_where_nothing_is_trusted() -> None:
    """Then it holds for the proof, and says so; with a revision to go by it launches all."""
    first, state = decide(RULES, queue(8), fleet(), settled(rollout=known(8)), NOW)
    assert (Reason.LAUNCH, 1) == (first.reason, first.launch)
    seen = fleet(1, listed_at=NOW + 30, revisions=(RevisionUse(8, 1),))
    held, _ = decide(RULES, queue(8), seen, state, NOW + 30)
    assert (Reason.PROVING, 0) == (held.reason, held.launch)
    lines = dict(explain(RULES, held))
    assert lines["decision"].startswith(
        "hold: 7 containers short, but revision 8 proves itself, and there is no other to run"
    )
    assert lines["rollout"].endswith(
        "; it is trusted once a task of it does well: for 2m, or to a good end; 1 task of revision 8"
    )
    free, _ = decide(RULES, queue(8), seen, replace(state, rollout=known(8, 7)), NOW + 30)
    assert (Reason.LAUNCH, 7) == (free.reason, free.launch)
    assert free.numbers is not None
    assert stage_of(known(8, 7), (8, 1)) == free.numbers.stage


def test_unknown_revisions_hold_a_launch_and_nothing_else() -> None:
    """What is unknown is not taken to be as it was."""
    held, state = decide(RULES, queue(8), fleet(), settled(), NOW)
    assert (Reason.UNKNOWN_TEMPLATE, 0) == (held.reason, held.launch)
    enough, _ = decide(RULES, queue(8), fleet(8, listed_at=NOW + 10), state, NOW + 10)
    assert Reason.SATISFIED is enough.reason


@pytest.mark.parametrize(
    ("rollout", "uses", "said"),
    [
        pytest.param(known(8, r8=[good()]), [], "revision 8 is trusted, and all tasks run it", id="trusted"),
        pytest.param(
            known(8, 7), [], "revision 8 has to prove itself, and all others run revision 7; it is trusted", id="new"
        ),
        pytest.param(
            known(8, 7),
            [RevisionUse(None, 1)],
            "revision 8 waits until what was launched of another is known or gone, and all others run revision 7",
            id="waits",
        ),
        pytest.param(
            FAILED,
            [RevisionUse(7, 3)],
            f"revision 8 failed ({CAUSE}), and all others run revision 7; it is not tried again: register another; "
            "3 tasks of revision 7",
            id="failed",
        ),
        pytest.param(
            REFUSED, [], "revision 8 could not be launched (AccessDenied), and all others run revision 7", id="refused"
        ),
        pytest.param(
            SHORT,
            [],
            "revision 8 found no capacity (RESOURCE:CPU), and all others run revision 7; it is tried again at ",
            id="no room",
        ),
        pytest.param(
            ALONE, [], f"revision 8 failed ({CAUSE}), and there is no other to run; it is tried again", id="alone"
        ),
    ],
)
def test_the_line_says_where_it_stands(rollout: Rollout, uses: list[RevisionUse], said: str) -> None:
    """With what the others run, what went wrong, and what happens next."""
    decision, _ = decide(RULES, queue(8), fleet(revisions=tuple(uses)), settled(rollout=rollout), NOW)
    lines = dict(explain(RULES, decision))
    assert lines["rollout"].startswith(said)
    is_told = decision.reason is not Reason.PROVING and rollout in (FAILED, REFUSED)
    assert is_told == lines["decision"].endswith("desired; revision 8 is left out)")


def test_what_is_tried_again_alone_is_not_called_left_out() -> None:
    """Where there is no other revision, the launch that tries the refused one again is its own."""
    alone = note_refusal(known(8), 8, "AccessDenied", NOW)
    later = NOW + FIRST_PAUSE
    decision, _ = decide(RULES, queue(8), fleet(listed_at=later), settled(rollout=alone), later)
    assert dict(explain(RULES, decision))["decision"] == "launch 1 container (8 messages, 0 live of 8 desired)"


def test_what_was_refused_is_forgotten_and_what_failed_is_not() -> None:
    """A launch that is configured otherwise may be taken; a revision that runs badly does so in any case."""
    assert forget_refusals(REFUSED).find_setback(8) is None
    assert FAILED == forget_refusals(FAILED)
