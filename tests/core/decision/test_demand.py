import pytest

from controller.core.decision.demand import level_demand
from controller.core.decision.policy import PerContainer
from tests.core.decision.builders import steps

STAIRCASE = steps((1, 1), (10, 10), (100, 90))


@pytest.mark.parametrize(
    ("backlog", "containers"),
    [(0, 0), (0.9, 0), (1, 1), (9, 1), (9.99, 1), (10, 10), (99, 10), (100, 90), (1_000_000, 90)],
)
def test_steps_ask_for_the_highest_step_that_the_backlog_reaches(backlog: float, containers: int) -> None:
    """A step counts from its own backlog on; below the first nothing is asked for, above the last no more."""
    assert containers == level_demand(STAIRCASE, backlog)


@pytest.mark.parametrize(
    ("messages", "backlog", "containers"),
    [(5, 0, 0), (5, 1, 1), (5, 5, 1), (5, 6, 2), (5, 10, 2), (5, 10.2, 3), (1, 7, 7), (1, 100_000, 100_000)],
)
def test_messages_per_container_rounds_up(messages: int, backlog: float, containers: int) -> None:
    """A container is asked for from the first message of its share on."""
    assert containers == level_demand(PerContainer(messages), backlog)


@pytest.mark.parametrize(("backlog", "dead_band", "containers"), [(5, 0.2, 6), (100, 0.1, 110), (100, 0.15, 115)])
def test_the_dead_band_adds_no_container_by_floating_point(backlog: int, dead_band: float, containers: int) -> None:
    """100 x 1.1 is 110.00000000000001 to the machine, and still asks for 110 containers."""
    assert containers == level_demand(PerContainer(1), backlog * (1 + dead_band))


def test_a_step_is_reached_in_spite_of_floating_point() -> None:
    """100 messages with a dead band of 15 % reach the step at 115."""
    assert 5 == level_demand(steps((115, 5)), 100 * 1.15)
