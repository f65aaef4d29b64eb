"""Signature Version 4 of requests that differ only in their body: the key of the day and all fixed lines are kept.

botocore's own signer derives both anew for each request. A property test holds the two equal.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs POST requests to the path ``/`` of one host; ``headers`` are the same in each of them."""

    def __init__(self, region: str, service: str, headers: Mapping[str, str]) -> None:
        """Take every header that is signed, its ``host`` too, but for the time and the session token."""
        self._region = region
        self._service = service
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._credentials: ReadOnlyCredentials | None = None
        self._second = -1
        self._stamp = ""

    def sign(self, body: bytes, credentials: ReadOnlyCredentials, now: float) -> str:
        """Return the lines of a request's head that carry its time, token and signature; each ends in CR LF.

        ``now`` is in seconds since the epoch. Raises CredentialRetrievalError when the credentials fit in no header.
        """
        if int(now) != self._second or credentials is not self._credentials:
            self._prepare(credentials, now)
        request = f"{self._before}{sha256(body).hexdigest()}"
        text = f"{self._scope_lines}{sha256(request.encode()).hexdigest()}"
        return f"{self._lines}{hmac.digest(self._key, text.encode(), 'sha256').hex()}\r\n"

    def _prepare(self, credentials: ReadOnlyCredentials, now: float) -> None:
        """Make all that depends on nothing but the credentials and the second; the key only for a new day."""
        stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        if credentials != self._credentials or stamp[:8] != self._stamp[:8]:
            _refuse_odd(credentials)
            self._key = _derive_key(f"{credentials.secret_key}", *scope.split("/"))
        signed = self._headers | {"x-amz-date": stamp}
        token = ""
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
            token = f"X-Amz-Security-Token: {credentials.token}\r\n"
        names = ";".join(sorted(signed))
        canonical = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        self._before = f"POST\n/\n\n{canonical}\n{names}\n"
        self._scope_lines = f"{_ALGORITHM}\n{stamp}\n{scope}\n"
        credential = f"{credentials.access_key}/{scope}"
        self._lines = (
            f"X-Amz-Date: {stamp}\r\n{token}"
            f"Authorization: {_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature="
        )
        self._credentials, self._second, self._stamp = credentials, int(now), stamp


def _derive_key(secret: str, *scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _refuse_odd(credentials: ReadOnlyCredentials) -> None:
    """Refuse what would end a header and begin another, such as a token that was pasted with its newline."""
    for name in ("access_key", "token"):
        value = getattr(credentials, name) or ""
        if not value.isprintable():
            raise CredentialRetrievalError(provider="AWS", error_msg=f"the {name} has characters that no header may")
