"""The families of a template and of its copies."""

import pytest

from controller.core.copies.copies import count_copies


@pytest.mark.parametrize(
    ("family", "copies"), [("worker", 1), ("worker-x2", 2), ("worker-x9", 9), ("worker-x10", None), ("other-x2", None)]
)
def test_a_family_tells_how_many_copies_its_tasks_have(family: str, copies: int | None) -> None:
    """However the template is named in the configuration."""
    arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/worker:7"
    assert {copies} == {count_copies(definition, family) for definition in ("worker", "worker:7", arn)}
