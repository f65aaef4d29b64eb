"""Several queues of one scaler: added up, and told one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.decision.decide import heed_left
from controller.core.decision.explain import explain
from controller.core.decision.lessons import Left
from controller.core.decision.model import QueueCounts
from controller.core.decision.policy import Busy
from controller.core.decision.queue_sum import TOLD, add_up, explain_parts, tell_parts
from controller.core.decision.state import ScalerState
from tests.core.decision.builders import NOW, fleet, policy, queue
from tests.core.decision.deciding import decide

counts = st.integers(min_value=0, max_value=1_000_000)
queues = st.builds(QueueCounts, counts, counts, counts)


@given(st.lists(queues, max_size=150))
def test_nothing_is_lost_in_a_sum(parts: list[QueueCounts]) -> None:
    """The sum is that of all, and each is still there by its name."""
    named = [(f"q{number}", part) for number, part in enumerate(parts)]
    whole = add_up(named)
    assert named == list(whole.parts)
    for state in ("visible", "in_flight", "delayed"):
        assert sum(getattr(part, state) for part in parts) == getattr(whole, state)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([], "there is none now", id="none"),
        pytest.param(
            [("urgent", queue(2, 1)), ("normal", queue())],
            "2 queues: urgent 2 visible + 1 in flight; normal 0 visible",
            id="in-their-order",
        ),
        pytest.param(
            [(f"q{number}", queue(2 * number, delayed=number % 2)) for number in range(TOLD + 2)],
            "12 queues: q11 22 visible + 1 delayed; q10 20 visible; q9 18 visible + 1 delayed; q8 16 visible; "
            "q7 14 visible + 1 delayed; q6 12 visible; q5 10 visible + 1 delayed; q4 8 visible; "
            "q3 6 visible + 1 delayed; q2 4 visible; 2 others 2 visible + 1 delayed",
            id="of-very-many-the-fullest",
        ),
    ],
)
def test_each_is_told_by_its_name(parts: list[tuple[str, QueueCounts]], expected: str) -> None:
    """A line has room for ten."""
    assert expected == explain_parts(parts)


def test_a_decision_stands_on_the_sum_and_names_each() -> None:
    """As it would on one queue that holds as much."""
    rules, seen = policy(), add_up([("urgent", queue(3)), ("normal", queue(2, 1))])
    decision, _ = decide(rules, seen, fleet(), ScalerState(), NOW)
    alone, _ = decide(rules, queue(5, 1), fleet(), ScalerState(), NOW)
    assert (alone.launch, alone.numbers) == (decision.launch, decision.numbers)
    lines = dict(explain(rules, decision))
    assert "2 queues: urgent 3 visible; normal 2 visible + 1 in flight" == lines["queues"]
    assert "queues" not in dict(explain(rules, alone))


@pytest.mark.parametrize("busy", Busy)
def test_whoever_works_or_has_left_counts_in_a_sum_as_well(busy: Busy) -> None:
    """What is in hand is then another number than the queues' own, and still that of all together."""
    rules = policy(busy=busy)
    seen, alone = add_up([("urgent", queue(3, 2)), ("normal", queue(2, 1))]), queue(5, 3)
    numbers = []
    for counts in (seen, alone):
        _, state = decide(rules, counts, fleet(running=3), ScalerState(), NOW)
        state = heed_left(state, [Left(NOW + 10, 2, None)])
        decision, _ = decide(rules, counts, fleet(running=1, listed_at=NOW + 10), state, NOW + 10)
        numbers.append(decision.numbers)
    assert numbers[0] is not None
    assert busy is Busy.RUNNING or 2 == numbers[0].left
    assert numbers[0] == numbers[1]


def test_as_plain_data() -> None:
    """One queue has no parts."""
    assert tell_parts(queue(1)) is None
    assert tell_parts(None) is None
    assert [{"name": "urgent", "visible": 1, "in_flight": 0, "delayed": 0}] == tell_parts(
        add_up([("urgent", queue(1))])
    )
