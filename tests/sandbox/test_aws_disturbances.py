from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)

from controller.sandbox.aws import Disturbance, EmbeddedAws, JournalEntry
from tests.support.aws import NETWORK, create_cluster, eventually, register_template


def connect(aws: EmbeddedAws, service: str = "ecs", *, app: str = "", read_timeout: float = 5.0) -> Any:
    """Return a client that sends each call only once."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout)
    return aws.client(service, app=app, config=config)


def run(aws: EmbeddedAws, cluster: str, template: str, **options: Any) -> Any:
    """Send one RunTask call."""
    return connect(aws, **options).run_task(
        cluster=cluster, taskDefinition=template, launchType="FARGATE", networkConfiguration=NETWORK
    )


@pytest.mark.parametrize(
    ("disturbance", "error", "tasks"),
    [
        (Disturbance("ecs", "RunTask", "lost_request"), ConnectionClosedError, 0),
        (Disturbance("ecs", "RunTask", "lost_answer"), ConnectionClosedError, 1),
        (Disturbance("ecs", "RunTask", "error"), ClientError, 0),
        (Disturbance("ecs", "RunTask", "throttle"), ClientError, 0),
    ],
    ids=lambda value: value.kind if isinstance(value, Disturbance) else None,
)
def test_a_disturbance_hits_once(
    aws: EmbeddedAws, cluster: str, template: str, disturbance: Disturbance, error: type[Exception], tasks: int
) -> None:
    """The caller sees an error, the work is done or not as its kind says, and the next call is not hit."""
    aws.disturbances.add(disturbance)
    with pytest.raises(error):
        run(aws, cluster, template)
    assert len(aws.ecs.tasks()) == tasks
    assert len(run(aws, cluster, template)["tasks"]) == 1
    assert [disturbance.kind, None] == [call.disturbance for call in aws.journal.calls("ecs", "RunTask")]
    assert aws.disturbances.count_hits() == {("ecs", disturbance.kind): 1}


def test_botocores_own_retry_after_a_lost_answer_starts_nothing_new(
    aws: EmbeddedAws, cluster: str, template: str
) -> None:
    """Botocore sends the same token again, so one task runs although two requests arrived."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "lost_answer"))
    client = aws.client("ecs")
    answer = client.run_task(
        cluster=cluster, taskDefinition=template, launchType="FARGATE", networkConfiguration=NETWORK
    )
    assert [task["taskArn"] for task in answer["tasks"]] == [task.arn for task in aws.ecs.tasks()]
    assert aws.journal.count("ecs", "RunTask") == 2


def test_an_error_is_as_its_disturbance_says(aws: EmbeddedAws, cluster: str) -> None:
    """Its status, code and message are those of the disturbance."""
    aws.disturbances.add(Disturbance("ecs", "*", "error", status=403, code="AccessDeniedException", message="not you"))
    with pytest.raises(ClientError, match="not you") as caught:
        connect(aws).list_tasks(cluster=cluster)
    response = caught.value.response
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    [call] = aws.journal.calls("ecs", "ListTasks")
    assert (call.status, call.error_code) == (403, "AccessDeniedException")


@pytest.mark.parametrize("kind", ["cut", "malformed"])
def test_botocore_takes_a_broken_answer_for_an_empty_one(
    aws: EmbeddedAws, cluster: str, template: str, kind: Any
) -> None:
    """A cut or garbled success raises nothing: its members are missing, although the work was done."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", kind))
    answer = run(aws, cluster, template)
    assert set(answer) == {"ResponseMetadata"}
    assert len(aws.ecs.tasks()) == 1


@pytest.mark.parametrize(
    ("disturbance", "tasks"),
    [(Disturbance("ecs", "RunTask", "hang"), 1), (Disturbance("ecs", "RunTask", "hang", works=False), 0)],
    ids=["after the work", "before it"],
)
def test_a_call_that_hangs_times_out(
    aws: EmbeddedAws, cluster: str, template: str, disturbance: Disturbance, tasks: int
) -> None:
    """The caller gives up; the work was done or not, as the disturbance says."""
    aws.disturbances.add(disturbance)
    with pytest.raises(ReadTimeoutError):
        run(aws, cluster, template, read_timeout=0.1)
    assert len(aws.ecs.tasks()) == tasks


def test_a_slow_request_does_its_work_after_the_caller_has_gone(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A late request starts its task although its sender has long given up."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "slow", delay=0.3))
    with pytest.raises(ReadTimeoutError):
        run(aws, cluster, template, read_timeout=0.05)
    assert aws.ecs.tasks() == []
    eventually(lambda: len(aws.ecs.tasks()) == 1)


def test_a_slow_answer_comes_after_the_work(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """The task is there while its caller still waits; ``release`` lets the answer go."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "slow_answer", delay=60.0))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run, aws, cluster, template)
        eventually(lambda: len(aws.ecs.tasks()) == 1)
        assert not answer.done()
        # The task is there a moment before its answer is held back: what is not held yet is not released.
        eventually(lambda: aws.disturbances.release() or answer.done())
        assert len(answer.result()["tasks"]) == 1


def test_a_listing_can_be_empty_by_mistake(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """``replace`` answers instead of the service."""
    run(aws, cluster, template)
    aws.disturbances.add(Disturbance("ecs", "ListTasks", "replace", body={"taskArns": []}))
    seen = [len(connect(aws).list_tasks(cluster=cluster)["taskArns"]) for _ in range(2)]
    assert seen == [0, 1]


def test_disturbances_choose_their_calls(aws: EmbeddedAws) -> None:
    """They choose by client, parameters, a number of calls to spare and to hit, and a chance."""
    cluster, other = create_cluster(aws), create_cluster(aws)
    aws.disturbances.add(
        Disturbance(
            "ecs", "ListTasks", "error", client="ctl", where=lambda p: p["cluster"] == cluster, after=1, times=2
        ),
        Disturbance("ecs", "DescribeClusters", "error", times=None, probability=0.0),
    )

    def fails(client: Any, name: str) -> bool:
        try:
            client.list_tasks(cluster=name)
        except ClientError:
            return True
        return False

    controller, worker = connect(aws, app="ctl"), connect(aws, app="worker")
    assert [fails(worker, cluster), fails(controller, other)] == [False, False]
    assert [fails(controller, cluster) for _ in range(4)] == [False, True, True, False]
    controller.describe_clusters(clusters=[cluster])


def test_a_disturbance_can_spare_the_repetition_of_a_call(aws: EmbeddedAws) -> None:
    """Of the calls with the same value in a parameter only the first is hit."""
    aws.disturbances.add(Disturbance("ecs", "CreateCluster", "error", times=None, once_per="clusterName"))
    ecs = connect(aws)

    def fails(name: str) -> bool:
        try:
            ecs.create_cluster(clusterName=name)
        except ClientError:
            return True
        return False

    assert [True, False, True, False] == [fails(name) for name in ("one", "one", "two", "one")]


def test_an_unknown_kind_of_disturbance_is_refused() -> None:
    """A misspelt kind would never hit anything."""
    with pytest.raises(ValueError, match=r"'lost_anser' is unknown; known are lost_request, lost_answer"):
        Disturbance("ecs", "RunTask", "lost_anser")  # type: ignore[arg-type]


def test_sqs_can_be_hit_too(aws: EmbeddedAws) -> None:
    """Disturbances work for every service."""
    aws.disturbances.add(Disturbance("sqs", "*", "throttle", times=None))
    with pytest.raises(ClientError, match="ThrottlingException"):
        connect(aws, "sqs").list_queues()


def test_the_journal_tells_callers_apart(aws: EmbeddedAws, cluster: str) -> None:
    """Calls carry their client's app name, parameters and outcome; counts can be cleared."""
    connect(aws, app="ctl").list_tasks(cluster=cluster)
    connect(aws, "sqs", app="worker").list_queues()
    with pytest.raises(ClientError):
        connect(aws).list_tasks(cluster="nowhere")
    first, second = aws.journal.calls("ecs", "ListTasks")
    assert (first.client, first.parameters, first.status, first.error_code) == (
        "ctl",
        {"cluster": cluster},
        200,
        None,
    )
    assert (second.client, second.status, second.error_code) == ("", 400, "ClusterNotFoundException")
    assert (aws.journal.count("ecs", "ListTasks"), aws.journal.count("ecs", "ListTasks", client="ctl")) == (2, 1)
    assert aws.journal.counts()["worker", "sqs", "ListQueues"] == 1
    aws.journal.clear()
    assert (aws.journal.calls(), aws.journal.counts()) == ([], Counter())


def test_the_journal_tells_the_processes_of_a_caller_apart(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners get each call as it comes, with the AWS_EXECUTION_ENV of its process."""
    told: list[JournalEntry] = []
    aws.journal.subscribe(told.append)
    for process in ("first", "second"):
        monkeypatch.setenv("AWS_EXECUTION_ENV", process)
        # The variable is read once a session: a process has one.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        connect(aws, app="ours").list_clusters()

    assert [("ours", "first"), ("ours", "second")] == [(call.client, call.process) for call in told]


def test_calls_for_another_region_are_refused(aws: EmbeddedAws) -> None:
    """A client of the wrong region is told so instead of finding an empty account."""
    elsewhere = boto3.client("ecs", region_name="eu-central-1", endpoint_url=aws.url)
    with pytest.raises(ClientError, match=r"InvalidSignatureException.*this endpoint is us-east-1, not eu-central-1"):
        elsewhere.list_clusters()


def test_an_operation_that_is_not_supported_is_named(aws: EmbeddedAws) -> None:
    """It is an error, not a success without effect."""
    with pytest.raises(ClientError, match="no operation CreateService"):
        aws.client("ecs").create_service(serviceName="a", taskDefinition=register_template(aws))


def test_it_answers_nothing_after_it_stopped() -> None:
    """``stop`` ends calls that hang, closes every connection and frees the port; it may be called twice."""
    aws = EmbeddedAws(region="eu-west-1").start()
    aws.disturbances.add(Disturbance("ecs", "ListClusters", "hang"))
    client = connect(aws)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(client.list_clusters)
        eventually(lambda: aws.journal.count("ecs", "ListClusters") == 1)
        aws.stop()
        with pytest.raises(BotoCoreError):
            hanging.result(5)
    with pytest.raises(BotoCoreError):
        client.list_clusters()
    aws.stop()
    port = int(aws.url.rpartition(":")[2])
    with EmbeddedAws(region="eu-west-1", port=port) as again:
        assert again.url == aws.url


@pytest.mark.parametrize(("works", "tasks"), [(True, 1), (False, 0)])
def test_a_raw_answer_is_given_as_it_is(
    aws: EmbeddedAws, cluster: str, template: str, *, works: bool, tasks: int
) -> None:
    """Any status and any bytes, with or without the work; a proxy's page, for example."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "raw", content=b"<html>", status=403, works=works))
    with pytest.raises(ClientError, match=r"\(403\).*<html>"):
        run(aws, cluster, template)
    assert tasks == len(aws.ecs.tasks())


def test_a_trickling_answer_arrives_whole(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """A byte at a time, head and body, after the work is done."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "trickle", delay=0.0001))
    answered = run(aws, cluster, template)["tasks"]
    assert [task["taskArn"] for task in answered] == [task.arn for task in aws.ecs.tasks()]


def test_a_trickling_answer_is_let_go(aws: EmbeddedAws, cluster: str, template: str) -> None:
    """What is left of it comes at once, as for every call that is held back."""
    aws.disturbances.add(Disturbance("ecs", "RunTask", "trickle", delay=60.0))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run, aws, cluster, template, read_timeout=30.0)
        eventually(aws.ecs.tasks)
        while not answer.done():
            aws.disturbances.release()
    assert 1 == len(answer.result()["tasks"])


def test_calls_can_be_told_by_the_key_that_signed_them(aws: EmbeddedAws, cluster: str) -> None:
    """So that credentials can expire while others are in order."""
    aws.disturbances.add(Disturbance("ecs", "*", "error", times=None, access_key="old"))
    old = boto3.client(
        "ecs",
        region_name=aws.region,
        endpoint_url=aws.url,
        aws_access_key_id="old",
        aws_secret_access_key="old",  # noqa: S106 - any key will do here
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError):
        old.list_tasks(cluster=cluster)
    assert [] == aws.client("ecs").list_tasks(cluster=cluster)["taskArns"]
