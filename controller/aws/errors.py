"""Errors of AWS in the user's words: each names the resource, what is wrong, and the key to check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as CannotConnectError,
)
from botocore.parsers import ResponseParserError

from controller.aws.denials import CODES, explain_denial, is_about_clock
from controller.aws.faults import FOR_A_PERSON, Fault
from controller.aws.sentences import find_sentence
from controller.aws.stages import Stage
from controller.core.words import as_clause

__all__ = [
    "FOR_A_PERSON",
    "AwsError",
    "Fault",
    "classify",
    "classify_answer",
    "error_code",
    "is_unsendable",
    "quote",
    "shorten",
    "translate",
]

_NO_CREDENTIALS = (
    NoCredentialsError,
    CredentialRetrievalError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_NETWORK = (HTTPClientError, CannotConnectError)
_SPEAKS_FOR_ITSELF = (BotoCoreError, ResponseParserError, OSError, RuntimeError)
"""Exceptions whose text is a sentence; of any other the name of its type is half of what it says."""
MAX_QUOTE = 1000
"""Characters of somebody else's words that a message holds: a proxy's page may take the place of an answer."""
_MISSING_CODES = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ClusterNotFoundException",
        "ParameterNotFound",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchVersion",
    }
)
_THROTTLING_CODE = re.compile(
    r"throttl|^(LimitExceededException|RequestLimitExceeded|SlowDown|TooManyRequests(Exception)?)$", re.IGNORECASE
)
"""Every service has codes of its own for it: ThrottlingException, RequestThrottled, KMS.ThrottlingException, ..."""
_BAD_HEADER = "Invalid header value"
_UNSENDABLE = (
    "the AWS credentials hold a line break or another character that no key has: correct AWS_ACCESS_KEY_ID and "
    "AWS_SESSION_TOKEN, or wherever the task's role or the shell's profile takes them from"
)
_FIRST_ERROR = 300
_NOT_MODIFIED = 304
"""S3's answer about an object that is as it was; no failure."""
_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429


_FAULT_OF_STAGE = {
    Stage.PREPARED: Fault.INVALID,
    Stage.SIGNING: Fault.ACCESS_DENIED,
    Stage.SENT: Fault.SERVER_ERROR,
}
"""Parameters that botocore refuses are ours as long as nothing was asked; after that they are those of an answer."""


class AwsError(Exception):
    """A call to AWS that failed, with a sentence for the user.

    ``key`` is the scaler's key to check (``queue``, ``task.cluster``, ...), or None when none of them is at fault.
    """

    def __init__(self, fault: Fault, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.key = key

    def again(self) -> AwsError:
        """Return the same failure, to be raised by another thread: an exception collects the traces of all raises."""
        return AwsError(self.fault, str(self), self.key)


def classify(error: Exception, stage: Stage) -> Fault:
    """Return the kind of a failure that came out of a call, or of reading its answer, at a stage of the call.

    The types of exceptions that boto3 lets out are no closed set: credentials alone raise those of files, of JSON and
    of whatever helper hands them out. What the type does not tell, the stage does.
    """
    if isinstance(error, ClientError):
        return classify_answer(error.response) or Fault.SERVER_ERROR
    if isinstance(error, _NO_CREDENTIALS):
        return Fault.ACCESS_DENIED
    if isinstance(error, NoRegionError):
        return Fault.INVALID
    if is_unsendable(error):
        return Fault.ACCESS_DENIED
    if isinstance(error, _NETWORK):
        return Fault.UNREACHABLE
    return _FAULT_OF_STAGE[stage]


def translate(error: Exception, subject: str, key: str | None, stage: Stage) -> AwsError:
    """Return the error that names ``subject``, such as ``queue "orders"``, and what is wrong with it.

    ``key`` is the one to check where a person has to mend it; of what passes by itself no key is at fault.
    """
    fault, said = classify(error, stage), quote(error)
    if isinstance(error, NoRegionError):
        return AwsError(fault, "no AWS region: set aws.region or AWS_DEFAULT_REGION")
    if is_unsendable(error):
        # Without its own words, which are the header: a signature, or a session's token.
        return AwsError(fault, _UNSENDABLE)
    if isinstance(error, NoCredentialsError):
        return AwsError(fault, f"no AWS credentials ({as_clause(said)}): give the task a role, or the shell a profile")
    if stage is Stage.SIGNING or isinstance(error, _NO_CREDENTIALS):
        told = f"AWS credentials could not be read or renewed ({as_clause(said)})"
        return AwsError(fault, f"{told}: check the task's role, or the shell's profile")
    if fault is Fault.ACCESS_DENIED and isinstance(error, ClientError):
        explained = explain_denial(subject, error_code(error), _read_message(error), error.operation_name)
        return AwsError(fault, f"{explained} ({said})")
    if fault is Fault.SERVER_ERROR and not isinstance(error, ClientError):
        said = f"a broken answer ({as_clause(said)})"
    return AwsError(fault, f"{subject}: {said}{_advise(error)}", key if fault in FOR_A_PERSON else None)


def is_unsendable(error: BaseException | None) -> bool:
    """Say whether a request was not sent, since a header of it cannot be: those with the credentials hold others' text.

    ``http.client`` refuses a header with a line break before anything of the request leaves.
    """
    return isinstance(error, HTTPClientError) and _BAD_HEADER in str(error.kwargs.get("error", ""))


def error_code(error: ClientError) -> str:
    """Return AWS's code of an answered error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def classify_answer(answer: Mapping[str, Any]) -> Fault | None:
    """Return the kind of failure that an answer, as botocore parses it, tells of; None: it is none."""
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status < _FIRST_ERROR or status == _NOT_MODIFIED:
        return None
    error = answer.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    sentence = find_sentence(message)
    fault = _classify_code(code, status, message) if sentence is None else sentence.fault
    if status >= _SERVER_ERROR and fault is not Fault.THROTTLED:
        # AWS has failed, whatever it says: it is not known whether the request took effect.
        return Fault.SERVER_ERROR
    return fault


def _classify_code(code: str, status: int, message: str) -> Fault:
    """Return the kind of failure by AWS's code, where its words are none of ECS's known sentences."""
    if _THROTTLING_CODE.search(code) or status == _TOO_MANY_REQUESTS:
        return Fault.THROTTLED
    if code in CODES or is_about_clock(code, message):
        return Fault.ACCESS_DENIED
    return Fault.MISSING if code in _MISSING_CODES else Fault.INVALID


def quote(error: Exception) -> str:
    """Return what an exception says, on one line of bounded length."""
    if isinstance(error, ClientError):
        said = f"{error_code(error)}: {_read_message(error) or 'no message'}"
    elif isinstance(error, _SPEAKS_FOR_ITSELF) and not isinstance(error, RecursionError) and str(error):
        said = str(error)
    else:
        said = f"{type(error).__name__}: {error}"
    return shorten(said)


def shorten(said: str) -> str:
    """Return somebody else's words on one line of bounded length."""
    line = " ".join(said[: 2 * MAX_QUOTE].split())
    return line if len(line) <= MAX_QUOTE else f"{line[:MAX_QUOTE]}..."


def _read_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message") or "")


def _advise(error: Exception) -> str:
    """Return what to do about what ECS says, where it does not say so itself."""
    sentence = find_sentence(_read_message(error)) if isinstance(error, ClientError) else None
    return f"; {sentence.advice}" if sentence is not None and sentence.advice else ""
