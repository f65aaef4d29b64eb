"""Roles of other accounts: assumed with the controller's own credentials, and renewed before what they grant expires.

::

    get_frozen_credentials --still good for AHEAD?--> as they are
             |--less than that?--> as they are; beside that a thread of its own assumes the role anew
             '--nothing that is good?--> waits for that thread: not for long, and hardly once it has failed

So nobody who signs a request waits for STS as long as there is something to sign with, and an STS that does not answer
holds no thread but that one. botocore's own credentials for a role are fetched anew by whoever happens to sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError

from controller.aws.answers import read_text
from controller.aws.denials import DENIED
from controller.aws.errors import AwsError, Fault, error_code, quote
from controller.aws.gate import PATIENCE, explain_waiting
from controller.aws.session import Clients
from controller.clock import Clock
from controller.config import AccessSpec
from controller.core.words import as_clause

KEY = "aws"
"""The scaler's key to check where a role cannot be assumed."""
AHEAD = 900.0
"""Seconds before the end of what was granted in which it is renewed; AWS grants an hour at most where a role assumes
another (IAM User Guide, "Role chaining")."""
WITHIN = 10.0
"""Seconds that whoever has nothing to sign with waits at most; after a call that failed it is PATIENCE."""
REST = 60.0
"""Seconds from one call to the next, while there is something to sign with: after one that failed, or that grants less
than AHEAD."""
_WHO = re.compile(r"^User: (?P<who>arn:\S+) is not authorized")


@dataclass(frozen=True, slots=True)
class Grant:
    """What AWS grants to whoever assumes a role."""

    frozen: ReadOnlyCredentials
    expires_at: float
    """Seconds since the epoch."""


@dataclass(slots=True)
class _Call:
    """One attempt to assume the role."""

    began_at: float
    """Seconds on the clock that never steps."""
    done: Event = field(default_factory=Event)
    failure: AwsError | None = None


class RoleCredentials(Credentials):
    """The credentials of one role, in the shape in which botocore signs with them. Safe to use from every thread."""

    def __init__(self, role: str, assume: Callable[[], Grant], clock: Clock) -> None:
        """Assume nothing yet; ``assume`` does, and raises AwsError."""
        super().__init__("", "", method="assume-role")
        self._role = role
        self._assume = assume
        self._clock = clock
        self._lock = Lock()
        self._grant: Grant | None = None
        self._call: _Call | None = None
        self._failure: AwsError | None = None
        """Why the last call that has ended granted nothing; None: it did."""
        self._is_asked_anew = False

    def renew(self) -> None:
        """Assume the role anew at the next use: it, or who may assume it, may have been changed."""
        self._is_asked_anew = True

    def refresh_needed(self, refresh_in: float = AHEAD) -> bool:
        """Say whether there is nothing that will still be good in so many seconds."""
        grant = self._grant
        return grant is None or grant.expires_at - self._clock.now() <= refresh_in

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return what requests are signed with. Raises AwsError when there is nothing that is good, nor comes soon."""
        known, call = self._failure, self._begin_if_due()
        if (grant := self._grant) is not None and not self.refresh_needed(0):
            return grant.frozen
        if call is None or not call.done.wait(WITHIN if known is None else PATIENCE):
            raise known.again() if known else explain_waiting(f"assuming role {self._role}", WITHIN)
        if call.failure is not None:
            raise call.failure.again()
        if (grant := self._grant) is None or self.refresh_needed(0):
            told = f"what AWS grants to role {self._role} has expired by this machine's clock: set the clock by NTP"
            raise AwsError(Fault.ACCESS_DENIED, told)
        return grant.frozen

    def _begin_if_due(self) -> _Call | None:
        """Return the call that is under way, begun now if it is time; None: there is none."""
        if not (self._is_asked_anew or self.refresh_needed()):
            return None
        with self._lock:
            call, now = self._call, self._clock.elapsed()
            if call is not None and not call.done.is_set():
                return call
            rests = call is not None and now - call.began_at < REST and not self._is_asked_anew
            if rests and not self.refresh_needed(0):
                return None
            if call is not None and not (self._is_asked_anew or self.refresh_needed()):
                return call
            self._is_asked_anew = False
            self._call = call = _Call(now)
            Thread(target=self._make, args=[call], name="assume role", daemon=True).start()
            return call

    def _make(self, call: _Call) -> None:
        try:
            self._grant = self._assume()
        except AwsError as error:
            call.failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait have to be told
            call.failure = AwsError(Fault.SERVER_ERROR, f"assuming role {self._role} broke: {quote(error)}")
        self._failure = call.failure
        call.done.set()


def assume_role(clients: Clients, access: AccessSpec, controller: str) -> Grant:
    """Assume the role of an access, with the clients of the controller's own credentials in its region.

    The session's name is the controller's, so that CloudTrail tells which one has asked. Raises AwsError.
    """
    role, external_id = str(access.role_arn), access.external_id
    asked = {"RoleArn": role, "RoleSessionName": _name_session(controller)}
    if external_id is not None:
        asked["ExternalId"] = external_id
    with clients.asking(f"role {role}", KEY):
        try:
            granted = clients.other("sts").assume_role(**asked)["Credentials"]
        except ClientError as error:
            if error_code(error) not in DENIED:
                raise
            # Here and not by asking(): the controller's own credentials are in order, and need not be read anew.
            raise AwsError(Fault.ACCESS_DENIED, _explain_denial(access, error), KEY) from error
        keys = (read_text(granted[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return Grant(ReadOnlyCredentials(*keys), granted["Expiration"].timestamp())


def _name_session(controller: str) -> str:
    """Return the name of a session, which has two characters at least (STS API reference, AssumeRole)."""
    return controller if len(controller) > 1 else f"ecsq-{controller}"


def _explain_denial(access: AccessSpec, error: ClientError) -> str:
    """Return what both accounts have to allow: AWS does not tell which of the two does not."""
    said = quote(error)
    found = _WHO.match(str(error.response.get("Error", {}).get("Message") or ""))
    who = found["who"] if found else "the controller's task role"
    condition = "without a condition on sts:ExternalId, since aws.external_id is not set"
    if access.external_id is not None:
        condition = f'with "{access.external_id}" for sts:ExternalId, if it asks for one'
    return (
        f"role {access.role_arn} of account {access.account} cannot be assumed: its trust policy has to allow "
        f"sts:AssumeRole to {who}, {condition}, and the policy of that one has to allow it for this role; "
        f"ecsq iam --assumed {access.role_arn} prints what the role needs ({as_clause(said)})"
    )
