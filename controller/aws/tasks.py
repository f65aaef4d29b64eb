"""Tasks: listing and describing those that one controller has started in one cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil
from typing import Any

from controller.aws.answers import read_texts
from controller.aws.descriptions import FindAttendants, FindOutline, find_none, guess_task, read_task
from controller.aws.errors import AwsError, Fault
from controller.aws.session import Clients
from controller.core.decision.ledger import Ledger
from controller.core.decision.looks import spare
from controller.core.decision.stopped import StoppedTask
from controller.core.decision.task import LiveTask

MAX_PER_CALL = 100
"""Tasks that ListTasks and DescribeTasks take and give at most in a call."""
DESCRIBERS = 4
"""Calls that describe at the same time: with a page that is listed meanwhile, about what the account's rate allows."""


class SupersededError(AwsError):
    """A listing was given up, since one that begins later is needed; nothing is known by it."""

    def __init__(self) -> None:
        super().__init__(Fault.UNREACHABLE, "the listing was given up for a later one")


@dataclass(frozen=True, slots=True)
class Round:
    """One listing and the descriptions of it."""

    tasks: tuple[LiveTask | StoppedTask, ...]
    """Those that ECS describes, and as well as they can be guessed those that it lists and does not describe."""
    missing: tuple[str, ...]
    """ARNs of known tasks that ECS says it does not know, and does not list."""
    spared: tuple[str, ...] = ()
    """ARNs of known tasks that it lists, and that were not described."""
    costs: float = 0.0
    """Seconds for which its calls use the account's rate up."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What an answer to DescribeTasks says of the tasks that it was asked for."""

    tasks: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...]
    odd: tuple[str, ...]
    """ARNs of those that it neither describes nor calls MISSING."""


def _know_none() -> FindAttendants:
    return find_none


class Tasks:
    """The tasks of one cluster that one controller has started."""

    def __init__(
        self, clients: Clients, cluster: str, started_by: str, begin_look: Callable[[], FindAttendants] = _know_none
    ) -> None:
        """Wire the reader of a cluster; ``begin_look`` gives, for each look at tasks, whom to ask for attendants."""
        self._begin_look = begin_look
        self._clients = clients
        self._cluster = cluster
        self._started_by = started_by

    def observe(self, known: Ledger, find_outline: FindOutline, is_needed: Callable[[], bool] = lambda: True) -> Round:
        """List the controller's tasks, and describe them and the ``known`` ones, but for those that are spared.

        Pages chain by their tokens; what they list is described beside them. ``find_outline`` tells what is known of a
        task that ECS describes badly or not at all: only that one is odd. Raises AwsError when a call fails, or an
        answer is silent about a task: a listing that lacks a page is unknown, not shorter. Raises SupersededError
        once the listing ``is_needed`` no more, which is asked after each answer.
        """
        spared = spare(known.values())
        listed: dict[str, None] = {}
        told: list[Future[_Told]] = []
        waiting: list[str] = []
        describers = ThreadPoolExecutor(DESCRIBERS, "describe")
        try:
            with self._asking():
                for page in self._list():
                    waiting += [arn for arn in page if arn not in spared and arn not in listed]
                    listed.update(dict.fromkeys(page))
                    while len(waiting) >= MAX_PER_CALL:
                        told.append(describers.submit(self._describe, waiting[:MAX_PER_CALL]))
                        del waiting[:MAX_PER_CALL]
                    _go_on(is_needed)
                rest = [*waiting, *(arn for arn in known if arn not in listed)]
                told += [describers.submit(self._describe, batch) for batch in _cut(rest)]
                described = []
                for each in told:
                    described.append(each.result())
                    _go_on(is_needed)
                return self._read_round(listed, described, spared, find_outline)
        finally:
            # After a failure nothing more is asked, and nobody waits for what is on its way.
            describers.shutdown(wait=False, cancel_futures=True)

    def _read_round(
        self, listed: Collection[str], told: Sequence[_Told], spared: Collection[str], find_outline: FindOutline
    ) -> Round:
        now = self._clients.clock.now()
        described = (task for each in told for task in each.tasks)
        missing = dict.fromkeys(arn for each in told for arn in each.missing)
        # A task that is listed is there, whatever the descriptions say.
        odd = [*(arn for each in told for arn in each.odd), *(arn for arn in missing if arn in listed)]
        attendants = self._begin_look()
        tasks = [read_task(task, find_outline, now, attendants) for task in described]
        tasks += [guess_task(arn, find_outline, now) for arn in odd]
        return Round(
            tuple(tasks),
            tuple(arn for arn in missing if arn not in listed),
            tuple(arn for arn in listed if arn in spared),
            (len(told) + ceil(len(listed) / MAX_PER_CALL)) / self._clients.listing_rate.per_second,
        )

    def list_stopping(
        self, family: str, find_outline: FindOutline, note_answer: Callable[[], object] = lambda: None
    ) -> tuple[LiveTask | StoppedTask, ...]:
        """Return the controller's tasks of a family that were told to stop: those that drain, and those that ended.

        ECS lists the latter for at least an hour. ``note_answer`` is called after each answer. Raises AwsError.
        """
        with self._asking():
            pages = self._clients.ecs().get_paginator("list_tasks")
            listed = pages.paginate(cluster=self._cluster, family=family, desiredStatus="STOPPED")
            told: list[_Told] = []
            for page in listed:
                note_answer()
                for batch in _cut(read_texts(page["taskArns"])):
                    told.append(self._describe(batch))
                    note_answer()
            now = self._clients.clock.now()
            ours = (task for each in told for task in each.tasks if task.get("startedBy") == self._started_by)
            attendants = self._begin_look()
            return tuple(read_task(task, find_outline, now, attendants) for task in ours)

    def _asking(self) -> AbstractContextManager[object]:
        """Turn whatever goes wrong into an AwsError: what an answer of another shape was to say is unknown."""
        return self._clients.asking(f'cluster "{self._cluster}"', "task.cluster")

    def _list(self) -> Iterator[list[str]]:
        pages = self._clients.ecs().get_paginator("list_tasks")
        for page in pages.paginate(cluster=self._cluster, startedBy=self._started_by):
            yield read_texts(page["taskArns"])

    def _describe(self, arns: Sequence[str]) -> _Told:
        """Describe up to 100 tasks. Raises AwsError, also when the answer is silent about one of them."""
        with self._asking():
            return self._read_told(arns, self._clients.ecs().describe_tasks(cluster=self._cluster, tasks=arns))

    def _read_told(self, arns: Sequence[str], answer: Mapping[str, Any]) -> _Told:
        tasks = {task["taskArn"]: task for task in _list_named(answer["tasks"], "taskArn", arns)}
        failures = {each["arn"]: each.get("reason") for each in _list_named(answer["failures"], "arn", arns)}
        silent = [arn for arn in arns if arn not in tasks and arn not in failures]
        # An entry that does not say of which task it speaks stands for one of those that no other speaks of.
        if len(silent) > len(answer["tasks"]) - len(tasks) + len(answer["failures"]) - len(failures):
            raise AwsError(Fault.SERVER_ERROR, f'cluster "{self._cluster}": ECS does not mention task {silent[0]}')
        missing = [arn for arn, reason in failures.items() if reason == "MISSING" and arn not in tasks]
        unclear = [arn for arn, reason in failures.items() if reason != "MISSING" and arn not in tasks]
        return _Told(tuple(tasks.values()), tuple(missing), (*unclear, *silent))


def _go_on(is_needed: Callable[[], bool]) -> None:
    if not is_needed():
        raise SupersededError


def _cut(arns: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut tasks into the batches in which they are described."""
    return (arns[first : first + MAX_PER_CALL] for first in range(0, len(arns), MAX_PER_CALL))


def _list_named(entries: Iterable[Any], name: str, asked: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the entries of an answer that say of which task they speak, and speak of one that was asked for."""
    known = frozenset(asked)
    return [entry for entry in entries if entry and entry.get(name) in known]
