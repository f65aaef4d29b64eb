"""Errors of AWS in the user's words: each names the resource, what is wrong, and the key to check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from controller.aws.denials import CODES, explain_denial, is_about_clock
from controller.aws.faults import FOR_A_PERSON, Fault
from controller.aws.sentences import find_sentence

__all__ = [
    "AWS_ERRORS",
    "FOR_A_PERSON",
    "AwsError",
    "AwsFailure",
    "Fault",
    "classify",
    "classify_answer",
    "error_code",
    "translate",
]

AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""The exceptions of a boto3 call. A parser error is an answer that makes no sense."""

AwsFailure = BotoCoreError | ClientError | ResponseParserError

_DENIED = (NoCredentialsError, CredentialRetrievalError, PartialCredentialsError, TokenRetrievalError)
_MISSING_CODES = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ClusterNotFoundException",
    }
)
_THROTTLING_CODE = re.compile(
    r"throttl|^(LimitExceededException|RequestLimitExceeded|SlowDown|TooManyRequests(Exception)?)$", re.IGNORECASE
)
"""Every service has codes of its own for it: ThrottlingException, RequestThrottled, KMS.ThrottlingException, ..."""
_NO_KEYS_FAULT = frozenset({Fault.CAPACITY, Fault.THROTTLED, Fault.UNREACHABLE})
"""The kinds that no key of a scaler mends."""
_FIRST_ERROR = 300
_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429


class AwsError(Exception):
    """A call to AWS that failed, with a sentence for the user.

    ``key`` is the scaler's key to check (``queue``, ``task.cluster``, ...), or None when none of them is at fault.
    """

    def __init__(self, fault: Fault, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.key = key


def classify(error: AwsFailure) -> Fault:
    """Return the kind of a failure as botocore raised it."""
    if isinstance(error, ClientError):
        return classify_answer(error.response) or Fault.SERVER_ERROR
    if isinstance(error, _DENIED):
        return Fault.ACCESS_DENIED
    if isinstance(error, NoRegionError | ParamValidationError):
        return Fault.INVALID
    return Fault.SERVER_ERROR if isinstance(error, ResponseParserError) else Fault.UNREACHABLE


def translate(error: AwsFailure, subject: str, key: str | None) -> AwsError:
    """Return the error that names ``subject``, such as ``queue "orders"``, and what AWS said of it."""
    fault = classify(error)
    if isinstance(error, _DENIED):
        return AwsError(fault, f"no AWS credentials ({_quote(error)}): give the task a role, or the shell a profile")
    if isinstance(error, NoRegionError):
        return AwsError(fault, "no AWS region: set aws.region or AWS_DEFAULT_REGION")
    if fault is Fault.ACCESS_DENIED and isinstance(error, ClientError):
        what_to_mend = explain_denial(error_code(error), _read_message(error), error.operation_name)
        return AwsError(fault, f"{subject}: {what_to_mend} ({_quote(error)})")
    if fault in _NO_KEYS_FAULT:
        key = None
    return AwsError(fault, f"{subject}: {_quote(error)}{_advise(error)}", key)


def error_code(error: ClientError) -> str:
    """Return AWS's code of an answered error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def classify_answer(answer: Mapping[str, Any]) -> Fault | None:
    """Return the kind of failure that an answer, as botocore parses it, tells of; None: it is none."""
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status < _FIRST_ERROR:
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


def _quote(error: AwsFailure) -> str:
    """Return AWS's own words on one line."""
    if isinstance(error, ClientError):
        return f"{error_code(error)}: {' '.join(_read_message(error).split()) or 'no message'}"
    return " ".join(str(error).split())


def _read_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message") or "")


def _advise(error: AwsFailure) -> str:
    """Return what to do about what ECS says, where it does not say so itself."""
    sentence = find_sentence(_read_message(error)) if isinstance(error, ClientError) else None
    return f"; {sentence.advice}" if sentence is not None and sentence.advice else ""
