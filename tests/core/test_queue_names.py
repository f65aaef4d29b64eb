from __future__ import annotations

import pytest

from controller.core.queue_names import may_be_same, name_queue, tell_apart

URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/urgent"
ARN = "arn:aws:sqs:eu-west-1:111122223333:urgent"
OTHER = "arn:aws:sqs:eu-west-1:444455556666:urgent"


@pytest.mark.parametrize("queue", ["urgent", URL, ARN], ids=["name", "url", "arn"])
def test_a_queue_is_called_by_its_own_name(queue: str) -> None:
    """However it is given."""
    assert "urgent" == name_queue(queue)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (URL, ARN, True),
        ("urgent", ARN, True),
        (URL, OTHER, False),
        ("urgent", "normal", False),
        ("urgent", "urgent", True),
    ],
)
def test_two_may_be_the_same(one: str, other: str, *, expected: bool) -> None:
    """A bare name may be of any account; two accounts have different queues of one name."""
    assert expected == may_be_same(one, other) == may_be_same(other, one)


def test_equal_names_are_told_apart_by_their_accounts() -> None:
    """Whatever has a name of its own keeps it."""
    assert ("111122223333/urgent", "normal", "444455556666/urgent") == tell_apart([ARN, "normal", OTHER])
