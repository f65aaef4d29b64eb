from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import NETWORK, create_cluster, register_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


HOUR = 3600.0


@pytest.fixture
def switching_threads() -> Iterator[None]:
    """Let Python switch threads so often that a race would show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run(aws: EmbeddedAws, cluster: str, definition: str, token: str, **changes: Any) -> list[str]:
    """Make one RunTask call with a token; return the ARNs of its tasks."""
    asked = {"count": 2, "launchType": "FARGATE", "networkConfiguration": NETWORK, **changes}
    answer = aws.client("ecs").run_task(cluster=cluster, taskDefinition=definition, clientToken=token, **asked)
    return [task["taskArn"] for task in answer["tasks"]]


def test_the_same_call_again_starts_nothing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """The same token with the same parameters is answered with the original tasks."""
    first = run(aws, cluster, template, "a")
    assert first == run(aws, cluster, template, "a")
    assert len(aws.ecs.tasks()) == 2


def test_the_same_token_with_other_parameters_is_a_conflict(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """ConflictException names the tasks of the original call, and nothing starts."""
    first = run(aws, cluster, template, "a")
    ecs = aws.client("ecs")
    with pytest.raises(ecs.exceptions.ConflictException) as caught:
        run(aws, cluster, template, "a", count=3)
    assert caught.value.response["resourceIds"] == first
    assert len(aws.ecs.tasks()) == 2


def test_a_token_is_scoped_to_its_cluster(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """The same token in another cluster is another token; a cluster is the same by name and by ARN."""
    first = run(aws, cluster, template, "a")
    other = run(aws, create_cluster(aws), template, "a")
    by_arn = run(aws, f"arn:aws:ecs:us-east-1:123456789012:cluster/{cluster}", template, "a")
    assert set(first).isdisjoint(other)
    assert first == by_arn


def test_callers_at_the_same_time_share_one_launch(
    aws: EmbeddedAws, cluster: str, template: str, switching_threads: None
) -> None:
    """Eight threads that send the same call at once start it once."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: run(aws, cluster, template, "a"), range(8)))
    assert len({tuple(arns) for arns in answers}) == 1
    assert len(aws.ecs.tasks()) == 2


def test_failures_are_replayed_with_their_token(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A shortfall needs a new token: the old one repeats the old answer."""
    aws.ecs.fail_run_task(1)
    first = run(aws, cluster, template, "a")
    assert [
        len(first),
        len(run(aws, cluster, template, "a")),
        len(run(aws, cluster, template, "b")),
    ] == [1, 1, 2]


def test_a_conflict_names_tasks_that_failures_denied(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A task that started although ``failures`` named it belongs to the original call."""
    aws.ecs.fail_run_task(1, lies=True)
    run(aws, cluster, template, "a")
    ecs = aws.client("ecs")
    with pytest.raises(ecs.exceptions.ConflictException) as caught:
        run(aws, cluster, template, "a", count=3)
    assert set(caught.value.response["resourceIds"]) == {task.arn for task in aws.ecs.tasks()}


def test_a_refused_call_leaves_its_token_free(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A call that is refused starts nothing, and its token can be used again."""
    with pytest.raises(aws.client("ecs").exceptions.ClientException):
        run(aws, cluster, "nothing", "a")
    assert len(run(aws, cluster, template, "a")) == 2


def test_a_token_lives_24_hours_while_its_tasks_run(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """After a day the same call starts tasks again."""
    cluster, definition = create_cluster(timed_aws), register_template(timed_aws)
    first = run(timed_aws, cluster, definition, "a")
    clock.now += 24 * HOUR - 1
    assert first == run(timed_aws, cluster, definition, "a")
    clock.now += 1
    assert set(first).isdisjoint(run(timed_aws, cluster, definition, "a"))


def test_a_token_dies_an_hour_after_its_last_task_stopped(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """It counts from the last stop, not from the first."""
    cluster, definition = create_cluster(timed_aws), register_template(timed_aws)
    first = run(timed_aws, cluster, definition, "a")
    for arn in first:
        clock.now += 100
        timed_aws.ecs.exit_container(arn, "worker", 0)
    clock.now += HOUR - 1
    assert first == run(timed_aws, cluster, definition, "a")
    clock.now += 1
    assert set(first).isdisjoint(run(timed_aws, cluster, definition, "a"))
