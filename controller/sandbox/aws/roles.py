"""STS: roles of any account, who may assume them, and to which account a request's credentials belong.

Any credentials will do for the account that the embedded AWS begins with. Those of a role last for as long as they
were granted for, by the clock of the embedded AWS, and are good in its account alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.sax.saxutils import escape

from controller.sandbox.aws.arns import ACCOUNT_ID
from controller.sandbox.aws.wire import ApiError, HttpAnswer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0
ADMINISTRATOR = "EMBEDDED"
"""The beginning of the access keys that belong to the account whose id is their end, whoever has them."""
_OF_ADMINISTRATOR = re.compile(ADMINISTRATOR + r"(\d{12})")
_TEMPORARY = "ASIA"
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_FORBIDDEN = 403


@dataclass(slots=True)
class Role:
    """A role, and what its trust policy asks for."""

    arn: str
    external_id: str | None
    """What whoever assumes it has to say as ``ExternalId``; None: nothing."""
    trusts: str
    """The account whose principals may assume it."""
    lasts: float
    """Seconds for which its credentials are good."""

    @property
    def account(self) -> str:
        """The id of its account."""
        return self.arn.split(":")[4]


@dataclass(frozen=True, slots=True)
class _Session:
    """What was granted to somebody who has assumed a role."""

    role: Role
    name: str
    secret: str
    token: str
    expires_at: float


class Roles:
    """The roles that there are, and the sessions of them. Safe to use from every thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Credentials expire by ``clock``, seconds since the epoch."""
        self._clock = clock
        self._lock = Lock()
        self._roles: dict[str, Role] = {}
        self._sessions: dict[str, _Session] = {}

    def create(
        self, arn: str, *, external_id: str | None = None, trusts: str = ACCOUNT_ID, lasts: float = HOUR
    ) -> Role:
        """Create a role, or another one of the same ARN in its place. What it is may be changed at any time."""
        role = self._roles[arn] = Role(arn, external_id, trusts, lasts)
        return role

    def delete(self, arn: str) -> None:
        """Delete a role. AWS then says the same as if it were forbidden."""
        self._roles.pop(arn, None)

    def reset(self) -> None:
        """Forget every role and every session."""
        self._roles.clear()
        self._sessions.clear()

    def account_of(self, access_key: str) -> str:
        """Return the account that an access key belongs to."""
        if (session := self._sessions.get(access_key)) is not None:
            return session.role.account
        administrator = _OF_ADMINISTRATOR.fullmatch(access_key)
        return administrator[1] if administrator else ACCOUNT_ID

    def refuse(self, request: Request) -> ApiError | None:
        """Return the error of a request whose credentials are those of no session, or have expired; None: they hold."""
        if not request.access_key.startswith(_TEMPORARY):
            return None
        session = self._sessions.get(request.access_key)
        if session is None or request.headers.get("x-amz-security-token") != session.token:
            message = "The security token included in the request is invalid."
            return ApiError("UnrecognizedClientException", message, status=_FORBIDDEN)
        if session.expires_at <= self._clock():
            return ApiError("ExpiredTokenException", "The security token included in the request is expired")
        return None

    def answer(self, request: Request) -> HttpAnswer:
        """Answer a request to STS; it has no operation but AssumeRole."""
        if request.operation != "AssumeRole":
            return _make_error(400, "InvalidAction", f"Could not find operation {request.operation}")
        asked = request.parameters
        caller = self.account_of(request.access_key)
        role = self._roles.get(asked.get("RoleArn", ""))
        if role is None or role.trusts != caller or role.external_id not in {None, asked.get("ExternalId")}:
            who = f"arn:aws:sts::{caller}:assumed-role/ecsq-task/embedded"
            said = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {asked.get('RoleArn')}"
            return _make_error(_FORBIDDEN, "AccessDenied", said)
        return self._grant(role, asked.get("RoleSessionName", ""))

    def _grant(self, role: Role, name: str) -> HttpAnswer:
        key = f"{_TEMPORARY}{uuid4().hex[:16].upper()}"
        session = _Session(role, name, uuid4().hex, uuid4().hex * 4, self._clock() + role.lasts)
        with self._lock:
            self._sessions[key] = session
        expires = datetime.fromtimestamp(session.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assumed = f"arn:aws:sts::{role.account}:assumed-role/{role.arn.rpartition('/')[2]}/{name}"
        return _make_answer(
            200,
            f'<AssumeRoleResponse xmlns="{_NAMESPACE}"><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>'
            f"<SecretAccessKey>{session.secret}</SecretAccessKey><SessionToken>{session.token}</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:{escape(name)}"
            f"</AssumedRoleId><Arn>{escape(assumed)}</Arn></AssumedRoleUser></AssumeRoleResult>{_make_metadata()}"
            "</AssumeRoleResponse>",
        )


def _make_error(status: int, code: str, message: str) -> HttpAnswer:
    return _make_answer(
        status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}'
        f"</Message></Error><RequestId>{uuid4()}</RequestId></ErrorResponse>",
    )


def _make_metadata() -> str:
    return f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"


def _make_answer(status: int, body: str) -> HttpAnswer:
    return HttpAnswer(status, body.encode(), {"Content-Type": "text/xml"})
