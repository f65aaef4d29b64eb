"""RunTask: one call, sent once, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, MetadataRetrievalError

from controller.aws.errors import AWS_ERRORS, AwsError, AwsFailure, Fault, error_code, translate
from controller.aws.session import Clients, StoppingError, TooLateError

_SERVER_ERROR = 500
_NEVER_SENT = (EndpointConnectionError, MetadataRetrievalError)
"""A refused connection and missing credentials: the request did not leave."""


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
        answer = launcher.run_task(**parameters)
        arns = tuple(task["taskArn"] for task in answer["tasks"])
        return RunTaskAnswer(arns, tuple(describe_failure(failure) for failure in answer["failures"]))
    except (AwsError, TooLateError, StoppingError):
        raise
    except AWS_ERRORS as error:
        raise _interpret(error, parameters["cluster"]) from error
    except Exception as error:  # an answer of any other shape, wherever it broke the one who reads it
        subject = f'RunTask in cluster "{parameters["cluster"]}"'
        raise OutcomeUnknownError(f"{subject}: a broken answer ({error!r})") from error
    finally:
        _last_send.reset(token)


def describe_failure(failure: Mapping[str, Any]) -> str:
    """Return why a task did not start, as ECS said it."""
    return ": ".join(failure[part] for part in ("reason", "detail") if failure.get(part)) or "no reason given"


def _interpret(error: AwsFailure, cluster: str) -> Exception:
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
