"""Rights as policies: inside IAM's limits, and never wider for that."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from controller.config.stack import LONGEST, Account, StackError, pack, render_policy
from controller.config.stack.policies import POLICIES_A_ROLE, POLICY_CHARACTERS
from controller.config.stack.rights import Rights

HERE = Account("aws", "us-east-1", "111122223333")
DEPLOYED = Account.of_deployment(None)


def read_queues(number: int, account: Account = HERE) -> Rights:
    """Return the right to read so many queues, whose names are of usual length."""
    return Rights(
        "ReadQueues", ("sqs:GetQueueAttributes",), tuple(account.queue(f"a-queue-of-mine-{n}") for n in range(number))
    )


def measure(policy: tuple[Rights, ...], place: Account = HERE) -> int:
    """Return the characters of a policy without white space, as IAM counts them where it is deployed."""
    return len(place.fill_in(json.dumps(render_policy(policy), separators=(",", ":"))))


@pytest.mark.parametrize("number", [1, 80, 200, 500])
def test_no_policy_is_longer_than_iam_takes_and_nothing_is_widened(number: int) -> None:
    """However many queues there are, each policy is within the limit, and together they name exactly those queues."""
    rights = read_queues(number)
    packed = pack([rights])
    assert [] == [length for policy in packed if (length := measure(policy)) > POLICY_CHARACTERS]
    assert rights.resources == tuple(chain.from_iterable(each.resources for policy in packed for each in policy))
    assert POLICIES_A_ROLE >= len(packed)


def test_a_policy_is_filled_before_another_is_begun() -> None:
    """A role has few of them, so none but the last has room for one more queue."""
    *full, _ = pack([read_queues(500)])
    assert [] == [room for policy in full if (room := POLICY_CHARACTERS - measure(policy)) > 100]


def test_what_is_filled_in_later_counts_as_long_as_it_may_become() -> None:
    """A template is deployed to a region and partition that are not known: the longest there are fit as well."""
    packed = pack([read_queues(500, DEPLOYED)])
    assert [] == [length for policy in packed if (length := measure(policy, LONGEST)) > POLICY_CHARACTERS]


def test_the_same_queues_take_less_where_the_place_is_known() -> None:
    """Whoever looks the account up has more room than somebody who does not."""
    assert len(pack([read_queues(500, DEPLOYED)], place=HERE)) < len(pack([read_queues(500, DEPLOYED)]))


def test_statements_keep_their_conditions_when_they_are_cut() -> None:
    """A condition confines every part of a statement."""
    condition = {"ArnEquals": {"ecs:cluster": (HERE.cluster("main"),)}}
    families = tuple(HERE.definitions(f"a-family-of-mine-{number}") for number in range(200))
    packed = pack([Rights("RunWorkers", ("ecs:RunTask",), families, condition)])
    assert len(packed) > 1
    assert [condition] * len(packed) == [each.conditions for policy in packed for each in policy]


def test_a_parameter_counts_as_long_as_its_value_may_be() -> None:
    """What a list that is a parameter will hold is not known: nothing else of much length stands beside it."""
    roles = Rights("PassWorkerRoles", ("iam:PassRole",), (), parameter="WorkerRoles")
    assert [["ReadQueues"], ["PassWorkerRoles"]] == [
        [each.sid for each in policy] for policy in pack([read_queues(50), roles])
    ]


def test_what_does_not_fit_is_refused_with_what_to_do() -> None:
    """More than a role may have is never made to fit by a wildcard."""
    with pytest.raises(StackError, match=r"take 2 policies of IAM, and a role has 1: let scalers share"):
        pack([read_queues(200)], most=1)
