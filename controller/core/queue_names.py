"""The names of queues that are given as names, URLs or ARNs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit


def is_url(queue: str) -> bool:
    """Say whether a queue is given by its URL."""
    return urlsplit(queue).scheme in {"http", "https"}


def split_queue(queue: str) -> tuple[str, str]:
    """Return account and name, which tell the queues of a region apart. A bare name has no account: it is empty."""
    *before, name = re.split("[:/]", queue.rstrip("/"))
    return (before[-1] if before else "", name)


def name_queue(queue: str) -> str:
    """Return the queue's own name."""
    return split_queue(queue)[1]


def tell_apart(queues: Sequence[str]) -> tuple[str, ...]:
    """Return what each of several queues is called: its own name, with its account where two have the same name."""
    times = Counter(map(name_queue, queues))
    return tuple("/".join(split_queue(each)) if times[name_queue(each)] > 1 else name_queue(each) for each in queues)


def may_be_same(one: str, other: str) -> bool:
    """Say whether two may be the same queue of a region: a bare name may be of any account."""
    (account, name), (other_account, other_name) = split_queue(one), split_queue(other)
    return name == other_name and (account == other_account or not account or not other_account)
