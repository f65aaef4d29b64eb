"""Tasks: listing and describing those that one controller has started in one cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from controller.aws.descriptions import FindAttendants, find_none, read_task
from controller.aws.errors import AWS_ERRORS, AwsError, Fault, translate
from controller.aws.run_task import describe_failure
from controller.aws.session import Clients
from controller.core.decision.task import LiveTask, StoppedTask

MAX_PER_CALL = 100
"""Tasks that ListTasks and DescribeTasks take and give at most in a call."""


@dataclass(frozen=True, slots=True)
class Round:
    """One listing and the descriptions of it."""

    tasks: tuple[LiveTask | StoppedTask, ...]
    missing: tuple[str, ...]
    """ARNs that ECS says it does not know."""


class Tasks:
    """The tasks of one cluster that one controller has started."""

    def __init__(self, clients: Clients, cluster: str, started_by: str, attendants: FindAttendants = find_none) -> None:
        """Wire the reader of a cluster; ``attendants`` is asked where a scaler names no container."""
        self._attendants = attendants
        self._clients = clients
        self._cluster = cluster
        self._started_by = started_by

    def observe(self, known: Iterable[str], worker_of: Callable[[str], str | None]) -> Round:
        """List the controller's tasks, and describe them and the ``known`` ones.

        ``worker_of`` names the worker container of a scaler. Raises AwsError when any part fails: a listing that
        lacks a page is unknown, not shorter.
        """
        try:
            arns = list(dict.fromkeys((*self._list(), *known)))
            answers = list(self._describe(arns))
        except AWS_ERRORS as error:
            raise translate(error, f'cluster "{self._cluster}"', "task.cluster") from error
        with self._making_sense():
            missing = tuple(_read_missing(failure) for answer in answers for failure in answer["failures"])
            told = {task["taskArn"] for answer in answers for task in answer["tasks"]} | set(missing)
            if silent := [arn for arn in arns if arn not in told]:
                raise AwsError(Fault.SERVER_ERROR, f'cluster "{self._cluster}": ECS says nothing of task {silent[0]}')
            described = [task for answer in answers for task in answer["tasks"]]
            return Round(tuple(self._read(task, worker_of) for task in described), missing)

    def list_ended(self, family: str, worker_of: Callable[[str], str | None]) -> tuple[StoppedTask, ...]:
        """Return up to 100 of the controller's tasks of a family that have ended within about the last hour.

        ECS lists stopped tasks for at least that long. Raises AwsError.
        """
        try:
            ecs = self._clients.ecs()
            listed = ecs.list_tasks(
                cluster=self._cluster, family=family, desiredStatus="STOPPED", maxResults=MAX_PER_CALL
            )
            answers = list(self._describe(listed["taskArns"]))
        except AWS_ERRORS as error:
            raise translate(error, f'cluster "{self._cluster}"', "task.cluster") from error
        with self._making_sense():
            ours = (task for answer in answers for task in answer["tasks"] if task.get("startedBy") == self._started_by)
            read = (self._read(task, worker_of) for task in ours)
            return tuple(task for task in read if isinstance(task, StoppedTask))

    def _read(self, task: Mapping[str, Any], worker_of: Callable[[str], str | None]) -> LiveTask | StoppedTask:
        return read_task(task, worker_of(task.get("group", "")), self._attendants)

    @contextmanager
    def _making_sense(self) -> Iterator[None]:
        """Turn an answer of another shape than ECS promises into AwsError: what it was to say is unknown."""
        try:
            yield
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise AwsError(Fault.SERVER_ERROR, f'cluster "{self._cluster}": a broken answer ({error!r})') from error

    def _list(self) -> Iterator[str]:
        pages = self._clients.ecs().get_paginator("list_tasks")
        for page in pages.paginate(cluster=self._cluster, startedBy=self._started_by):
            yield from page["taskArns"]

    def _describe(self, arns: list[str]) -> Iterator[Mapping[str, Any]]:
        for first in range(0, len(arns), MAX_PER_CALL):
            yield self._clients.ecs().describe_tasks(cluster=self._cluster, tasks=arns[first : first + MAX_PER_CALL])


def _read_missing(failure: Mapping[str, Any]) -> str:
    """Return the ARN of a task that ECS does not know. Raises AwsError for one that it could not describe."""
    if failure.get("reason") != "MISSING":
        why = describe_failure(failure)
        raise AwsError(Fault.SERVER_ERROR, f"task {failure.get('arn')} could not be described: {why}")
    arn: str = failure["arn"]
    return arn
