"""Tasks: listing and describing the live ones, and RunTask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import time
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, MetadataRetrievalError

from controller.aws.descriptions import read_task
from controller.aws.errors import AWS_ERRORS, AwsError, AwsFailure, Fault, error_code, translate
from controller.aws.session import Clients, StoppingError, TooLateError
from controller.core.decision.ledger import LiveTask, StoppedTask

MAX_PER_CALL = 100
"""Tasks that ListTasks and DescribeTasks take and give at most in a call."""

_SERVER_ERROR = 500
_NEVER_SENT = (EndpointConnectionError, MetadataRetrievalError)
"""A refused connection and missing credentials: the request did not leave."""


@dataclass(frozen=True, slots=True)
class Round:
    """One listing and the descriptions of it."""

    tasks: tuple[LiveTask | StoppedTask, ...]
    missing: tuple[str, ...]
    """ARNs that ECS says it does not know."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a RunTask call answered."""

    arns: tuple[str, ...]
    """The tasks that it started."""
    failures: tuple[str, ...]
    """Why others did not start, in AWS's words."""


class OutcomeUnknownError(Exception):
    """A RunTask call left and its outcome is not known."""


class ConflictError(Exception):
    """The token belongs to a call with other parameters; ``arns`` are the tasks that one started."""

    def __init__(self, arns: tuple[str, ...]) -> None:
        super().__init__(f"the token was used with other parameters, for {len(arns)} tasks")
        self.arns = arns


class Tasks:
    """The tasks of one cluster that one controller has started."""

    def __init__(self, clients: Clients, cluster: str, started_by: str) -> None:
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
            missing = tuple(_missing(failure) for answer in answers for failure in answer["failures"])
            told = {task["taskArn"] for answer in answers for task in answer["tasks"]} | set(missing)
            if silent := [arn for arn in arns if arn not in told]:
                raise AwsError(Fault.SERVER_ERROR, f'cluster "{self._cluster}": ECS says nothing of task {silent[0]}')
            described = [task for answer in answers for task in answer["tasks"]]
            return Round(tuple(read_task(task, worker_of(task.get("group", ""))) for task in described), missing)

    def ended(self, family: str, worker_of: Callable[[str], str | None]) -> tuple[StoppedTask, ...]:
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
            read = (read_task(task, worker_of(task.get("group", ""))) for task in ours)
            return tuple(task for task in read if isinstance(task, StoppedTask))

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


def _missing(failure: Mapping[str, Any]) -> str:
    """Return the ARN of a task that ECS does not know. Raises AwsError for one that it could not describe."""
    if failure.get("reason") != "MISSING":
        raise AwsError(Fault.SERVER_ERROR, f"task {failure.get('arn')} could not be described: {_words(failure)}")
    arn: str = failure["arn"]
    return arn


_last_send: ContextVar[float] = ContextVar("last_send")


def refuse_late(**_: object) -> None:
    """Stop a RunTask call that is about to leave after its last moment; botocore then opens no connection."""
    if time() > _last_send.get():
        raise TooLateError


def run_task(clients: Clients, parameters: Mapping[str, Any], last_send: float) -> Answer:
    """Send one RunTask call, once.

    Raises TooLateError when it would leave after ``last_send`` (nothing was sent), AwsError when it was refused
    (nothing was started), ConflictError, and OutcomeUnknownError for everything else: time-outs, resets, 5xx and
    answers that make no sense.
    """
    launcher = clients.launcher()
    launcher.meta.events.register("before-send.ecs.RunTask", refuse_late, unique_id="refuse-late")
    token = _last_send.set(last_send)
    try:
        answer = launcher.run_task(**parameters)
        arns = tuple(task["taskArn"] for task in answer["tasks"])
        return Answer(arns, tuple(_words(failure) for failure in answer["failures"]))
    except (AwsError, TooLateError, StoppingError):
        raise
    except AWS_ERRORS as error:
        raise _meaning(error, parameters["cluster"]) from error
    except Exception as error:  # an answer of any other shape, wherever it broke the one who reads it
        subject = f'RunTask in cluster "{parameters["cluster"]}"'
        raise OutcomeUnknownError(f"{subject}: a broken answer ({error!r})") from error
    finally:
        _last_send.reset(token)


def _words(failure: Mapping[str, Any]) -> str:
    """Return why a task did not start, as ECS said it."""
    return ": ".join(failure[part] for part in ("reason", "detail") if failure.get(part)) or "no reason given"


def _meaning(error: AwsFailure, cluster: str) -> Exception:
    """Tell a refusal, which started nothing, from an outcome that is not known."""
    if isinstance(error, ClientError) and error_code(error) == "ConflictException":
        return ConflictError(tuple(error.response.get("resourceIds", ())))  # type: ignore[arg-type]
    explained = translate(error, f'RunTask in cluster "{cluster}"', "task")
    if isinstance(error, _NEVER_SENT) or _refused(error, explained.fault):
        return explained
    return OutcomeUnknownError(str(explained))


def _refused(error: AwsFailure, fault: Fault) -> bool:
    """Say whether a call certainly started nothing; a 5xx is no refusal, whatever reason it gives."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] < _SERVER_ERROR
    return fault not in {Fault.SERVER_ERROR, Fault.UNREACHABLE}
