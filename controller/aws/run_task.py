"""RunTask: one call, sent once, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError

from controller.aws.answers import read_text, read_texts
from controller.aws.errors import AwsError, error_code, is_unsendable, shorten
from controller.aws.session import Clients, TooLateError
from controller.aws.stages import Stage

_BAD_REQUEST = 400
_SERVER_ERROR = 500
_NEVER_CONNECTED = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
"""No connection came about, so that nothing of the request can have left."""


@dataclass(frozen=True, slots=True)
class RunTaskAnswer:
    """The answer to a RunTask call."""

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


_last_send: ContextVar[float] = ContextVar("last_send")
"""The last moment at which the call of this thread may leave; botocore passes nothing of ours to its handlers."""


def refuse_late(clients: Clients, **_: object) -> None:
    """Stop a RunTask call that is about to leave after its last moment; botocore then opens no connection."""
    if clients.clock.now() > _last_send.get():
        raise TooLateError


def run_task(clients: Clients, parameters: Mapping[str, Any], last_send: float) -> RunTaskAnswer:
    """Send one RunTask call, once.

    Raises TooLateError when it would leave after ``last_send`` (nothing was sent), AwsError when it was refused
    (nothing was started), ConflictError, and OutcomeUnknownError for everything else: time-outs, resets, 5xx and
    answers that make no sense.
    """
    launcher = clients.launcher()
    too_late = partial(refuse_late, clients)
    launcher.meta.events.register("before-send.ecs.RunTask", too_late, unique_id="refuse-late")
    token = _last_send.set(last_send)
    try:
        with clients.asking(f'RunTask in cluster "{parameters["cluster"]}"', "task") as course:
            answer = launcher.run_task(**parameters)
            arns = tuple(read_text(task["taskArn"]) for task in answer["tasks"])
            return RunTaskAnswer(arns, tuple(describe_failure(failure) for failure in answer["failures"]))
    except AwsError as error:
        if course.stage is not Stage.SENT:
            raise
        raise _interpret(error, error.__cause__) from error
    finally:
        _last_send.reset(token)


def describe_failure(failure: Mapping[str, Any]) -> str:
    """Return why a task did not start, as ECS said it, on one line of bounded length."""
    said = ": ".join(shorten(str(failure[part])) for part in ("reason", "detail") if failure.get(part))
    return said or "no reason given"


def _interpret(error: AwsError, cause: BaseException | None) -> Exception:
    """Tell a refusal, which started nothing, from an outcome that is not known: of a call that may have left."""
    if isinstance(cause, ClientError) and error_code(cause) == "ConflictException":
        return _read_conflict(error, cause.response.get("resourceIds", []))
    if isinstance(cause, _NEVER_CONNECTED) or is_unsendable(cause):
        return error
    if isinstance(cause, ClientError) and _is_refusal(cause):
        return error
    return OutcomeUnknownError(str(error))


def _read_conflict(error: AwsError, arns: object) -> Exception:
    try:
        return ConflictError(tuple(read_texts(arns)))
    except TypeError:
        return OutcomeUnknownError(str(error))


def _is_refusal(error: ClientError) -> bool:
    """Say whether ECS itself has refused: a 5xx is no refusal, and neither is an answer without a code of ECS's.

    A proxy answers with its own page, and what it did with the request it does not say. botocore then takes the
    HTTP status for the code.
    """
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = error_code(error)
    return _BAD_REQUEST <= status < _SERVER_ERROR and bool(code) and not code.isdigit()
