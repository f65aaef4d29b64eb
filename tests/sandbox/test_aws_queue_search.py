"""Looking for queues in the embedded AWS, which is as strict as AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import create_queue

if TYPE_CHECKING:
    from controller.sandbox.aws import EmbeddedAws


def list_all(aws: EmbeddedAws, **asked: Any) -> list[list[str]]:
    """Return the names on each page of ListQueues."""
    pages, token = list[list[str]](), None
    while True:
        answer = aws.client("sqs").list_queues(**asked, **({"NextToken": token} if token else {}))
        pages.append([url.rpartition("/")[2] for url in answer.get("QueueUrls", [])])
        if not (token := answer.get("NextToken")):
            return pages


def test_a_listing_has_pages_only_if_they_are_asked_for(aws: EmbeddedAws) -> None:
    """Without MaxResults there is one, and nothing says that it is not all."""
    for name in ("tenant-b", "tenant-a", "tenant-c", "other"):
        create_queue(aws, name)
    assert [["tenant-a", "tenant-b"], ["tenant-c"]] == list_all(aws, QueueNamePrefix="tenant-", MaxResults=2)
    assert [["other", "tenant-a", "tenant-b", "tenant-c"]] == list_all(aws)
    assert "QueueUrls" not in aws.client("sqs").list_queues(QueueNamePrefix="nobody-")


def test_the_urls_of_a_listing_are_those_of_a_look_up(aws: EmbeddedAws) -> None:
    """A worker that is told one can use it."""
    queue = create_queue(aws, "tenant-a")
    assert [queue.url] == aws.client("sqs").list_queues(QueueNamePrefix="tenant-")["QueueUrls"]


def test_queues_are_found_by_all_their_tags(aws: EmbeddedAws) -> None:
    """A hundred a page, each with its ARN; moto itself finds none."""
    tags = {"team": "video", "stage": "prod"}
    arns = []
    for number in range(3):
        queue = create_queue(aws, f"q{number}")
        arns.append(queue.arn)
        aws.client("sqs").tag_queue(QueueUrl=queue.url, Tags=tags if number else {"team": "video"})
    create_queue(aws, "untagged")
    client = aws.client("resourcegroupstaggingapi")

    def find(**wanted: str) -> list[str]:
        filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
        pages = client.get_paginator("get_resources").paginate(
            TagFilters=filters, ResourceTypeFilters=["sqs"], ResourcesPerPage=1
        )
        return [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]

    assert arns == find(team="video")
    assert arns[1:] == find(stage="prod", team="video")
    assert [] == find(team="audio")


@pytest.mark.parametrize(
    ("service", "operation", "asked"),
    [
        ("sqs", "list_queues", {"MaxResults": 1001}),
        ("sqs", "list_queues", {"MaxResults": 1, "NextToken": "?"}),
        ("resourcegroupstaggingapi", "get_resources", {"ResourcesPerPage": 101, "ResourceTypeFilters": ["sqs"]}),
        ("resourcegroupstaggingapi", "get_resources", {"PaginationToken": "?", "ResourceTypeFilters": ["sqs"]}),
        ("resourcegroupstaggingapi", "get_resources", {"ResourceTypeFilters": ["ecs"]}),
    ],
)
def test_what_aws_refuses_is_refused(aws: EmbeddedAws, service: str, operation: str, asked: dict[str, Any]) -> None:
    """Pages that are too large, tokens that are none, and resources that are not made here."""
    with pytest.raises(ClientError):
        getattr(aws.client(service), operation)(**asked)
