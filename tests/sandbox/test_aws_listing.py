from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import create_cluster, register_template, run_tasks

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


def listed(aws: EmbeddedAws, cluster: str, **filters: Any) -> set[str]:
    """List one page of tasks."""
    return set(aws.client("ecs").list_tasks(cluster=cluster, **filters)["taskArns"])


def refusal(aws: EmbeddedAws, operation: str, **parameters: Any) -> str:
    """Return the error code with which an operation refuses these parameters."""
    with pytest.raises(ClientError) as caught:
        getattr(aws.client("ecs"), operation)(**parameters)
    return caught.value.response["Error"]["Code"]


def test_a_listing_comes_in_pages_of_100(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """250 tasks take three pages, and every task is on one of them."""
    started = run_tasks(aws, cluster, template, 250)
    pages = [page["taskArns"] for page in aws.client("ecs").get_paginator("list_tasks").paginate(cluster=cluster)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert set(started) == {arn for page in pages for arn in page}


def test_no_task_is_missed_when_others_stop_between_pages(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A page begins after the last task of the page before, even if tasks have gone in the meantime."""
    started = run_tasks(aws, cluster, template, 4)
    ecs = aws.client("ecs")
    first = ecs.list_tasks(cluster=cluster, maxResults=2)
    ecs.stop_task(cluster=cluster, task=first["taskArns"][0])
    second = ecs.list_tasks(cluster=cluster, maxResults=2, nextToken=first["nextToken"])
    assert set(started) == {*first["taskArns"], *second["taskArns"]}


@pytest.mark.parametrize("filters", [{"maxResults": 0}, {"maxResults": 101}, {"nextToken": "page two"}], ids=str)
def test_an_invalid_page_is_refused(aws: EmbeddedAws, cluster: str, filters: dict[str, Any]) -> None:
    """MaxResults must be 1 to 100, and nextToken must come from an answer."""
    assert refusal(aws, "list_tasks", cluster=cluster, **filters) == "InvalidParameterException"


@pytest.mark.parametrize(
    "other", [{"family": "a"}, {"launchType": "FARGATE"}, {"serviceName": "s"}, {"containerInstance": "i"}], ids=str
)
def test_started_by_is_the_only_filter(aws: EmbeddedAws, cluster: str, other: dict[str, str]) -> None:
    """It cannot be combined with another filter."""
    assert refusal(aws, "list_tasks", cluster=cluster, startedBy="a", **other) == "InvalidParameterException"


def test_filters_narrow_the_listing(aws: EmbeddedAws, cluster: str) -> None:
    """Tasks can be listed by startedBy, family and launch type."""
    one, two = register_template(aws, "one"), register_template(aws, "two")
    [a] = run_tasks(aws, cluster, one, startedBy="ecsq/a")
    [b] = run_tasks(aws, cluster, two, startedBy="ecsq/b")
    assert [{a}, {b}, {a, b}, set()] == [
        listed(aws, cluster, startedBy="ecsq/a"),
        listed(aws, cluster, family="two"),
        listed(aws, cluster, launchType="FARGATE"),
        listed(aws, cluster, launchType="EC2"),
    ]


def test_a_stopped_task_leaves_the_listing_of_running_ones(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """RUNNING is the default, STOPPED lists the others, and PENDING never finds anything."""
    stopped, running = run_tasks(aws, cluster, template, 2)
    aws.client("ecs").stop_task(cluster=cluster, task=stopped)
    assert [{running}, {running}, {stopped}, set()] == [
        listed(aws, cluster),
        listed(aws, cluster, desiredStatus="RUNNING"),
        listed(aws, cluster, desiredStatus="STOPPED"),
        listed(aws, cluster, desiredStatus="PENDING"),
    ]


def test_a_stopped_task_is_known_for_an_hour(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """After that it is neither listed nor described."""
    cluster = create_cluster(timed_aws)
    [arn] = run_tasks(timed_aws, cluster, register_template(timed_aws))
    timed_aws.ecs.exit_container(arn, "worker", 0)
    clock.now += 3599
    assert listed(timed_aws, cluster, desiredStatus="STOPPED") == {arn}
    clock.now += 1
    assert listed(timed_aws, cluster, desiredStatus="STOPPED") == set()
    answer = timed_aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])
    assert [{"arn": arn, "reason": "MISSING"}] == answer["failures"]


def test_a_listing_lags_behind_starts_and_stops(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """With a lag of 5 s a task is listed from 5 s after its start to 5 s after its stop; descriptions are not late."""
    cluster = create_cluster(timed_aws)
    definition = register_template(timed_aws)
    timed_aws.ecs.listing_lag = 5.0
    [arn] = run_tasks(timed_aws, cluster, definition)
    seen = [listed(timed_aws, cluster)]
    clock.now += 5
    seen.append(listed(timed_aws, cluster))
    timed_aws.ecs.exit_container(arn, "worker", 0)
    clock.now += 4.9
    seen.append(listed(timed_aws, cluster))
    [described] = timed_aws.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    clock.now += 0.1
    seen.append(listed(timed_aws, cluster))
    assert seen == [set(), {arn}, {arn}, set()]
    assert described["lastStatus"] == "STOPPED"


def test_each_task_can_lag_on_its_own(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """The lag may depend on the ARN, and a single task can be hidden."""
    cluster = create_cluster(timed_aws)
    late, early, hidden = run_tasks(timed_aws, cluster, register_template(timed_aws), 3)
    timed_aws.ecs.listing_lag = {late: 5.0, early: 1.0, hidden: 1.0}.__getitem__
    timed_aws.ecs.hide(hidden, 10.0)
    seen = []
    for _ in range(3):
        clock.now += 4.0
        seen.append(listed(timed_aws, cluster))
    assert seen == [{early}, {early, late}, {early, late, hidden}]


def test_a_task_just_started_can_be_missing(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """DescribeTasks may not know a task yet that RunTask has just started."""
    cluster = create_cluster(timed_aws)
    timed_aws.ecs.timing.describing_lag = 2.0
    [arn] = run_tasks(timed_aws, cluster, register_template(timed_aws))
    describe = timed_aws.client("ecs").describe_tasks
    assert [f["reason"] for f in describe(cluster=cluster, tasks=[arn])["failures"]] == ["MISSING"]
    clock.now += 2
    assert [task["taskArn"] for task in describe(cluster=cluster, tasks=[arn])["tasks"]] == [arn]


def test_at_most_100_tasks_are_described(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A call for 100 tasks is answered; one for 101 or for none is refused."""
    arns = run_tasks(aws, cluster, template, 100)
    assert len(aws.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"]) == 100
    for tasks in ([*arns, "more"], []):
        assert refusal(aws, "describe_tasks", cluster=cluster, tasks=tasks) == "InvalidParameterException"


def test_an_unknown_task_is_missing(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """Unknown and forgotten tasks are in ``failures`` by ARN, and the others are described all the same."""
    forgotten, known = run_tasks(aws, cluster, template, 2)
    aws.ecs.forget(forgotten)
    answer = aws.client("ecs").describe_tasks(cluster=cluster, tasks=[forgotten, known.rpartition("/")[2], "0" * 32])
    assert [task["taskArn"] for task in answer["tasks"]] == [known]
    unknown = f"arn:aws:ecs:us-east-1:123456789012:task/{cluster}/{'0' * 32}"
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"} for arn in (forgotten, unknown)]


@pytest.mark.parametrize("operation", ["list_tasks", "describe_tasks", "stop_task"])
def test_a_missing_cluster_is_an_error(aws: EmbeddedAws, operation: str) -> None:
    """Every call about tasks answers ClusterNotFoundException."""
    others = {"describe_tasks": {"tasks": ["a"]}, "stop_task": {"task": "a"}}.get(operation, {})
    assert refusal(aws, operation, cluster="nowhere", **others) == "ClusterNotFoundException"


def test_clusters_count_their_tasks(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """DescribeClusters counts running and pending tasks; a missing cluster is in ``failures``."""
    run_tasks(aws, cluster, template, 2)
    aws.ecs.timing.start_delay = 60.0
    run_tasks(aws, cluster, template, 3)
    answer = aws.client("ecs").describe_clusters(clusters=[cluster, "nowhere"])
    [shown] = answer["clusters"]
    assert (shown["status"], shown["runningTasksCount"], shown["pendingTasksCount"]) == ("ACTIVE", 2, 3)
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    with pytest.raises(ClientError, match="ClusterContainsTasksException"):
        aws.client("ecs").delete_cluster(cluster=cluster)
