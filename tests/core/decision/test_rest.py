from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.following import Following
from controller.core.decision.lessons import Lessons
from controller.core.decision.level_state import LevelState
from controller.core.decision.model import QueueCounts, Reason
from controller.core.decision.policy import PerContainer, StartWithin
from controller.core.decision.rest import rests
from controller.core.decision.scarcity import Scarcity
from controller.core.decision.sightings import Sighting, Sightings
from controller.core.decision.standstill import Standstill
from controller.core.decision.state import Doubt
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

RULES = policy()
POLLS = 10
"""Enough for whatever counts polls in a row."""
EMPTY = queue()


def idle(rules=RULES, counts=EMPTY, polls=POLLS):
    """Return the last decision and the state after so many polls of an empty queue."""
    state, decision = settled(), None
    for number in range(polls):
        now = NOW + number * rules.poll_interval
        decision, state = decide(rules, counts, fleet(listed_at=NOW), state, now)
    return decision, state


def test_a_scaler_that_has_been_idle_rests() -> None:
    """The next poll of the same empty queue has nothing to decide."""
    decision, state = idle()
    assert Reason.IDLE is decision.reason
    assert rests(RULES, state, decision, queue())


def test_a_scaler_that_is_paused_rests_as_well() -> None:
    """While there is nothing to see in its queue; one that was paused since is decided on once."""
    paused = replace(RULES, paused=True)
    decision, state = idle(paused)
    assert Reason.PAUSED is decision.reason
    assert rests(paused, state, decision, queue())
    assert not rests(RULES, state, decision, queue())
    assert not rests(replace(paused, paused_by_schedule=True), state, decision, queue())


@pytest.mark.parametrize(
    ("counts", "rules", "changes"),
    [
        (queue(1), RULES, {}),
        (queue(0, 1), RULES, {}),
        (QueueCounts(0, 0, 1), RULES, {}),
        (queue(), replace(RULES, min_containers=1), {}),
        (queue(), replace(RULES, paused=True), {}),
        (queue(), RULES, {"level": None}),
        (queue(), RULES, {"level": LevelState(level=1, awake=True)}),
        (queue(), RULES, {"level": LevelState()}),
        (queue(), RULES, {"doubts": (Doubt(1, NOW),)}),
        (queue(), RULES, {"scarcity": Scarcity(1, NOW + 60, "no room")}),
        (queue(), RULES, {"standstill": Standstill(NOW, 1)}),
        (queue(), RULES, {"sightings": Sightings((Sighting(NOW, 1, 0),))}),
        (queue(), RULES, {"following": Following(width=1)}),
        (queue(), RULES, {"lessons": Lessons(looked_at=NOW)}),
    ],
    ids=[
        "visible",
        "in-flight",
        "delayed",
        "minimum",
        "paused",
        "cold",
        "level",
        "few-polls",
        "doubt",
        "no-capacity",
        "standstill",
        "sightings",
        "following",
        "lessons",
    ],
)
def test_whatever_may_be_decided_is(counts: QueueCounts, rules, changes) -> None:
    """A change of the counts, a wish of the configuration, or a state that would move or be forgotten."""
    decision, state = idle()
    assert not rests(rules, replace(state, **changes), decision, counts)


@given(
    strategy=st.sampled_from([PerContainer(1), PerContainer(100), StartWithin(300.0, 60.0)]),
    delayed=st.integers(0, 5),
    polls=st.integers(1, 12),
    later=st.floats(0.0, 1e6),
    paused=st.booleans(),
)
def test_to_rest_is_to_decide_the_same(strategy, delayed, polls, later, *, paused) -> None:
    """Where a scaler rests, a whole decision would be the same hold and leave the same state, but for its time."""
    rules, counts = policy(demand=strategy, paused=paused), QueueCounts(0, 0, delayed)
    decision, state = idle(rules, counts, polls)
    if not rests(rules, state, decision, counts):
        return
    again, after = decide(rules, counts, fleet(listed_at=NOW), state, NOW + polls * rules.poll_interval + later)
    assert replace(decision, at=again.at) == again
    undated = [replace(each, level=replace(each.level, polled_at=None)) for each in (state, after)]
    assert undated[0] == undated[1]
