from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.aws import NETWORK, create_cluster, register_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


def calls_until_throttled(call: Callable[[], Any], *, most: int = 200) -> int:
    """Call until ECS throttles; return how many calls succeeded."""
    for done in range(most):
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException":
                raise
            return done
    return most


@pytest.fixture
def ecs(timed_aws: EmbeddedAws) -> Any:
    """Return a client that sends each call only once."""
    return timed_aws.client("ecs", config=Config(retries={"total_max_attempts": 1}))


def test_fargate_starts_100_tasks_at_once_and_20_a_second(timed_aws: EmbeddedAws, clock: ManualClock, ecs: Any) -> None:
    """A call costs as many permits as it has tasks, and a throttled call starts nothing."""
    cluster, definition = create_cluster(timed_aws), register_template(timed_aws)
    timed_aws.rates.enforce()

    def run() -> None:
        ecs.run_task(
            cluster=cluster,
            taskDefinition=definition,
            count=10,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
        )

    seen = [calls_until_throttled(run)]
    clock.now += 1.0
    seen.append(calls_until_throttled(run))
    assert seen == [10, 2]
    assert len(timed_aws.ecs.tasks()) == 120


def test_registrations_are_rare(timed_aws: EmbeddedAws, clock: ManualClock, ecs: Any) -> None:
    """20 at once and then one a second are allowed; other operations have their own buckets."""
    arn = register_template(timed_aws)
    timed_aws.rates.enforce()
    seen = [calls_until_throttled(lambda: ecs.deregister_task_definition(taskDefinition=arn))]
    clock.now += 1.0
    seen.append(calls_until_throttled(lambda: ecs.deregister_task_definition(taskDefinition=arn)))
    seen.append(calls_until_throttled(lambda: ecs.describe_task_definition(taskDefinition=arn)))
    assert seen == [20, 1, 50]


def test_nothing_is_throttled_unless_asked(timed_aws: EmbeddedAws, ecs: Any) -> None:
    """Rates are off at first, and off again after ``lift``."""
    cluster = create_cluster(timed_aws)
    assert calls_until_throttled(lambda: ecs.list_tasks(cluster=cluster), most=101) == 101
    timed_aws.rates.enforce()
    assert calls_until_throttled(lambda: ecs.list_tasks(cluster=cluster)) == 100
    timed_aws.rates.lift()
    ecs.list_tasks(cluster=cluster)
