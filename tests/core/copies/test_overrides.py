import pytest

from controller.core.copies.overrides import MAX_OVERRIDES, limit_by_overrides, measure_overrides
from controller.core.copies.template import CannotCopy

EMPTY = measure_overrides("w", {"A": ""}, 1)
"""The characters around the value of the only variable, in the overrides of one worker."""


def test_exactly_the_limit_is_accepted() -> None:
    """ECS allows 8,192 characters, counting the whole JSON text."""
    environment = {"A": "x" * (MAX_OVERRIDES - EMPTY)}
    assert MAX_OVERRIDES == measure_overrides("w", environment, 1)
    assert (1, "why not") == limit_by_overrides("w", environment, 1, "why not")
    with pytest.raises(CannotCopy, match="takes 8,193 characters of overrides for container w, and ECS"):
        limit_by_overrides("w", {"A": environment["A"] + "x"}, 1, "why not")


def test_a_large_environment_lowers_the_limit() -> None:
    """Each copy carries the whole environment, so fewer copies may fit than the template allows."""
    most, why = limit_by_overrides("w", {"A": "x" * 2000}, 9, "why not")
    expected = (
        3,
        "task.environment takes 8,244 characters of overrides for 4 copies of container w, and ECS allows 8,192: "
        "shorten it, or set max_containers_per_task to 3",
    )
    assert expected == (most, why)


def test_without_an_environment_the_limit_stays() -> None:
    """No overrides are sent then, so the limit stays as it is."""
    assert (9, "why not") == limit_by_overrides("w" * 255, {}, 9, "why not")
