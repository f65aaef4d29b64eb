"""What came of a request: whether its answer is one, and the outcome that it is counted with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from controller.aws.errors import classify_answer
from controller.aws.faults import Fault
from controller.aws.operations import ANSWERS, BY_COMMANDS

if TYPE_CHECKING:
    from botocore.model import OperationModel

REQUEST_OUTCOMES = ("success", "throttled", "client_error", "server_error", "network_error")
_MEMBERS = ANSWERS | BY_COMMANDS  # type: ignore[operator]  # both are dicts
_OUTCOME_OF_FAULT = {Fault.THROTTLED: "throttled", Fault.SERVER_ERROR: "server_error"}


def refuse_broken(service: str, operation: str, parsed: Mapping[str, Any]) -> None:
    """Refuse a success that lacks what every success has. Raises ResponseParserError.

    botocore takes an answer that was cut short or garbled for an empty one; "no tasks" and "unknown" are not the same.
    """
    if missing := _find_missing(service, operation, parsed):
        raise ResponseParserError(f"it lacks {', '.join(missing)}")


def refuse_broken_call(model: OperationModel, parsed: Mapping[str, Any], **_: object) -> None:
    """Refuse what a call of a client has brought, as ``refuse_broken`` does."""
    refuse_broken(model.service_model.service_id.hyphenize(), model.name, parsed)


def _find_missing(service: str, operation: str, answer: Mapping[str, Any]) -> list[str]:
    """Return the members that a success lacks; an answer that tells of a failure lacks nothing."""
    if classify_answer(answer) is not None:
        return []
    return [name for name in _MEMBERS[service, operation] if name not in answer]


def judge_request(service: str, operation: str, answer: Mapping[str, Any] | None) -> str:
    """Return the outcome of a request. Without an answer the network is to blame, with a broken one the server."""
    if answer is None:
        return "network_error"
    if _find_missing(service, operation, answer):
        return "server_error"
    fault = classify_answer(answer)
    return "success" if fault is None else _OUTCOME_OF_FAULT.get(fault, "client_error")
