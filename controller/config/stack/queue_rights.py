"""The rights to read queues: those that scalers name, and those that they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.config.stack.statement import ANYTHING, Rights
from controller.core.queue_names import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from controller.config.spec import QueueSearch, ScalerSpec
    from controller.config.stack.arns import Account


def read_queues(scalers: Sequence[ScalerSpec], account: Account, dead_letter_queues: Iterable[str]) -> Iterator[Rights]:
    """Allow the queues to be counted, and those that are given by name or ARN to be looked up.

    What is found by its name is read in any case, and may be a dead-letter queue or one that is configured as well.
    """
    queues = [(each, account.in_region(scaler.queue_access.region)) for scaler in scalers for each in scaler.queues]
    prefixes = tuple(account.queue(search.prefix) for search in _list_searches(scalers) if search.prefix)
    configured = [place.queue(queue) for queue, place in queues if not is_url(queue)]
    named = tuple(
        arn
        for arn in dict.fromkeys((*configured, *map(account.queue, dead_letter_queues)))
        if not arn.startswith(prefixes)
    )
    by_url = dict.fromkeys(place.queue(queue) for queue, place in queues)
    only_counted = tuple(arn for arn in by_url if arn not in named and not arn.startswith(prefixes))
    if named:
        yield Rights("ReadQueues", ("sqs:GetQueueUrl", "sqs:GetQueueAttributes"), named)
    if only_counted:
        yield Rights("CountQueues", ("sqs:GetQueueAttributes",), only_counted)
    yield from _find_queues(scalers, account)


def _find_queues(scalers: Iterable[ScalerSpec], account: Account) -> Iterator[Rights]:
    """Allow queues to be looked for, which cannot be confined, and those that are found to be read, which can.

    Those found by their tags are any queues with these tags. GetResources gives no URLs, so that those are looked up.
    """
    searches = _list_searches(scalers)
    named = tuple(dict.fromkeys(account.queue(f"{search.prefix}*") for search in searches if search.prefix))
    tagged = list(dict.fromkeys(search.tags for search in searches if search.prefix is None))
    reads = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")
    if named:
        yield Rights("FindQueuesByName", ("sqs:ListQueues",), (ANYTHING,))
        yield Rights("ReadQueuesByName", reads, named)
    if tagged:
        yield Rights("FindQueuesByTags", ("tag:GetResources",), (ANYTHING,))
    for number, tags in enumerate(tagged, 1):
        suffix = "" if len(tagged) == 1 else str(number)
        with_tags = {"StringEquals": {f"aws:ResourceTag/{key}": (value,) for key, value in tags}}
        yield Rights(f"ReadQueuesByTags{suffix}", reads, (account.queue("*"),), with_tags)


def _list_searches(scalers: Iterable[ScalerSpec]) -> list[QueueSearch]:
    return list(dict.fromkeys(scaler.search for scaler in scalers if scaler.search is not None))
