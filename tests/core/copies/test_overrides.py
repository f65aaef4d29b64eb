import pytest

from controller.core.copies.overrides import MAX_OVERRIDES, overrides_size, within_overrides
from controller.core.copies.template import CannotCopy

EMPTY = overrides_size("w", {"A": ""}, 1)
"""Characters around a value in the overrides of one worker."""


def test_exactly_the_limit_is_taken() -> None:
    """ECS allows 8,192 characters, the brackets included."""
    environment = {"A": "x" * (MAX_OVERRIDES - EMPTY)}
    assert overrides_size("w", environment, 1) == MAX_OVERRIDES
    assert within_overrides("w", environment, 1, "why not") == (1, "why not")
    with pytest.raises(CannotCopy, match="takes 8,193 characters of overrides with 1 of container w"):
        within_overrides("w", {"A": environment["A"] + "x"}, 1, "why not")


def test_the_most_copies_that_fit_are_told_and_why_not_one_more() -> None:
    """Each copy carries the whole environment."""
    most, why = within_overrides("w", {"A": "x" * 2000}, 9, "why not")
    assert (most, why) == (
        3,
        "task.environment takes 8,244 characters of overrides with 4 of container w, and ECS allows 8,192: "
        "shorten it, or set max_containers_per_task to 3",
    )


def test_without_an_environment_nothing_is_bounded() -> None:
    """No overrides are sent then."""
    assert within_overrides("w" * 255, {}, 9, "why not") == (9, "why not")
