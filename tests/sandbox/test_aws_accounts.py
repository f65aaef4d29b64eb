"""The embedded AWS with two accounts and two regions: STS, and what its credentials are good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import EXTERNAL_ID, OTHER_ACCOUNT, OTHER_REGION, ROLE, open_elsewhere
from tests.support.aws import create_cluster, create_queue, register_template, run_tasks, send_messages

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws
    from tests.support.clock import ManualClock


def assume(aws: EmbeddedAws, role: str = ROLE, **asked: str) -> dict[str, Any]:
    """Assume a role, and return what a client takes of what it grants."""
    granted = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test", **asked)["Credentials"]
    return {
        "aws_access_key_id": granted["AccessKeyId"],
        "aws_secret_access_key": granted["SecretAccessKey"],
        "aws_session_token": granted["SessionToken"],
    }


def connect(aws: EmbeddedAws, service: str, keys: dict[str, Any], region: str = OTHER_REGION) -> Any:
    """Return a client with these credentials."""
    make: Any = boto3.client
    return make(service, region_name=region, endpoint_url=aws.url, **keys)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return AWS's code."""
    return str(error.value.response["Error"]["Code"])


def test_the_credentials_of_a_role_are_good_in_its_account(aws: EmbeddedAws) -> None:
    """They see its clusters and queues and not the caller's, which are called the same."""
    there = open_elsewhere(aws).place
    create_cluster(aws, "main")
    run_tasks(aws, "main", register_template(aws))
    create_cluster(there, "main")
    sent = create_queue(aws, "orders").url, create_queue(there, "orders").url
    for url, place, messages in zip(sent, (aws, there), (1, 3), strict=True):
        send_messages(place, url, messages)
    keys = assume(aws, ExternalId=EXTERNAL_ID)
    assert [] == connect(aws, "ecs", keys).list_tasks(cluster="main")["taskArns"]
    url = connect(aws, "sqs", keys).get_queue_url(QueueName="orders")["QueueUrl"]
    assert f"/{OTHER_ACCOUNT}/orders" in url
    told = connect(aws, "sqs", keys).get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert {"ApproximateNumberOfMessages": "3"} == told["Attributes"]
    assert 1 == len(aws.ecs.tasks())


DENIED = {
    "another external id": {"ExternalId": "osaka-7"},
    "no external id": {},
    "no such role": {"role": f"{ROLE}-2", "ExternalId": EXTERNAL_ID},
}


@pytest.mark.parametrize("asked", DENIED.values(), ids=DENIED)
def test_whoever_does_not_say_what_the_role_asks_for_is_denied(aws: EmbeddedAws, asked: dict[str, str]) -> None:
    """In the same words in each case, as AWS does: it tells nobody which roles there are."""
    open_elsewhere(aws)
    with pytest.raises(ClientError) as caught:
        assume(aws, **asked)
    assert "AccessDenied" == code(caught)
    assert "is not authorized to perform: sts:AssumeRole on resource: " in str(caught.value)
    assert ["AccessDenied"] == [call.error_code for call in aws.journal.calls("sts")]


def test_what_was_granted_expires(timed_aws: EmbeddedAws, clock: ManualClock) -> None:
    """By the embedded AWS's clock, and for all services at once."""
    create_cluster(open_elsewhere(timed_aws, lasts=900.0).place, "main")
    keys = assume(timed_aws, ExternalId=EXTERNAL_ID)
    ecs = connect(timed_aws, "ecs", keys)
    clock.now += 899
    assert [] == ecs.list_tasks(cluster="main")["taskArns"]
    clock.now += 1
    with pytest.raises(ClientError) as caught:
        ecs.list_tasks(cluster="main")
    assert "ExpiredTokenException" == code(caught)


def test_a_token_of_another_session_is_none(aws: EmbeddedAws) -> None:
    """A key is good with its own token alone."""
    open_elsewhere(aws)
    keys = assume(aws, ExternalId=EXTERNAL_ID) | {"aws_session_token": "made up"}
    with pytest.raises(ClientError) as caught:
        connect(aws, "ecs", keys).list_clusters()
    assert "UnrecognizedClientException" == code(caught)


def test_another_accounts_queue_is_denied_by_its_url(aws: EmbeddedAws) -> None:
    """No queue here has a policy that would allow it."""
    queue = create_queue(open_elsewhere(aws).place, "orders")
    with pytest.raises(ClientError) as caught:
        aws.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])
    assert "AccessDenied" in code(caught)


def test_a_region_that_nobody_has_opened_is_none(aws: EmbeddedAws) -> None:
    """The endpoint is that of its own region, and of those that a test opens."""
    keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}
    with pytest.raises(ClientError) as caught:
        connect(aws, "ecs", keys, "af-south-1").list_clusters()
    assert "InvalidSignatureException" == code(caught)


def test_each_call_is_journalled_with_its_account_and_region(aws: EmbeddedAws) -> None:
    """And IAM is asked about the resources of that account."""
    create_cluster(open_elsewhere(aws).place, "main")
    keys = assume(aws, ExternalId=EXTERNAL_ID)
    connect(aws, "ecs", keys).list_tasks(cluster="main")
    (listed,) = aws.journal.calls("ecs", "ListTasks")
    assert (OTHER_ACCOUNT, OTHER_REGION) == (listed.account, listed.region)
    (asked,) = aws.list_asked(listed)
    assert {"ecs:cluster": f"arn:aws:ecs:{OTHER_REGION}:{OTHER_ACCOUNT}:cluster/main"} == asked.context
    (assumed,) = aws.journal.calls("sts")
    assert [("sts:AssumeRole", ROLE)] == [(each.action, each.resource) for each in aws.list_asked(assumed)]
