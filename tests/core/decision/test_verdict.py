import pytest

from controller.core.decision.model import Outcome
from controller.core.decision.verdict import summarize_launch
from tests.core.decision.builders import NOW, fleet, policy, queue, settled
from tests.core.decision.deciding import decide

DECISION = decide(policy(), queue(4), fleet(), settled(), NOW)[0]
SEEN = "(4 messages, 0 live of 4 desired)"


@pytest.mark.parametrize(
    ("outcome", "started", "in_doubt", "error", "expected"),
    [
        (Outcome.LAUNCHED, 4, 0, None, f"launch 4 containers {SEEN}"),
        (Outcome.LAUNCHED, 3, 0, None, f"launch 3 of 4 containers {SEEN}"),
        (Outcome.DRY_RUN, 4, 0, None, f"would launch 4 containers, but this is a dry run {SEEN}"),
        (Outcome.PARTLY_LAUNCHED, 1, 0, "no room", f"launched only 1 of 4 containers: no room {SEEN}"),
        (Outcome.FAILED, 0, 0, "no such cluster", f"launch FAILED: no such cluster {SEEN}"),
        (Outcome.FAILED, 0, 0, None, f"launch FAILED {SEEN}"),
        (Outcome.IN_DOUBT, 1, 3, "reset", f"launch IN DOUBT, 1 of 4 started, 3 more may have: reset {SEEN}"),
    ],
    ids=[
        "launched",
        "cut",
        "dry run",
        "partly",
        "failed",
        "failed without a word",
        "in doubt",
    ],
)
def test_what_came_of_a_launch_is_the_verdict(
    outcome: Outcome, started: int, in_doubt: int, error: str | None, expected: str
) -> None:
    """A launch that started less than was decided says so first, and why."""
    assert expected == summarize_launch(DECISION, outcome, started, in_doubt, error)
