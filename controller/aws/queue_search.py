"""Looking for queues: by the beginning of their names (SQS), or by their tags (the Resource Groups Tagging API).

Neither call can be confined by IAM. Both find queues of the credentials' own account and region alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from controller.aws.answers import read_text, read_texts
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.config import QueueSearch
from controller.core.queue_names import name_queue

PAGE = 1000
"""Queues of a page of ListQueues, at most (API reference)."""
TAGGED_PAGE = 100
"""Resources of a page of GetResources, at most (API reference)."""
TAGGING = "resourcegroupstaggingapi"
_QUEUE = re.compile(r"(https?://\S+/[0-9]{12}/|arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:)[A-Za-z0-9_-]{1,80}(\.fifo)?")


def find_queues(clients: Clients, search: QueueSearch, most: int) -> tuple[str, ...]:
    """Return the URLs or ARNs of all queues that a search finds, in the order of their names; all pages of it.

    Raises AwsError when one of them fails, or when there are more than ``most``.
    """
    found: dict[str, str] = {}
    with clients.asking(str(search), "queues"):
        pages = _page_by_prefix(clients, search) if search.prefix is not None else _page_by_tags(clients, search)
        for page in pages:
            found |= {name_queue(queue): queue for queue in page if _check(queue)}
            if len(found) > most:
                told = f"{search}: there are more than {most}, which is the most that is taken; look for fewer of them"
                raise AwsError(Fault.INVALID, told, "queues")
    return tuple(found[name] for name in sorted(found))


def _page_by_prefix(clients: Clients, search: QueueSearch) -> Iterator[list[str]]:
    # Without MaxResults there is one page, of 1,000 queues, and no word of those that it lacks.
    asked: dict[str, Any] = {"QueueNamePrefix": search.prefix, "MaxResults": PAGE}
    while True:
        answer: dict[str, Any] = dict(clients.sqs().list_queues(**asked))
        yield read_texts(answer.get("QueueUrls", []))
        if not answer.get("NextToken"):
            return
        asked["NextToken"] = read_text(answer["NextToken"])


def _page_by_tags(clients: Clients, search: QueueSearch) -> Iterator[list[str]]:
    filters = [{"Key": key, "Values": [value]} for key, value in search.tags]
    asked = {"TagFilters": filters, "ResourceTypeFilters": ["sqs"], "ResourcesPerPage": TAGGED_PAGE}
    while True:
        answer = clients.other(TAGGING).get_resources(**asked)
        yield [read_text(resource["ResourceARN"]) for resource in answer["ResourceTagMappingList"]]
        if not answer.get("PaginationToken"):
            return
        asked["PaginationToken"] = read_text(answer["PaginationToken"])


def _check(queue: str) -> bool:
    """Say that it is the URL or the ARN of a queue. Raises ValueError for what is neither."""
    if not _QUEUE.fullmatch(queue):
        raise ValueError(f"{queue[:PAGE]!r} is no queue")
    return True
