"""Credentials: read by one thread however many need them, and never for longer than a poll can wait.

Where they come from is boto3's own chain. Some of its sources are asked over the network, or run a command, and expire:
then botocore fetches them anew when a call is signed. A source that fails is not asked again at once, since all scalers
would do so one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, Protocol, TypeVar

import boto3
import botocore.session
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader, create_loader

from controller.aws.errors import AwsError, translate
from controller.aws.gate import Gate
from controller.aws.stages import Stage, current_course

T = TypeVar("T")

READ_WITHIN = 10.0
"""Seconds that reading credentials should take at most; whoever waits for it gives up after that."""
REST = 10.0
"""Seconds after a failure in which nobody tries again."""


class Assumed(Protocol):
    """Credentials of a role; ``controller.aws.roles.RoleCredentials`` are some."""

    def get_frozen_credentials(self) -> object:
        """Return what requests are signed with. Raises AwsError."""

    def renew(self) -> None:
        """Assume the role anew at the next use."""


class Credentials:
    """boto3's session with its credentials; safe to use from every thread."""

    def __init__(self, region: str | None, elapsed: Callable[[], float], role: Assumed | None = None) -> None:
        """``role`` is whose credentials they are; None: boto3's own chain finds them."""
        self.making = Lock()
        """Held by whoever makes a client of the session."""
        self._role = role
        self._region = region
        self._elapsed = elapsed
        self._gate = Gate(elapsed, READ_WITHIN)
        self._core: botocore.session.Session | None = None
        self._session: boto3.session.Session | None = None
        self._failure: tuple[float, AwsError] | None = None
        self._renewal = object()
        """Another one after each renewal."""
        self._changing = Lock()

    def session(self) -> boto3.session.Session:
        """Return the session, whose credentials have been read; a new one after a failure or a renewal.

        Raises AwsError when there are none, or when they cannot be read.
        """
        return self._session or self._try(None, self._open)

    def ca_bundle(self) -> str | None:
        """Return the file of certificates that environment or profile name; None: neither does. Raises AwsError."""
        self.session()
        bundle = None if self._core is None else self._core.get_config_variable("ca_bundle")
        return None if bundle is None else str(bundle)

    def prepare(self, session: boto3.session.Session, credentials: Any) -> None:
        """Fetch a session's credentials anew if they are about to expire, before a call is signed with them.

        Raises AwsError when that fails; whoever asks for the session next gets a new one.
        """
        current_course().stage = Stage.SIGNING
        self._try(session, credentials.get_frozen_credentials)

    def renew(self) -> None:
        """Forget the session, and that reading its credentials has failed; what is being read now is not kept."""
        if self._role is not None:
            self._role.renew()
        with self._changing:
            self._renewal = object()
            self._session = self._failure = None

    def _open(self) -> boto3.session.Session:
        if self._session is not None:  # opened while this thread waited
            return self._session
        renewal = self._renewal
        self._core = botocore.session.get_session()
        self._core.register_component("data_loader", _share_loader(self._core.get_config_variable("data_path")))
        if self._role is not None:
            self._role.get_frozen_credentials()
            self._core._credentials = self._role  # type: ignore[attr-defined]  # set_credentials() takes only keys
        session = boto3.session.Session(region_name=self._region, botocore_session=self._core)
        if session.get_credentials() is None:
            raise NoCredentialsError
        with self._changing:
            if renewal is self._renewal:
                self._session = session
        return session

    def _try(self, session: boto3.session.Session | None, read: Callable[[], T]) -> T:
        """Read, unless the one before has just failed."""
        known = self._failure
        with self._gate.enter("reading AWS credentials", known and known[1]):
            failed = self._failure
            if failed is not None and self._elapsed() - failed[0] < REST:
                raise failed[1].again()
            renewal = self._renewal
            try:
                return read()
            except Exception as error:
                failure = error if isinstance(error, AwsError) else _translate(error)
                with self._changing:
                    if renewal is self._renewal and self._session is session:
                        self._session, self._failure = None, (self._elapsed(), failure)
                if failure is error:
                    raise
                raise failure from error


def _translate(error: Exception) -> AwsError:
    return translate(error, "AWS credentials", None, Stage.SIGNING)


@cache
def _share_loader(data_path: str | None) -> Loader:
    """Return what reads botocore's descriptions of AWS, of which each session would else keep 8 MB for itself."""
    return create_loader(data_path)
