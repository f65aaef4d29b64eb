"""The rules for which queues a scaler has. rules.py has all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.document import get
from controller.config.problems import Finding, KeyPath
from controller.config.wording import MISSING, quote
from controller.core.queue_names import may_be_same

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_queues(scaler: Any, path: KeyPath) -> Iterator[Finding]:
    """Find a scaler without a queue, with both keys, or with a queue that it lists twice."""
    if not isinstance(scaler, dict):
        return
    named = [key for key in ("queue", "queues") if scaler.get(key) is not None]
    if not named:
        yield Finding((*path, "queue"), f"{MISSING}: name the queue, or several under queues")
    if len(named) > 1:
        yield Finding((*path, "queues"), "cannot be combined with queue: keep one of the two")
    yield from _check_repeated(get(scaler, list, "queues") or [], (*path, "queues"))


def _check_repeated(queues: list[Any], path: KeyPath) -> Iterator[Finding]:
    """Find what is listed twice, by whatever it is given as: its messages would count twice."""
    for index, queue in enumerate(queues):
        before = [each for each in queues[:index] if isinstance(each, str) and isinstance(queue, str)]
        first = next((number for number, each in enumerate(before) if may_be_same(each, queue)), None)
        if first is not None:
            same = "is" if queue == queues[first] else "may be"
            message = f"{quote(queue)} {same} the same queue as queues[{first}]: remove one of the two"
            more = "" if same == "is" else ", or give both by their ARNs"
            yield Finding((*path, index), message + more)
