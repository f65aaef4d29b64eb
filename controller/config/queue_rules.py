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
    yield from _check_search(scaler, (*path, "queues"))
    yield from _check_variable(scaler, path)


def check_budget(data: Any, scalers: list[Any]) -> Iterator[Finding]:
    """Find scalers for queues that are found, however many those are, without a limit on all of them together."""
    if get(data, int, "budget", "max_containers") is not None:
        return
    for index, scaler in enumerate(scalers):
        if get(scaler, bool, "queues", "each"):
            message = "needs a budget, since each queue found may have max_containers: set budget.max_containers"
            yield Finding(("scalers", index, "queues", "each"), message)


def _check_search(scaler: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    search = get(scaler, dict, "queues")
    if search is None:
        return
    by = [key for key in ("prefix", "tags") if search.get(key) is not None]
    if len(by) != 1:
        yield Finding(path, f"must have prefix or tags, {'not both' if by else 'by which queues are looked for'}")
    if search.get("each") is True:
        yield from _check_minimums(scaler, path[:-1])


def _check_minimums(scaler: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    """Find a minimum of a scaler for each queue that is found, its own or that of a time window."""
    windows = get(scaler, list, "schedule") or []
    for keys, section in [((), scaler), *((("schedule", index), each) for index, each in enumerate(windows))]:
        if (get(section, int, "min_containers") or 0) > 0:
            message = "must be 0 with queues.each: as many would live for every queue that is found, with or without"
            yield Finding((*path, *keys, "min_containers"), f"{message} work")


def _check_variable(scaler: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    """Find a variable for the queue where there is no one queue to tell, or where another value is given to it."""
    name = get(scaler, str, "queue_env")
    if name is None:
        return
    if scaler.get("queues") is not None and get(scaler, bool, "queues", "each") is not True:
        message = (
            "tells a worker its one queue, and here several are added up: set queues.each to true, or list the queues "
            "in task.environment"
        )
        yield Finding((*path, "queue_env"), message)
    if name in (get(scaler, dict, "task", "environment") or {}):
        yield Finding((*path, "queue_env"), f"{quote(name)} is in task.environment, too: remove it from one of the two")


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
