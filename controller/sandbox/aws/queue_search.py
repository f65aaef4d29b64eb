"""Looking for queues as AWS does: ListQueues by pages, and GetResources, which in moto knows nothing of queues.

moto answers a ListQueues without an end to its pages, and takes any number for MaxResults.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from controller.sandbox.aws.arns import ACCOUNT_ID
from controller.sandbox.aws.wire import ApiError, HttpAnswer, Json, Request, make_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.sqs.models import Queue

LISTED = 1000
"""Queues of a page of ListQueues, at most; also where none is asked for, and then there is no other page."""
TAGGED = 100
"""Resources of a page of GetResources, at most."""
TAG_KEYS = 50
"""Keys of a request to GetResources, at most."""
TAGGING = "tagging"
"""The signing name of the Resource Groups Tagging API."""


def list_queues(request: Request, queues: Iterable[Queue]) -> HttpAnswer:
    """Answer ListQueues; without a queue there is no list either, as on AWS."""
    asked = request.parameters
    most = asked.get("MaxResults")
    if most is not None and not 1 <= most <= LISTED:
        return _refuse("InvalidParameterValue", f"MaxResults must be between 1 and {LISTED}, not {most}.")
    prefix = str(asked.get("QueueNamePrefix", ""))
    names = sorted(queue.name for queue in queues if queue.name.startswith(prefix))
    try:
        names, token = _cut(names, asked.get("NextToken"), most or LISTED)
    except ValueError:
        return _refuse("InvalidParameterValue", "The NextToken is not valid.")
    base = f"http://{request.headers.get('host', 'localhost')}/{ACCOUNT_ID}"
    answer: Json = {"QueueUrls": [f"{base}/{name}" for name in names]} if names else {}
    return make_json_answer(answer | ({"NextToken": token} if token and most else {}))


def find_tagged(request: Request, queues: Iterable[Queue]) -> HttpAnswer:
    """Answer GetResources for queues: every key of TagFilters has to be there, with one of its values if it has any."""
    asked = request.parameters
    filters, most = asked.get("TagFilters", []), asked.get("ResourcesPerPage", TAGGED)
    if request.operation != "GetResources" or asked.get("ResourceTypeFilters") not in (["sqs"], ["sqs:queue"]):
        return _refuse("InvalidParameterException", f"{request.operation} is answered here for queues alone.")
    if not 1 <= most <= TAGGED or len(filters) > TAG_KEYS:
        return _refuse("InvalidParameterException", f"A page has 1 to {TAGGED} resources, by {TAG_KEYS} keys at most.")
    found = {queue.name: queue for queue in queues if queue.tags and all(_has(queue.tags, each) for each in filters)}
    try:
        names, token = _cut(sorted(found), asked.get("PaginationToken") or None, most)
    except ValueError:
        return _refuse("PaginationTokenExpiredException", "The PaginationToken is not valid.")
    listed = [{"ResourceARN": found[name].queue_arn, "Tags": _list_tags(found[name].tags)} for name in names]
    return make_json_answer({"ResourceTagMappingList": listed, "PaginationToken": token})


def _has(tags: dict[str, str], wanted: Json) -> bool:
    key, values = wanted.get("Key"), wanted.get("Values") or []
    return key in tags and (not values or tags[key] in values)


def _list_tags(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _cut(names: list[str], token: str | None, most: int) -> tuple[list[str], str]:
    """Return the page after a token, which holds the last name before it, and the next token; empty: there is none.

    Raises ValueError for a token that is none.
    """
    if token is not None:
        try:
            last = base64.b64decode(token, validate=True).decode()
        except binascii.Error as error:
            raise ValueError(token) from error
        names = [name for name in names if name > last]
    page = names[:most]
    return page, base64.b64encode(page[-1].encode()).decode() if len(names) > most else ""


def _refuse(code: str, message: str) -> HttpAnswer:
    return ApiError(code, message).to_answer()
