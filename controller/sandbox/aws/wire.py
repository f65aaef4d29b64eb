"""What crosses the wire: a request as the services read it, an answer, and an error in AWS's JSON form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""Where a container's environment has the address of its task metadata endpoint."""
METADATA_PREFIX = "/v4/"
"""How the paths of that endpoint begin."""
METADATA = "task-metadata"
"""What stands for a service in a request to that endpoint, which nobody signs."""

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_APP = re.compile(r"(?:^|\s)app/(\S+)")
_PROCESS = re.compile(r"(?:^|\s)exec-env/(\S+)")


class AwsError(Exception):
    """An error that the caller gets as an answer: ``code`` in AWS's spelling, and its HTTP ``status``."""

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any) -> None:
        """Further ``members`` of the error's shape (``resourceIds``) go into the answer as they are."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members

    def answer(self) -> Answer:
        """Give the error as it goes over the wire."""
        return json_answer({"__type": self.code, "message": self.message, **self.members}, status=self.status)


def client_error(message: str) -> AwsError:
    """``ClientException``: the caller named something that is not there or not allowed."""
    return AwsError("ClientException", message)


def invalid_parameter(message: str) -> AwsError:
    """``InvalidParameterException``: a parameter breaks a rule of the operation."""
    return AwsError("InvalidParameterException", message)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to an AWS service."""

    method: str
    path: str
    """With its query string."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    service: str
    """The signing name out of the credential scope (``ecs``, ``sqs``), or ``METADATA``; empty if unsigned."""
    region: str
    """The region out of the credential scope; empty if unsigned."""
    operation: str
    """``RunTask``; empty if the request names none."""
    parameters: Json
    client: str
    """What follows ``app/`` in the User-Agent (boto3's ``user_agent_appid``); empty if it has none."""
    process: str
    """What follows ``exec-env/`` there (the caller's variable ``AWS_EXECUTION_ENV``); empty if it has none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its length and date excepted."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def error_code(self) -> str | None:
        """The code of the AWS error that this answer carries; None for a success."""
        if self.status < HTTPStatus.BAD_REQUEST:
            return None
        try:
            document = json.loads(self.body)
        except ValueError:
            return str(self.status)
        kind = document.get("__type") if isinstance(document, dict) else None
        return str(kind).rpartition("#")[2] if kind else str(self.status)


def json_answer(document: Json, *, status: int = 200) -> Answer:
    """Make an answer of the JSON 1.1 protocol."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid4())}
    return Answer(status, json.dumps(document, separators=(",", ":")).encode(), headers)


def read_request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Read what every AWS protocol puts in headers and body: service, region, operation, parameters.

    A body that is no JSON leaves ``parameters`` empty: the service that gets it has to refuse it.
    """
    scope = _CREDENTIAL.search(headers.get("authorization", ""))
    region, service = scope.groups() if scope else ("", METADATA if path.startswith(METADATA_PREFIX) else "")
    agent = headers.get("user-agent", "")
    app, process = _APP.search(agent), _PROCESS.search(agent)
    operation, parameters = _operation(headers, body)
    return Request(
        method=method,
        path=path,
        headers=headers,
        body=body,
        service=service,
        region=region,
        operation=operation,
        parameters=parameters,
        client=app.group(1) if app else "",
        process=process.group(1) if process else "",
    )


def _operation(headers: Mapping[str, str], body: bytes) -> tuple[str, Json]:
    target = headers.get("x-amz-target")
    if target is None:
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        return form.pop("Action", ""), dict(form)
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = {}
    return target.rpartition(".")[2], document if isinstance(document, dict) else {}
