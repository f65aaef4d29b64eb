"""Configurations that AWS keeps: in a parameter of Systems Manager, or as an object in S3.

They are read with clients of their own, which are made at their first use: where AWS is reached is not known yet from
the configuration, so it is boto3's own chain and variables such as AWS_ENDPOINT_URL_SSM that say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, NoRegionError

from controller.aws.denials import DENIED
from controller.aws.errors import AwsError, Fault, error_code
from controller.aws.reach import OwnChain
from controller.aws.session import Clients, RequestObserver, StoppingError
from controller.clock import Clock
from controller.config.kept import CannotReadError, Earlier, Kept
from controller.config.source import MAX_BYTES
from controller.core.address import Parameter, Remote, StoredObject

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

WATCH_EVERY = 30.0
"""Seconds between two looks. A parameter of the advanced tier costs 5 cents for 10,000 of them, an object 4 cents for
100,000; one of the standard tier nothing."""
CLIENT = "config"
"""Whose requests these are, in the user agent: the controller's name is not known yet."""
MAX_EARLIER = 50
"""Versions that are looked back, at most."""
_NOT_MODIFIED = "304"


def open_kept(address: Remote, clock: Clock) -> Kept:
    """Return the place that an address names. Asks nothing yet."""
    return KeptParameter(address, clock) if isinstance(address, Parameter) else KeptObject(address, clock)


class _Kept:
    """What both have in common: clients of their own, and who is told of their requests."""

    watch_every = WATCH_EVERY
    is_remote = True

    def __init__(self, address: Remote, clock: Clock) -> None:
        self.address = address
        self._observe: RequestObserver = _ignore
        self._clients = Clients(OwnChain(), CLIENT, self._note, clock)

    def renew(self) -> None:
        """Read credentials anew for the next request."""
        self._clients.renew()

    def report_to(self, observe: RequestObserver) -> None:
        """Call ``observe`` for every request from now on."""
        self._observe = observe

    def _note(self, *request: Any) -> None:
        self._observe(*request)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Read within the block: whatever goes wrong is raised as CannotReadError, with the way out."""
        try:
            with self._clients.asking(_name(self.address), None):
                yield
        except StoppingError as error:
            raise CannotReadError(self.address, "the process is stopping") from error
        except AwsError as error:
            raise CannotReadError(self.address, _explain(self.address, error)) from error


class KeptParameter(_Kept):
    """A parameter; one that is a SecureString is decrypted."""

    def __init__(self, address: Parameter, clock: Clock) -> None:
        super().__init__(address, clock)
        self._name = address.name

    def read(self) -> bytes:
        """Return the value as it is now. Raises CannotReadError."""
        with self._asking():
            answer = self._ssm().get_parameter(Name=self._name, WithDecryption=True)
            return str(answer["Parameter"]["Value"]).encode()

    def read_earlier(self) -> Iterator[Earlier]:
        """Yield earlier values, newest first; Parameter Store keeps a hundred of them. Raises CannotReadError."""
        with self._asking():
            pages = self._ssm().get_paginator("get_parameter_history")
            listed = pages.paginate(Name=self._name, WithDecryption=True)
            versions = {int(each["Version"]): str(each["Value"]) for page in listed for each in page["Parameters"]}
        for version in sorted(versions, reverse=True)[1 : MAX_EARLIER + 1]:
            yield Earlier(str(version), versions[version].encode())

    def _ssm(self) -> SSMClient:
        return self._clients.other("ssm")  # type: ignore[no-any-return]


class KeptObject(_Kept):
    """An object, or one version of it."""

    def __init__(self, address: StoredObject, clock: Clock) -> None:
        super().__init__(address, clock)
        self._object = address
        self._seen: tuple[str, bytes] | None = None
        """The content that was read last, and its entity tag."""

    def read(self) -> bytes:
        """Return the content as it is now; what has not changed is not sent again. Raises CannotReadError."""
        known = {} if self._seen is None else {"IfNoneMatch": self._seen[0]}
        version = {} if self._object.version is None else {"VersionId": self._object.version}
        with self._asking():
            try:
                tag, content = self._get(**known, **version)
            except ClientError as error:
                if self._seen is None or error_code(error) != _NOT_MODIFIED:
                    raise
                return self._seen[1]
            self._seen = tag, content
            return content

    def read_earlier(self) -> Iterator[Earlier]:
        """Yield earlier contents, newest first; a bucket without versions has none. Raises CannotReadError."""
        if self._object.version is not None:
            return
        with self._asking():
            earlier = list(islice(self._list_earlier(), MAX_EARLIER))
        for version in earlier:
            with self._asking():
                content = self._get(VersionId=version)[1]
            yield Earlier(version, content)

    def _get(self, **how: str) -> tuple[str, bytes]:
        answer = self._s3().get_object(
            Bucket=self._object.bucket,
            Key=self._object.key,
            **how,  # type: ignore[arg-type]  # texts under the names of texts
        )
        with closing(answer["Body"]) as body:
            return answer["ETag"], _read_whole(body)

    def _s3(self) -> S3Client:
        return self._clients.other("s3")  # type: ignore[no-any-return]

    def _list_earlier(self) -> Iterator[str]:
        pages = self._s3().get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._object.bucket, Prefix=self._object.key):
            for version in page.get("Versions", ()):
                if version["Key"] != self._object.key:
                    return  # Keys come in order, and all that begin alike, of which there may be millions, come later.
                if not version["IsLatest"]:
                    yield version["VersionId"]


def _read_whole(body: StreamingBody) -> bytes:
    """Return a content, or one byte more of it than a configuration may have, so that it is refused and not cut.

    botocore compares what has arrived with the length that was announced only once a read gives nothing more, and not
    at all where its body is taken as a context manager. Half a configuration may be a good one with fewer scalers.
    """
    content = b""
    while arrived := body.read(MAX_BYTES + 1 - len(content)):
        content += arrived
    return content


def _name(address: Remote) -> str:
    if isinstance(address, Parameter):
        return f'parameter "{address.name}"'
    version = "" if address.version is None else f"version {address.version} of "
    return f'{version}object "{address.key}" in bucket "{address.bucket}"'


def _explain(address: Remote, error: AwsError) -> str:
    cause = error.__cause__
    if isinstance(cause, NoRegionError):
        return "no AWS region: set AWS_DEFAULT_REGION; aws.region is known only once the configuration has been read"
    code = error_code(cause) if isinstance(cause, ClientError) else ""
    if error.fault is Fault.MISSING:
        return _explain_missing(address, code)
    if isinstance(address, StoredObject) and code in DENIED:
        return f"{error}; S3 says the same of an object that does not exist, to whoever may not list the bucket"
    return str(error)


def _explain_missing(address: Remote, code: str) -> str:
    another = "name another with --config or ECSQ_CONFIG"
    if isinstance(address, StoredObject) and code == "NoSuchBucket":
        return f'bucket "{address.bucket}" does not exist: {another}'
    if isinstance(address, StoredObject) and address.version is not None:
        return f"{_name(address)} does not exist: {another}"
    command = "aws s3 cp" if isinstance(address, StoredObject) else "aws ssm put-parameter"
    return f"{_name(address)} does not exist: put it there ({command}), or {another}"


def _ignore(*_: object) -> None:
    """Stand in for whoever counts requests."""
