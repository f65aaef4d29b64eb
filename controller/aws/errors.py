"""Errors of AWS in the user's words: each names the resource, what is wrong, and the key to check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
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


class Fault(StrEnum):
    """The kinds of failure, a closed set: a label of the metrics."""

    MISSING = "missing"
    ACCESS_DENIED = "access_denied"
    INVALID = "invalid"
    CANNOT_COPY = "cannot_copy"
    CAPACITY = "capacity"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    CONFLICT = "conflict"
    IN_DOUBT = "in_doubt"
    WINDOW_CLOSED = "window_closed"


FOR_A_PERSON = frozenset({Fault.MISSING, Fault.ACCESS_DENIED, Fault.INVALID, Fault.CANNOT_COPY})
"""The kinds that last until a person mends them. They are reported once, and tried again slowly."""

AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""The exceptions of a boto3 call. A parser error is an answer that makes no sense."""

AwsFailure = BotoCoreError | ClientError | ResponseParserError

_DENIED = (NoCredentialsError, CredentialRetrievalError, PartialCredentialsError, TokenRetrievalError)
_DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMS.AccessDeniedException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "BlockedException",
    }
)
_MISSING_CODES = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ClusterNotFoundException",
    }
)
_THROTTLING_CODES = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TOO_MANY = re.compile(r"PROVISIONING|limit on the number of tasks", re.IGNORECASE)
"""In a ClientException: too many tasks at once, which passes by itself (RunTask's API reference)."""
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
    if fault is Fault.UNREACHABLE:
        key = None
    return AwsError(fault, f"{subject}: {_quote(error)}", key)


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
    # "Request limit exceeded" has been seen inside InvalidParameterException (dask/dask-cloudprovider issue 56).
    if code in _THROTTLING_CODES or status == _TOO_MANY_REQUESTS or "limit exceeded" in message.lower():
        return Fault.THROTTLED
    if code in _DENIED_CODES:
        return Fault.ACCESS_DENIED
    if code in _MISSING_CODES:
        return Fault.MISSING
    if code == "ClientException" and _TOO_MANY.search(message):
        return Fault.CAPACITY
    return Fault.SERVER_ERROR if status >= _SERVER_ERROR else Fault.INVALID


def _quote(error: AwsFailure) -> str:
    """Return AWS's own words on one line."""
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message") or "no message"
        return f"{error_code(error)}: {' '.join(str(message).split())}"
    return " ".join(str(error).split())
