"""Reading what SQS answers to a poll: a success directly, all else as botocore reads it, with its rules of retries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError, create_parser
from botocore.retries.standard import (
    ExponentialBackoff,
    RetryContext,
    RetryEventAdapter,
    StandardRetryConditions,
    ThrottlingErrorDetector,
)

from controller.aws.outcomes import refuse_broken
from controller.aws.polls.connection import Answer
from controller.aws.session import READ_ATTEMPTS

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError
    from botocore.model import OperationModel

FIRST_ERROR = 300
_PLAIN = {"Attributes": dict, "QueueUrl": str}
"""The members of the two successes, and what each is read as; the counts' own text is looked at later."""


def read_answer(operation: OperationModel, answer: Answer) -> Mapping[str, Any]:
    """Return an answer as botocore parses it, an error with its ``Error``.

    A success as SQS writes it has plain text in it and needs no parser. All else is botocore's to read, so that it is
    told in the same words. Raises what botocore's parser does, whatever its type.
    """
    metadata = {"HTTPStatusCode": answer.status_code}
    if answer.status_code < FIRST_ERROR and (members := _read_plain(answer.body)):
        return {**members, "ResponseMetadata": metadata}
    received = {
        "headers": answer.headers,
        "status_code": answer.status_code,
        "body": answer.body,
        "context": {"operation_name": operation.name},
    }
    parser = create_parser(operation.service_model.resolved_protocol)
    parsed: dict[str, Any] = parser.parse(received, operation.output_shape)  # type: ignore[arg-type]  # it has one
    parsed.update(ResponseMetadata=metadata)
    # botocore looks each code up, which refuses one that is no text.
    operation.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
    return parsed


def _read_plain(body: bytes) -> dict[str, Any]:
    """Return the members that a success has in plain text; none where it has none."""
    try:
        document = json.loads(body.decode())
    except (RecursionError, ValueError):
        return {}
    members = document if isinstance(document, dict) else {}
    return {name: members[name] for name, kind in _PLAIN.items() if isinstance(members.get(name), kind)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one request: an answer, or the error that botocore would have raised instead."""

    operation: OperationModel
    answer: Answer | None = None
    parsed: Mapping[str, Any] | None = None
    error: BotoCoreError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether AWS did as it was asked, as far as the status tells."""
        return self.answer is not None and self.answer.status_code < FIRST_ERROR

    def unwrap(self) -> Mapping[str, Any]:
        """Return the members of a success. Raises what a boto3 call would."""
        if self.parsed is None:
            raise self.error or ResponseParserError("no answer")
        if not self.succeeded:
            raise ClientError(self.parsed, self.operation.name)  # type: ignore[arg-type]  # as botocore parses it
        refuse_broken(self.operation.service_model.service_name, self.operation.name, self.parsed)
        return self.parsed


class Retries:
    """Which requests are sent once more, and after how long: the rules of botocore's mode ``standard``."""

    def __init__(self) -> None:
        self._conditions = StandardRetryConditions(max_attempts=READ_ATTEMPTS)
        detector = ThrottlingErrorDetector(RetryEventAdapter())
        self._backoff = ExponentialBackoff(throttling_detector=detector)

    def delay_after(self, number: int, attempt: Attempt) -> float | None:
        """Return the seconds to wait before a request is sent again, ``x-amz-retry-after`` heeded; None: it is not.

        ``number`` says which attempt it was, from 1.
        """
        context = RetryContext(number, attempt.operation, attempt.parsed, attempt.answer, attempt.error)
        return self._backoff.delay_amount(context) if self._conditions.is_retryable(context) else None
