"""Capacity providers in order: who gets a launch, who is short, and who is probed."""

from __future__ import annotations

import pytest

from controller.core.decision.explain import explain
from controller.core.decision.model import Decision, Fleet, Reason
from controller.core.decision.providers import (
    LONGEST_HOLD,
    Choice,
    ProviderUse,
    Shortages,
    choose,
    count_chosen,
    note_providers,
    note_refusal,
    sum_up,
)
from controller.core.decision.scarcity import HOLD, PLENTY, CapacitySign
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

SPOT, ON_DEMAND, LAST = ORDER = ("FARGATE_SPOT", "FARGATE", "instances")
NO_ROOM = "Capacity is unavailable at this time."


def short(*providers: str, at: float = NOW) -> Shortages:
    """Return the shortages after these have refused a call."""
    shortages: Shortages = {}
    for provider in providers:
        shortages = note_refusal(shortages, provider, NO_ROOM, at)
    return shortages


def lives(provider: str, born_at: float) -> tuple[ProviderUse, ...]:
    return (ProviderUse(provider, 1, born_at),)


@pytest.mark.parametrize(
    ("shortages", "uses", "later", "choice", "allowed"),
    [
        pytest.param({}, (), 0.0, Choice(SPOT, None), None, id="the first"),
        pytest.param(short(SPOT), (), 0.0, Choice(ON_DEMAND, None), None, id="the next one while the first is short"),
        pytest.param(short(SPOT, ON_DEMAND), (), 0.0, Choice(LAST, None), None, id="the one after"),
        pytest.param(short(ON_DEMAND), (), 0.0, Choice(SPOT, None), None, id="the first, whoever else is short"),
        pytest.param(short(SPOT), (), HOLD, Choice(ON_DEMAND, SPOT), None, id="a probe beside the plan"),
        pytest.param(
            short(SPOT, ON_DEMAND), (), HOLD, Choice(LAST, SPOT), None, id="one probe at a time, the first one's"
        ),
        pytest.param(
            short(SPOT), lives(SPOT, NOW + HOLD), HOLD + 9, Choice(ON_DEMAND, None), None, id="a probe is on its way"
        ),
        pytest.param(
            short(SPOT), lives(SPOT, NOW - 9), HOLD + 9, Choice(ON_DEMAND, SPOT), None, id="what lived before is none"
        ),
        pytest.param(
            short(SPOT), lives(LAST, NOW + HOLD), HOLD + 9, Choice(ON_DEMAND, SPOT), None, id="nor is another's task"
        ),
        pytest.param(short(*ORDER), (), 0.0, Choice(None, None), 0, id="all are short"),
        pytest.param(short(*ORDER), (), HOLD, Choice(None, SPOT), 1, id="all are short, and one may be probed"),
    ],
)
def test_who_gets_a_launch(
    shortages: Shortages, uses: tuple[ProviderUse, ...], later: float, choice: Choice, allowed: int | None
) -> None:
    """The first that is not short gets the plan; one before it whose hold is over gets a single task."""
    chosen = choose(ORDER, shortages, uses, 0, NOW + later)
    assert (choice, allowed) == (chosen, count_chosen(ORDER, chosen))


def test_nothing_is_probed_while_a_launch_is_in_doubt() -> None:
    """What may yet start may be a probe; the plan does not wait for it."""
    assert Choice(ON_DEMAND, None) == choose(ORDER, short(SPOT), (), 1, NOW + HOLD)


def test_each_refused_probe_doubles_the_hold_up_to_a_quarter_of_an_hour() -> None:
    """From a minute on; and a probe that runs ends the row."""
    shortages, now, holds = short(SPOT), NOW, []
    for _ in range(6):
        until = shortages[SPOT].until
        assert until is not None
        holds.append(until - now)
        now = until
        shortages = note_refusal(shortages, SPOT, NO_ROOM, now)
    assert [60, 120, 240, 480, 900, 900] == holds
    assert LONGEST_HOLD == holds[-1]
    until = shortages[SPOT].until or 0.0
    ran = CapacitySign(found=True, at=until + 30, born_at=until, provider=SPOT)
    shortages = note_providers(shortages, [ran])
    assert Choice(SPOT, None) == choose(ORDER, shortages, (), 0, until + 30)
    again = note_refusal(shortages, SPOT, NO_ROOM, until + 40)[SPOT].until
    assert until + 40 + HOLD == again


def test_tasks_of_the_refused_launch_do_not_bring_it_back() -> None:
    """Some of them may run: others of it found no place."""
    signs = [
        CapacitySign(found=False, at=NOW + 20, born_at=NOW, provider=SPOT),
        CapacitySign(found=True, at=NOW + 30, born_at=NOW, provider=SPOT),
        CapacitySign(found=False, at=NOW + 31, born_at=NOW, provider=None),
    ]
    known = note_providers({}, signs)
    assert [SPOT] == list(known)
    assert NOW + 20 + HOLD == known[SPOT].until


def test_an_order_is_scarce_when_all_of_it_is() -> None:
    """With the time of the first probe; a scaler without an order is none of this."""
    shortages = note_refusal(short(SPOT), ON_DEMAND, "vCPU limit", NOW + 5)
    assert PLENTY == sum_up(ORDER, shortages) == sum_up((), shortages)
    both = sum_up((SPOT, ON_DEMAND), shortages)
    assert (NOW + HOLD, NO_ROOM, 2) == (both.until, both.cause, both.turned_away)


def test_the_decision_holds_while_all_are_short_and_says_so() -> None:
    """As for a scaler without an order; then a single container goes to the first whose hold is over."""
    rules = policy(cooldown=NO_COOLDOWN, providers=(SPOT, ON_DEMAND))
    state = settled(history_read=True, shortages=short(SPOT, ON_DEMAND))
    held, state = decide(rules, queue(8), fleet(listed_at=NOW + 10), state, NOW + 10)
    assert (Reason.BACKING_OFF, 0) == (held.reason, held.launch)
    lines = explain(rules, held)
    assert ("order", "FARGATE_SPOT, then FARGATE: all are short") in lines
    assert 2 == dict(lines)["short"].count("had no room 1 time, the last: Capacity is unavailable at this time; ")
    assert "there is no capacity: one task is tried at" in lines[-1][1]
    probing, _ = decide(rules, queue(8), fleet(listed_at=NOW + 70), state, NOW + 70)
    assert (Reason.LAUNCH, 1) == (probing.reason, probing.launch)
    assert probing.numbers is not None
    assert Choice(None, SPOT) == probing.numbers.choice


def test_the_lines_say_who_gets_a_launch_and_what_lives_where() -> None:
    """And of each that is short why, and when it is probed."""
    rules = policy(cooldown=NO_COOLDOWN, providers=(SPOT, ON_DEMAND))
    seen = fleet(3, listed_at=NOW + 10, providers=(ProviderUse(ON_DEMAND, 3, NOW - 60),))
    decision: Decision
    decision, _ = decide(rules, queue(8), seen, settled(3, shortages=short(SPOT)), NOW + 10)
    said = dict(explain(rules, decision))
    assert "FARGATE_SPOT, then FARGATE: FARGATE gets a launch; 3 live on FARGATE" == said["order"]
    assert said["short"].startswith("FARGATE_SPOT had no room 1 time, the last: Capacity is unavailable at this time; ")
    assert Fleet(NOW).providers == ()
