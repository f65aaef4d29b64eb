"""The way from the backlog to a launch, drawn from a decision's record and explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.config import Place
from controller.core.decision.explain import explain
from controller.core.decision.following import Following
from controller.core.decision.model import Outcome, Reason
from controller.core.decision.scarcity import Scarcity
from controller.core.decision.state import Doubt, ScalerState
from controller.core.record import LaunchResult, Reconciled, record
from controller.daemon.pages.waterfall import Waterfall, draw_waterfall
from tests.core.decision.builders import NO_COOLDOWN, NOW, fleet, hysteresis, policy, queue, settled, steps
from tests.core.decision.deciding import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.core.decision.policy import Policy


def find_key(key: str) -> Place:
    """Return a key as if it stood in line 7."""
    return Place(key, 7, is_set=True)


def draw(
    rules: Policy,
    *seen: Any,
    state: ScalerState | None = None,
    launch: LaunchResult | None = None,
    grant: Callable[[int], int] = int,
) -> Waterfall:
    """Decide and draw."""
    decision, _ = decide(rules, *seen, state or settled(), NOW, grant)
    told = record(Reconciled("one", decision, launch))
    return draw_waterfall(told, dict(explain(rules, decision)), find_key)


def shape(drawn: Waterfall) -> list[tuple[str, int, int, bool]]:
    """Return of each step its title, its number, how far its bar reaches, and whether it cuts."""
    return [(step.title, step.number, step.bar, step.cuts) for step in drawn.steps]


EASY = policy(cooldown=NO_COOLDOWN)


def test_a_queue_that_more_workers_cannot_drain() -> None:
    """Its own step leaves nothing, and says when one more is tried."""
    braked = Following(width=1, visible=4, still_since=NOW - 200, since=NOW - 60, until=NOW + 60)
    drawn = draw(EASY, queue(visible=4, in_flight=1), fleet(running=1), state=replace(settled(5), following=braked))
    assert ("followed", 0, 0, True) == shape(drawn)[8]
    assert "more workers found nothing" in drawn.steps[8].text


def test_providers_that_are_all_short() -> None:
    """The step that holds everything back has ECS's words, and the key of the order."""
    scarce = Scarcity(until=NOW + 60, turned_away=1, cause="RESOURCE:ENI")
    rules, short = replace(EASY, providers=("FARGATE_SPOT",)), replace(settled(), shortages={"FARGATE_SPOT": scarce})
    step = next(step for step in draw(rules, queue(visible=4), fleet(), state=short).steps if step.title == "capacity")
    assert (0, True, "task.capacity") == (step.number, step.cuts, step.key.key if step.key else None)
    assert "FARGATE_SPOT had no room 1 time, the last: RESOURCE:ENI" in step.text


def test_a_launch() -> None:
    """Everything that is asked for goes through to the launch."""
    done = LaunchResult(Outcome.LAUNCHED, None, ("a", "b"), containers=4)
    drawn = draw(EASY, queue(visible=4), fleet(), launch=done)
    assert [
        ("backlog", 4, 100, False),
        ("asked", 4, 100, False),
        ("demand", 4, 100, False),
        ("level", 4, 100, False),
        ("desired", 4, 100, False),
        ("live", 0, 100, False),
        ("room", 10, 100, False),
        ("unclaimed", 4, 100, False),
        ("cooldown", 4, 100, False),
        ("budget", 4, 100, False),
        ("slot", 4, 100, False),
        ("launched", 4, 100, False),
    ] == shape(drawn)
    assert [] == drawn.rest


@pytest.mark.parametrize(
    ("rules", "seen", "state", "where", "key"),
    [
        (EASY, (queue(visible=40), fleet(running=8, starting=2)), None, "demand", "max_containers"),
        (EASY, (queue(visible=9), fleet(running=9)), None, "live", None),
        (EASY, (queue(visible=9, in_flight=1), fleet(running=1)), Doubt(5, NOW), "room", "max_containers"),
        (EASY, (queue(visible=1, in_flight=8), fleet(running=4, starting=2)), None, "unclaimed", None),
        (replace(EASY, paused=True), (queue(visible=4), fleet()), None, "paused", "paused"),
        (
            replace(EASY, paused=True, paused_by_schedule=True),
            (queue(visible=4), fleet()),
            None,
            "paused",
            "schedule",
        ),
        (policy(), (queue(visible=4), fleet()), NOW - 1, "cooldown", "cooldown.launch"),
    ],
    ids=["max", "enough", "in doubt", "taken", "paused", "window", "cooldown"],
)
def test_where_it_ends(rules: Policy, seen: Any, state: Any, where: str, key: str | None) -> None:
    """The step that leaves less than the one before it is marked, with the key that would move it."""
    before = settled(10)
    if isinstance(state, Doubt):
        before = replace(before, doubts=(state,))
    elif state is not None:
        before = replace(before, launched_at=state)
    cutting = [step for step in draw(rules, *seen, state=before).steps if step.cuts]
    assert where in [step.title for step in cutting]
    step = next(step for step in cutting if step.title == where)
    assert key == (step.key.key if step.key else None)


def test_polls_in_a_row_keep_the_level_down() -> None:
    """What waits for more polls is what cuts, not what comes after it."""
    rules = replace(EASY, hysteresis=hysteresis(rise_after=3))
    cutting = [step for step in draw(rules, queue(visible=4), fleet()).steps if step.cuts]
    assert [("level", Place("hysteresis.rise_after", 7, is_set=True))] == [(step.title, step.key) for step in cutting]


def test_what_a_number_counts() -> None:
    """Where it is not what the bar shows, its noun says so."""
    nouns = {step.title: f"{step.number} {step.noun}" for step in draw(EASY, queue(visible=1), fleet()).steps}
    expected = ("0 live", "10 more at most", "1 message", "1 container")
    assert expected == (nouns["live"], nouns["room"], nouns["unclaimed"], nouns["slot"])


@pytest.mark.parametrize(("rose_at", "key"), [(NOW - 1, "cooldown.fall"), (NOW - 9999, "hysteresis.fall_after")])
def test_what_keeps_the_level_up(rose_at: float, key: str) -> None:
    """After a rise it is the cooldown, and later the polls in a row."""
    rules = policy(hysteresis=hysteresis(fall_after=3))
    state = settled(9)
    held = replace(state, level=replace(state.level, rose_at=rose_at))
    step = next(
        step for step in draw(rules, queue(visible=1), fleet(running=9), state=held).steps if step.title == "level"
    )
    assert (9, key) == (step.number, step.key.key if step.key else None)


def test_the_budget_cuts() -> None:
    """What it grants is what is left."""
    steps_ = {step.title: step for step in draw(EASY, queue(visible=4), fleet(), grant=lambda _: 1).steps}
    assert (1, 25, True) == (steps_["budget"].number, steps_["budget"].bar, steps_["budget"].cuts)


def test_a_budget_that_grants_nothing_is_the_end() -> None:
    """No slot was asked for, so none is told."""
    assert "budget" == draw(EASY, queue(visible=4), fleet(), grant=lambda _: 0).steps[-1].title


def test_a_failed_launch_starts_nothing() -> None:
    """The last step says why, without the scaler's own name before it."""
    failed = LaunchResult(Outcome.FAILED, None, fault="invalid", error="scaler one: no such thing")
    last = draw(EASY, queue(visible=4), fleet(), launch=failed).steps[-1]
    assert ("launched", 0, True, "failed: no such thing") == (last.title, last.number, last.cuts, last.text)
    assert last.key is None


def test_a_demand_far_beyond_the_maximum() -> None:
    """Its bar is cut short, so that the others can be seen."""
    bars = {step.title: step.bar for step in draw(EASY, queue(visible=4000), fleet(running=4)).steps}
    assert (100, 50) == (bars["asked"], bars["demand"])


def test_every_line_of_the_explanation_is_told() -> None:
    """Whatever the explanation says, it stands at a step, or below them."""
    rules = replace(EASY, demand=steps((1, 1), (10, 6)))
    busy = fleet(running=2, draining=3, draining_tasks=1)
    decision, _ = decide(rules, queue(visible=12), busy, settled(2), NOW)
    drawn = draw_waterfall(record(Reconciled("one", decision)), dict(explain(rules, decision)), find_key)
    told = " ".join([*(step.text for step in drawn.steps), *(what for _, what in drawn.rest)])
    lines = [what for about, what in explain(rules, decision) if about != "decision"]
    assert [] == [part for line in lines for part in line.replace("; but ", "; ").split("; ") if part not in told]
    assert "draining" in [about for about, _ in drawn.rest]


def test_what_is_unknown_has_no_steps() -> None:
    """Without the queue's counts there is nothing to draw, and the explanation stands alone."""
    drawn = draw(EASY, None, None)
    assert ([], ["queue", "fleet"]) == (drawn.steps, [about for about, _ in drawn.rest if about != "decision"])
    assert Reason.UNKNOWN_BACKLOG == decide(EASY, None, None, settled(), NOW)[0].reason
