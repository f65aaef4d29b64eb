"""Requests as the services read them, answers, and errors in AWS's JSON form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
"""The environment variable with the address of a container's task metadata endpoint."""
METADATA_PREFIX = "/v4/"
"""The beginning of every path of that endpoint."""
METADATA = "task-metadata"
"""The service name of requests to that endpoint; they are unsigned and name none themselves."""

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
"""The code of an error of the services that answer in XML."""
_APP = re.compile(r"(?:^|\s)app/(\S+)")
_PROCESS = re.compile(r"(?:^|\s)exec-env/(\S+)")


class ApiError(Exception):
    """An error that is answered to the caller: ``code`` in AWS's spelling, and the HTTP ``status``."""

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any) -> None:
        """``members`` are further members of the answer, such as ``resourceIds``."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members

    def to_answer(self) -> HttpAnswer:
        """Return the answer that carries this error."""
        return make_json_answer({"__type": self.code, "message": self.message, **self.members}, status=self.status)


def client_error(message: str) -> ApiError:
    """Return a ``ClientException``: the caller named something that does not exist or is not allowed."""
    return ApiError("ClientException", message)


def invalid_parameter(message: str) -> ApiError:
    """Return an ``InvalidParameterException``: a parameter breaks a rule of the operation."""
    return ApiError("InvalidParameterException", message)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to an AWS service."""

    method: str
    path: str
    """The path with the query string."""
    headers: Mapping[str, str]
    """The headers; their names are in lower case."""
    body: bytes
    service: str
    """The signing name in the credential scope (``ecs``, ``sqs``), or ``METADATA``; empty if unsigned."""
    region: str
    """The region in the credential scope; empty if unsigned."""
    operation: str
    """The operation, such as ``RunTask``; empty if the request names none."""
    parameters: Json
    access_key: str
    """The access key ID in the credential scope; empty if unsigned."""
    client: str
    """The text after ``app/`` in the User-Agent (boto3's ``user_agent_appid``); empty if it has none."""
    process: str
    """The text after ``exec-env/`` there (the caller's variable ``AWS_EXECUTION_ENV``); empty if it has none."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer, without its length and date, which the server adds."""

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
            code = _CODE.search(self.body)
            return code[1].decode() if code else str(self.status)
        kind = document.get("__type") if isinstance(document, dict) else None
        return str(kind).rpartition("#")[2] if kind else str(self.status)


def make_json_answer(document: Json, *, status: int = 200) -> HttpAnswer:
    """Return an answer of the JSON 1.1 protocol."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid4())}
    return HttpAnswer(status, json.dumps(document, separators=(",", ":")).encode(), headers)


def read_request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return the request with its service, region, operation and parameters, whatever AWS protocol it uses.

    ``parameters`` are empty if the body is not valid JSON: the service has to refuse the request.
    """
    scope = _CREDENTIAL.search(headers.get("authorization", ""))
    unsigned = ("", "", METADATA if path.startswith(METADATA_PREFIX) else "")
    access_key, region, service = scope.groups() if scope else unsigned
    agent = headers.get("user-agent", "")
    app, process = _APP.search(agent), _PROCESS.search(agent)
    operation, parameters = _read_stored(method, path) if service == "s3" else _read_operation(headers, body)
    return Request(
        method=method,
        path=path,
        headers=headers,
        body=body,
        service=service,
        region=region,
        operation=operation,
        parameters=parameters,
        access_key=access_key,
        client=app.group(1) if app else "",
        process=process.group(1) if process else "",
    )


def _read_stored(method: str, path: str) -> tuple[str, Json]:
    """Return an operation of S3 that reads, and what it names; of any other only that nothing is known of it."""
    url = urlsplit(path)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    if method == "GET" and key:
        version = {"VersionId": query["versionId"]} if "versionId" in query else {}
        return "GetObject", {"Bucket": bucket, "Key": key, **version}
    if method == "GET" and "versions" in query:
        return "ListObjectVersions", {"Bucket": bucket, "Prefix": query.get("prefix", "")}
    return "", {}


def _read_operation(headers: Mapping[str, str], body: bytes) -> tuple[str, Json]:
    target = headers.get("x-amz-target")
    if target is None:
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        return form.pop("Action", ""), dict(form)
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = {}
    return target.rpartition(".")[2], document if isinstance(document, dict) else {}
